//! Messages are taken apart without a loss, and what is wrong with them is named.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

use super::{Content, Conversation, Message, Role, joined};
use crate::Json;
use std::borrow::Cow;

fn read(messages: &str) -> Result<Vec<Message<'_>>, String> {
    Message::read_all(Json::read(messages).unwrap()).map_err(|failure| failure.message)
}

#[test]
fn messages_are_taken_apart_and_lose_nothing() {
    let messages = read(
        r#"[{"role": "developer", "content": "Be brief.", "cache_control": 1},
            {"role": "assistant", "content": null, "refusal": "No.", "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}, "extra_content": 2},
                {"id": "d", "function": {"name": "g", "arguments": " "}}]},
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "3", "mark": 4}, "°"]}]"#,
    )
    .unwrap();
    let [system, assistant, tool] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!((system.role, system.text().unwrap()), (Role::System, "Be brief.".to_owned()));
    assert_eq!(system.rest.to_string(), r#"{"cache_control":1}"#);
    assert_eq!(assistant.text().unwrap(), "No.");
    assert_eq!(assistant.calls[0].arguments.to_string(), r#"{"x": 1}"#);
    assert_eq!(assistant.calls[0].rest["extra_content"].as_u64(), Some(2));
    assert_eq!(assistant.calls[1].arguments.to_string(), "{}");
    assert_eq!((&tool.name, tool.text().unwrap()), (&Json::from("f"), "3\n\n°".to_owned()));
    assert_eq!(tool.parts[0].rest["mark"].as_u64(), Some(4));
}

#[test]
fn what_is_wrong_is_named() {
    for (messages, words) in [
        ("{}", "`messages` is no list"),
        (r#"[{"role": "narrator"}]"#, "no role \"narrator\""),
        (r#"[{}]"#, "no role null"),
        (r#"[{"role": "user", "content": 7}]"#, "neither a text nor a list of parts"),
        (r#"[{"role": "assistant", "tool_calls": [{}]}]"#, "a call of no function"),
        (
            r#"[{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[1]"}}]}]"#,
            "a call of \"f\" whose arguments are no JSON object",
        ),
    ] {
        let message = read(messages).unwrap_err();
        assert!(message.contains(words), "{messages}: {message}");
    }
    assert_eq!(read("null"), Ok(Vec::new()));
}

#[test]
fn texts_of_one_message_do_not_run_together() {
    let check = |texts: &str, expected: &str| {
        let Json::List(texts) = Json::read(texts).unwrap() else { panic!("{texts}") };
        assert_eq!(joined(texts).to_string(), expected);
    };
    check("[]", "null");
    check(r#"[""]"#, r#""""#);
    check(r#"["\u00e9\/"]"#, r#""\u00e9\/""#);
    check(r#"["It is noon.", "", "So\n?"]"#, r#""It is noon.\n\nSo\n?""#);
}

#[test]
fn who_goes_on_speaking_has_one_turn() {
    let mut conversation = Conversation::default();
    for (role, word) in [
        (Role::User, "a"),
        (Role::System, "b"),
        (Role::User, "c"),
        (Role::Tool, "d"),
        (Role::User, "e"),
    ] {
        conversation.say(role, vec![word.into()]);
        conversation.say(Role::Assistant, Vec::new());
    }
    assert_eq!(conversation.system, ["b"]);
    let turn = |role, words: &[&'static str]| (role, words.iter().map(|&it| it.into()).collect());
    let (user, tool) = (turn(Role::User, &["a", "c"]), turn(Role::Tool, &["d"]));
    assert_eq!(conversation.turns, [user, tool, turn(Role::User, &["e"])]);
    conversation.turns.truncate(1);
    conversation.say(Role::Assistant, vec!["f".into()]);
    let turns = r#"[{"role":"user","parts":["a","c"]},{"role":"model","parts":["f"]}]"#;
    assert_eq!(conversation.take_turns("model", "parts").to_string(), turns);
}

#[test]
fn data_is_a_slice_of_the_request_even_if_its_slashes_are_escaped() {
    let url = Json::read(r#""data:image\/png;x=y;base64,ab\/c=""#).unwrap();
    let Ok(Content::Inline { media_type, data }) = Content::of(url) else { panic!("no data") };
    assert_eq!(media_type, "image/png");
    assert!(matches!(data, Json::Text(Cow::Borrowed(r"ab\/c="))));
    for (url, media_type) in
        [("https://example.com/a", None), ("gs://bucket/a.b/c.JPG?size=2", Some("image/jpeg"))]
    {
        let address = Content::of(url.into()).unwrap();
        assert_eq!(address, Content::Address { url: url.into(), media_type });
    }
    for wrong in ["cat.png", "data:,a", "ftp://a", "data:;base64"] {
        Content::of(wrong.into()).unwrap_err();
    }
}

#[test]
fn parts_are_read_by_their_kinds() {
    let messages = read(
        r#"[{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
            {"type": "input_audio", "input_audio": {"data": "UklG", "format": "mp3"}},
            {"type": "file", "file": {"file_id": "f", "filename": "n"}, "mark": 1},
            {"type": "video_url", "video_url": {}}]}]"#,
    )
    .unwrap();
    let [image, sound, file, other] = messages[0].parts.as_slice() else { panic!() };
    assert_eq!((&*image.kind, &image.beside["detail"]), ("image_url", &"low".into()));
    let media_type = "audio/mp3".into();
    assert_eq!(sound.content, Content::Inline { media_type, data: "UklG".into() });
    assert_eq!(file.content, Content::Stored("f".into()));
    assert_eq!((&file.beside["filename"], file.rest["mark"].as_u64()), (&"n".into(), Some(1)));
    assert_eq!((&*other.kind, &other.content), ("video_url", &Content::Other));
    messages[0].text().unwrap_err();
}
