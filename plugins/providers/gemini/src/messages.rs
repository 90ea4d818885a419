//! The conversation: the sender's messages as `contents`, and beside them what the system says.

use portcullis_sdk::prelude::*;

/// Stands where a call has no signature: in an answer of another model, or where the sender
/// does not send it back. Google's guide to thought signatures names it for this.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";
/// Where files lie that were uploaded to the API.
const FILES: &str = "https://generativelanguage.googleapis.com/v1beta/files/";
const FIELD: &str = "messages";

/// Writes the messages. With `signed`, the model wants a signature at the first call of each of
/// its turns.
pub(crate) fn write(draft: &mut Draft<'_>, signed: bool) -> Result<(), Failure> {
    let mut conversation = Conversation::default();
    for mut message in draft.take_messages(&[])? {
        let role = message.role;
        let parts = match role {
            Role::Tool => vec![result(message)?],
            Role::Assistant => answer(message, signed)?,
            Role::System | Role::User => message.take_parts(part)?,
        };
        conversation.say(role, parts);
    }
    draft.set("contents", conversation.take_turns("model", "parts"));
    let system = Json::List(conversation.system).something();
    draft.set("systemInstruction", object! { "parts": system }.something());
    Ok(())
}

/// An answer of the model, with what has to come back to it as it was.
fn answer(mut message: Message<'_>, signed: bool) -> Result<Vec<Json<'_>>, Failure> {
    let mut google = message.rest.take("extra_content").take("google");
    // What Google's own tools did came before what was made of it.
    let mut parts = google.take("parts").into_items();
    parts.retain(Json::is_object);
    parts.extend(message.take_parts(part)?);
    // A signature of text belongs to its end.
    if let Some(last) = parts.last_mut() {
        last.set("thoughtSignature", google.take("thought_signature"));
    }
    parts.extend(message.calls.into_iter().enumerate().map(|(index, call)| {
        let signature = call.rest["extra_content"]["google"]["thought_signature"].clone();
        let missing = (signed && index == 0).then_some(NO_SIGNATURE);
        let call = object! { "id": call.id, "name": call.name, "args": call.arguments };
        object! { "functionCall": call, "thoughtSignature": signature.or(missing) }
    }));
    Ok(parts)
}

/// What a function returned: an object, or a text in one.
fn result(message: Message<'_>) -> Result<Json<'_>, Failure> {
    let (id, name) = (&message.answers, &message.name);
    if name.is_null() {
        let what = format!("`{FIELD}` has a result of {id}, and no call of that id");
        return Err(Failure::invalid(FIELD, what));
    }
    let said = message.text()?;
    let response = match Json::read(&said) {
        Ok(Json::Object(_)) => Json::Raw(said.into()),
        _ => object! { "output": said },
    };
    Ok(object! { "functionResponse": object! { "id": id, "name": name, "response": response } })
}

fn part(part: Part<'_>) -> Result<Json<'_>, Failure> {
    let file = |kind: Option<&'static str>, url| {
        object! { "fileData": object! { "mimeType": kind, "fileUri": url } }
    };
    Ok(match part.content {
        // Empty text says nothing, and the API refuses it.
        Content::Text(words) => object! { "text": words.something() }.something(),
        Content::Inline { media_type, data } => {
            object! { "inlineData": object! { "mimeType": media_type, "data": data } }
        }
        Content::Address { url, media_type } => file(media_type, url),
        // What was uploaded to the API, by its name or its address.
        Content::Stored(id) => match id.text().strip_prefix("files/") {
            Some(name) => file(None, format!("{FILES}{name}").into()),
            None if id.text().contains("://") => file(None, id),
            None => return Err(Part::unsupported(&part.kind)),
        },
        Content::Other => return Err(Part::unsupported(&part.kind)),
    })
}
