//! A piece of a streamed chat answer, read once a token, so: what is only compared or seldom
//! needed is borrowed from the frame, what is not known is skipped, and nothing is flattened.
//!
//! A whole answer differs from a chunk in the name of one field (`message` for `delta`), and
//! is read as one large chunk.

use super::{ErrorBody, Usage};
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// One chunk, or a whole answer.
#[derive(Debug, Deserialize)]
pub struct Chunk<'a> {
    /// The upstream's id of the answer.
    #[serde(borrow, default)]
    pub id: Option<Text<'a>>,
    /// The upstream's name of the model.
    #[serde(borrow, default)]
    pub model: Option<Text<'a>>,
    /// What is new in each answer; empty in a chunk of usage.
    #[serde(borrow, default)]
    pub choices: Option<Vec<Piece<'a>>>,
    /// What was used, in the last chunk or in each.
    #[serde(default)]
    pub usage: Option<Usage>,
    /// Where Groq puts the usage of a stream.
    #[serde(default)]
    pub x_groq: Option<Groq>,
    /// The stream broke, under a status that promised success.
    #[serde(default)]
    pub error: Option<ErrorBody>,
}

/// Groq's own part of a chunk.
#[derive(Debug, Deserialize)]
pub struct Groq {
    /// What was used.
    #[serde(default)]
    pub usage: Option<Usage>,
}

/// What is new in one answer.
#[derive(Debug, Deserialize)]
pub struct Piece<'a> {
    /// Which of the answers asked for.
    #[serde(default)]
    pub index: u32,
    /// What is new; the whole message of a whole answer.
    #[serde(borrow, default, alias = "message")]
    pub delta: Option<Delta<'a>>,
    /// Why the answer ended, once it did.
    #[serde(borrow, default)]
    pub finish_reason: Option<Text<'a>>,
    /// How likely each token was, as it came.
    #[serde(borrow, default)]
    pub logprobs: Option<&'a RawValue>,
}

/// What is new in one message.
#[derive(Debug, Default, Deserialize)]
pub struct Delta<'a> {
    /// Text.
    #[serde(default)]
    pub content: Option<Words>,
    /// Words in which the model declines.
    #[serde(default)]
    pub refusal: Option<String>,
    /// Reasoning, as DeepSeek and vLLM name it.
    #[serde(default)]
    pub reasoning_content: Option<String>,
    /// Reasoning, as Groq and OpenRouter name it.
    #[serde(default)]
    pub reasoning: Option<String>,
    /// Calls of tools.
    #[serde(borrow, default)]
    pub tool_calls: Option<Vec<ToolDelta<'a>>>,
    /// What the text rests on, a list as it came.
    #[serde(borrow, default)]
    pub annotations: Option<&'a RawValue>,
}

/// What is new in one call of a tool.
#[derive(Debug, Deserialize)]
pub struct ToolDelta<'a> {
    /// Which call; some vendors leave it out.
    #[serde(default)]
    pub index: Option<u32>,
    /// Its id, on the first piece.
    #[serde(borrow, default)]
    pub id: Option<Text<'a>>,
    /// What it calls.
    #[serde(borrow, default)]
    pub function: Option<FunctionDelta<'a>>,
}

/// What is new in what a call calls.
#[derive(Debug, Default, Deserialize)]
pub struct FunctionDelta<'a> {
    /// The tool's name, on the first piece.
    #[serde(borrow, default)]
    pub name: Option<Text<'a>>,
    /// A piece of the arguments' JSON text.
    #[serde(default)]
    pub arguments: Option<String>,
}

/// A string that is borrowed where it has no escapes. (In an `Option`, serde's own
/// `Cow<str>` is always copied.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Read)
    }
}

/// Text that most vendors send as a string, and Mistral's reasoning models as a list of parts,
/// of which the `thinking` is kept apart.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Words {
    /// What is said.
    pub text: String,
    /// What is thought.
    pub thinking: String,
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Words;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string, or a list of parts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Words, E> {
                self.visit_string(text.to_owned())
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Words, E> {
                Ok(Words { text, thinking: String::new() })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Words, A::Error> {
                let mut words = Words::default();
                while let Some(part) = parts.next_element::<Words>()? {
                    words.text.push_str(&part.text);
                    words.thinking.push_str(&part.thinking);
                }
                Ok(words)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut part: A) -> Result<Words, A::Error> {
                let mut words = Words::default();
                while let Some(name) = part.next_key::<Text<'de>>()? {
                    match &*name.0 {
                        "text" => words.text = part.next_value()?,
                        "thinking" => words.thinking = part.next_value::<Words>()?.text,
                        _ => drop(part.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(words)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::{Chunk, Words};
    use std::borrow::Cow;

    #[test]
    fn names_are_borrowed_and_nulls_are_absent() {
        let chunk: Chunk<'_> = serde_json::from_str(
            r#"{"id":"a","model":"m\n","choices":[{"delta":{"content":null,"tool_calls":null}}],
                "usage":null,"error":null,"unknown":{"deep":[1]}}"#,
        )
        .unwrap();
        assert!(matches!(chunk.id.unwrap().0, Cow::Borrowed("a")));
        assert!(matches!(chunk.model.unwrap().0, Cow::Owned(name) if name == "m\n"));
        let delta = chunk.choices.unwrap().remove(0).delta.unwrap();
        assert!(delta.content.is_none() && delta.tool_calls.is_none());
    }

    #[test]
    fn parts_of_a_content_are_put_together() {
        let words: Words = serde_json::from_str(
            r#"[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},
                {"type":"text","text":"yes"},{"type":"image","url":"u"}]"#,
        )
        .unwrap();
        assert_eq!(words, Words { text: "yes".to_owned(), thinking: "hm".to_owned() });
    }
}
