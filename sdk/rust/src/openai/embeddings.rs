//! What an embeddings request asks to be embedded.

use crate::Json;
use crate::provider::Failure;

/// The texts of `input`: one, or a list of them. Tokens in place of texts are refused as
/// unsupported: only who has the same tokenizer can read them.
pub fn texts(input: Json<'_>) -> Result<Vec<Json<'_>>, Failure> {
    const FIELD: &str = "input";
    let texts = input.into_items();
    match texts.iter().find(|text| !text.is_text()) {
        None => Ok(texts),
        Some(Json::Raw(_) | Json::List(_)) => {
            Err(Failure::unsupported(FIELD, "this provider embeds texts only, no tokens"))
        }
        Some(_) => Err(Failure::invalid(FIELD, "`input` is neither a text nor a list of texts")),
    }
}

#[cfg(test)]
mod tests {
    use super::texts;
    use crate::Json;
    use crate::provider::FailureKind;

    #[test]
    fn texts_are_taken_and_tokens_refused() {
        let read = |json| texts(Json::read(json).unwrap());
        assert_eq!(read(r#""a""#), Ok(vec!["a".into()]));
        assert_eq!(read(r#"["a", "b"]"#), Ok(vec!["a".into(), "b".into()]));
        for tokens in ["[1, 2]", "[[1], [2]]"] {
            assert_eq!(read(tokens).unwrap_err().kind, FailureKind::Unsupported, "{tokens}");
        }
        assert_eq!(read("{}").unwrap_err().kind, FailureKind::InvalidRequest);
    }
}
