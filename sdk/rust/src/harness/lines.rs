//! Events, failures and calls as lines that a person can read and write.

use crate::provider::{
    Body, Call, Event, Extra, Failure, FormValue, Framing, JsonEdit, TextDelta, Usage,
};
use std::fmt::Write;

/// Adjacent pieces of the same text put together: how a text is divided is the network's
/// doing.
pub(super) fn merged(events: Vec<Event>) -> Vec<Event> {
    let mut merged: Vec<Event> = Vec::new();
    for event in events {
        let rest = match merged.last_mut() {
            Some(last) => join(last, event),
            None => Some(event),
        };
        merged.extend(rest);
    }
    merged
}

/// Puts an event into the one before it, or gives it back.
fn join(last: &mut Event, next: Event) -> Option<Event> {
    fn same(last: &mut TextDelta, next: &TextDelta) -> bool {
        let same = last.index == next.index;
        if same {
            last.text.push_str(&next.text);
        }
        same
    }
    let joined = match (last, &next) {
        (Event::Text(last), Event::Text(next))
        | (Event::Reasoning(last), Event::Reasoning(next))
        | (Event::Refusal(last), Event::Refusal(next)) => same(last, next),
        (Event::ToolCall(last), Event::ToolCall(next))
            if last.index == next.index && next.id.is_none() && next.name.is_none() =>
        {
            last.arguments.push_str(&next.arguments);
            true
        }
        (Event::Data((last_kind, last)), Event::Data((kind, next))) if last_kind == kind => {
            last.extend_from_slice(next);
            true
        }
        _ => false,
    };
    (!joined).then_some(next)
}

/// `text 0 "Hello"`.
pub(super) fn of_event(event: &Event) -> String {
    let text = |kind, delta: &TextDelta| format!("{kind} {} {:?}", delta.index, delta.text);
    match event {
        Event::Started((id, model)) => format!("started {id:?} {model:?}"),
        Event::Text(delta) => text("text", delta),
        Event::Reasoning(delta) => text("reasoning", delta),
        Event::Refusal(delta) => text("refusal", delta),
        Event::ToolCall(call) => {
            let mut line = format!("tool-call {}", call.index);
            for (name, value) in [("id", &call.id), ("name", &call.name)] {
                note(&mut line, name, value.as_deref());
            }
            line + " " + &call.arguments
        }
        Event::Finished(finish) => format!("finished {} {}", finish.index, finish.reason),
        Event::Usage(usage) => of_usage(usage),
        Event::Embedding((index, values)) => format!("embedding {index} {values:?}"),
        Event::Document(json) => format!("document {}", tidy(json)),
        Event::Data((kind, bytes)) => format!("data {kind} {bytes:?}"),
        Event::Other((name, json)) => format!("other {name} {}", tidy(json)),
    }
}

fn of_usage(usage: &Usage) -> String {
    let mut line = "usage".to_owned();
    note(&mut line, "input", usage.input_tokens);
    note(&mut line, "output", usage.output_tokens);
    note(&mut line, "cached", usage.cached_input_tokens);
    note(&mut line, "cache-write", usage.cache_write_tokens);
    note(&mut line, "reasoning", usage.reasoning_tokens);
    note(&mut line, "audio-seconds", usage.audio_seconds);
    note(&mut line, "cost", usage.cost_usd);
    for (name, json) in &usage.extra {
        note(&mut line, name, Some(json));
    }
    line
}

/// `failure rate-limited "slow down" status=429 code=slow retry-after-ms=1500`.
pub(super) fn of_failure(failure: &Failure) -> String {
    let mut line = format!("failure {} {:?}", hyphenated(&failure.kind), failure.message);
    note(&mut line, "status", failure.status);
    note(&mut line, "code", failure.code.as_deref());
    note(&mut line, "retry-after-ms", failure.retry_after_ms);
    line
}

fn note(line: &mut String, name: &str, value: Option<impl std::fmt::Display>) {
    if let Some(value) = value {
        // Writing to a string does not fail.
        let _ = write!(line, " {name}={value}");
    }
}

