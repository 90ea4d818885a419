//! The list of models, with the words that vendors have for a model's size.

use crate::json::{Tape, View};
use crate::provider::{Failure, Model, extra, read_body};

/// The models of an answer to `GET /models`: `{"data": […]}`, or at some vendors (Together) the
/// list by itself.
pub fn models(body: &[u8]) -> Result<Vec<Model>, Failure> {
    let mut tape = Tape::default();
    let reply = read_body(body, &mut tape);
    let entries = if reply.is_list() { reply } else { reply.get("data") };
    if !entries.is_list() {
        return Err(Failure::malformed("the upstream's list of models is not one"));
    }
    Ok(entries.items().filter_map(model).collect())
}

fn model(entry: View<'_>) -> Option<Model> {
    // The most tokens of prompt and answer together, at OpenRouter and Together, at Groq, at vLLM
    // and at Mistral.
    let sizes = ["context_length", "context_window", "max_model_len", "max_context_length"];
    Some(Model {
        context_tokens: sizes.iter().find_map(|name| entry.get(name).as_u32()),
        max_output_tokens: entry.get("max_completion_tokens").as_u32(),
        extra: extra([("owned_by", entry.get("owned_by").into())]),
        ..Model::named(entry.get("id").some_text()?)
    })
}

#[cfg(test)]
mod tests {
    use super::models;

    #[test]
    fn both_shapes_and_each_vendors_word_are_read() {
        for list in [
            r#"{"object":"list","data":[{"id":"m","context_window":8192,"owned_by":"o"}]}"#,
            r#"[{"id":"m","max_model_len":8192,"owned_by":"o","type":"chat"},{}]"#,
        ] {
            let models = models(list.as_bytes()).unwrap();
            let [model] = models.as_slice() else { panic!("{models:?}") };
            assert_eq!((model.id.as_str(), model.context_tokens), ("m", Some(8192)));
            assert_eq!(model.extra, [("owned_by".to_owned(), r#""o""#.to_owned())]);
        }
        for wrong in ["<html>", r#"{"data": {}}"#, "{}"] {
            models(wrong.as_bytes()).unwrap_err();
        }
    }
}
