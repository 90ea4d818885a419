//! A harness that cannot fail proves nothing: these see it fail.

use super::play;
use crate::Request;
use crate::provider::{
    Body, Call, Description, Event, Exchange, Failure, Frame, Framing, HttpCall, Provider,
};
use std::path::Path;

/// Takes each piece of a raw reply for a text of its own, and a piece of two bytes for an end.
/// So what it says depends on where the reply was cut.
struct Careless;

impl Provider for Careless {
    type Settings = serde_json::Value;
    type Exchange = Self;

    fn describe() -> Description {
        Description::of(&["chat"])
    }

    fn configure(_settings: serde_json::Value) -> Result<Self, String> {
        Ok(Self)
    }

    fn start(&self, request: &Request) -> Result<(Self, Call), Failure> {
        let call = HttpCall::post("/say", Body::Empty).framing(Framing::Raw);
        let call = call.dropping(request.label("lost").into_iter().collect());
        Ok((Self, Call::Http(call)))
    }
}

impl Exchange for Careless {
    fn frames(&mut self, frames: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        let event = |frame: &Frame| match frame.as_text() {
            Some(text) if text.len() == 2 => Event::finished("stop"),
            text => Event::text(text.unwrap_or("?")),
        };
        Ok(frames.iter().map(event).collect())
    }
}

fn check(recording: &str, expected: Result<(), &str>) {
    let file = tempfile(recording);
    match (play::<Careless>(file.as_ref()), expected) {
        (Ok(()), Ok(())) => {}
        (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
        (got, expected) => panic!("{got:?} in place of {expected:?}"),
    }
    std::fs::remove_file(file).unwrap();
}

fn tempfile(text: &str) -> impl AsRef<Path> + use<> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("portcullis-harness-{}-{count}.toml", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn pieces_of_a_text_are_put_together() {
    let recording = "expect = ['text 0 \"abc\"']\n[call]\nto = 'POST /say'\n\
        headers = ['content-type: application/json']\nframing = 'raw'\n[reply]\nbody = 'abc'";
    // Uncut and cut at every byte it is right; "bc" is the trap.
    check(recording, Err("cut before byte 1\n  - text 0 \"abc\""));
    check(&recording.replace("abc", "a"), Ok(()));
}

#[test]
fn another_call_is_seen() {
    let recording = "expect = []\n[call]\nto = 'POST /other'\n[reply]\nbody = 'abc'";
    check(recording, Err("  - POST /other\n  + POST /say"));
}

#[test]
fn what_stands_beside_a_call_is_compared() {
    let recording = "expect = ['text 0 \"a\"']\n[request.labels]\nlost = 'seed'\n[call]\n\
        to = 'POST /say'\nheaders = ['content-type: application/json']\nframing = 'raw'\n\
        extra = ['dropped [\"seed\"]']\n[reply]\nbody = 'a'";
    check(recording, Ok(()));
    check(&recording.replace("extra", "# "), Err("  + extra dropped [\"seed\"]"));
}

#[test]
fn a_misspelt_recording_is_no_recording() {
    check("expect = []\nsetings = {}", Err("setings"));
    check("expect = []\n[reply]\nboddy = 'abc'", Err("boddy"));
    check("expect = []\n[request]\nstreamign = true", Err("streamign"));
}
