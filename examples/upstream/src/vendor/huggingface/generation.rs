//! Generated text: a model goes on with a prompt, and knows of no conversation.

use serde_json::{Value, json};

use super::{PATH, authenticated, failure, invalid, to_embed, vectors};
use crate::answer::{End, split};
use crate::failures::{Failure, Fault};
use crate::request::{Asked, By, Said, strings};
use crate::vendor::check::{Checked, ensure};
use crate::vendor::{Call, Reply, Vendor, Wanted};

/// Generated text.
pub(in crate::vendor) struct Generation;

/// Who speaks in a prompt.
const ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];

impl Vendor for Generation {
    fn model<'a>(&self, call: &'a Call<'_>) -> &'a str {
        to_embed(call.path).or_else(|| call.path.strip_prefix(PATH)).unwrap_or_default()
    }

    fn read(&self, call: &Call<'_>) -> Result<Wanted, Failure> {
        authenticated(call)?;
        if let Some(model) = to_embed(call.path) {
            return vectors(model, call.body);
        }
        match (call.parts.method.as_str(), self.model(call)) {
            ("POST", model) if !model.is_empty() => {
                let asked = read(model, call.body).map_err(|wrong| invalid(&wrong))?;
                Ok(Wanted::Chat(Box::new(asked)))
            }
            _ => Err(Failure::unknown_path(call.path)),
        }
    }

    fn whole(&self, reply: &Reply<'_>) -> Value {
        json!([{"generated_text": text(reply), "details": details(reply)}])
    }

    fn stream(&self, reply: &Reply<'_>) -> Vec<String> {
        stream(reply)
    }

    fn broken(&self) -> String {
        let (words, kind) = ("Incomplete generation stream", "incomplete_generation_stream");
        format!("data:{}\n\n", json!({"error": words, "error_type": kind}))
    }

    fn ends(&self, end: &End) -> bool {
        !matches!(end, End::Refused | End::Filtered)
    }

    fn failure(&self, fault: Fault) -> Option<Failure> {
        failure(fault)
    }

    fn headers(&self, id: u64) -> Vec<(&'static str, String)> {
        vec![("x-request-id", format!("req_{id}"))]
    }
}

fn read(model: &str, body: &Value) -> Checked<Asked> {
    let inputs = body["inputs"].as_str().ok_or("`inputs` must be a string")?;
    let parameters = &body["parameters"];
    let positive = |name: &str| parameters.get(name).is_none_or(|it| it.as_f64() > Some(0.0));
    ensure(positive("temperature"), || "`temperature` must be strictly positive".to_owned())?;
    ensure(positive("max_new_tokens"), || "`max_new_tokens` must be > 0".to_owned())?;
    let below_one = parameters.get("top_p").is_none_or(|it| it.as_f64() < Some(1.0));
    ensure(below_one, || "`top_p` must be > 0.0 and < 1.0".to_owned())?;
    let stop = strings(&parameters["stop"]);
    ensure(stop.len() <= 4, || "`stop` supports up to 4 stop sequences".to_owned())?;
    let grammar = &parameters["grammar"];
    let known = grammar.is_null() || grammar["type"] == "json" && grammar["value"].is_object();
    ensure(known, || "`grammar` needs a type and a value".to_owned())?;
    Ok(Asked {
        model: model.to_owned(),
        streams: body["stream"] == true,
        said: said(inputs),
        schema: grammar.get("value").cloned(),
        limit: parameters["max_new_tokens"].as_u64().map(|limit| limit as usize),
        stop,
        ..Asked::default()
    })
}

/// Who said what, in a prompt that is a dialogue: `user: …`, a line or more each.
fn said(inputs: &str) -> Vec<Said> {
    let mut all: Vec<Said> = Vec::new();
    for line in inputs.lines() {
        let spoken = line.split_once(": ").filter(|(who, _)| ROLES.contains(who));
        match (spoken, all.last_mut()) {
            (Some((who, text)), _) => {
                let by = if who == "user" { By::User } else { By::Other };
                all.push(Said { by, text: text.to_owned() });
            }
            (None, Some(last)) if line != "assistant:" => last.text += &format!("\n{line}"),
            _ => {}
        }
    }
    all
}

/// A token an event, the last of them with all of the text.
fn stream(reply: &Reply<'_>) -> Vec<String> {
    let token = |index: usize, text: &str, special: bool| {
        let token = json!({"id": index, "text": text, "logprob": -0.1, "special": special});
        json!({"index": index + 1, "token": token, "generated_text": null, "details": null})
    };
    let text = text(reply);
    let mut tokens: Vec<Value> = Vec::new();
    for piece in split(&text) {
        tokens.push(token(tokens.len(), &piece, false));
    }
    if reply.answer.end == End::Stop {
        tokens.push(token(tokens.len(), "</s>", true));
    }
    if let Some(last) = tokens.last_mut() {
        last["generated_text"] = text.into();
        last["details"] = details(reply);
    }
    tokens.iter().map(|token| format!("data:{token}\n\n")).collect()
}

/// All that was generated: what it had to stop at is part of it.
fn text(reply: &Reply<'_>) -> String {
    match &reply.answer.end {
        End::StopAt(stop) => format!("{}{stop}", reply.answer.text),
        _ => reply.answer.text.clone(),
    }
}

fn details(reply: &Reply<'_>) -> Value {
    let usage = reply.answer.usage(reply.asked);
    let reason = match reply.answer.end {
        End::Length => "length",
        End::StopAt(_) => "stop_sequence",
        _ => "eos_token",
    };
    json!({
        "finish_reason": reason,
        "generated_tokens": usage.said,
        "input_length": usage.prompt,
        "seed": null,
    })
}
