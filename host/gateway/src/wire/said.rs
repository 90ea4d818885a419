//! What a text says, for as long as nobody has counted its tokens.
//!
//! They are counted by the vocabulary `o200k_base` of tiktoken, whoever the upstream is: others
//! have other vocabularies, of about as many tokens for the same text. A text beyond [`MOST`] bytes
//! is counted by its beginning, so that nobody can keep the gateway busy with one.

use super::dialect::Dialect;
use memchr::memmem;
use std::borrow::Cow;
use tiktoken_rs::o200k_base_singleton;

/// Bytes of a text that are counted at most; what is longer has as many tokens in each as these.
const MOST: usize = 32 << 10;
/// What was said so far.
#[derive(Debug, Default)]
pub struct Said {
    begin: String,
    bytes: u64,
}

impl Said {
    /// What a text says.
    pub fn push(&mut self, text: &str) {
        self.bytes += text.len() as u64;
        let room = MOST.saturating_sub(self.begin.len());
        self.begin.push_str(&text[..text.floor_char_boundary(room.min(text.len()))]);
    }

    /// What stands in a piece of JSON under these keys.
    pub fn scan(&mut self, json: &[u8], keys: &[&str]) {
        for at in memmem::find_iter(json, b"\":") {
            let (before, behind) = (&json[..at], json[at + 2..].trim_ascii_start());
            let is_it = |key: &&&str| {
                let name = before.strip_suffix(key.as_bytes());
                name.is_some_and(|rest| rest.ends_with(b"\""))
            };
            if keys.iter().any(|key| is_it(&key))
                && let Some(text) = string(behind)
            {
                self.push(&text);
            }
        }
    }

    /// How many tokens that is.
    pub fn tokens(&self) -> u64 {
        if self.begin.is_empty() {
            return 0;
        }
        let counted = o200k_base_singleton().encode_ordinary(&self.begin).len() as u64;
        let share = self.bytes as f64 / self.begin.len() as f64;
        (counted as f64 * share).round() as u64
    }
}

/// The string that a piece of JSON begins with.
fn string(json: &[u8]) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix(b"\"")?;
    let mut escaped = false;
    let end = inner.iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    let whole = &json[..end + 2];
    let read = serde_json::from_slice::<String>(whole).map(Cow::Owned);
    read.ok().or_else(|| std::str::from_utf8(&inner[..end]).ok().map(Cow::Borrowed))
}

/// Where a stream of a dialect says something.
pub const fn keys(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Completions | Dialect::Transcripts => {
            &["content", "refusal", "reasoning_content", "reasoning", "arguments", "text", "delta"]
        }
        Dialect::Messages => &["text", "thinking", "partial_json"],
        // Each text comes once more at the end of its part, and all of them at the end.
        Dialect::Responses => &["delta"],
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, MOST, Said, keys};

    fn scanned(dialect: Dialect, json: &str) -> String {
        let mut said = Said::default();
        said.scan(json.as_bytes(), keys(dialect));
        said.begin
    }

    #[test]
    fn what_is_said_is_found_in_every_dialect() {
        let chunk = r#"{"id":"c","choices":[{"delta":{"content": "a\n\u00e9\"b"},"index":0}]}"#;
        assert_eq!(scanned(Dialect::Completions, chunk), "a\né\"b");
        let tool = r#"{"tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}}]}"#;
        assert_eq!(scanned(Dialect::Completions, tool), r#"{"a":1}"#);
        let text = r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"hey"}}"#;
        assert_eq!(scanned(Dialect::Messages, text), "hey");
        let delta = r#"{"type":"response.output_text.delta","delta":"you"}"#;
        assert_eq!(scanned(Dialect::Responses, delta), "you");
        for nothing in [r#"{"content":null}"#, r#"{"content":["#, r#"{"content":"cut"#, "", "\":"] {
            assert_eq!(scanned(Dialect::Completions, nothing), "", "{nothing}");
        }
    }

    #[test]
    fn a_long_text_is_counted_by_its_beginning() {
        let mut said = Said::default();
        assert_eq!(said.tokens(), 0);
        said.push("Hello, world!");
        assert_eq!(said.tokens(), 4);
        let mut long = Said::default();
        for _ in 0..10_000 {
            long.push(" hello world");
        }
        assert!(long.begin.len() <= MOST);
        let tokens = long.tokens();
        assert!((19_900..=20_100).contains(&tokens), "{tokens}");
    }
}
