//! `POST /generate`: a protocol of lines, small enough for the first provider that somebody
//! writes (`examples/hello-provider`).
//!
//! `{"prompt": …, "stream": true}` is answered with a line `{"word": …}` for each word, white
//! space behind it included, and then `{"done": true, "words_in": n, "words_out": m}`. Without
//! `stream` there is one line, with `text` in place of the words.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::answer::pieces;
use crate::failures::Failure;
use crate::play::{Play, Step};
use crate::record::Ticket;
use crate::request::tokens;
use crate::respond::{refuse, reply};

pub(crate) fn generate(body: &Value, ticket: Ticket) -> Response<Play> {
    let Some(prompt) = body["prompt"].as_str() else {
        return refuse(&Failure::invalid("`prompt` has to be a string."), ticket);
    };
    let text = format!("You said: {prompt}");
    let mut end = json!({"done": true, "words_in": tokens(prompt), "words_out": tokens(&text)});
    let mut lines = Vec::new();
    if body["stream"] == true {
        lines.extend(pieces(&text).into_iter().map(|word| json!({"word": word})));
    } else {
        end["text"] = text.into();
    }
    lines.push(end);
    let steps: Vec<Step> =
        lines.iter().map(|line| Step::Send(format!("{line}\n").into())).collect();
    reply(StatusCode::OK, "application/x-ndjson", Play::new(steps, ticket))
}
