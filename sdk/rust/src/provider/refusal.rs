//! What a reply that is not a success means, for upstreams that answer as OpenAI does. Most
//! do, whatever else is their own, so this is what [`super::Provider::refused`] begins with.

use super::{Failure, FailureKind, ReplyHead, reset_ms};
use crate::json::{Tape, View};
use crate::openai::ErrorBody;

/// The failure that a refusal amounts to: its kind from the status and the upstream's own
/// code, its words where they are JSON. A page of HTML is not shown to anybody. How long to wait
/// is what `retry-after` says, or, of who asked too often, when the limits are as they were.
pub fn read_refusal(head: &ReplyHead, body: &[u8]) -> Failure {
    let error = ErrorBody::read(body).unwrap_or_default();
    let failure = error_failure(Some(head.status), error);
    let reset = || reset_ms(head).filter(|_| failure.kind == FailureKind::RateLimited);
    let retry_after_ms = retry_after_ms(head).or_else(reset);
    Failure { status: Some(head.status), retry_after_ms, ..failure }
}

/// The failure that an error amounts to which came under the status of a success.
pub fn read_error(said: View<'_>) -> Failure {
    error_failure(None, ErrorBody::of(said))
}

/// The JSON of a whole reply; null where it is none. For what an upstream says in a place of its
/// own.
pub fn read_body<'a>(body: &'a [u8], tape: &'a mut Tape) -> View<'a> {
    let text = std::str::from_utf8(body).ok();
    text.and_then(|text| tape.read(text).ok()).unwrap_or_default()
}

/// The failure that an error object amounts to. `status` is that of the reply it came in,
/// where that says something: an error in the middle of a stream follows a 200.
pub fn error_failure(status: Option<u16>, error: ErrorBody) -> Failure {
    // Some upstreams write the HTTP status that they meant into the code.
    let status = status.or_else(|| error.code.as_deref()?.parse().ok());
    let message = match (&error.message, status) {
        (Some(message), _) => message.clone(),
        (None, Some(status)) => format!("the upstream answered with status {status}"),
        (None, None) => "the upstream reported an error without saying which".to_owned(),
    };
    let noted = |name: &str, value: &Option<String>| {
        let value = serde_json::to_string(value.as_deref()?).ok()?;
        Some((name.to_owned(), value))
    };
    let extra = [noted("type", &error.kind), noted("param", &error.param)];
    let extra = extra.into_iter().flatten().collect();
    let kind = failure_kind(status, &error);
    // A number says the status once more: as a code it would stand before the kind's own.
    let code = error.code.or(error.kind).filter(|code| code.parse::<u16>().is_err());
    Failure { status, code, extra, ..Failure::new(kind, message) }
}

/// What kind of failure this is: the upstream's own word where it is a known one, else the
/// status.
fn failure_kind(status: Option<u16>, error: &ErrorBody) -> FailureKind {
    let words = [error.code.as_deref(), error.kind.as_deref()];
    if let Some(kind) = words.into_iter().flatten().find_map(known_word) {
        return kind;
    }
    let message = error.message.as_deref().unwrap_or_default();
    if let Some((_, kind)) = WORDS.iter().find(|(words, _)| message.contains(words)) {
        return *kind;
    }
    match status {
        // Nobody follows a redirect with a credential in hand; the address is wrong.
        Some(300..=399) => FailureKind::Malformed,
        Some(401) => FailureKind::Authentication,
        Some(402) => FailureKind::QuotaExhausted,
        Some(403) => FailureKind::Permission,
        Some(404) => FailureKind::NotFound,
        // A lock of theirs, not a mistake of the request: SDKs try it again.
        Some(409) => FailureKind::Upstream,
        Some(408 | 504) => FailureKind::TimedOut,
        Some(429) => FailureKind::RateLimited,
        Some(501) => FailureKind::Unsupported,
        Some(503 | 529) => FailureKind::Overloaded,
        Some(400..=499) => FailureKind::InvalidRequest,
        _ => words.into_iter().flatten().find_map(vague_word).unwrap_or(FailureKind::Upstream),
    }
}

