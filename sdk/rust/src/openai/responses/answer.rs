//! Reads an answer of the Responses API into events: a stream, or a whole one as if each of its
//! items had come in one piece.

use super::thoughts;
use crate::json::View;
use crate::openai::usage::cost;
use crate::provider::{
    Event, Failure, FailureKind, ReadFrame, TextDelta, ToolCallDelta, Unread, Usage, read_error,
};
use crate::{Json, Request, object};

/// An answer of that API that is being read: that of `POST /responses`.
///
/// What the model thought comes encrypted where it was asked for, in events "extra-content": of
/// the call that it stands before, or of the message. A client that gives it back gets a model that
/// goes on where it was.
#[derive(Debug)]
pub struct Response {
    /// The model that was asked.
    model: String,
    over: bool,
    /// The calls of tools so far: the place of each among the items, and whether its arguments
    /// have begun.
    calls: Vec<(u64, bool)>,
    /// Whether the model has shown what it thought.
    thought: bool,
    /// What it thought since the last item, encrypted: items as JSON.
    held: Vec<String>,
}

impl Response {
    /// The answer to a request.
    pub fn to(request: &Request) -> Self {
        let (calls, held) = (Vec::new(), Vec::new());
        Self { model: request.model(), over: false, calls, thought: false, held }
    }
}

