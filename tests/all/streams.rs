//! What every stream holds to, whatever the upstream made of it, and that the two ways to a client
//! (passed on, and read and written anew) say the same.

use crate::caller::error_of;
use crate::house::{House, chat, kinds, provider};
use anyhow::{Context, Result, ensure};
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a stream says when its chunks are put together.
#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    reasoning: String,
    refusal: String,
    /// Name and arguments.
    calls: BTreeMap<u64, (String, String)>,
    finish: Option<String>,
    usage: Option<(u64, u64)>,
    /// The code of the error that ended it.
    error: Option<String>,
}

/// Puts a stream together as an SDK does, and checks on the way what SDKs rest on.
fn put_together(events: &[String]) -> Result<Said> {
    let mut said = Said::default();
    let mut same: Option<(Value, Value)> = None;
    let mut roles = 0;
    let mut ids = Vec::new();
    let (last, chunks) = events.split_last().context("there are no events")?;
    let all: Vec<Value> = chunks
        .iter()
        .map(|chunk| serde_json::from_str(chunk).with_context(|| format!("no JSON: {chunk}")))
        .collect::<Result<_>>()?;
    if last != "[DONE]" {
        let last = serde_json::from_str(last).with_context(|| format!("no JSON: {last}"))?;
        said.error = error_of(&last)?["code"].as_str().map(str::to_owned);
    }
    for chunk in &all {
        ensure!(chunk["error"].is_null(), "an error that is not the last event: {chunk}");
        ensure!(chunk["object"] == "chat.completion.chunk", "{chunk}");
        let now = (chunk["id"].clone(), chunk["created"].clone());
        ensure!(now.0.is_string() && now.1.is_u64(), "{chunk}");
        ensure!(*same.get_or_insert(now.clone()) == now, "another id or time: {chunk}");
        let choices = chunk["choices"].as_array().context("a chunk without choices")?;
        if let Some(input) = chunk["usage"]["prompt_tokens"].as_u64() {
            ensure!(said.usage.is_none() && choices.is_empty(), "the usage is a chunk: {chunk}");
            let output = chunk["usage"]["completion_tokens"].as_u64();
            said.usage = Some((input, output.context("no output in the usage")?));
            continue;
        }
        ensure!(choices.len() == 1 && choices[0]["index"] == 0, "{chunk}");
        ensure!(said.finish.is_none(), "something after the finish: {chunk}");
        let delta = &choices[0]["delta"];
        roles += usize::from(delta["role"].is_string());
        ensure!(roles == 1, "the role is in the first delta only: {chunk}");
        let word = |name: &str| delta[name].as_str().unwrap_or_default();
        said.text.push_str(word("content"));
        said.reasoning.push_str(word("reasoning_content"));
        said.refusal.push_str(word("refusal"));
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().with_context(|| format!("no index: {call}"))?;
            let known = said.calls.contains_key(&index);
            let (name, arguments) = said.calls.entry(index).or_default();
            ensure!(known != call["id"].is_string(), "an id on the first only: {call}");
            ensure!(known != call["function"]["name"].is_string(), "likewise a name: {call}");
            ensure!(known || call["type"] == "function", "{call}");
            ids.extend(call["id"].as_str().map(str::to_owned));
            name.push_str(call["function"]["name"].as_str().unwrap_or_default());
            arguments.push_str(call["function"]["arguments"].as_str().unwrap_or_default());
        }
        said.finish = choices[0]["finish_reason"].as_str().map(str::to_owned);
    }
    ids.sort();
    ids.dedup();
    ensure!(ids.len() == said.calls.len(), "each call has an id of its own: {ids:?}");
    ensure!(said.error.is_some() != said.finish.is_some(), "it ends silently: {said:?}");
    Ok(said)
}

fn body(model: &str, usage: Option<bool>) -> Value {
    let mut body = chat(model, true);
    if let Some(usage) = usage {
        body["stream_options"] = json!({ "include_usage": usage });
    }
    if model.contains("tools") {
        let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } },
            "required": ["city"] });
        let tool = |name: &str| json!({ "type": "function", "function": { "name": name, "parameters": parameters } });
        body["tools"] = json!([tool("weather"), tool("time")]);
    }
    body
}

