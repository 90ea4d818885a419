//! `POST /v1/chat/completions`.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failures::{self, Failure};
use crate::play::{Play, Step};
use crate::record::Ticket;
use crate::request::Asked;
use crate::respond::{EVENTS, JSON, refuse, reply};
use crate::script::{Break, Script};
use crate::sse;

/// The same for ever, so that answers can be compared.
pub(crate) const CREATED: u64 = 1_760_000_000;
pub(crate) const FINGERPRINT: &str = "fp_scripted";

/// Answers a request whose script says something.
pub(crate) fn chat(body: &Value, script: Script, ticket: Ticket) -> Response<Play> {
    let asked = Asked::new(body);
    if !body["messages"].is_array() {
        return refuse(&Failure::invalid("`messages` has to be an array."), ticket);
    }
    let answer = Answer::to(&asked, script);
    if asked.streams() {
        let steps = sse::steps(script, sse::chunks(ticket.id(), &asked, &answer));
        return reply(StatusCode::OK, EVENTS, Play::new(steps, ticket));
    }
    whole(script, completion(ticket.id(), &asked, &answer), ticket)
}

fn completion(id: u64, asked: &Asked<'_>, answer: &Answer) -> Value {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let mut message = json!({
        "role": "assistant",
        "content": some(&answer.text),
        "refusal": some(&answer.refusal),
        "annotations": [],
    });
    if let Some(reasoning) = some(&answer.reasoning) {
        message["reasoning_content"] = reasoning.into();
    }
    if !answer.calls.is_empty() {
        let calls = answer.calls.iter().enumerate().map(|(index, call)| {
            let function = json!({"name": call.name, "arguments": call.arguments});
            json!({"id": format!("call_{id}_{index}"), "type": "function", "function": function})
        });
        message["tool_calls"] = calls.collect();
    }
    json!({
        "id": format!("chatcmpl-{id}"),
        "object": "chat.completion",
        "created": CREATED,
        "model": asked.model(),
        "system_fingerprint": FINGERPRINT,
        "choices": [
            {"index": 0, "message": message, "logprobs": null, "finish_reason": answer.finish},
        ],
        "usage": answer.usage(asked),
    })
}

/// An answer in one piece, broken as far as the way of breaking has a meaning here.
fn whole(script: Script, mut completion: Value, ticket: Ticket) -> Response<Play> {
    let bytes = |value: &Value| Bytes::from(value.to_string());
    let message = &mut completion["choices"][0]["message"];
    let steps = match script {
        Script::Broken(Break::ErrorMidstream) => return refuse(&Failure::of_status(500), ticket),
        Script::Broken(Break::ErrorFirst) => vec![Step::Send(bytes(&failures::exploded()))],
        Script::Broken(Break::CutAfter(_)) => {
            let body = bytes(&completion);
            let half = body.slice(..body.len() / 2);
            let play = Play::new([Step::Send(half), Step::Cut], ticket);
            let mut response = reply(StatusCode::OK, JSON, play);
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            return response;
        }
        Script::Broken(Break::Stall) => vec![Step::Hang],
        Script::Broken(Break::NoFinish) => {
            completion["choices"][0]["finish_reason"] = Value::Null;
            vec![Step::Send(bytes(&completion))]
        }
        Script::Broken(Break::HugeLine) => {
            message["content"] = "x".repeat(sse::HUGE).into();
            vec![Step::Send(bytes(&completion))]
        }
        Script::Broken(Break::BadUtf8) => {
            message["content"] = sse::BAD.into();
            vec![sse::spoil(Step::Send(bytes(&completion)))]
        }
        Script::Broken(Break::Split) => sse::single_bytes(Step::Send(bytes(&completion))),
        _ => vec![Step::Send(bytes(&completion))],
    };
    reply(StatusCode::OK, JSON, Play::new(steps, ticket))
}
