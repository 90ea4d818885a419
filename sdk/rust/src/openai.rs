//! The canonical dialect: OpenAI's chat completions, embeddings and models, as far as a
//! plugin reads them.
//!
//! Lenient where vendors differ. What is read of a request ([`Message`], [`ToolChoice`],
//! [`Form`]) leaves what it does not know where it stood, so that a provider which rewrites a
//! request can name what it loses. What is read once a token ([`Chunk`]) borrows from the frame
//! and skips what it does not know.
//!
//! For upstreams that speak it themselves there is what reads their answers ([`Completion`],
//! [`Vectors`], [`Transcript`]), what asks for a transcription ([`Transcriber`]), and for models
//! that answer in the Responses API only, [`responses`].

#[cfg(feature = "provider")]
mod choice;
mod chunk;
#[cfg(feature = "provider")]
mod completion;
#[cfg(feature = "provider")]
mod embeddings;
mod error;
#[cfg(feature = "provider")]
mod message;
#[cfg(feature = "provider")]
mod models;
#[cfg(feature = "provider")]
pub mod responses;
#[cfg(feature = "provider")]
mod tools;
#[cfg(feature = "provider")]
mod transcription;
mod usage;
#[cfg(feature = "provider")]
mod vectors;

#[cfg(feature = "provider")]
pub use choice::{Form, Mode, ToolChoice, finish_reason};
pub use chunk::{Chunk, Delta, FunctionDelta, Groq, Piece, Text, ToolDelta, Words};
#[cfg(feature = "provider")]
pub use completion::Completion;
#[cfg(feature = "provider")]
pub use embeddings::texts;
pub use error::ErrorBody;
#[cfg(feature = "provider")]
pub use message::{Content, Conversation, Message, Part, Role, ToolCall};
#[cfg(feature = "provider")]
pub use models::models;
#[cfg(feature = "provider")]
pub use tools::{Function, functions};
#[cfg(feature = "provider")]
pub use transcription::{Transcriber, Transcript};
pub use usage::{CompletionDetails, PromptDetails, Usage};
#[cfg(feature = "provider")]
pub use vectors::Vectors;
