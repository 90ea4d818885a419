//! Events of a provider, on their way into the client's dialect.
//!
//! Whatever a plugin emits, what reaches the writer of a dialect keeps what the official SDKs rest
//! on: nothing follows the end of a choice but usage; the id and the name of a tool's call stand
//! on its first piece only, and are there; indices are bounded; values are JSON.

use crate::contract::events::{Event, Finish, ToolCallDelta};
use crate::contract::{FailureKind, Usage};
use crate::failure::Failure;
use crate::refusal::Refusal;
use crate::wire::message::Message;
use crate::wire::said::Said;
use bytes::BytesMut;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Choices of one answer, and tool calls of one choice, that a plugin may name: an index past
/// this would have the gateway keep state without bound.
const MOST: u32 = 128;

/// An event for a choice that is finished.
const AFTER_THE_END: &str = "the plugin went on after the end of its answer";
/// An event for a choice or a tool call past [`MOST`].
const FAR_OUT: &str = "the plugin numbered a choice or a tool call past 127";
/// An event whose JSON is none, or not of the shape that its name stands for.
const NOT_ONE: &str = "the plugin emitted what is not what it is called";

/// A piece of one choice of an answer.
#[derive(Debug)]
pub enum Piece {
    /// Text of the answer.
    Text(String),
    /// Text of the model's reasoning.
    Reasoning(String),
    /// Text in which the model declines to answer.
    Refusal(String),
    /// A piece of a call of a tool.
    ToolCall {
        /// Which call of the choice, from 0.
        index: u32,
        /// Its id and its tool's name, on its first piece.
        first: Option<(String, String)>,
        /// A piece of the arguments' JSON text.
        arguments: String,
    },
    /// What a model thought, in the signed blocks of its vendor: an array, to be appended to
    /// those before.
    ThinkingBlocks(Vec<Value>),
    /// Where what it says comes from: an array, to be appended to those before.
    Annotations(Vec<Value>),
    /// The probabilities of the tokens just said: `{"content": […], "refusal": […]}`.
    Logprobs(Value),
    /// What an upstream wants to see again, of the message or of one of its tool calls.
    Extra {
        /// The tool's call that it belongs to.
        tool_call: Option<u32>,
        /// An object, to be merged with those before.
        content: Value,
    },
    /// What the upstream said beside the message, by its name.
    Beside(&'static str, Value),
    /// All of an answer that is one JSON text.
    Document(String),
    /// The end of the choice.
    Finished(Finish),
}

/// Writes answers of one dialect. It is handed what keeps the invariants, and keeps its own.
pub trait Writer: Send {
    /// The upstream's id and name of the model; never after a piece.
    fn identify(&mut self, id: String, model: String);
    /// A piece of a stream; `begins` on the first of its choice.
    ///
    /// # Errors
    ///
    /// Where the dialect cannot say it.
    fn piece(
        &mut self,
        choice: u32,
        begins: bool,
        piece: Piece,
        usage: Option<&Usage>,
        out: &mut BytesMut,
    ) -> Result<(), Failure>;
    /// The end of a stream.
    fn end(&mut self, usage: Option<&Usage>, out: &mut BytesMut);
    /// The end of a stream that failed.
    fn fail(&mut self, refusal: &Refusal, out: &mut BytesMut);
    /// A whole answer, by the indices of its choices.
    ///
    /// # Errors
    ///
    /// Where the dialect cannot say it.
    fn whole(
        &mut self,
        messages: BTreeMap<u32, Message>,
        usage: Option<&Usage>,
    ) -> Result<String, Failure>;
}

/// An answer that is being written.
pub struct Answer {
    writer: Box<dyn Writer>,
    choices: BTreeMap<u32, Choice>,
    usage: Option<Usage>,
    /// What was said, where somebody counts it.
    said: Option<Said>,
    ignored: BTreeSet<&'static str>,
    /// Whether it ends with a document, and not with a finish.
    documented: bool,
}

/// What was said of one choice so far.
#[derive(Default)]
struct Choice {
    tools: BTreeSet<u32>,
    finished: bool,
}

/// What is left of an event when it was judged.
enum Judged {
    /// A piece of a choice, and whether it is its first.
    Piece(u32, bool, Piece),
    /// The upstream's id and model.
    Started(String, String),
    /// Nothing that is written.
    Nothing,
}

impl Answer {
    /// An answer in the dialect of that writer.
    pub fn new(writer: Box<dyn Writer>) -> Self {
        let (choices, ignored) = (BTreeMap::new(), BTreeSet::new());
        Self { writer, choices, usage: None, said: None, ignored, documented: false }
    }

