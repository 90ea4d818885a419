//! What the model thought, on its way through a client of the chat API and back.
//!
//! A model that is told a tool's result goes on thinking where it was, if it is given what it
//! thought before the call; else it begins anew. That API keeps it for who lets it keep whole
//! answers; to who does not, it gives it encrypted
//! (<https://developers.openai.com/api/docs/guides/reasoning>). A chat has a field for what an
//! upstream wants to see again, `extra_content`, on messages and on calls. There it stands, with
//! the name of the model that was asked, since nobody else can read it:
//! `{"responses": {"model": "m", "reasoning": [{"id", "summary", "encrypted_content"}]}}`.

use crate::provider::Event;
use crate::{Json, object};

/// What came of the thoughts before the answer's text, or before its call of this number.
pub(super) fn event(model: &str, thoughts: Json<'_>, call: Option<u32>) -> Event {
    let thoughts = object! { "model": model, "reasoning": thoughts };
    let place = object! { "index": 0_u32, "tool_call": call };
    let place = place.with("extra_content", object! { "responses": thoughts });
    Event::other("extra-content", &place)
}

/// An item, as far as it has to come back; null of one that nobody could read again.
pub(super) fn kept<'a>(item: &Json<'a>) -> Json<'a> {
    let summary = item["summary"].clone().or(Json::List(Vec::new()));
    let encrypted = &item["encrypted_content"];
    let kept = object! { "id": &item["id"], "summary": summary, "encrypted_content": encrypted };
    kept.filter(|_| encrypted.is_text())
}

/// The items of a message or a call that came back, where this model thought them.
pub(super) fn given_back<'a>(place: &mut Json<'a>, thinker: Option<&str>) -> Vec<Json<'a>> {
    let mut said = place.take("extra_content").take("responses");
    if thinker.is_none_or(|thinker| said["model"] != *thinker) {
        return Vec::new();
    }
    let thoughts = said.take("reasoning").into_items();
    let thoughts = thoughts.iter().map(kept).filter(Json::is_object);
    thoughts.map(|thought| thought.with("type", "reasoning")).collect()
}
