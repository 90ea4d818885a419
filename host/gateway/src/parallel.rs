//! Several answers to one request (`n`), from an upstream that gives one at a time: as many calls
//! at once, whose events become those of one answer.
//!
//! A provider says in `start` that it cannot (`unsupported`, about the field `n`); this is asked
//! then, unless the answers call tools, which the contract numbers within one answer only.

use crate::contract::{CACHE_WRITE_1H, Event, FailureKind, Usage};
use crate::failure::Failure;
use crate::relay::Translation;
use crate::request::{Operation, Request};
use crate::wire::dialect::Dialect;
use crate::wire::json_edit::{self, EditRef};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::time::Duration;

/// Answers that are asked for at once, at most.
const MOST: u32 = 16;

/// Whether the request can be served by several calls, after a provider refused to serve it by
/// one.
pub fn serves(request: &Request, failure: &Failure) -> bool {
    failure.kind() == FailureKind::Unsupported
        && failure.param().as_deref() == Some("n")
        && request.operation == Operation::Chat
        && (2..=MOST).contains(&request.answers)
        && !request.needs.contains(&"tools")
}

/// The same request for one answer.
pub fn one_of(request: &Request) -> Request {
    let body = request.body_in(Dialect::CANONICAL);
    let edited = json_edit::apply(&body, [EditRef::Remove("/n")].into_iter());
    Request { answers: 1, body: edited.map_or(body, Bytes::from), ..request.again() }
}

/// What comes of one step of a branch, and the branch, unless it is over.
type Step = (u32, Result<Option<Vec<Event>>, Failure>, Translation);

/// The branches of an answer, by the indices of their choices.
pub struct Parallel {
    under_way: FuturesUnordered<BoxFuture<'static, Step>>,
    used: Vec<Option<Usage>>,
    spent: Vec<Duration>,
}

impl Parallel {
    /// An answer of these branches.
    pub fn of(branches: Vec<Translation>) -> Self {
        let used = branches.iter().map(|_| None).collect();
        let spent = branches.iter().map(Translation::spent).collect();
        let steps = (0..).zip(branches).map(|(index, branch)| step(index, branch));
        Self { under_way: steps.collect(), used, spent }
    }

    /// The next events, of whichever branch has some; `None` when all are over.
    ///
    /// # Errors
    ///
    /// If one of them fails: an answer that lacks a choice is none.
    pub async fn events(&mut self) -> Result<Option<Vec<Event>>, Failure> {
        let Some((index, events, branch)) = self.under_way.next().await else {
            return Ok(None);
        };
        let place = index as usize;
        self.spent[place] = branch.spent();
        let Some(events) = events? else {
            // Its part of the usage is known; the others' may still come.
            return Ok(Some(Vec::new()));
        };
        self.under_way.push(step(index, branch));
        Ok(Some(events.into_iter().filter_map(|event| self.placed(index, event)).collect()))
    }

    /// Time spent in the plugin so far.
    pub fn spent(&self) -> Duration {
        self.spent.iter().sum()
    }

    /// An event of the branch as one of the whole answer.
    fn placed(&mut self, index: u32, event: Event) -> Option<Event> {
        Some(match event {
            Event::Text(delta) => Event::Text(at(index, delta)),
            Event::Reasoning(delta) => Event::Reasoning(at(index, delta)),
            Event::Refusal(delta) => Event::Refusal(at(index, delta)),
            Event::Finished(mut finish) => {
                finish.index = index;
                Event::Finished(finish)
            }
            Event::Usage(usage) => {
                self.used[index as usize] = Some(usage);
                Event::Usage(self.used.iter().flatten().fold(Usage::default(), sum))
            }
            Event::Started(_) if index == 0 => event,
            // What belongs to a choice by its index is named so in its value.
            Event::Other(_) if index == 0 => event,
            _ => return None,
        })
    }
}

fn step(index: u32, mut branch: Translation) -> BoxFuture<'static, Step> {
    Box::pin(async move {
        let events = branch.events().await;
        (index, events, branch)
    })
}

fn at(index: u32, delta: crate::contract::events::TextDelta) -> crate::contract::events::TextDelta {
    crate::contract::events::TextDelta { index, ..delta }
}

/// What both used: each call is charged for its own prompt.
fn sum(all: Usage, one: &Usage) -> Usage {
    fn plus<T: std::ops::Add<Output = T>>(a: Option<T>, b: Option<T>) -> Option<T> {
        match (a, b) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        }
    }
    Usage {
        input_tokens: plus(all.input_tokens, one.input_tokens),
        output_tokens: plus(all.output_tokens, one.output_tokens),
        cached_input_tokens: plus(all.cached_input_tokens, one.cached_input_tokens),
        cache_write_tokens: plus(all.cache_write_tokens, one.cache_write_tokens),
        reasoning_tokens: plus(all.reasoning_tokens, one.reasoning_tokens),
        audio_seconds: plus(all.audio_seconds, one.audio_seconds),
        cost_usd: plus(all.cost_usd, one.cost_usd),
        extra: {
            let hour = plus(all.count(CACHE_WRITE_1H), one.count(CACHE_WRITE_1H));
            hour.map(|hour| (CACHE_WRITE_1H.to_owned(), hour.to_string())).into_iter().collect()
        },
    }
}
