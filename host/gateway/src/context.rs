//! Whether a prompt can fit into what a model takes, looked at before it is asked.
//!
//! An upstream says so too, but only after it was sent all of the prompt, and some cut it off
//! and answer the rest. The tokens of a prompt are estimated by its length, and an estimate errs:
//! text of few words and many spaces has half as many tokens as bytes suggest. So a candidate is
//! passed over only where the estimate of prompt and answer together is more than [`MARGIN`]
//! times its context. What lies between goes to the upstream, which knows.

use crate::candidate::Candidate;
use crate::contract::FailureKind;
use crate::failure::Failure;
use crate::request::{Operation, Request};
use memchr::memmem;

/// How far a prompt may be above a limit by its estimate.
const MARGIN: u64 = 2;

/// Passes a candidate over whose context is too small.
///
/// # Errors
///
/// In words: the limit, and the estimate.
pub fn check(request: &Request, candidate: &Candidate) -> Result<(), Failure> {
    let Some(limit) = candidate.profile.context_tokens else { return Ok(()) };
    let output = request.max_output_tokens.unwrap_or(0);
    if !is_far_above(limit, u64::from(request.input_tokens) + u64::from(output)) {
        return Ok(());
    }
    let Some(input) = of_text(request) else { return Ok(()) };
    if !is_far_above(limit, input + u64::from(output)) {
        return Ok(());
    }
    let answer = match output {
        0 => String::new(),
        output => format!(", and up to {output} more are asked for"),
    };
    let message = format!(
        "The prompt has about {input} tokens by its length{answer}; {} takes {limit} tokens at most.",
        candidate.profile.id
    );
    Err(Failure::reported(FailureKind::ContextTooLong, message))
}

fn is_far_above(limit: u32, estimate: u64) -> bool {
    estimate > MARGIN * u64::from(limit)
}

/// The estimate of a prompt, more exactly; `None` where its length says little of its tokens.
fn of_text(request: &Request) -> Option<u64> {
    // Sound and files stand in the body as base64, and are counted otherwise; inputs of
    // embeddings are taken one by one.
    let inline = request.needs.iter().any(|need| matches!(*need, "audio" | "files"));
    if request.operation != Operation::Chat || inline {
        return None;
    }
    // Some clients write every character that is not ASCII as an escape of six bytes, where the
    // character has two or three: a token's worth of bytes too many.
    let escapes = memmem::find_iter(&request.body, b"\\u").count();
    Some(u64::from(request.input_tokens).saturating_sub(escapes as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Candidate as Configured, Prices};

    fn candidate(context_tokens: Option<u32>) -> Candidate {
        Candidate::new(
            Configured {
                id: "house/m1".into(),
                tenant: None,
                model: "m1".into(),
                priority: 1,
                operations: vec!["chat".into()],
                features: Vec::new(),
                tags: Vec::new(),
                local: false,
                context_tokens,
                max_output_tokens: None,
                concurrency: None,
                prices: Prices::default(),
            },
            0,
        )
    }

    fn request(input_tokens: u32, max_output_tokens: Option<u32>, body: &str) -> Request {
        Request { input_tokens, max_output_tokens, ..Request::of_test(body) }
    }

    #[track_caller]
    fn check_message(request: &Request, limit: Option<u32>, expected: Option<&str>) {
        let failure = check(request, &candidate(limit)).err();
        if let Some(failure) = &failure {
            assert_eq!(failure.kind(), FailureKind::ContextTooLong);
            assert!(!failure.is_candidates(), "it says nothing about the candidate");
        }
        assert_eq!(failure.map(|failure| failure.message()).as_deref(), expected);
    }

    #[test]
    fn only_what_is_far_above_the_limit_is_passed_over() {
        check_message(&request(1_000_000, None, "{}"), None, None);
        check_message(&request(200, None, "{}"), Some(100), None);
        let expected =
            "The prompt has about 201 tokens by its length; house/m1 takes 100 tokens at most.";
        check_message(&request(201, None, "{}"), Some(100), Some(expected));
        check_message(&request(100, Some(100), "{}"), Some(100), None);
        let expected = "The prompt has about 150 tokens by its length, and up to 51 more are \
                        asked for; house/m1 takes 100 tokens at most.";
        check_message(&request(150, Some(51), "{}"), Some(100), Some(expected));
    }

    #[test]
    fn what_its_length_says_little_about_is_left_to_the_upstream() {
        check_message(&request(250, None, &r"\u0434".repeat(50)), Some(100), None);
        let with = |needs| Request { needs, ..request(1_000, None, "{}") };
        check_message(&with(vec!["files"]), Some(100), None);
        check_message(&with(vec!["audio"]), Some(100), None);
        let vectors = Request { operation: Operation::Embeddings, ..request(1_000, None, "{}") };
        check_message(&vectors, Some(100), None);
    }
}
