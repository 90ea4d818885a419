//! A chat answer as a stream of chunks, and the ways in which the stream can be broken.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer::{Answer, bites, pieces, split};
use crate::chat::{CREATED, FINGERPRINT, finish, usage};
use crate::failures;
use crate::play::Step;
use crate::request::Asked;
use crate::script::{Break, Script};

/// The size of the one long event of `huge-line`.
pub(crate) const HUGE: usize = 8 << 20;
const DONE: &str = "[DONE]";

/// The chunks of an answer, each without its `data:`.
pub(crate) fn chunks(id: u64, asked: &Asked, answer: &Answer) -> Vec<Value> {
    let chunk = |choices: Value| {
        let mut chunk = json!({
            "id": format!("chatcmpl-{id}"),
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": asked.model,
            "system_fingerprint": FINGERPRINT,
            "choices": choices,
        });
        if asked.includes_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    };
    let choice = |index: usize, delta: Value, end: Value| {
        chunk(json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": end}]))
    };
    let mut chunks = Vec::new();
    for index in 0..asked.answers.max(1) {
        let deltas = deltas(id, answer).into_iter();
        chunks.extend(deltas.map(|delta| choice(index, delta, Value::Null)));
        chunks.push(choice(index, json!({}), finish(&answer.end).into()));
    }
    if asked.includes_usage {
        let mut last = chunk(json!([]));
        last["usage"] = usage(asked, answer);
        chunks.push(last);
    }
    chunks
}

/// The role is in the first delta only; so are the id and the name of a call, whose index is
/// in every delta.
fn deltas(id: u64, answer: &Answer) -> Vec<Value> {
    let content = if answer.calls.is_empty() { json!("") } else { Value::Null };
    let mut deltas = vec![json!({"role": "assistant", "content": content, "refusal": null})];
    let texts = [
        ("reasoning_content", pieces(&answer.reasoning)),
        ("content", split(&answer.text)),
        ("refusal", pieces(&answer.refusal)),
    ];
    for (name, pieces) in texts {
        deltas.extend(pieces.into_iter().map(|piece| json!({name: piece})));
    }
    for (index, call) in answer.calls.iter().enumerate() {
        let function = json!({"name": call.name, "arguments": ""});
        let id = format!("call_{id}_{index}");
        let first = json!({"index": index, "id": id, "type": "function", "function": function});
        deltas.push(json!({"tool_calls": [first]}));
        deltas.extend(bites(&call.arguments, 5).into_iter().map(
            |bite| json!({"tool_calls": [{"index": index, "function": {"arguments": bite}}]}),
        ));
    }
    deltas
}

/// What goes over the wire for these chunks, under this script.
pub(crate) fn steps(script: Script, mut chunks: Vec<Value>) -> Vec<Step> {
    match script {
        Script::Broken(broken) => broken_steps(broken, chunks),
        Script::Echo(pause) if !pause.is_zero() => paced(pause, &chunks),
        _ => {
            chunks.push(DONE.into());
            chunks.iter().map(event).collect()
        }
    }
}

fn paced(pause: Duration, chunks: &[Value]) -> Vec<Step> {
    let mut steps = Vec::new();
    for chunk in chunks {
        steps.extend([event(chunk), Step::Pause(pause)]);
    }
    steps.push(event(&DONE.into()));
    steps
}

fn broken_steps(broken: Break, mut chunks: Vec<Value>) -> Vec<Step> {
    let done = || Value::from(DONE);
    let send = |chunks: &[Value]| chunks.iter().map(event).collect::<Vec<Step>>();
    let then = |chunks: &[Value], last: Step| [send(chunks), vec![last]].concat();
    match broken {
        Break::CutAfter(count) => then(&chunks[..count.min(chunks.len())], Step::Cut),
        Break::ErrorMidstream => then(&chunks[..2], event(&failures::exploded())),
        Break::ErrorFirst => vec![event(&failures::exploded())],
        Break::Stall => then(&chunks[..1], Step::Hang),
        Break::NoDone => send(&chunks),
        Break::NoBlankLine => {
            let last = chunks.pop().unwrap_or_default();
            then(&chunks, Step::Send(format!("data: {last}").into()))
        }
        Break::NoFinish => {
            chunks.retain(|chunk| chunk["choices"][0]["finish_reason"].is_null());
            chunks.push(done());
            send(&chunks)
        }
        Break::NoUsage => {
            chunks.retain(|chunk| chunk["usage"].is_null());
            chunks.push(done());
            send(&chunks)
        }
        Break::HugeLine => {
            chunks[1]["choices"][0]["delta"]["content"] = "x".repeat(HUGE).into();
            chunks.push(done());
            send(&chunks)
        }
        Break::Crlf => {
            chunks.push(done());
            chunks
                .iter()
                .map(|chunk| text(": keep-alive\r\n\r\ndata:", chunk, "\r\n\r\n"))
                .collect()
        }
        Break::Split => {
            chunks.push(done());
            send(&chunks).into_iter().flat_map(single_bytes).collect()
        }
        Break::BadUtf8 => {
            chunks.push(done());
            chunks[1]["choices"][0]["delta"]["content"] = BAD.into();
            send(&chunks).into_iter().map(spoil).collect()
        }
    }
}

/// Stands for the bytes that are not UTF-8, until [`spoil`] puts them there.
pub(crate) const BAD: &str = "~~spoil~~";

/// Replaces the stand-in by as many bytes of which none occurs in UTF-8.
pub(crate) fn spoil(step: Step) -> Step {
    let Step::Send(bytes) = step else { return step };
    let Some(at) = bytes.windows(BAD.len()).position(|window| window == BAD.as_bytes()) else {
        return Step::Send(bytes);
    };
    let mut bytes = bytes.to_vec();
    bytes[at..at + BAD.len()].fill(0xff);
    Step::Send(bytes.into())
}

pub(crate) fn single_bytes(step: Step) -> Vec<Step> {
    match step {
        Step::Send(bytes) => (0..bytes.len()).map(|at| Step::Send(bytes.slice(at..=at))).collect(),
        other => vec![other],
    }
}

fn event(chunk: &Value) -> Step {
    text("data: ", chunk, "\n\n")
}

fn text(before: &str, chunk: &Value, after: &str) -> Step {
    // The end mark is the one event that is not JSON.
    let data = if chunk == DONE { DONE.to_owned() } else { chunk.to_string() };
    Step::Send(Bytes::from([before, &data, after].concat()))
}
