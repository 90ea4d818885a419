//! The list of models, with the words that vendors have for a model's size.

use serde::Deserialize;

/// The answer to `GET /models`: `{"data": […]}`, or at some vendors the list by itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ModelList {
    /// OpenAI's shape.
    Object {
        /// The models.
        data: Vec<ModelEntry>,
    },
    /// Together's shape.
    Bare(Vec<ModelEntry>),
}

impl ModelList {
    /// The models, whichever the shape.
    pub fn into_models(self) -> Vec<ModelEntry> {
        match self {
            Self::Object { data } | Self::Bare(data) => data,
        }
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
            let models = serde_json::from_str::<ModelList>(list).unwrap().into_models();
            assert_eq!((models[0].id.as_str(), models[0].context_length), ("m", Some(8192)));
        }
    }
}
