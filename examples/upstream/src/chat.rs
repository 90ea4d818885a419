//! `POST /v1/chat/completions`.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::answer::{Answer, End};
use crate::failures::{self, Failure};
use crate::play::{Play, Step, awkward};
use crate::record::Ticket;
use crate::request::{Asked, By, Choice, Said, Tool, array, strings};
use crate::respond::{EVENTS, JSON, refuse, reply};
use crate::script::{Break, Script};
use crate::sse;

/// The same for ever, so that answers can be compared.
pub(crate) const CREATED: u64 = 1_760_000_000;
pub(crate) const FINGERPRINT: &str = "fp_scripted";

/// Answers a request whose script says something.
pub(crate) fn chat(body: &Value, script: Script, ticket: Ticket) -> Response<Play> {
    if !body["messages"].is_array() {
        return refuse(&Failure::invalid("`messages` has to be an array."), ticket);
    }
    let asked = read(body);
    let answer = Answer::to(&asked, script);
    if asked.streams {
        let steps = sse::steps(script, sse::chunks(ticket.id(), &asked, &answer));
        let steps = if Script::is_awkward(&asked.model) { awkward(&steps) } else { steps };
        return reply(StatusCode::OK, EVENTS, Play::new(steps, ticket));
    }
    whole(script, completion(ticket.id(), &asked, &answer), ticket)
}

/// What a request asks for.
pub(crate) fn read(body: &Value) -> Asked {
    let messages = array(&body["messages"]);
    let images =
        messages.iter().flat_map(|message| array(&message["content"])).filter_map(|part| {
            let url = part["image_url"]["url"].as_str()?;
            let data = url.strip_prefix("data:");
            Some(data.map_or("url", |data| data.split([';', ',']).next().unwrap_or_default()))
        });
    let functions = array(&body["tools"]).iter().map(|tool| &tool["function"]);
    let tools = functions.filter_map(|function| {
        let name = function["name"].as_str()?.to_owned();
        Some(Tool { name, parameters: function["parameters"].clone() })
    });
    let choice = &body["tool_choice"];
    let count = |name: &str| body[name].as_u64().map(|count| count as usize);
    Asked {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        streams: body["stream"] == true,
        includes_usage: body["stream_options"]["include_usage"] == true,
        said: messages.iter().map(said).collect(),
        images: images.map(str::to_owned).collect(),
        tools: tools.collect(),
        choice: match choice["function"]["name"].as_str() {
            Some(name) => Choice::One(name.to_owned()),
            None if choice == "none" => Choice::None,
            None => Choice::Any,
        },
        one_call: body["parallel_tool_calls"] == false,
        schema: body["response_format"]["json_schema"].get("schema").cloned(),
        limit: count("max_completion_tokens").or_else(|| count("max_tokens")),
        stop: strings(&body["stop"]),
        answers: count("n").unwrap_or(1),
        shows_thoughts: true,
        cached_for_an_hour: false,
    }
}

fn said(message: &Value) -> Said {
    let by = match message["role"].as_str() {
        Some("user") => By::User,
        Some("tool") => By::Tool,
        _ => By::Other,
    };
    let parts = array(&message["content"]).iter().filter_map(|part| part["text"].as_str());
    let text = message["content"].as_str().map(str::to_owned);
    Said { by, text: text.unwrap_or_else(|| parts.collect::<Vec<_>>().join(" ")) }
}

/// An answer in one piece.
pub(crate) fn completion(id: u64, asked: &Asked, answer: &Answer) -> Value {
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
    let end = finish(&answer.end);
    let choice =
        |index| json!({"index": index, "message": message, "logprobs": null, "finish_reason": end});
    json!({
        "id": format!("chatcmpl-{id}"),
        "object": "chat.completion",
        "created": CREATED,
        "model": asked.model,
        "system_fingerprint": FINGERPRINT,
        "choices": (0..asked.answers.max(1)).map(choice).collect::<Vec<Value>>(),
        "usage": usage(asked, answer),
    })
}

/// The protocol's word for an end.
pub(crate) fn finish(end: &End) -> &'static str {
    match end {
        End::Stop | End::StopAt(_) | End::Refused => "stop",
        End::Length => "length",
        End::Calls => "tool_calls",
        End::Filtered => "content_filter",
    }
}

/// The bill for all answers.
pub(crate) fn usage(asked: &Asked, answer: &Answer) -> Value {
    let usage = answer.usage(asked);
    let [said, reasoning] = [usage.said, usage.reasoning].map(|count| count * asked.answers.max(1));
    json!({
        "prompt_tokens": usage.prompt,
        "completion_tokens": said,
        "total_tokens": usage.prompt + said,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0},
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
        Script::Broken(Break::NoUsage) => {
            completion["usage"] = Value::Null;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_by_type() {
        let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
        let content = json!([image("data:image/png;base64,AA=="), image("https://a.test/b.jpg")]);
        let body = json!({"messages": [{"role": "user", "content": content}]});
        assert_eq!(read(&body).images, ["image/png", "url"]);
    }
}
