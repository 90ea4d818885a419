//! An answer that is over, and whose tokens its upstream did not count: a reply without usage, or a
//! stream that broke off before its usage came.
//!
//! They are counted by the text (see [`Said`]), beside the requests, and marked as an estimate.

use crate::candidate::Candidate;
use crate::contract::Usage;
use crate::record::{Ending, Entry};
use crate::request::{Operation, Request};
use crate::wire::said::{self, Said};
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
    /// That of a request; `None` where nobody wants to know its tokens, or they cannot be counted
    /// by its text.
    pub fn of(request: &Request) -> Option<Self> {
        let has_text = matches!(request.operation, Operation::Chat | Operation::Embeddings);
        if !request.counted || !has_text {
            return None;
        }
        let is_short = request.body.len() <= LONGEST_QUESTION;
        let body = is_short.then(|| request.body.clone());
        Some(Self { body, by_length: request.input_tokens.into() })
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
    /// What was asked, where it can be counted.
    pub question: Option<Question>,
    /// What was said.
    pub said: Said,
    /// How it ended.
    pub ending: Ending,
}

impl Over {
    /// One that came as a whole.
    pub fn whole(
        entry: Entry,
        candidate: &Arc<Candidate>,
        request: &Request,
        (usage, body): (Option<Usage>, &[u8]),
        ending: Ending,
    ) -> Self {
        let (question, mut said) = (Question::of(request), Said::default());
        if question.is_some() && usage.is_none() {
            said.scan(body, said::keys(request.dialect));
        }
        Self { entry, candidate: candidate.clone(), usage, question, said, ending }
    }

    /// Closes the record. Where something is to be counted it is done beside the requests: that
    /// takes its time.
    pub fn close(self) {
        let is_whole = matches!(self.ending, Ending::Finished);
        if self.question.is_none() || is_whole && self.usage.is_some() {
            return self.end();
        }
        let uncounted = Uncounted(Some(self));
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(uncounted))),
            Err(_) => drop(uncounted),
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
        let mut usage = known.unwrap_or_default();
        usage.input_tokens = input.or_else(|| self.question.as_ref().map(Question::tokens));
        usage.output_tokens = Some(output.unwrap_or(0).max(said));
        self.usage = Some(usage);
    }

    fn end(mut self) {
        self.entry.used(self.usage.as_ref(), &self.candidate);
        self.entry.end(self.ending);
    }
}

/// What is counted and closed when it is dropped: so it is also where a runtime ends before it
/// comes to it.
struct Uncounted(Option<Over>);

impl Drop for Uncounted {
    fn drop(&mut self) {
        if let Some(mut over) = self.0.take() {
            over.count();
            over.end();
        }
    }
}
