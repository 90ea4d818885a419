//! What differs from model to model at one upstream, as a table: which models its entries are
//! about, and what those refuse or want.
//!
//! A model's name is all that a request says of it. So an entry names models by patterns, and
//! a model that is not named is sent what the sender wrote.

use crate::settings::MaxTokensField;
use portcullis_sdk::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

/// One entry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirk {
    /// Patterns of names, in which `*` stands for any letters.
    pub models: Vec<String>,
    /// The one name of the limit that they take.
    pub max_tokens_field: Option<MaxTokensField>,
    /// Fields that they refuse.
    pub drop: Vec<String>,
    /// Fields that they refuse while they reason.
    pub drop_reasoning: Vec<String>,
    /// How much they reason where the sender does not say; "none" is not at all.
    pub default_effort: Option<String>,
    /// What is sent in place of a word for how much to reason: an object of objects.
    pub reasoning_effort: Option<Box<RawValue>>,
    /// They give one answer only.
    pub one_answer: bool,
    /// Which of their chats go to `/responses`.
    pub responses: Option<Through>,
    /// What they thought is asked for, encrypted, and sent back to them, at `/responses`.
    pub carry_reasoning: bool,
    /// The formats in which they transcribe; empty where that is all of them.
    pub transcription_formats: Vec<String>,
    /// They transcribe in one piece, also where a stream is asked for.
    pub transcription_whole: bool,
}

/// Which chats go to `/responses`, at an upstream that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Through {
    /// Every one: the models answer nowhere else.
    Always,
    /// Those with tools, while the model reasons: elsewhere it does only one of both.
    Tools,
}

/// The entries about one model. Where several say the same thing, the last word counts.
pub(crate) struct Quirks<'a>(Vec<&'a Quirk>);

impl<'a> Quirks<'a> {
    pub(crate) fn of(table: &'a [Quirk], model: &str) -> Self {
        let base = base(model);
        let about =
            |it: &&Quirk| it.models.iter().any(|pattern| fits(pattern.as_bytes(), base.as_bytes()));
        Self(table.iter().filter(about).collect())
    }

    fn last<T>(&self, what: impl Fn(&'a Quirk) -> Option<T>) -> Option<T> {
        self.0.iter().rev().find_map(|entry| what(entry))
    }

    pub(crate) fn max_tokens_field(&self) -> Option<MaxTokensField> {
        self.last(|entry| entry.max_tokens_field)
    }

    pub(crate) fn one_answer(&self) -> bool {
        self.0.iter().any(|entry| entry.one_answer)
    }

    pub(crate) fn carry_reasoning(&self) -> bool {
        self.0.iter().any(|entry| entry.carry_reasoning)
    }

    /// The formats in which it transcribes; empty where that is all of them.
    pub(crate) fn transcription_formats(&self) -> &'a [String] {
        let some = |entry: &'a Quirk| Some(&*entry.transcription_formats);
        self.last(|entry| some(entry).filter(|formats| !formats.is_empty())).unwrap_or_default()
    }

    pub(crate) fn transcribes_whole(&self) -> bool {
        self.0.iter().any(|entry| entry.transcription_whole)
    }

    /// What is sent in place of a word for how much to reason.
    pub(crate) fn effort(&self, word: &str) -> Option<Json<'a>> {
        self.last(|entry| {
            let mut words = Json::read(entry.reasoning_effort.as_ref()?.get()).ok()?;
            Some(words.take(word)).filter(Json::is_object)
        })
    }

    /// Whether it reasons, given the sender's word for how much.
    fn reasons(&self, word: Option<&str>) -> bool {
        let word = word.or_else(|| self.last(|entry| entry.default_effort.as_deref()));
        word != Some("none")
    }

    /// The fields that it refuses of a request with this word.
    pub(crate) fn refused(&self, word: Option<&str>) -> impl Iterator<Item = &'a str> {
        let reasons = self.reasons(word);
        let of = move |entry: &'a Quirk| {
            let more = if reasons { &*entry.drop_reasoning } else { &[] };
            entry.drop.iter().chain(more).map(String::as_str)
        };
        self.0.iter().copied().flat_map(of)
    }

    /// Whether anything hangs on the sender's word for how much to reason.
    pub(crate) fn hang_on_effort(&self) -> bool {
        self.0.iter().any(|entry| {
            let words = entry.reasoning_effort.is_some();
            words || !entry.drop_reasoning.is_empty() || entry.responses == Some(Through::Tools)
        })
    }

    /// Whether a chat with this word has to go to `/responses`.
    pub(crate) fn go_to_responses(&self, request: &Request, word: Option<&str>) -> bool {
        match self.last(|entry| entry.responses) {
            None => false,
            Some(Through::Always) => true,
            Some(Through::Tools) => self.reasons(word) && request.needs("tools"),
        }
    }
}

