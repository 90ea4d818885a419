//! What the recordings of providers do not show of the Responses API: how a conversation goes
//! there and comes back.

use super::{Response, write};
use crate::json::Tape;
use crate::provider::{Body, Draft, Event, Framing, ReadFrame, Unread};
use crate::{Json, Recording, Request};

/// What is sent of a chat, and the names of what is lost.
fn sent(body: &str, carries: bool) -> (String, String) {
    let request = request(body);
    let mut draft = Draft::of(body).unwrap();
    write(&mut draft, &request, carries).unwrap();
    let call = draft.post("/responses", Framing::Whole);
    let Body::Bytes(sent) = call.body else { panic!("no bytes") };
    let dropped = call.extra.into_iter().next().map(|(_, names)| names).unwrap_or_default();
    (String::from_utf8(sent).unwrap(), dropped)
}

fn request(body: &str) -> Request {
    Recording { body: body.to_owned(), ..Recording::default() }.into()
}

/// The events of frames, those of what is to be seen again alone.
fn carried(frames: &[&str]) -> Vec<String> {
    let (mut reader, mut events) = (Response::to(&request("{}")), Vec::new());
    let mut tape = Tape::default();
    let mut read = |frame| reader.frame(Unread::of(frame, &mut tape), &mut events);
    frames.iter().try_for_each(|frame| read(frame)).unwrap();
    let extra = events.into_iter().filter_map(|event| match event {
        Event::Other((name, json)) if name == "extra-content" => Some(json),
        _ => None,
    });
    extra.collect()
}

const ITEM: &str = r#"{"id":"rs_1","summary":[],"encrypted_content":"gAAA"}"#;

#[test]
fn what_has_no_place_there_is_named() {
    let body = r#"{"messages": [{"role": "user", "name": "Ann", "content": "Hi"},
        {"role": "tool", "name": "f", "tool_call_id": "c", "content": "7"}], "seed": 1,
        "parallel_tool_calls": false, "logit_bias": null}"#;
    let (sent, dropped) = sent(body, false);
    assert_eq!(dropped, r#"["messages.name","seed"]"#);
    let sent = Json::read(&sent).unwrap();
    assert_eq!(sent["parallel_tool_calls"], false);
    assert_eq!(sent["input"][0].to_string(), r#"{"role":"user","content":"Hi"}"#);
}

#[test]
fn thoughts_are_asked_for_where_tools_are_offered() {
    const THOUGHTS: &str = "reasoning.encrypted_content";
    let tools = r#"{"tools": [{"type": "function", "function": {"name": "f"}}]}"#;
    for (body, carries, asked) in [(tools, true, true), (tools, false, false), ("{}", true, false)]
    {
        assert_eq!(sent(body, carries).0.contains(THOUGHTS), asked, "{body} {carries}");
    }
}

#[test]
fn thoughts_come_before_the_call_that_they_led_to() {
    let thought = ITEM.replacen('{', r#"{"type":"reasoning","#, 1);
    let call = r#"{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}"#;
    let place = |call: &str| {
        let said = format!(r#"{{"responses":{{"model":"model","reasoning":[{ITEM}]}}}}"#);
        format!(r#"{{"index":0,{call}"extra_content":{said}}}"#)
    };
    let event = |kind: &str, place: u32, item: &str| {
        let kind = format!(r#""type":"response.output_item.{kind}""#);
        format!(r#"{{{kind},"output_index":{place},"item":{item}}}"#)
    };
    let begun = ITEM.replace("gAAA", "g").replacen('{', r#"{"type":"reasoning","#, 1);
    let stream = [event("added", 0, &begun), event("done", 0, &thought), event("added", 1, call)];
    let stream: Vec<&str> = stream.iter().map(String::as_str).collect();
    assert_eq!(carried(&stream), [place(r#""tool_call":0,"#)]);
    let whole = |item: &str| {
        format!(r#"{{"object":"response","status":"completed","output":[{thought},{item}]}}"#)
    };
    assert_eq!(carried(&[&whole(call)]), [place(r#""tool_call":0,"#)]);
    assert_eq!(carried(&[&whole(r#"{"type":"message"}"#)]), [place("")]);
    // Nothing comes behind it, and by itself it would be refused.
    assert_eq!(carried(&[&whole(r#"{"type":"web_search_call"}"#)]), [""; 0]);
    let plain = whole(call).replace("encrypted_content", "unencrypted_content");
    assert_eq!(carried(&[&plain]), [""; 0]);
}

#[test]
fn only_who_thought_it_gets_it_back() {
    let body = |model: &str| {
        let said = format!(r#"{{"responses":{{"model":"{model}","reasoning":[{ITEM},{{}}]}}}}"#);
        let call = format!(
            r#"{{"id":"c","type":"function","function":{{"name":"f","arguments":"{{}}"}},
                "extra_content":{said}}}"#
        );
        format!(r#"{{"messages":[{{"role":"assistant","content":null,"tool_calls":[{call}]}}]}}"#)
    };
    let types = |model: &str, carries: bool| -> String {
        let (sent, _) = sent(&body(model), carries);
        let sent = Json::read(&sent).unwrap();
        sent["input"].items().iter().map(|item| item["type"].text().into_owned() + ";").collect()
    };
    assert_eq!(types("model", true), "reasoning;function_call;");
    assert_eq!(types("another", true), "function_call;");
    assert_eq!(types("model", false), "function_call;");
}
