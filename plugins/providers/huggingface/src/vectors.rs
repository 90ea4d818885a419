//! Vectors, by the task "feature extraction" of the hub or by TEI.

use crate::answer::Answer;
use crate::settings::{Server, Settings};
use portcullis_sdk::prelude::*;

pub(crate) fn call(settings: &Settings, request: &Request) -> Result<(Answer, HttpCall), Failure> {
    let body = request.body();
    let mut draft = Draft::of(&body)?;
    // Always a list: what comes back for a text by itself is not the same everywhere.
    let inputs = texts(draft.take("input"))?;
    let count = inputs.len();
    draft.set("inputs", inputs);
    if settings.server == Server::Dedicated {
        draft.pass(&[("dimensions", "dimensions")]);
    }
    let path = settings.path(request, "/embed", "/pipeline/feature-extraction")?;
    Ok((Answer::to(request, Vec::new(), Some(count)), draft.post(path, Framing::Whole)))
}

/// The vectors of a reply, one for each text.
pub(crate) fn read(reply: View<'_>, texts: usize) -> Result<Vec<Event>, Failure> {
    // How one is made of them is part of a model, which does not say it here; the wrong way
    // gives vectors that fit no others.
    if reply.item(0).item(0).items().next().is_some() {
        let message = "this model makes vectors of tokens, not one of each text";
        return Err(Failure::new(FailureKind::Unsupported, message));
    }
    let vectors = Event::embeddings(reply.items())?;
    let made = vectors.len();
    if made != texts {
        let message = format!("the upstream made {made} vectors of {texts} texts");
        return Err(Failure::malformed(message));
    }
    Ok(vectors)
}
