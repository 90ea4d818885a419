//! The canonical dialect: OpenAI's chat completions, embeddings and models, as far as a
//! plugin reads them.
//!
//! Lenient where vendors differ. What is read of a request ([`Message`], [`ToolChoice`],
//! [`Form`]) leaves what it does not know where it stood, so that a provider which rewrites a
//! request can name what it loses.
//!
//! For upstreams that speak it themselves there is what reads their answers ([`Completion`],
//! [`Vectors`], [`Transcript`]), what asks for a transcription ([`Transcriber`]), and for models
//! that answer in the Responses API only, [`responses`].

mod choice;
mod completion;
mod embeddings;
mod error;
mod message;
mod models;
pub mod responses;
mod tools;
mod transcription;
mod usage;
mod vectors;

pub use choice::{Form, Mode, ToolChoice, finish_reason};
pub use completion::Completion;
pub use embeddings::texts;
pub use error::ErrorBody;
pub use message::{Content, Conversation, Message, Part, Role, ToolCall, joined};
pub use models::models;
pub use tools::{Function, functions};
pub use transcription::{Transcriber, Transcript};
pub use usage::usage;
pub use vectors::Vectors;
