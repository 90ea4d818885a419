//! What a provider of another dialect is written with: `use portcullis_sdk::prelude::*;`.

pub use crate::json::{Tape, View};
pub use crate::openai::{
    Content, Conversation, Form, Function, Message, Mode, Part, Role, ToolChoice, finish_reason,
    functions, joined, texts,
};
pub use crate::provider::{
    Body, Call, Calls, Description, Draft, Edits, Event, Failure, FailureKind, FrameByFrame,
    Framing, HttpCall, JsonEdit, Model, Provider, ReadFrame, ReplyHead, Unread, Usage, extra,
    header, milliseconds, read_body, read_error, read_list, read_refusal,
};
pub use crate::{Json, Request, object};
