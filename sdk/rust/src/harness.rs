//! Drives a provider natively against recorded exchanges, the reply cut in two at every byte.
//!
//! A network cuts where it likes, and a provider that depends on where fails once in a
//! thousand streams. So each recording is played once for each place where it can be cut,
//! and once byte by byte; the events have to be the same each time, but for how adjacent
//! pieces of text are divided.
//!
//! ```no_run
//! # #[cfg(any())]
//! #[test]
//! fn recorded_exchanges() {
//!     portcullis_sdk::harness::check::<MyProvider>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
//! }
//! ```

mod fixture;
mod framing;
mod lines;

use crate::Request;
use crate::provider::{
    Call, Ending, Event, Exchange, Failure, Frame, Framing, Provider, ReplyHead,
};
use fixture::Fixture;
use framing::Cutter;
use std::fs;
use std::path::Path;

/// Plays every `*.toml` of a folder. Panics with what differs, and at which cut.
#[allow(clippy::panic, reason = "only tests call this, and this is how a test fails")]
pub fn check<P: Provider>(folder: impl AsRef<Path>) {
    let folder = folder.as_ref();
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    assert!(!paths.is_empty(), "{} holds no recordings", folder.display());
    let differences: Vec<String> = paths.iter().filter_map(|path| play::<P>(path).err()).collect();
    assert!(differences.is_empty(), "\n\n{}", differences.join("\n"));
}

/// Plays one recording in all its cuts. The error says what differs.
fn play<P: Provider>(path: &Path) -> Result<(), String> {
    let said = |error: String| format!("{}: {error}\n", path.display());
    let fixture = Fixture::read(path).map_err(said)?;
    let settings = fixture.settings().map_err(said)?;
    let provider = P::configure(settings).map_err(said)?;
    for cut in Cut::all(fixture.longest_reply()) {
        let heard = Heard::of(&provider, &fixture, cut).map_err(said)?;
        let (expected, got) = (fixture.expected(), heard.lines());
        if expected != got {
            let difference = lines::difference(&expected, &got);
            return Err(said(format!("the reply {cut}\n{difference}")));
        }
    }
    Ok(())
}

/// Where a reply is cut.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// In two, before this byte; before the first one it is not cut.
    At(usize),
    /// Between every two bytes.
    Everywhere,
}

impl Cut {
    fn all(length: usize) -> impl Iterator<Item = Self> {
        (0..length.max(1)).map(Self::At).chain([Self::Everywhere])
    }

    fn pieces(self, reply: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::At(place) => {
                let (before, behind) = reply.split_at(place.min(reply.len()));
                [before, behind].into_iter().filter(|piece| !piece.is_empty()).collect()
            }
            Self::Everywhere => reply.chunks(1).collect(),
        }
    }
}

impl std::fmt::Display for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(0) => formatter.write_str("in one piece"),
            Self::At(place) => write!(formatter, "cut before byte {place}"),
            Self::Everywhere => formatter.write_str("cut at every byte"),
        }
    }
}

/// What a provider made of a recording.
#[derive(Default)]
struct Heard {
    events: Vec<Event>,
    failure: Option<Failure>,
}

impl Heard {
    /// Plays one recording in one cut. The error is a call that is not the expected one.
    fn of<P: Provider>(provider: &P, fixture: &Fixture, cut: Cut) -> Result<Self, String> {
        let mut heard = Self::default();
        if let Err(end) = heard.exchange(provider, fixture, cut) {
            match end {
                Stop::Failed(failure) => heard.failure = Some(failure),
                Stop::Unexpected(what) => return Err(what),
            }
        }
        Ok(heard)
    }

    fn exchange<P: Provider>(
        &mut self,
        provider: &P,
        fixture: &Fixture,
        cut: Cut,
    ) -> Result<(), Stop> {
        let (mut exchange, mut call) = provider.start(&Request::from(fixture.request.clone()))?;
        for (expected, reply) in fixture.turns() {
            expected.compare(&call).map_err(Stop::Unexpected)?;
            let Some(reply) = reply else { return Ok(()) };
            let head = reply.head();
            if !(200..300).contains(&reply.status) {
                return Err(Stop::Failed(provider.refused(&head, reply.body.as_bytes())));
            }
            match self.read(&mut exchange, &call, &head, cut.pieces(reply.body.as_bytes()))? {
                Ending::Done(events) => {
                    self.events.extend(events);
                    return Ok(());
                }
                Ending::Again(next) => call = next,
            }
        }
        Err(Stop::Unexpected(format!("one call more than was recorded: {call:?}")))
    }

    /// Hands over one reply as the host would: head, the frames that each piece completes, end.
    fn read<E: Exchange>(
        &mut self,
        exchange: &mut E,
        call: &Call,
        head: &ReplyHead,
        pieces: Vec<&[u8]>,
    ) -> Result<Ending, Failure> {
        let framing = match call {
            Call::Http(call) => call.framing,
            Call::Command(call) => call.framing,
            Call::Generate(_) | Call::Model(_) => Framing::Whole,
        };
        exchange.head(head)?;
        let mut cutter = Cutter::new(framing);
        for piece in pieces {
            let frames = cutter.push(piece);
            self.hand_over(exchange, frames)?;
        }
        let frames = cutter.finish();
        self.hand_over(exchange, frames)?;
        exchange.end()
    }

    fn hand_over<E: Exchange>(
        &mut self,
        exchange: &mut E,
        frames: Vec<Frame>,
    ) -> Result<(), Failure> {
        if !frames.is_empty() {
            self.events.extend(exchange.frames(frames)?);
        }
        Ok(())
    }

    /// The events, adjacent pieces put together, and the failure: a line each.
    fn lines(self) -> Vec<String> {
        let events = lines::merged(self.events);
        let failure = self.failure.as_ref().map(lines::of_failure);
        events.iter().map(lines::of_event).chain(failure).collect()
    }
}

/// Why an exchange came to its end early.
enum Stop {
    /// The provider says that it failed.
    Failed(Failure),
    /// The provider did what was not recorded.
    Unexpected(String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

#[cfg(test)]
mod tests;
