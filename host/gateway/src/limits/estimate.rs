//! What a request may use at most, before anybody was asked.

use crate::candidate::Candidate;
use crate::config::Used;
use crate::request::{Operation, Request};

/// Tokens of an answer that neither its request nor its model bounds.
const UNBOUNDED: u32 = 4_096;
/// Bytes of a second of sound at least: speech in the tightest of common codings.
const BYTES_A_SECOND: f64 = 1_500.0;
const BILLION: f64 = 1e9;

/// What an attempt at a candidate may use at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Tokens of the question.
    pub input: i64,
    /// Tokens of question and answer.
    pub tokens: i64,
    /// What it may cost, in billionths of a US dollar; `None`: nobody knows its prices.
    pub nanodollars: Option<i64>,
    /// What the question alone costs.
    pub nanodollars_of_input: i64,
}

impl Estimate {
    /// That of a request at a candidate.
    pub fn of(request: &Request, candidate: &Candidate) -> Self {
        if request.operation == Operation::CountTokens {
            return Self { input: 0, tokens: 0, nanodollars: Some(0), nanodollars_of_input: 0 };
        }
        let input = u64::from(request.input_tokens);
        let output = match request.operation {
            Operation::Chat => output(request, candidate) * u64::from(request.answers.max(1)),
            // A word is said in a second at least twice.
            Operation::Transcription => (seconds(request) * 6.0) as u64,
            Operation::Embeddings | Operation::CountTokens => 0,
        };
        let all = cost(candidate, request, input, output);
        let question = cost(candidate, request, input, 0).unwrap_or(0);
        Self {
            input: signed(input),
            tokens: signed(input.saturating_add(output)),
            nanodollars: all,
            nanodollars_of_input: question,
        }
    }

    /// Whether it costs nothing.
    pub fn is_free(&self) -> bool {
        self.nanodollars == Some(0)
    }
}

/// US dollars in billionths of one.
pub fn nanodollars(usd: f64) -> i64 {
    (usd * BILLION).round().max(0.0) as i64
}

fn output(request: &Request, candidate: &Candidate) -> u64 {
    let bound = match (request.max_output_tokens, candidate.profile.max_output_tokens) {
        (Some(said), Some(most)) => said.min(most),
        (said, most) => said.or(most).unwrap_or(UNBOUNDED),
    };
    bound.into()
}

fn cost(candidate: &Candidate, request: &Request, input: u64, output: u64) -> Option<i64> {
    let prices = &candidate.profile.prices;
    let audio_seconds = prices.audio_minute.map(|_| seconds(request));
    let used = Used { input, output, audio_seconds, ..Used::default() };
    match prices.cost(used) {
        Some(usd) => Some(nanodollars(usd)),
        // What runs on the operator's machines costs nothing by the request.
        None if candidate.profile.local => Some(0),
        None => None,
    }
}

fn seconds(request: &Request) -> f64 {
    let bytes = request.attachment.as_ref().map_or(0, |attachment| attachment.bytes.len());
    bytes as f64 / BYTES_A_SECOND
}

fn signed(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}