impl ReadFrame for Response {
    fn frame(&mut self, frame: Unread<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        if frame.text == "[DONE]" {
            return Ok(());
        }
        let said = frame.read()?;
        if !said.is_object() {
            return Err(Failure::malformed("the upstream sent what is no answer of its protocol"));
        }
        let place = said.get("output_index").as_u64().unwrap_or_default();
        match &*said.get("type").text() {
            "" => {
                events.push(started(said));
                for (place, item) in (0..).zip(said.get("output").items()) {
                    self.whole(place, item, events);
                }
                return self.stop(said, events);
            }
            "response.created" => events.push(started(said.get("response"))),
            "response.output_text.delta" => {
                say(events, Event::Text, said.get("delta"));
                events.extend(logprobs(said.get("logprobs")));
            }
            "response.refusal.delta" => say(events, Event::Refusal, said.get("delta")),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.thought = true;
                say(events, Event::Reasoning, said.get("delta"));
            }
            "response.reasoning_summary_part.added" => self.next_thought(events),
            "response.function_call_arguments.delta" => {
                self.arguments(place, said.get("delta"), events);
            }
            "response.output_text.annotation.added" => {
                events.extend(annotations([said.get("annotation")]));
            }
            "response.output_item.added" if said.get("item").get("type") != "reasoning" => {
                self.item(place, said.get("item"), events);
            }
            // What was thought is complete at its end only.
            "response.output_item.done" => self.item(place, said.get("item"), events),
            "response.completed" | "response.incomplete" | "response.failed" => {
                return self.stop(said.get("response"), events);
            }
            "error" => return Err(failed(said)),
            // What repeats what came in pieces, and whatever there will be.
            _ => {}
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Response {
    /// An item of a whole answer.
    fn whole(&mut self, place: u64, item: View<'_>, events: &mut Vec<Event>) {
        for part in item.get("summary").items().chain(item.get("content").items()) {
            match &*item.get("type").text() {
                "reasoning" => {
                    self.next_thought(events);
                    self.thought = true;
                    say(events, Event::Reasoning, part.get("text"));
                }
                "message" => {
                    say(events, Event::Text, part.get("text"));
                    say(events, Event::Refusal, part.get("refusal"));
                    events.extend(annotations(part.get("annotations").items()));
                    events.extend(logprobs(part.get("logprobs")));
                }
                // Of tools that the vendor runs itself.
                _ => {}
            }
        }
        self.item(place, item, events);
    }

    /// An item that begins, or is whole: what of it does not come in pieces.
    fn item(&mut self, place: u64, item: View<'_>, events: &mut Vec<Event>) {
        match &*item.get("type").text() {
            "reasoning" => {
                let kept = thoughts::kept(&item.to_json());
                self.held.extend((!kept.is_null()).then(|| kept.to_string()));
            }
            "message" => self.let_go(None, events),
            "function_call" => self.call(place, item, events),
            _ => {}
        }
    }

    /// A paragraph between what was thought and what will be.
    fn next_thought(&self, events: &mut Vec<Event>) {
        if self.thought {
            let gap = TextDelta { index: 0, text: "\n\n".to_owned() };
            events.push(Event::Reasoning(gap));
        }
    }

    /// Hands over what was thought before the item that begins.
    fn let_go(&mut self, call: Option<u32>, events: &mut Vec<Event>) {
        let held = std::mem::take(&mut self.held).into_iter().map(Json::raw);
        let held = held.collect::<Json<'_>>().something();
        events.extend((!held.is_null()).then(|| thoughts::event(&self.model, held, call)));
    }

    /// A call of a tool that begins, or is whole.
    fn call(&mut self, place: u64, item: View<'_>, events: &mut Vec<Event>) {
        if !self.calls.iter().any(|(at, _)| *at == place) {
            let index = self.calls.len() as u32;
            self.calls.push((place, false));
            let [id, name] = ["call_id", "name"].map(|name| item.get(name).some_text());
            let call = ToolCallDelta { index, id, name, arguments: String::new() };
            events.push(Event::ToolCall(call));
            self.let_go(Some(index), events);
        }
        // Not all upstreams send the arguments in pieces.
        if !self.calls.contains(&(place, true)) {
            self.arguments(place, item.get("arguments"), events);
        }
    }

    /// A piece of the arguments of the call at a place.
    fn arguments(&mut self, place: u64, arguments: View<'_>, events: &mut Vec<Event>) {
        let found = (0..).zip(&mut self.calls).find(|(_, (at, _))| *at == place);
        let Some((index, (_, begun))) = found else { return };
        if let Some(arguments) = arguments.some_text() {
            *begun = true;
            events.push(Event::ToolCall(ToolCallDelta { index, id: None, name: None, arguments }));
        }
    }

    /// How it ended, and what was used.
    fn stop(&mut self, whole: View<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        let details = whole.get("incomplete_details").get("reason").text();
        let reason = match (&*whole.get("status").text(), &*details) {
            ("completed", _) if self.calls.is_empty() => "stop",
            ("completed", _) => "tool-calls",
            ("incomplete", "" | "max_output_tokens") => "length",
            ("incomplete", "content_filter") => "content-filter",
            ("incomplete", other) => other,
            ("failed", _) => return Err(failed(whole.get("error"))),
            // One that was put off, which nobody asked for.
            _ => return Err(Failure::malformed("the upstream's answer is not whole")),
        };
        self.over = true;
        events.push(Event::finished(reason));
        events.extend(Some(whole.get("usage")).filter(|it| it.is_object()).map(used));
        Ok(())
    }
}

fn say(events: &mut Vec<Event>, kind: fn(TextDelta) -> Event, text: View<'_>) {
    events.extend(Event::piece(kind, 0, text));
}

fn started(whole: View<'_>) -> Event {
    Event::started(whole.get("id"), whole.get("model"))
}

fn used(usage: View<'_>) -> Event {
    let (input, output) = (usage.get("input_tokens_details"), usage.get("output_tokens_details"));
    Event::Usage(Usage {
        input_tokens: usage.get("input_tokens").as_u64(),
        output_tokens: usage.get("output_tokens").as_u64(),
        cached_input_tokens: input.get("cached_tokens").as_u64(),
        cache_write_tokens: input.get("cache_write_tokens").as_u64(),
        reasoning_tokens: output.get("reasoning_tokens").as_u64(),
        cost_usd: cost(usage.get("cost")),
        ..Usage::default()
    })
}

/// Links that the text rests on, in the chat's shape; it knows none of files.
fn annotations<'a>(found: impl IntoIterator<Item = View<'a>>) -> Option<Event> {
    let links = found.into_iter().filter(|it| it.get("type") == "url_citation").map(|link| {
        let mut link = link.to_json();
        let kind = link.take("type");
        object! { "type": kind, "url_citation": link }
    });
    Event::beside("annotations", 0, links.collect::<Json<'_>>().something())
}

/// How likely each token was, in the chat's shape.
fn logprobs(tokens: View<'_>) -> Option<Event> {
    let tokens = tokens.to_json().something();
    Event::beside("logprobs", 0, object! { "content": tokens }.something())
}

/// The failure that an error under a successful status amounts to.
fn failed(error: View<'_>) -> Failure {
    let failure = read_error(error);
    let kind = match failure.code.as_deref().unwrap_or_default() {
        "image_content_policy_violation" | "bio_policy" => FailureKind::ContentRefused,
        "vector_store_timeout" => FailureKind::TimedOut,
        code if code == "invalid_prompt" || code.contains("image") => FailureKind::InvalidRequest,
        _ => failure.kind,
    };
    Failure { kind, ..failure }
}