/// What a script's stream says by either way, which is the same.
async fn by_either_way(script: &str, usage: Option<bool>) -> Result<Said> {
    let mut both = Vec::new();
    for lines in kinds("") {
        let house = House::open(&lines).await?;
        let mut caller = house.caller(crate::caller::Http::One).await?;
        let answer = caller.chat(&body(&format!("house/{script}"), usage)).await?;
        ensure!(answer.status == 200, "{answer:?}");
        ensure!(answer.header("content-type") == "text/event-stream", "{answer:?}");
        let events = answer.events()?;
        both.push(put_together(&events).with_context(|| format!("{lines}{events:#?}"))?);
        house.settled().await?;
    }
    // What an answer cost that broke off is known to one and not to the other.
    both.iter_mut().filter(|said| said.error.is_some()).for_each(|said| said.usage = None);
    ensure!(both[0] == both[1], "passed on and written anew differ: {both:#?}");
    both.pop().context("there are two")
}

fn check(script: &str, expected: impl Fn(&Said) -> bool) -> Result<()> {
    on_two_workers(async {
        for usage in [None, Some(false), Some(true)] {
            let said = by_either_way(script, usage).await?;
            ensure!(expected(&said), "{script}: {said:#?}");
            let metered = said.usage.is_some();
            ensure!(metered == (usage == Some(true) && said.error.is_none()), "{usage:?} {said:?}");
        }
        Ok(())
    })
}

fn echoes(said: &Said) -> bool {
    said.text
        == "You said: one two three, four fünf 🦀 seven. I counted 7 words in that. This is the end."
        && said.finish.as_deref() == Some("stop")
}

#[test]
fn a_stream_as_it_should_be() -> Result<()> {
    check("echo", echoes)
}

#[test]
fn a_stream_a_byte_at_a_time() -> Result<()> {
    check("split", echoes)
}

#[test]
fn a_stream_with_other_line_ends_and_comments() -> Result<()> {
    check("crlf", echoes)
}

#[test]
fn a_stream_without_its_end_mark() -> Result<()> {
    check("no-done", echoes)
}

#[test]
fn a_stream_whose_last_event_lacks_its_blank_line() -> Result<()> {
    check("no-blank-line", echoes)
}

#[test]
fn a_stream_without_a_finish_ends_in_an_error() -> Result<()> {
    check("no-finish", |said| {
        said.error.as_deref() == Some("malformed_answer") && said.text.ends_with("the end.")
    })
}

#[test]
fn a_stream_that_fails_half_way_ends_in_an_error() -> Result<()> {
    check("error-midstream", |said| {
        said.error.as_deref() == Some("model_exploded") && said.text == "You "
    })
}

#[test]
fn a_stream_that_is_cut_ends_in_an_error() -> Result<()> {
    check("cut-after-4", |said| {
        said.error.as_deref() == Some("upstream_error") && said.text == "You said: one "
    })
}

#[test]
fn a_stream_of_calls() -> Result<()> {
    check("tools", |said| {
        let names: Vec<&str> = said.calls.values().map(|(name, _)| name.as_str()).collect();
        let arguments = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let whole = said.calls.values().all(|(_, text)| arguments(text)["city"].is_string());
        names == ["weather", "time"] && whole && said.finish.as_deref() == Some("tool_calls")
    })
}

#[test]
fn a_stream_that_refuses() -> Result<()> {
    check("refusal", |said| {
        said.refusal == "I would rather not answer that." && said.text.is_empty()
    })
}

#[test]
fn a_stream_that_thinks_first() -> Result<()> {
    check("reasoning", |said| {
        said.reasoning.starts_with("First I read the question.") && echoes(said)
    })
}

#[test]
fn what_cannot_be_read_at_all_is_refused_before_it_begins() -> Result<()> {
    on_two_workers(async {
        for lines in kinds("") {
            let house = House::open(&lines).await?;
            for script in ["huge-line", "not-json", "empty"] {
                let model = format!("house/{script}");
                let answer = house.chat(&model, true).await?;
                answer
                    .refused(502, "malformed_answer")
                    .with_context(|| format!("{lines}{script}"))?;
            }
            house.settled().await?;
        }
        Ok(())
    })
}