    /// The same, which ends with a document.
    pub fn documented(self) -> Self {
        Self { documented: true, ..self }
    }

    /// The same, which keeps what was said for who counts it.
    pub fn counted(self, counted: bool) -> Self {
        Self { said: counted.then(Said::default), ..self }
    }

    /// What a plugin emitted and no client sees, in words for the record.
    pub fn ignored(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.ignored.iter().copied()
    }

    /// Whether every choice that began was finished, and one was.
    pub fn is_finished(&self) -> bool {
        !self.choices.is_empty() && self.choices.values().all(|choice| choice.finished)
    }

    /// The usage, if the upstream said.
    pub fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }

    /// What was said so far.
    pub fn said(&mut self) -> Said {
        self.said.take().unwrap_or_default()
    }

    /// Writes what an event of a stream makes; says whether that is anything.
    ///
    /// # Errors
    ///
    /// Where the dialect cannot say it.
    pub fn event(&mut self, event: Event, out: &mut BytesMut) -> Result<bool, Failure> {
        match self.judge(event) {
            Judged::Piece(choice, begins, piece) => {
                self.writer.piece(choice, begins, piece, self.usage.as_ref(), out)?;
                Ok(true)
            }
            Judged::Started(id, model) => {
                self.writer.identify(id, model);
                Ok(false)
            }
            Judged::Nothing => Ok(false),
        }
    }

    /// Writes the end of a stream.
    pub fn end(&mut self, out: &mut BytesMut) {
        self.writer.end(self.usage.as_ref(), out);
    }

    /// Writes the end of a stream that failed.
    pub fn fail(&mut self, refusal: &Refusal, out: &mut BytesMut) {
        self.writer.fail(refusal, out);
    }

    /// The whole answer that these events make.
    ///
    /// # Errors
    ///
    /// Where the dialect cannot say it.
    pub fn whole(&mut self, events: Vec<Event>) -> Result<String, Failure> {
        let mut messages: BTreeMap<u32, Message> = BTreeMap::new();
        for event in events {
            match self.judge(event) {
                Judged::Piece(choice, _, piece) => messages.entry(choice).or_default().take(piece),
                Judged::Started(id, model) => self.writer.identify(id, model),
                Judged::Nothing => {}
            }
        }
        self.writer.whole(messages, self.usage.as_ref())
    }

    fn judge(&mut self, event: Event) -> Judged {
        if let Some(said) = &mut self.said {
            match &event {
                Event::Text(delta) | Event::Reasoning(delta) | Event::Refusal(delta) => {
                    said.push(&delta.text);
                }
                Event::ToolCall(call) => said.push(&call.arguments),
                _ => {}
            }
        }
        let (index, piece) = match event {
            // Once a piece was written, its id and model stand.
            Event::Started((id, model)) if self.choices.is_empty() => {
                return Judged::Started(id, model);
            }
            Event::Usage(usage) => {
                self.usage = Some(usage);
                return Judged::Nothing;
            }
            Event::Text(delta) => (delta.index, Piece::Text(delta.text)),
            Event::Reasoning(delta) => (delta.index, Piece::Reasoning(delta.text)),
            Event::Refusal(delta) => (delta.index, Piece::Refusal(delta.text)),
            Event::Finished(finish) => (finish.index, Piece::Finished(finish)),
            Event::ToolCall(call) => return self.tool_call(call),
            Event::Other((name, json)) => match other(&name, &json) {
                Some(Ok(piece)) => piece,
                Some(Err(_)) => {
                    self.ignored.insert(NOT_ONE);
                    return Judged::Nothing;
                }
                None => return Judged::Nothing,
            },
            Event::Document(json) if self.documented => (0, Piece::Document(json)),
            Event::Started(_) | Event::Embedding(_) | Event::Document(_) | Event::Data(_) => {
                return Judged::Nothing;
            }
        };
        self.placed(index, piece)
    }

