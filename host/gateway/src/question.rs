//! What a plugin asks the host about its request and its candidates, as data.
//!
//! A plugin is a pure function of what it reads through its handles. Every host function that
//! reads notes here what was asked and answered; [`crate::memory`] asks the same again, later
//! and of another request, through the same functions.

use crate::candidate::Choice;
use crate::contract::candidacy::{Circuit, Headroom, Performance, Standing};
use crate::request::Lent;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

/// Bytes of the longest text that counts as an answer.
const LONGEST: usize = 1_024;
/// Questions of one call that are kept.
const MOST: usize = 4_096;
/// Bytes of a question and its answer, without the question's own text.
const PER_QUESTION: usize = 192;

/// A question of which another request may have the same answer. What every request has its own
/// answer to (its id, its text, the time it has left) is none, and what never changes of a
/// candidate need not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the function of the contract that has its name")]
pub enum Question {
    Operation,
    Dialect,
    Model,
    Streaming,
    Tenant,
    Label(String),
    Needs(String),
    Features,
    InputTokenEstimate,
    MaxOutputTokens,
    BodySize,
    Get(String, u32),
    Circuit(usize),
    Performance(usize),
    Headroom(usize),
    Exhausted(usize),
    Standings,
    EstimatedCost(usize),
}

/// What was answered. Of numbers with a fraction the bits; of a text only a digest, under keys
/// that no sender knows: what people wrote is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// There is none.
    None,
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(u64),
    /// Several numbers.
    Numbers(Box<[Option<u64>]>),
    /// A text.
    Text(u64, u64),
    /// A text that is too long to return.
    Long,
}

/// What one call of a plugin asked, in order.
#[derive(Debug, Default)]
pub struct Trace {
    /// As long as another request may have the same answers.
    pub(crate) known: Vec<(Question, Answer)>,
    /// It asked what no other request has the same answer to, and everything after that is its own.
    pub(crate) own: bool,
    reads: u64,
}

impl Trace {
    /// Notes a question and its answer.
    pub fn note(&mut self, question: Question, answer: impl Into<Answer>) {
        self.reads += 1;
        if self.own {
            return;
        }
        let answer = answer.into();
        self.own =
            answer == Answer::Long || question.weight() > LONGEST || self.known.len() == MOST;
        if !self.own {
            self.known.push((question, answer));
        }
    }

    /// Notes that something was read that is the same for the same candidates.
    pub fn note_constant(&mut self) {
        self.reads += 1;
    }

    /// Notes that something was read that is this request's alone.
    pub fn note_own(&mut self) {
        self.reads += 1;
        self.own = true;
    }

    /// Bytes that it holds, about.
    pub fn weight(&self) -> usize {
        let of = |(question, _): &(Question, Answer)| question.weight() + PER_QUESTION;
        self.known.iter().map(of).sum::<usize>() + PER_QUESTION
    }

    /// How often something was read.
    pub fn reads(&self) -> u64 {
        self.reads
    }
}

impl Question {
    fn weight(&self) -> usize {
        match self {
            Self::Label(text) | Self::Needs(text) | Self::Get(text, _) => text.len(),
            _ => 0,
        }
    }

    /// The answer of this request and these candidates; none have the index of a question that
    /// was asked of more of them.
    pub fn ask(&self, lent: &Lent, choice: &Choice) -> Answer {
        let of = |index: &usize| choice.candidates.get(*index);
        match self {
            Self::Operation => lent.operation().into(),
            Self::Dialect => lent.dialect().into(),
            Self::Model => lent.model().into(),
            Self::Streaming => lent.streaming().into(),
            Self::Tenant => lent.tenant().into(),
            Self::Label(name) => lent.label(name).into(),
            Self::Needs(feature) => lent.needs(feature).into(),
            Self::Features => lent.features().into(),
            Self::InputTokenEstimate => lent.input_token_estimate().into(),
            Self::MaxOutputTokens => lent.max_output_tokens().map(u64::from).into(),
            Self::BodySize => lent.body_size().into(),
            Self::Get(pointer, max_bytes) => lent.get(pointer, *max_bytes).as_deref().into(),
            Self::Circuit(index) => of(index).map_or(Answer::None, |it| it.circuit().into()),
            Self::Performance(index) => {
                of(index).map_or(Answer::None, |it| (&it.signals.performance()).into())
            }
            Self::Headroom(index) => {
                of(index).map_or(Answer::None, |it| (&it.signals.headroom()).into())
            }
            Self::Exhausted(index) => {
                of(index).map_or(Answer::None, |it| it.signals.exhausted().into())
            }
            Self::Standings => (&*choice.standings()).into(),
            Self::EstimatedCost(index) => {
                of(index).map_or(Answer::None, |it| it.estimated_cost(&choice.request).into())
            }
        }
    }
}

impl From<bool> for Answer {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u32> for Answer {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Answer {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<Option<u64>> for Answer {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Self::None, Self::Number)
    }
}

impl From<Option<f64>> for Answer {
    fn from(number: Option<f64>) -> Self {
        number.map(f64::to_bits).into()
    }
}

impl From<&str> for Answer {
    fn from(text: &str) -> Self {
        static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(Default::default);
        if text.len() > LONGEST {
            return Self::Long;
        }
        let [first, second] = KEYS.each_ref().map(|key| key.hash_one(text));
        Self::Text(first, second)
    }
}

impl From<Option<&str>> for Answer {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::None, Self::from)
    }
}

impl From<&[&str]> for Answer {
    fn from(words: &[&str]) -> Self {
        if words.is_empty() { Self::None } else { words.join(" ").as_str().into() }
    }
}

impl From<&[Standing]> for Answer {
    /// Two bits each.
    fn from(standings: &[Standing]) -> Self {
        let bits = |standing: &Standing| match standing {
            Standing::Well => 0,
            Standing::Exhausted => 1,
            Standing::Open => 2,
        };
        let word = |word: &[Standing]| word.iter().fold(0, |all, it| all << 2 | bits(it));
        Self::Numbers(standings.chunks(32).map(|chunk| Some(word(chunk))).collect())
    }
}

impl From<Circuit> for Answer {
    fn from(circuit: Circuit) -> Self {
        Self::Number(match circuit {
            Circuit::Closed => 0,
            Circuit::HalfOpen => 1,
            Circuit::Open => 2,
        })
    }
}

impl From<&Performance> for Answer {
    fn from(of: &Performance) -> Self {
        let bits = |number: Option<f64>| number.map(f64::to_bits);
        Self::Numbers(Box::new([
            bits(Some(of.error_rate)),
            bits(of.first_token_ms),
            bits(of.total_ms),
            bits(of.output_tokens_per_second),
            Some(of.in_flight.into()),
        ]))
    }
}

impl From<&Headroom> for Answer {
    fn from(left: &Headroom) -> Self {
        Self::Numbers(Box::new([left.requests, left.tokens, left.resets_in_ms]))
    }
}
