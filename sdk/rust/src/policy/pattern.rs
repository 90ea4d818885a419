//! How an operator names candidates in a policy's settings: the same few words in each policy.
//!
//! | pattern | stands for |
//! |---|---|
//! | `"groq/llama-3.3-70b"` | this candidate |
//! | `"groq/*"`, `"*/llama-*"`, `"*"` | those whose id it matches; `*` stands for anything, slashes too |
//! | `"tag:cheap"` | those that the operator tagged so |
//! | `"local"` | those that run on the operator's machines |

use super::Candidates;
use serde::Deserialize;
use std::fmt;

/// One pattern. Reading a tag or `local` takes a candidate's whole profile, an id far less.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Pattern {
    /// "provider/model", without a `*`.
    Id(String),
    /// An id with at least one `*`.
    Like(String),
    /// "tag:…".
    Tag(String),
    /// "local".
    Local,
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(said: String) -> Result<Self, String> {
        const EXPECTED: &str =
            "expected \"provider/model\", \"provider/*\", \"tag:NAME\" or \"local\"";
        match said.strip_prefix("tag:") {
            Some("") => Err(format!("\"tag:\" names no tag; {EXPECTED}")),
            Some(tag) => Ok(Self::Tag(tag.to_owned())),
            None if said == "local" => Ok(Self::Local),
            None if said.contains('*') => Ok(Self::Like(said)),
            None => match said.split_once('/') {
                Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
                    Ok(Self::Id(said))
                }
                _ => Err(format!("{said:?} names no candidates; {EXPECTED}")),
            },
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) | Self::Like(id) => formatter.write_str(id),
            Self::Tag(tag) => write!(formatter, "tag:{tag}"),
            Self::Local => formatter.write_str("local"),
        }
    }
}

impl Pattern {
    /// Whether it stands for this candidate.
    pub fn matches(&self, candidates: &Candidates, index: u32) -> bool {
        match self {
            Self::Id(id) => candidates.id(index) == id,
            Self::Like(pattern) => is_like(pattern, candidates.id(index)),
            Self::Tag(tag) => candidates.profile(index).tags.contains(tag),
            Self::Local => candidates.profile(index).local,
        }
    }

    /// Those that it stands for, in the route's order.
    pub fn among(&self, candidates: &Candidates) -> Vec<u32> {
        match self {
            // One question in place of one a candidate, here and below.
            Self::Id(id) => candidates.find(id).into_iter().collect(),
            Self::Like(pattern) => {
                let ids = candidates.indices().zip(candidates.ids());
                ids.filter(|(_, id)| is_like(pattern, id)).map(|(index, _)| index).collect()
            }
            _ => candidates.indices().filter(|&index| self.matches(candidates, index)).collect(),
        }
    }
}

/// Several patterns, as a list in the settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    /// The candidates that they stand for, in their order and each once.
    pub fn among(&self, candidates: &Candidates) -> Vec<u32> {
        let mut found = Vec::new();
        for index in self.0.iter().flat_map(|pattern| pattern.among(candidates)) {
            if !found.contains(&index) {
                found.push(index);
            }
        }
        found
    }

    /// Whether ids are enough to tell for whom they stand: none is a tag or a place.
    pub fn are_by_id(&self) -> bool {
        self.0.iter().all(|pattern| matches!(pattern, Pattern::Id(_) | Pattern::Like(_)))
    }

    /// Whether one of them stands for the candidate of this id, as far as an id tells.
    pub fn names(&self, id: &str) -> bool {
        self.0.iter().any(|pattern| match pattern {
            Pattern::Id(own) => own == id,
            Pattern::Like(pattern) => is_like(pattern, id),
            Pattern::Tag(_) | Pattern::Local => false,
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Patterns {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, pattern) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(formatter, "{separator}{pattern}")?;
        }
        Ok(())
    }
}

/// Whether a pattern, in which `*` stands for anything, matches the whole of a text. What stands
/// between two `*` is looked for once, from the left: no text makes it start over.
fn is_like(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(text) = text.strip_prefix(head) else { return false };
    let Some(mut text) = text.strip_suffix(tail) else { return false };
    middle.split('*').all(|part| match text.find(part) {
        Some(at) => {
            text = &text[at + part.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::{Pattern, Patterns, is_like};
    use crate::policy::{Candidate, Candidates};

    #[test]
    fn a_star_stands_for_anything() {
        let table = [
            ("house/m1", "house/m1", true),
            ("house/m1", "house/m12", false),
            ("house/*", "house/meta/m1", true),
            ("house/*", "houses/m1", false),
            ("*", "house/m1", true),
            ("*/m*-8b", "house/m1-8b", true),
            ("*/m*-8b", "house/m1-70b", false),
            ("*m1*m1", "house/m1", false),
            ("a*a", "a", false),
            ("a**a", "aa", true),
            ("*b*c*", "abac", true),
            ("*c*b*", "abac", false),
            ("house/*é", "house/né", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(is_like(pattern, text), expected, "{pattern} on {text}");
        }
    }

    fn candidates() -> Candidates {
        let mut cheap = Candidate::new("b/small");
        cheap.profile.tags = vec!["cheap".to_owned()];
        let mut own = Candidate::new("own/small");
        own.profile.local = true;
        own.profile.tags = vec!["cheap".to_owned(), "eu".to_owned()];
        Candidates::from(vec![Candidate::new("a/large"), cheap, own])
    }

    fn check(patterns: &str, expected: &[u32]) {
        let read: Patterns = serde_json::from_str(patterns).unwrap();
        assert_eq!(read.among(&candidates()), expected, "{patterns}");
        for pattern in &read.0 {
            let one_by_one: Vec<u32> = candidates()
                .indices()
                .filter(|&index| pattern.matches(&candidates(), index))
                .collect();
            assert_eq!(pattern.among(&candidates()), one_by_one, "{pattern}");
        }
    }

    #[test]
    fn patterns_stand_for_candidates_in_their_order_and_once() {
        check(r#"["b/small"]"#, &[1]);
        check(r#"["*/small"]"#, &[1, 2]);
        check(r#"["tag:cheap"]"#, &[1, 2]);
        check(r#"["tag:eu", "tag:cheap", "*"]"#, &[2, 1, 0]);
        check(r#"["local", "a/large"]"#, &[2, 0]);
        check(r#"["c/absent", "tag:absent"]"#, &[]);
        check("[]", &[]);
    }

    #[test]
    fn they_are_said_as_they_were_written() {
        let written = r#"["a/x", "a/*", "tag:cheap", "local"]"#;
        let read: Patterns = serde_json::from_str(written).unwrap();
        assert_eq!(read.to_string(), "a/x, a/*, tag:cheap, local");
    }

    #[test]
    fn what_names_no_candidate_is_refused() {
        let expected = "expected \"provider/model\", \"provider/*\", \"tag:NAME\" or \"local\"";
        for (wrong, what) in [
            ("", "\"\" names no candidates"),
            ("cheap", "\"cheap\" names no candidates"),
            ("a/", "\"a/\" names no candidates"),
            ("/x", "\"/x\" names no candidates"),
            ("tag:", "\"tag:\" names no tag"),
        ] {
            let refused = Pattern::try_from(wrong.to_owned()).unwrap_err();
            assert_eq!(refused, format!("{what}; {expected}"));
        }
    }
}
