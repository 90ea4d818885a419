//! Reads an answer into events: a chat's, streamed or whole, which differ only in how many
//! pieces there are; vectors; or a count of tokens.

use crate::error;
use portcullis_sdk::prelude::*;
use std::collections::BTreeMap;

/// What is known of an answer that is being read.
#[derive(Default)]
pub struct Answer {
    /// The upstream's id of a chat's answer, once it began.
    id: Option<String>,
    calls: Calls,
    /// The candidates that began, and the end of each that ended. They are told at the end of
    /// the reply: older models say `STOP` in every piece of a stream.
    ends: BTreeMap<u32, Option<Event>>,
    /// There were vectors, or a count.
    over: bool,
}

impl ReadFrame for Answer {
    fn frame(&mut self, frame: Unread<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        let reply = frame.read()?;
        error::in_answer(reply)?;
        let one = Some(reply.get("embedding")).filter(|one| one.is_object());
        let mut vectors = one.into_iter().chain(reply.get("embeddings").items()).peekable();
        let count = reply.get("totalTokens");
        if vectors.peek().is_none() && count.is_null() {
            return self.chunk(reply, events);
        }
        self.over = true;
        events.extend(Event::embeddings(vectors.map(|vector| vector.get("values")))?);
        events.extend(count.as_u64().map(|it| Event::document(object! { "input_tokens": it })));
        events.extend(usage(reply.get("usageMetadata")));
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.ends.values().all(Option::is_some) && (self.over || !self.ends.is_empty())
    }

    fn end(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.ends).into_values().flatten().collect()
    }
}

impl Answer {
    fn chunk(&mut self, chunk: View<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        if self.id.is_none() {
            self.id = Some(chunk.get("responseId").text().into_owned());
            events.push(Event::started(chunk.get("responseId"), chunk.get("modelVersion")));
        }
        events.extend(usage(chunk.get("usageMetadata")));
        for candidate in chunk.get("candidates").items() {
            self.candidate(candidate, events)?;
        }
        let feedback = chunk.get("promptFeedback");
        if let Some(reason) = feedback.get("blockReason").some_text() {
            events.push(Event::refusal(0, format!("Google blocked the prompt: {reason}.")));
            self.finish(0, "content-filter", feedback, &reason);
        }
        Ok(())
    }

    fn candidate(&mut self, candidate: View<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        let index = candidate.get("index").as_u32().unwrap_or_default();
        self.ends.entry(index).or_default();
        for part in candidate.get("content").get("parts").items() {
            self.part(index, part, events);
        }
        events.extend(Event::beside("grounding", index, candidate.get("groundingMetadata")));
        events.extend(Event::beside("citations", index, candidate.get("citationMetadata")));
        events.extend(Event::beside("logprobs", index, logprobs(candidate.get("logprobsResult"))));
        let Some(native) = candidate.get("finishReason").some_text() else { return Ok(()) };
        let message = candidate.get("finishMessage").some_text();
        let reason = reason(&native, self.calls.begun() > 0).map_err(|kind| {
            let message = message.clone().unwrap_or("the model's answer failed".to_owned());
            Failure { code: Some(native.clone()), ..Failure::new(kind, message) }
        })?;
        if reason == "content-filter" {
            let why = message.as_deref().unwrap_or(&native);
            events.push(Event::refusal(index, format!("Google stopped the answer: {why}.")));
        }
        self.finish(index, reason, candidate, &native);
        Ok(())
    }

    fn part(&mut self, index: u32, part: View<'_>, events: &mut Vec<Event>) {
        let beside = |call: Option<u32>, google| {
            let extra = object! { "google": google };
            let place = object! { "index": index, "tool_call": call, "extra_content": extra };
            Event::other("extra-content", &place)
        };
        let (signature, text) = (part.get("thoughtSignature"), part.get("text"));
        let called = Some(part.get("functionCall")).filter(|call| call.is_object());
        let number = called.map(|_| self.calls.begun());
        let mut others = part.fields().filter(|(name, _)| !name.starts_with("thought"));
        if let Some(call) = called {
            // Older models give a call no id.
            let answer = self.id.as_deref().unwrap_or_default();
            let [id, name, input] = ["id", "name", "args"].map(|name| call.get(name));
            events.push(self.calls.whole(id, answer, name, input));
        } else if text.is_text() {
            let kind = if part.get("thought") == true { Event::Reasoning } else { Event::Text };
            events.extend(Event::piece(kind, index, text));
        } else if others.any(|(_, value)| !value.is_null()) {
            // What Google's own tools did, an image, and what else there may be: the model
            // wants it back as it was, signature and all.
            return events.push(beside(None, object! { "parts": vec![part.to_json()] }));
        }
        if signature.is_text() {
            events.push(beside(number, object! { "thought_signature": signature }));
        }
    }

    fn finish(&mut self, index: u32, reason: &str, said: View<'_>, native: &str) {
        let ratings = ("safety_ratings", said.get("safetyRatings").into());
        let beside = [("native_finish_reason", native.into()), ratings];
        self.ends.insert(index, Some(Event::ended(index, reason, beside)));
    }
}

/// Why a candidate ended: in the contract's words, or as a kind of failure.
fn reason(native: &str, called: bool) -> Result<&str, FailureKind> {
    Ok(match native.strip_prefix("IMAGE_").unwrap_or(native) {
        "STOP" if called => "tool-calls",
        "STOP" => "stop",
        "MAX_TOKENS" => "length",
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
        | "ESCALATION" => "content-filter",
        "MISSING_THOUGHT_SIGNATURE" => return Err(FailureKind::InvalidRequest),
        "PUP_LIMITED_DISABLED" => return Err(FailureKind::Permission),
        broken if broken.starts_with("MALFORMED_") => return Err(FailureKind::Upstream),
        "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS" | "NO_IMAGE" => {
            return Err(FailureKind::Upstream);
        }
        other => other,
    })
}

/// What was used so far. OpenAI's count of the answer includes its reasoning.
fn usage(counts: View<'_>) -> Option<Event> {
    let usage = Usage {
        input_tokens: counts.sum(&["promptTokenCount", "toolUsePromptTokenCount"]),
        output_tokens: counts.sum(&["candidatesTokenCount", "thoughtsTokenCount"]),
        cached_input_tokens: counts.get("cachedContentTokenCount").as_u64(),
        reasoning_tokens: counts.get("thoughtsTokenCount").as_u64(),
        ..Usage::default()
    };
    counts.is_object().then_some(Event::Usage(usage))
}

/// Each token that was chosen, in the dialect's form, and beside it those that were likely.
fn logprobs<'a>(result: View<'a>) -> Json<'a> {
    if result.is_null() {
        return Json::Null;
    }
    let token = |it: View<'a>| {
        // The dialect says that there are none.
        let bytes = Json::raw("null");
        object! { "token": it.get("token"), "logprob": it.get("logProbability"), "bytes": bytes }
    };
    let content = result.get("chosenCandidates").items().enumerate().map(|(at, chosen)| {
        let top = result.get("topCandidates").item(at).get("candidates").items().map(token);
        token(chosen).with("top_logprobs", top.collect::<Json<'a>>())
    });
    object! { "content": content.collect::<Json<'a>>().something() }.something()
}
