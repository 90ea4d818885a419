//! The smallest provider that translates: it posts a prompt, and reads one JSON object a line
//! in return, a word each, until one says that it is done.

use portcullis_sdk::Request;
use portcullis_sdk::provider::{
    Body, Call, Description, Ending, Event, Exchange, Failure, FailureKind, Frame, Framing,
    HttpCall, Provider,
};
use serde::Deserialize;
use serde_json::json;

/// What the operator may set.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Hello {
    greeting: String,
}

/// An answer that is being read.
pub struct Answer {
    done: bool,
}

/// One line of the upstream's protocol.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Word { word: String },
    Done { words_in: u64, words_out: u64 },
}

portcullis_sdk::export!(provider Hello);

impl Provider for Hello {
    type Settings = Self;
    type Exchange = Answer;

    fn describe() -> Description {
        Description::of(&["chat"])
    }

    fn configure(settings: Self) -> Result<Self, String> {
        Ok(settings)
    }

    fn start(&self, request: &Request) -> Result<(Answer, Call), Failure> {
        let prompt = format!("{}{}", self.greeting, request.text(64 << 10));
        let body = json!({ "prompt": prompt, "stream": true }).to_string();
        let call = HttpCall::post("/generate", Body::Bytes(body.into())).framing(Framing::Lines);
        Ok((Answer { done: false }, Call::Http(call)))
    }
}

impl Exchange for Answer {
    fn frames(&mut self, frames: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        let malformed = || Failure::new(FailureKind::Malformed, "a line of an unknown kind");
        let mut events = Vec::new();
        for line in frames.iter().filter_map(Frame::as_text) {
            match serde_json::from_str(line).map_err(|_| malformed())? {
                Line::Word { word } => events.push(Event::text(word)),
                Line::Done { words_in, words_out } => {
                    self.done = true;
                    events.extend([Event::finished("stop"), Event::usage(words_in, words_out)]);
                }
            }
        }
        Ok(events)
    }

    fn end(&mut self) -> Result<Ending, Failure> {
        let cut_off = || Failure::new(FailureKind::Malformed, "the answer was cut off");
        let done = self.done.then(|| Ending::Done(Vec::new()));
        done.ok_or_else(cut_off)
    }
}