#[test]
fn bytes_that_are_no_text_never_reach_a_client() -> Result<()> {
    on_two_workers(async {
        let [passed_on, written_anew] = kinds("");
        let house = House::open(&passed_on).await?;
        house.chat("house/bad-utf8", true).await?.refused(502, "malformed_answer")?;
        // Read as the standard of event streams says: what is malformed is replaced.
        let house = House::open(&written_anew).await?;
        let said = put_together(&house.chat("house/bad-utf8", true).await?.events()?)?;
        ensure!(said.text.starts_with("\u{fffd}"), "{said:?}");
        Ok(())
    })
}

#[test]
fn a_whole_answer_that_is_no_text_is_refused_too() -> Result<()> {
    on_two_workers(async {
        for lines in kinds("") {
            let house = House::open(&lines).await?;
            let answer = house.chat("house/bad-utf8", false).await?;
            answer.refused(502, "malformed_answer").with_context(|| lines.clone())?;
        }
        Ok(())
    })
}

#[test]
fn whole_answers_are_the_same_by_either_way() -> Result<()> {
    on_two_workers(async {
        for script in ["echo", "split", "refusal", "reasoning", "tools"] {
            let mut both = Vec::new();
            for lines in kinds("") {
                let house = House::open(&lines).await?;
                let mut asked = body(&format!("house/{script}"), None);
                asked["stream"] = false.into();
                let mut caller = house.caller(crate::caller::Http::Two).await?;
                let answer = caller.chat(&asked).await?;
                ensure!(answer.status == 200, "{answer:?}");
                let answer = answer.json()?;
                let choice = &answer["choices"][0];
                let field = |name: &str| choice["message"][name].clone();
                both.push((
                    ["role", "content", "refusal", "reasoning_content", "tool_calls"].map(field),
                    choice["finish_reason"].clone(),
                    answer["usage"]["prompt_tokens"].clone(),
                    answer["usage"]["completion_tokens"].clone(),
                ));
            }
            ensure!(both[0] == both[1], "{script}: {both:#?}");
        }
        Ok(())
    })
}

#[test]
fn vectors_come_as_they_were_asked_for_whatever_the_upstream_knows() -> Result<()> {
    let settings = [
        ("", "embed"),
        ("settings = { passthrough = false }", "embed"),
        ("settings = { passthrough = false }", "embed-float-only"),
        ("settings = { embeddings_encoding = \"float\" }", "embed"),
        ("settings = { embeddings_encoding = \"float\" }", "embed-float-only"),
    ];
    on_two_workers(async {
        for encoding in [None, Some("float"), Some("base64")] {
            let mut first: Option<Vec<Value>> = None;
            for (settings, model) in settings {
                let house = House::open(&provider("house", settings)).await?;
                let mut caller = house.caller(crate::caller::Http::One).await?;
                let mut asked =
                    json!({ "model": format!("house/{model}"), "input": ["one", "two words"] });
                if let Some(encoding) = encoding {
                    asked["encoding_format"] = encoding.into();
                }
                let answer = caller.post("/v1/embeddings", &asked).await?;
                ensure!(answer.status == 200, "{settings}: {answer:?}");
                let answer = answer.json()?;
                ensure!(answer["object"] == "list", "{answer}");
                ensure!(answer["usage"]["prompt_tokens"] == 3, "{answer}");
                let data = answer["data"].as_array().context("no data")?;
                let vectors: Vec<Value> = data.iter().map(|it| it["embedding"].clone()).collect();
                ensure!(vectors.len() == 2 && data[1]["index"] == 1, "{answer}");
                let text = encoding == Some("base64");
                ensure!(vectors.iter().all(|vector| vector.is_string() == text), "{answer}");
                let first = first.get_or_insert_with(|| vectors.clone());
                ensure!(*first == vectors, "{settings} {model}: {first:?} {vectors:?}");
                let record = house.record(&format!("house/{model}")).await?;
                ensure!(record.input_tokens == Some(3), "{record:?}");
            }
        }
        Ok(())
    })
}