    /// The id and the name of a call stand on its first piece only: SDKs concatenate.
    fn tool_call(&mut self, call: ToolCallDelta) -> Judged {
        let choice = 0;
        if call.index >= MOST {
            self.ignored.insert(FAR_OUT);
            return Judged::Nothing;
        }
        let known = self.choices.get(&choice);
        let first = known.is_none_or(|choice| !choice.tools.contains(&call.index)).then(|| {
            let id = call.id.filter(|id| !id.is_empty());
            let id = id.unwrap_or_else(|| format!("call_{}", uuid::Uuid::now_v7().simple()));
            (id, call.name.unwrap_or_default())
        });
        let (index, arguments) = (call.index, call.arguments);
        let judged = self.placed(choice, Piece::ToolCall { index, first, arguments });
        if matches!(judged, Judged::Piece(..)) {
            self.choices.entry(choice).or_default().tools.insert(index);
        }
        judged
    }

    fn placed(&mut self, index: u32, piece: Piece) -> Judged {
        if index >= MOST {
            self.ignored.insert(FAR_OUT);
            return Judged::Nothing;
        }
        let begins = !self.choices.contains_key(&index);
        let choice = self.choices.entry(index).or_default();
        if let Piece::Extra { tool_call: Some(call), .. } = &piece
            && !choice.tools.contains(call)
        {
            self.ignored.insert(NOT_ONE);
            return Judged::Nothing;
        }
        if choice.finished {
            self.ignored.insert(AFTER_THE_END);
            return Judged::Nothing;
        }
        choice.finished = matches!(piece, Piece::Finished(_) | Piece::Document(_));
        Judged::Piece(index, begins, piece)
    }
}

/// A tool's call that goes on after another began: what is closed in the client's dialect cannot be
/// opened again, and nothing may be lost.
pub fn mixed_up() -> Failure {
    let message = "The upstream went on with a tool's call after it had begun another.";
    Failure::reported(FailureKind::Malformed, message)
}

/// What the contract has no case for and clients read, by its name.
fn other(name: &str, json: &str) -> Option<serde_json::Result<(u32, Piece)>> {
    #[derive(Deserialize)]
    struct Of<T> {
        #[serde(default)]
        index: u32,
        #[serde(alias = "annotations", alias = "logprobs", alias = "extra_content")]
        value: T,
        tool_call: Option<u32>,
    }
    fn of<T: for<'a> Deserialize<'a>>(
        json: &str,
        piece: impl FnOnce(Option<u32>, T) -> Piece,
    ) -> serde_json::Result<(u32, Piece)> {
        let said: Of<T> = serde_json::from_str(json)?;
        Ok((said.index, piece(said.tool_call, said.value)))
    }
    let beside = |name| serde_json::from_str(json).map(|value| (0, Piece::Beside(name, value)));
    Some(match name {
        "thinking_blocks" => {
            serde_json::from_str(json).map(|blocks| (0, Piece::ThinkingBlocks(blocks)))
        }
        "annotations" => of(json, |_, annotations| Piece::Annotations(annotations)),
        "logprobs" => of(json, |_, logprobs| Piece::Logprobs(logprobs)),
        "extra-content" => of(json, |tool_call, content| Piece::Extra { tool_call, content }),
        "grounding" => beside("grounding"),
        "citations" => beside("citations"),
        _ => return None,
    })
}
