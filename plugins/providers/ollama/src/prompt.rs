//! A conversation as one prompt, for `/api/generate`. There the model's own template is put
//! around it, as around the words of a user: so a single message is sent as it is, and several
//! are written down as a play is.

use portcullis_sdk::prelude::*;

/// Writes the prompt, the instructions that stand apart from it, and the images of both.
pub(crate) fn write<'a>(draft: &mut Draft<'a>, messages: Vec<Json<'a>>) {
    let (mut system, mut said, mut images) = (Vec::new(), Vec::new(), Vec::new());
    for mut message in messages {
        images.extend(message.take("images").into_items());
        let (who, words) = (message["role"].text(), message["content"].text());
        match &*who {
            "system" => system.push(words.into_owned()),
            _ => said.push((who.into_owned(), words.into_owned())),
        }
    }
    let prompt = match said.as_mut_slice() {
        [(_, words)] => std::mem::take(words),
        _ => said.iter().map(|(who, words)| format!("{who}: {words}\n\n")).collect(),
    };
    draft.set("prompt", prompt);
    draft.set("system", system.join("\n\n"));
    draft.set("images", images);
}