/// The name of a case as the contract writes it: `RateLimited`, or the last part of
/// `FailureKind::RateLimited`, is "rate-limited".
fn hyphenated(case: &impl std::fmt::Debug) -> String {
    let name = format!("{case:?}");
    let mut written = String::new();
    for letter in name.rsplit("::").next().unwrap_or_default().chars() {
        if letter.is_uppercase() && !written.is_empty() {
            written.push('-');
        }
        written.extend(letter.to_lowercase());
    }
    written
}

/// A call, a line a part: whom it asks, its headers, its body, its framing, what stands beside it.
pub(super) fn of_call(call: &Call) -> Vec<String> {
    match call {
        Call::Http(call) => {
            let mut lines = vec![format!("{} {}", call.method, call.path_and_query)];
            lines
                .extend(call.headers.iter().map(|(name, value)| format!("header {name}: {value}")));
            lines.extend(of_body(&call.body));
            lines.push(format!("framing {}", framing(call.framing)));
            lines.extend(call.passthrough.then(|| "passthrough".to_owned()));
            lines.extend(of_extra(&call.extra));
            lines
        }
        Call::Generate(call) => {
            let mut lines =
                vec![format!("generate {}", call.model), format!("json {:?}", call.prompt)];
            lines.extend(of_extra(&call.extra));
            lines
        }
        Call::Model(call) => {
            let mut lines = vec![
                format!("{} {}", call.task, call.model),
                format!("json {}", tidy(&call.input)),
            ];
            lines.extend(of_extra(&call.extra));
            lines
        }
        Call::Command(call) => {
            let mut lines = vec![format!("command {}", call.command)];
            lines.extend(
                call.parameters.iter().map(|(name, value)| format!("header {name}: {value}")),
            );
            lines.push(format!("json {:?}", call.stdin));
            lines.push(format!("framing {}", framing(call.framing)));
            lines.extend(of_extra(&call.extra));
            lines
        }
    }
}

fn of_extra(extra: &Extra) -> impl Iterator<Item = String> {
    extra.iter().map(|(name, json)| format!("extra {name} {}", tidy(json)))
}

fn of_body(body: &Body) -> Vec<String> {
    match body {
        Body::Empty => Vec::new(),
        Body::Bytes(bytes) => vec![format!("json {}", tidy(&String::from_utf8_lossy(bytes)))],
        Body::Edited(edits) => edits.iter().map(|edit| format!("edit {}", of_edit(edit))).collect(),
        Body::Form(parts) => {
            let value = |value: &FormValue| match value {
                FormValue::Text(text) => format!("{text:?}"),
                FormValue::Attachment(name) => format!("attachment {name}"),
            };
            parts.iter().map(|part| format!("edit {} {}", part.name, value(&part.value))).collect()
        }
    }
}

fn of_edit(edit: &JsonEdit) -> String {
    match edit {
        JsonEdit::Set((pointer, json)) => format!("set {pointer} {}", tidy(json)),
        JsonEdit::Remove(pointer) => format!("remove {pointer}"),
        JsonEdit::Move((from, to)) => format!("move {from} {to}"),
    }
}

fn framing(framing: Framing) -> &'static str {
    match framing {
        Framing::Whole => "whole",
        Framing::Sse => "sse",
        Framing::Lines => "lines",
        Framing::Raw => "raw",
    }
}

/// JSON with its keys in order and nothing between its parts; what is none, as it is.
pub(super) fn tidy(json: &str) -> String {
    let value: Option<serde_json::Value> = serde_json::from_str(json).ok();
    value.map_or_else(|| json.to_owned(), |value| value.to_string())
}

/// Both lists, what is only expected marked `-` and what is only there `+`.
pub(super) fn difference(expected: &[String], got: &[String]) -> String {
    let same = expected.iter().zip(got).take_while(|(expected, got)| expected == got).count();
    let mut text = String::new();
    for (mark, lines) in [(' ', &expected[..same]), ('-', &expected[same..]), ('+', &got[same..])] {
        for line in lines {
            let _ = writeln!(text, "  {mark} {line}");
        }
    }
    text
}
