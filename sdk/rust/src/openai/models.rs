//! The list of models, with the words that vendors have for a model's size.

use super::Text;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// The answer to `GET /models`: `{"data": […]}`, or at some vendors (Together) the list by
/// itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelList {
    /// The models.
    pub data: Vec<ModelEntry>,
}

impl<'de> Deserialize<'de> for ModelList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = ModelList;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of models")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ModelList, A::Error> {
                let mut data = Vec::new();
                while let Some(model) = list.next_element()? {
                    data.push(model);
                }
                Ok(ModelList { data })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut reply: A) -> Result<ModelList, A::Error> {
                let mut data = None;
                while let Some(name) = reply.next_key::<Text<'de>>()? {
                    match &*name.0 {
                        "data" => data = Some(reply.next_value()?),
                        _ => drop(reply.next_value::<IgnoredAny>()?),
                    }
                }
                data.map(|data| ModelList { data }).ok_or_else(|| A::Error::missing_field("data"))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ModelEntry {
    /// The upstream's name of it.
    pub id: String,
    /// Who made it.
    #[serde(default)]
    pub owned_by: Option<String>,
    /// The most tokens of prompt and answer together: `context_window` at Groq,
    /// `max_model_len` at vLLM, `max_context_length` at Mistral.
    #[serde(
        default,
        alias = "context_window",
        alias = "max_model_len",
        alias = "max_context_length"
    )]
    pub context_length: Option<u32>,
    /// The most tokens of answer.
    #[serde(default)]
    pub max_completion_tokens: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::ModelList;

    #[test]
    fn both_shapes_and_each_vendors_word_are_read() {
        for list in [
            r#"{"object":"list","data":[{"id":"m","context_window":8192,"owned_by":"o"}]}"#,
            r#"[{"id":"m","max_model_len":8192,"owned_by":"o","type":"chat"}]"#,
        ] {
            let models = serde_json::from_str::<ModelList>(list).unwrap().data;
            assert_eq!((models[0].id.as_str(), models[0].context_length), ("m", Some(8192)));
        }
    }
}
