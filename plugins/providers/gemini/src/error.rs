//! Errors as Google writes them: a status, a word for it, and details of many kinds.

use portcullis_sdk::prelude::*;

/// A reply that is not a success. What is not Google's has a status at least.
pub(crate) fn refused(head: &ReplyHead, body: &[u8]) -> Failure {
    refined(read_refusal(head, body), error_of(read_body(body, &mut Tape::default())))
}

/// Fails if a reply is an error, under the status of a success.
pub(crate) fn in_answer(reply: View<'_>) -> Result<(), Failure> {
    let error = error_of(reply);
    if error.is_null() { Ok(()) } else { Err(refined(read_error(reply), error)) }
}

/// Some errors come as the only element of a list.
fn error_of(reply: View<'_>) -> View<'_> {
    (if reply.get("error").is_object() { reply } else { reply.item(0) }).get("error")
}

fn refined(failure: Failure, error: View<'_>) -> Failure {
    // Each kind of detail has fields of its own.
    let details = error.get("details");
    let reason = details.find("reason");
    let about = |words: &str| failure.message.contains(words);
    let key = reason == "API_KEY_INVALID" || about("API key ");
    // The words are those of the statuses, but for these.
    let kind = match &*error.get("status").text() {
        "INVALID_ARGUMENT" if key => FailureKind::Authentication,
        "INVALID_ARGUMENT" if about("exceeds the maximum number of tokens") => {
            FailureKind::ContextTooLong
        }
        // The country or the account, not the request.
        "FAILED_PRECONDITION" => FailureKind::Permission,
        _ => failure.kind,
    };
    let field = details.find("fieldViolations").item(0).get("field");
    // "34.074824224s", the form of a duration in JSON.
    let delay = details.find("retryDelay").text().strip_suffix('s').and_then(|it| it.parse().ok());
    Failure {
        kind,
        code: error.get("status").some_text(),
        retry_after_ms: delay.and_then(milliseconds).or(failure.retry_after_ms),
        extra: extra([("reason", reason.into()), ("param", field.into())]),
        ..failure
    }
}