/// What is said in words only, whatever the status: that the prompt is too long, and that a model
/// cannot see. A wrong request would be wrong everywhere; an image that this model has no eyes for
/// is not.
const WORDS: [(&str, FailureKind); 8] = [
    ("maximum context length", FailureKind::ContextTooLong),
    // "Invalid content type. image_url is only supported by certain models." OpenAI
    ("image_url is only supported by certain models", FailureKind::Unsupported),
    // "The model does not support image input but some images are present in the request." xAI;
    // "No endpoints found that support image input", a 404 of OpenRouter's
    ("support image input", FailureKind::Unsupported),
    // "image input is not supported - hint: if this is unexpected, you may need to provide the
    // mmproj", a 500 of llama.cpp's
    ("image input is not supported", FailureKind::Unsupported),
    // "At most 0 image(s) may be provided in one request." vLLM
    ("At most 0 image", FailureKind::Unsupported),
    ("is not a multimodal model", FailureKind::Unsupported),
    // "messages[1].content must be a string" Groq, of its models that read texts only
    ("].content must be a string", FailureKind::Unsupported),
    // "messages[3]: unknown variant `image_url`, expected `text`" DeepSeek
    ("unknown variant `image_url`", FailureKind::Unsupported),
];

/// Codes and types that say more than the status they come with.
fn known_word(word: &str) -> Option<FailureKind> {
    Some(match word {
        "context_length_exceeded" | "exceed_context_size_error" => FailureKind::ContextTooLong,
        "content_policy_violation" | "content_policy" | "content_filter" | "moderation_blocked" => {
            FailureKind::ContentRefused
        }
        "insufficient_quota" | "billing_hard_limit_reached" => FailureKind::QuotaExhausted,
        "model_not_found" => FailureKind::NotFound,
        "unsupported_parameter" | "unsupported_value" => FailureKind::Unsupported,
        "invalid_api_key" => FailureKind::Authentication,
        "rate_limit_exceeded" => FailureKind::RateLimited,
        _ => return None,
    })
}

/// Types that say no more than a status does, and count where there is none.
fn vague_word(word: &str) -> Option<FailureKind> {
    Some(match word {
        "invalid_request_error" => FailureKind::InvalidRequest,
        "authentication_error" => FailureKind::Authentication,
        "permission_error" => FailureKind::Permission,
        "not_found_error" => FailureKind::NotFound,
        "rate_limit_error" => FailureKind::RateLimited,
        "overloaded_error" => FailureKind::Overloaded,
        "timeout_error" => FailureKind::TimedOut,
        _ => return None,
    })
}

/// How long the upstream asks to wait. The form of `retry-after` that is a date says nothing
/// to who has no clock, and is left out.
pub fn retry_after_ms(head: &ReplyHead) -> Option<u64> {
    let value = |name| header(head, name)?.trim().parse::<f64>().ok();
    let fine = value("retry-after-ms").map(|milliseconds| milliseconds / 1000.0);
    fine.and_then(milliseconds).or_else(|| milliseconds(value("retry-after")?))
}

/// A time in seconds as the contract has it, rounded up; `None` where it is none.
pub fn milliseconds(seconds: f64) -> Option<u64> {
    (seconds.is_finite() && seconds >= 0.0).then_some((seconds * 1000.0).ceil() as u64)
}

