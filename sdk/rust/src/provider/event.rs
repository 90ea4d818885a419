//! The events that answers are read into, made of what upstreams send.

use super::{Event, Failure, Finish, TextDelta, Usage, extra};
use crate::Json;
use crate::json::View;

impl Event {
    /// The beginning: the upstream's id and model name, where it says them.
    pub fn started(id: View<'_>, model: View<'_>) -> Self {
        Self::Started((id.text().into_owned(), model.text().into_owned()))
    }

    /// Text of this kind, in the answer of this number; nothing of none.
    pub fn piece(kind: fn(TextDelta) -> Self, index: u32, text: View<'_>) -> Option<Self> {
        text.some_text().map(|text| kind(TextDelta { index, text }))
    }

    /// A piece of the only answer's text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextDelta { index: 0, text: text.into() })
    }

    /// Words in which the model declines, in the answer of this number.
    pub fn refusal(index: u32, text: impl Into<String>) -> Self {
        Self::Refusal(TextDelta { index, text: text.into() })
    }

    /// The vectors of texts, in the order of the texts.
    pub fn embeddings<'a>(
        vectors: impl IntoIterator<Item = View<'a>>,
    ) -> Result<Vec<Self>, Failure> {
        let number = |number: View<'_>| number.as_f64().map(|number| number as f32);
        let vector = |vector: View<'_>| -> Option<Vec<f32>> {
            let numbers: Option<Vec<f32>> = vector.items().map(number).collect();
            numbers.filter(|numbers| !numbers.is_empty())
        };
        let vectors: Option<Vec<_>> = vectors.into_iter().map(vector).collect();
        let odd = || Failure::malformed("the upstream's vectors are not lists of numbers");
        Ok((0..).zip(vectors.ok_or_else(odd)?).map(Self::Embedding).collect())
    }

    /// What stands beside the answer of this number: `{"index": 0, "logprobs": …}` under the
    /// name "logprobs"; nothing of null.
    pub fn beside<'a>(name: &'a str, index: u32, value: impl Into<Json<'a>>) -> Option<Self> {
        let value = value.into();
        if value.is_null() {
            return None;
        }
        let place = Json::object([("index", index.into()), (name, value)]);
        Some(Self::other(name, &place))
    }

    /// A whole answer that is JSON.
    pub fn document(value: Json<'_>) -> Self {
        Self::Document(value.to_string())
    }

    /// What this version of the contract has no case for.
    pub fn other(name: &str, value: &Json<'_>) -> Self {
        Self::Other((name.to_owned(), value.to_string()))
    }

    /// The end of the only answer.
    pub fn finished(reason: impl Into<String>) -> Self {
        Self::Finished(Finish { index: 0, reason: reason.into(), extra: Vec::new() })
    }

    /// The end of the answer of this number, and what the upstream said beside it.
    pub fn ended<const N: usize>(index: u32, reason: &str, beside: [(&str, Json<'_>); N]) -> Self {
        Self::Finished(Finish { index, reason: reason.to_owned(), extra: extra(beside) })
    }

    /// What was used, as far as it is known: tokens of prompt and of answer; nothing of neither.
    pub fn counted([input_tokens, output_tokens]: [Option<u64>; 2]) -> Option<Self> {
        let usage = Usage { input_tokens, output_tokens, ..Usage::default() };
        input_tokens.or(output_tokens).map(|_| Self::Usage(usage))
    }

    /// What was used: tokens of prompt and of answer.
    pub fn usage(input_tokens: u64, output_tokens: u64) -> Self {
        Self::Usage(Usage {
            input_tokens: Some(input_tokens),
            output_tokens: Some(output_tokens),
            ..Usage::default()
        })
    }
}
