//! What speaks against a candidate at present: it is unwell, or it cannot serve this request.
//!
//! Neither rules it out: what is known may be out of date or incomplete, and a candidate that
//! might fail is better than an error. [`Ranking`](super::Ranking) puts it behind the others.

use super::{Candidates, Profile, Standing};
use crate::Request;
use std::fmt;

/// What speaks against a candidate, the lesser first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setback {
    /// Its latest attempts failed.
    CircuitOpen,
    /// Its upstream takes no request at present.
    RateLimited,
    /// It does not have a feature that the request needs.
    Lacks(&'static str),
    /// Prompt and answer together are about this many tokens, which is more than it takes.
    TooLong(u32),
}

impl fmt::Display for Setback {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CircuitOpen => formatter.write_str("circuit open"),
            Self::RateLimited => formatter.write_str("rate limit used up"),
            Self::Lacks(feature) => write!(formatter, "lacks {feature}"),
            Self::TooLong(tokens) => write!(formatter, "{tokens} tokens are too long for it"),
        }
    }
}

impl Setback {
    /// Whether it would pass with time; what a candidate cannot do it will not do later either.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::CircuitOpen | Self::RateLimited)
    }
}

impl Candidates {
    /// Why it is unwell at present, if it is.
    pub fn unwell(&self, index: u32) -> Option<Setback> {
        match self.standing(index) {
            Standing::Well => None,
            Standing::Exhausted => Some(Setback::RateLimited),
            Standing::Open => Some(Setback::CircuitOpen),
        }
    }
}

/// The features by which candidates are told apart. There is also `logprobs`; but lists of features
/// rarely have a word for it, so that it is missing says nothing.
const FEATURES: [&str; 7] =
    ["tools", "vision", "audio", "files", "json-object", "json-schema", "reasoning"];
/// Tokens that every model takes. Nobody's profile is read for so few: it is a dozen strings.
const ANYWHERE: u32 = 1_024;

/// What a request asks of whoever serves it, as far as that can be told from its outside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needed {
    features: Vec<&'static str>,
    tokens: u32,
}

impl Needed {
    /// The features that a request needs. Its length is not read, and need not be to serve it:
    /// the host passes over whom it is far too long for, and whoever else it is too long for says
    /// so. What was decided without the length holds for requests of any.
    pub fn features(request: &Request) -> Self {
        let needed = request.features();
        let known = FEATURES.into_iter().filter(|known| needed.iter().any(|it| it == known));
        Self { features: known.collect(), tokens: 0 }
    }

    /// The features, and the tokens of prompt and answer together.
    pub fn of(request: &Request) -> Self {
        let answer = request.max_output_tokens().unwrap_or(0);
        let mut tokens = request.input_token_estimate().saturating_add(answer);
        // The inputs of other operations are taken one by one, or are no text.
        if tokens > ANYWHERE && request.operation() != "chat" {
            tokens = 0;
        }
        Self { tokens, ..Self::features(request) }
    }

    /// Why a candidate cannot serve it, as far as is known.
    pub fn unmet(&self, candidates: &Candidates, index: u32) -> Option<Setback> {
        if self.features.is_empty() && self.tokens <= ANYWHERE {
            return None;
        }
        let profile = candidates.profile(index);
        let lacks = self.features.iter().find(|feature| !may_have(profile, feature));
        let too_long = profile.context_tokens.is_some_and(|most| self.tokens > most);
        lacks
            .map(|feature| Setback::Lacks(feature))
            .or_else(|| too_long.then_some(Setback::TooLong(self.tokens)))
    }
}

/// Whether a candidate might have a feature: one of which no features are listed is not known to
/// lack any, and one that keeps to a schema writes JSON without one as well.
fn may_have(profile: &Profile, feature: &str) -> bool {
    let has = |feature: &str| profile.features.iter().any(|known| known == feature);
    profile.features.is_empty() || has(feature) || feature == "json-object" && has("json-schema")
}

#[cfg(test)]
mod tests {
    use super::Needed;
    use crate::policy::{Candidate, Candidates, Circuit};
    use crate::{Recording, Request};

    fn request(needs: &[&str], prompt: u32, answer: Option<u32>) -> Recording {
        Recording {
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            input_token_estimate: prompt,
            max_output_tokens: answer,
            ..Recording::default()
        }
    }

    fn check(recording: Recording, features: &[&str], context: Option<u32>, unmet: Option<&str>) {
        let mut candidate = Candidate::new("a/x");
        candidate.profile.features = features.iter().map(|it| (*it).to_owned()).collect();
        candidate.profile.context_tokens = context;
        let needed = Needed::of(&Request::from(recording.clone()));
        let found = needed.unmet(&Candidates::from(vec![candidate]), 0);
        let found = found.map(|setback| setback.to_string());
        assert_eq!(found.as_deref(), unmet, "{recording:?} of {features:?} with {context:?}");
    }

    #[test]
    fn features_are_lacking_only_where_some_are_listed() {
        check(request(&["tools"], 0, None), &["vision", "tools"], None, None);
        check(request(&["tools"], 0, None), &["vision"], None, Some("lacks tools"));
        check(request(&["tools"], 0, None), &[], None, None);
        check(request(&[], 0, None), &["vision"], None, None);
        check(request(&["json-object"], 0, None), &["json-schema"], None, None);
        check(
            request(&["json-schema"], 0, None),
            &["json-object"],
            None,
            Some("lacks json-schema"),
        );
        check(request(&["logprobs"], 0, None), &["tools"], None, None);
    }

    #[test]
    fn prompt_and_answer_have_to_fit_together() {
        let long = Some("2049 tokens are too long for it");
        check(request(&[], 2_000, Some(48)), &[], Some(2_048), None);
        check(request(&[], 2_000, Some(49)), &[], Some(2_048), long);
        check(request(&[], 2_049, None), &[], Some(2_048), long);
        check(request(&[], 2_049, None), &[], None, None);
        check(request(&[], u32::MAX, Some(1)), &[], None, None);
        let inputs = Recording { operation: "embeddings".into(), ..request(&[], 9_000, None) };
        check(inputs, &[], Some(512), None);
    }

    #[test]
    fn who_does_not_read_the_length_does_not_judge_it() {
        let mut candidate = Candidate::new("a/x");
        candidate.profile.context_tokens = Some(2_048);
        let needed = Needed::features(&Request::from(request(&[], 9_000, None)));
        assert_eq!(needed.unmet(&Candidates::from(vec![candidate]), 0), None);
    }

    #[test]
    fn unwell_is_who_has_an_open_circuit_or_no_requests_left() {
        let check = |circuit, requests, tokens, unwell: Option<&str>| {
            let mut candidate = Candidate::new("a/x");
            candidate.circuit = circuit;
            candidate.headroom.requests = requests;
            candidate.headroom.tokens = tokens;
            let found = Candidates::from(vec![candidate]).unwell(0);
            assert_eq!(found.map(|setback| setback.to_string()).as_deref(), unwell);
            assert!(found.is_none_or(|setback| setback.is_passing()));
        };
        check(Circuit::Closed, None, None, None);
        check(Circuit::HalfOpen, Some(1), Some(1), None);
        check(Circuit::Open, Some(0), None, Some("circuit open"));
        check(Circuit::Closed, Some(0), None, Some("rate limit used up"));
        check(Circuit::HalfOpen, None, Some(0), Some("rate limit used up"));
    }
}