/// The table for OpenAI's own models, which holds where an operator writes none.
///
/// Parameters: <https://developers.openai.com/api/docs/guides/latest-model> and
/// <https://developers.openai.com/api/docs/guides/reasoning>; endpoints: each model's page under
/// <https://developers.openai.com/api/docs/models>; formats:
/// <https://developers.openai.com/api/reference/resources/audio>.
pub(crate) const OF_OPENAI: &str = include_str!("quirks.json");

/// The model that a fine-tuned one was made of: `ft:BASE:organization:name:id`.
fn base(model: &str) -> &str {
    let tuned = model.strip_prefix("ft:").and_then(|rest| rest.split(':').next());
    tuned.unwrap_or(model)
}

/// Whether a name fits a pattern. Byte by byte, since all patterns of a table are asked of each
/// request, and nearly all differ from its model's name in the first bytes.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) | ([b'*'], _) => true,
        ([b'*', rest @ ..], _) => (0..=name.len()).any(|at| fits(rest, &name[at..])),
        ([wanted, rest @ ..], [byte, tail @ ..]) => wanted == byte && fits(rest, tail),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{MaxTokensField, OF_OPENAI, Quirk, Quirks, Through, base, fits};

    #[test]
    fn patterns_fit_whole_names() {
        for (pattern, name, expected) in [
            ("o1-pro", "o1-pro", true),
            ("o1-pro", "o1-pro-2025-03-19", false),
            ("o1-pro*", "o1-pro-2025-03-19", true),
            ("o1*", "gpt-o1", false),
            ("*", "", true),
            ("*-codex*", "gpt-5.1-codex-mini", true),
            ("*-codex*", "codex-mini", false),
            ("gpt-5*-pro*", "gpt-5-pro", true),
            ("gpt-5*-pro*", "gpt-5.5-pro-2026-04-23", true),
            ("gpt-5*-pro*", "gpt-5-preview", false),
            ("a*b", "ab", true),
            ("a*b", "aé", false),
            ("a*b*c", "axbybzc", true),
            ("a*b*c", "axby", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_tuned_model_is_what_it_was_made_of() {
        assert_eq!(base("ft:gpt-4o-mini-2024-07-18:acme::9ZxQ"), "gpt-4o-mini-2024-07-18");
        assert_eq!(base("ft:o4-mini-2025-04-16:acme:tutor:9ZxQ"), "o4-mini-2025-04-16");
        assert_eq!(base("gpt-5"), "gpt-5");
    }

    #[test]
    fn openais_models_are_told_apart() {
        use Through::{Always, Tools};
        let table: Vec<Quirk> = serde_json::from_str(OF_OPENAI).unwrap();
        for (model, newer, effort, responses) in [
            ("gpt-4o-mini", false, None, None),
            ("gpt-4o-search-preview", false, None, None),
            ("o4-mini", true, None, None),
            ("ft:o4-mini-2025-04-16:acme::9ZxQ", true, None, None),
            ("gpt-5-mini", true, None, None),
            ("gpt-5.2", true, Some("none"), None),
            ("gpt-5.4", true, Some("none"), Some(Tools)),
            ("gpt-5.5", true, None, Some(Tools)),
            ("gpt-6.1-sol", true, None, Some(Tools)),
            ("gpt-5.5-pro", true, Some("medium"), Some(Always)),
            ("gpt-5.1-codex-max", true, Some("medium"), Some(Always)),
            ("o3-deep-research-2025-06-26", true, Some("medium"), Some(Always)),
        ] {
            let quirks = Quirks::of(&table, model);
            let field = newer.then_some(MaxTokensField::MaxCompletionTokens);
            assert_eq!(quirks.max_tokens_field(), field, "{model}");
            let default = quirks.last(|entry| entry.default_effort.as_deref());
            assert_eq!(default, effort, "{model}");
            assert_eq!(quirks.last(|entry| entry.responses), responses, "{model}");
        }
    }
}
