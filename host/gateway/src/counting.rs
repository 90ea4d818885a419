//! An answer that is over, and whose tokens its upstream did not count: a reply without usage, or a
//! stream that broke off before its usage came.
//!
//! They are counted by the text (see [`Said`]), beside the requests, and marked as an estimate.

use crate::candidate::Candidate;
use crate::contract::Usage;
use crate::record::{Ending, Entry};
use crate::request::{Operation, Request};
use crate::wire::said::Said;
use bytes::Bytes;
use std::sync::Arc;
use tokio::runtime::Handle;

/// A question longer than this is not kept until its answer is over.
const LONGEST_QUESTION: usize = 64 << 10;

/// Where a question of any dialect says something.
const ASKED: [&str; 9] = [
    "content",
    "text",
    "input",
    "system",
    "instructions",
    "arguments",
    "thinking",
    "description",
    "output",
];

/// A question, for as long as nobody has counted it.
#[derive(Debug)]
pub struct Question {
    /// `None` where it is long: then its length has to do.
    body: Option<Bytes>,
    by_length: u64,
}

impl Question {
    /// That of a request.
    pub fn of(request: &Request) -> Self {
        let is_short = request.body.len() <= LONGEST_QUESTION;
        let body = is_short.then(|| request.body.clone());
        Self { body, by_length: request.input_tokens.into() }
    }

    fn tokens(&self) -> u64 {
        let Some(body) = &self.body else { return self.by_length };
        let mut said = Said::default();
        said.scan(body, &ASKED);
        said.tokens()
    }
}

/// An answer that is over, and what is known of what it used.
pub struct Over {
    /// Its record.
    pub entry: Entry,
    /// Who gave it.
    pub candidate: Arc<Candidate>,
    /// What the upstream counted.
    pub usage: Option<Usage>,
    /// What was asked.
    pub question: Question,
    /// What was said.
    pub said: Said,
    /// How it ended.
    pub ending: Ending,
}

/// Whether somebody wants to know its tokens, and they can be counted by its text.
pub fn counts(entry: &Entry, operation: Operation) -> bool {
    entry.accounting().is_some() && matches!(operation, Operation::Chat | Operation::Embeddings)
}

impl Over {
    /// Closes the record. Where something is to be counted it is done beside the requests: that
    /// takes its time.
    pub fn close(self) {
        let is_whole = matches!(self.ending, Ending::Finished);
        if is_whole && self.usage.is_some() {
            return self.end();
        }
        let counting = move || {
            let mut this = self;
            this.count();
            this.end();
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(counting)),
            Err(_) => counting(),
        }
    }

    /// What the upstream said before a stream broke off is of its beginning: less than was said
    /// cannot have been used.
    fn count(&mut self) {
        let said = self.said.tokens();
        let known = self.usage.take();
        let output = known.as_ref().and_then(|usage| usage.output_tokens);
        let input = known.as_ref().and_then(|usage| usage.input_tokens);
        self.entry.estimated = input.is_none() || output.is_none_or(|counted| counted < said);
        let mut usage = known.unwrap_or_else(nothing);
        usage.input_tokens = Some(input.unwrap_or_else(|| self.question.tokens()));
        usage.output_tokens = Some(output.unwrap_or(0).max(said));
        self.usage = Some(usage);
    }

    fn end(mut self) {
        self.entry.used(self.usage.as_ref(), &self.candidate);
        self.entry.end(self.ending);
    }
}

fn nothing() -> Usage {
    Usage {
        input_tokens: None,
        output_tokens: None,
        cached_input_tokens: None,
        cache_write_tokens: None,
        reasoning_tokens: None,
        audio_seconds: None,
        cost_usd: None,
        extra: Vec::new(),
    }
}