/// The value of a header, by its name in lower case.
pub fn header<'a>(head: &'a ReplyHead, name: &str) -> Option<&'a str> {
    let found = head.headers.iter().find(|(present, _)| present.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::{read_refusal, retry_after_ms};
    use crate::provider::{FailureKind, ReplyHead};

    fn head(status: u16, headers: &[(&str, &str)]) -> ReplyHead {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        ReplyHead { status, headers: headers.iter().map(owned).collect() }
    }

    fn check(status: u16, body: &str, kind: FailureKind, message: &str) {
        let failure = read_refusal(&head(status, &[]), body.as_bytes());
        assert_eq!((failure.kind, failure.message.as_str()), (kind, message), "{status} {body}");
        assert_eq!(failure.status, Some(status));
    }

    #[test]
    fn the_upstreams_own_word_goes_before_the_status() {
        use FailureKind as Kind;
        let error =
            |code: &str| format!(r#"{{"error":{{"message":"m","type":"t","code":{code}}}}}"#);
        for (status, code, kind) in [
            (400, "null", Kind::InvalidRequest),
            (400, r#""context_length_exceeded""#, Kind::ContextTooLong),
            (400, r#""content_policy_violation""#, Kind::ContentRefused),
            (401, r#""invalid_api_key""#, Kind::Authentication),
            (402, "402", Kind::QuotaExhausted),
            (403, "null", Kind::Permission),
            (404, r#""model_not_found""#, Kind::NotFound),
            (408, "null", Kind::TimedOut),
            (413, "null", Kind::InvalidRequest),
            (422, "null", Kind::InvalidRequest),
            (429, "null", Kind::RateLimited),
            (429, r#""insufficient_quota""#, Kind::QuotaExhausted),
            (500, "null", Kind::Upstream),
            (502, "null", Kind::Upstream),
            (503, "null", Kind::Overloaded),
            (504, "null", Kind::TimedOut),
            (529, "null", Kind::Overloaded),
        ] {
            check(status, &error(code), kind, "m");
        }
    }

    #[test]
    fn a_status_is_no_code() {
        let code = |body: &str| read_refusal(&head(400, &[]), body.as_bytes()).code;
        let coded = r#"{"error":{"message":"m","type":"t","code":"c"}}"#;
        assert_eq!(code(coded).as_deref(), Some("c"));
        assert_eq!(code(&coded.replace(r#""c""#, "null")).as_deref(), Some("t"));
        assert_eq!(code(&coded.replace(r#""c""#, r#""400""#)), None);
        assert_eq!(code(&coded.replace(r#""c""#, "400")), None);
    }

    #[test]
    fn words_are_found_where_vendors_put_them() {
        check(400, r#"{"error":"no"}"#, FailureKind::InvalidRequest, "no");
        check(422, r#"{"detail":"no"}"#, FailureKind::InvalidRequest, "no");
        check(429, r#"{"object":"error","message":"no"}"#, FailureKind::RateLimited, "no");
        check(400, r#"[{"error":{"message":"no"}}]"#, FailureKind::InvalidRequest, "no");
        let page = "<html>secrets of a proxy</html>";
        check(502, page, FailureKind::Upstream, "the upstream answered with status 502");
        let long = r#"{"error":{"message":"This model's maximum context length is 4096 tokens"}}"#;
        let words = "This model's maximum context length is 4096 tokens";
        check(400, long, FailureKind::ContextTooLong, words);
    }

    #[test]
    fn a_model_that_cannot_see_is_no_mistake_of_the_senders() {
        for (status, words) in [
            (400, "Invalid content type. image_url is only supported by certain models."),
            (400, "The model does not support image input but some images are present"),
            (404, "No endpoints found that support image input"),
            (500, "image input is not supported - hint: you may need to provide the mmproj"),
            (400, "At most 0 image(s) may be provided in one request."),
            (400, "m is not a multimodal model"),
            (400, "messages[1].content must be a string"),
            (400, "messages[3]: unknown variant `image_url`, expected `text`"),
        ] {
            let body = format!(r#"{{"error":{{"message":"{words}","type":"t","code":null}}}}"#);
            check(status, &body, FailureKind::Unsupported, words);
        }
        let many = "At most 1 image(s) may be provided in one request.";
        check(400, &format!(r#"{{"message":"{many}"}}"#), FailureKind::InvalidRequest, many);
    }

    #[test]
    fn without_a_time_the_reset_of_the_limit_counts() {
        let resets = [("x-ratelimit-reset-tokens", "6m0s"), ("x-ratelimit-remaining-tokens", "0")];
        let wait = |status, more: &[(&str, &str)]| {
            read_refusal(&head(status, &[&resets, more].concat()), b"").retry_after_ms
        };
        assert_eq!(wait(429, &[]), Some(360_000));
        assert_eq!(wait(429, &[("retry-after", "2")]), Some(2000));
        assert_eq!(wait(400, &[]), None);
    }

    #[test]
    fn the_finer_header_says_how_long_to_wait() {
        let both = [("retry-after", "2"), ("retry-after-ms", "1500")];
        assert_eq!(retry_after_ms(&head(429, &both)), Some(1500));
        assert_eq!(retry_after_ms(&head(429, &[("retry-after", "0.25")])), Some(250));
        let date = [("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")];
        assert_eq!(retry_after_ms(&head(429, &date)), None);
        assert_eq!(retry_after_ms(&head(429, &[("retry-after", "-1")])), None);
        assert_eq!(retry_after_ms(&head(429, &[("retry-after", "inf")])), None);
    }
}
