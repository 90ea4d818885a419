//! How much of the host's memory a result takes.

use super::Weigh;
use crate::contract::{policies, providers};
use std::sync::Arc;

/// Bytes of an element of a list, beside the texts in it.
const ELEMENT: usize = 64;

impl Weigh for policies::Decision {
    fn weight(&self) -> usize {
        match self {
            Self::Route(plan) => {
                let of = |attempt: &policies::Attempt| ELEMENT + pairs(&attempt.extra);
                let attempts: usize = plan.attempts.iter().map(of).sum();
                attempts + pairs(&plan.labels) + plan.reason.len() + pairs(&plan.extra)
            }
            Self::Refuse(failure) => {
                let code = failure.code.as_ref().map_or(0, String::len);
                failure.message.len() + code + pairs(&failure.extra)
            }
            Self::Abstain(labels) => pairs(labels),
        }
    }
}

impl Weigh for Arc<providers::Call> {
    fn weight(&self) -> usize {
        // No other is passed on.
        let providers::Call::Http(http) = &**self else { return usize::MAX };
        let body = match &http.body {
            providers::Body::Empty => 0,
            providers::Body::Bytes(bytes) => bytes.len(),
            providers::Body::Edited(edits) => edits.iter().map(edit).sum(),
            providers::Body::Form(parts) => parts.iter().map(part).sum(),
        };
        http.path_and_query.len() + pairs(&http.headers) + body + pairs(&http.extra)
    }
}

fn edit(edit: &crate::contract::JsonEdit) -> usize {
    use crate::contract::JsonEdit;
    ELEMENT
        + match edit {
            JsonEdit::Set((pointer, json)) => pointer.len() + json.len(),
            JsonEdit::Remove(pointer) => pointer.len(),
            JsonEdit::Move((from, to)) => from.len() + to.len(),
        }
}

fn part(part: &providers::FormPart) -> usize {
    let (providers::FormValue::Text(text) | providers::FormValue::Attachment(text)) = &part.value;
    ELEMENT + part.name.len() + text.len()
}

fn pairs(pairs: &[(String, String)]) -> usize {
    pairs.iter().map(|(name, value)| ELEMENT + name.len() + value.len()).sum()
}
