//! Takes secrets out of what others wrote: some servers repeat a credential when they reject it.

use std::borrow::Cow;

use memchr::memmem;

const INSTEAD: &[u8] = b"(redacted)";

/// The text without any of the secrets.
pub(super) fn redact<'a>(
    text: &'a [u8],
    secrets: impl IntoIterator<Item = impl AsRef<[u8]>>,
) -> Cow<'a, [u8]> {
    let mut safe = Cow::Borrowed(text);
    for secret in secrets {
        if let Some(without) = without(&safe, secret.as_ref()) {
            safe = Cow::Owned(without);
        }
    }
    safe
}

/// The text without this secret, if it was in it.
fn without(text: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    if secret.is_empty() {
        return None;
    }
    memmem::find(text, secret)?;
    let mut safe = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memmem::find(rest, secret) {
        safe.extend_from_slice(&rest[..at]);
        safe.extend_from_slice(INSTEAD);
        rest = &rest[at + secret.len()..];
    }
    safe.extend_from_slice(rest);
    Some(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_is_shown_to_nobody() {
        let safe = |text: &str| {
            let secrets = ["sk-1", "", "rt-2"];
            String::from_utf8(redact(text.as_bytes(), secrets).into_owned()).unwrap()
        };
        assert_eq!(safe("no: sk-1, really sk-1!"), "no: (redacted), really (redacted)!");
        assert_eq!(safe("rt-2 of sk-1"), "(redacted) of (redacted)");
        assert_eq!(safe("no"), "no");
        assert!(matches!(redact(b"sk-1", [""; 0]), Cow::Borrowed(b"sk-1")));
    }
}
