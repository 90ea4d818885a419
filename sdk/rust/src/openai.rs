//! The canonical dialect: OpenAI's chat completions, embeddings and models, as far as a
//! plugin reads them.
//!
//! Lenient where vendors differ. What is read of a request ([`Message`], [`ToolChoice`],
//! [`Form`]) leaves what it does not know where it stood, so that a provider which rewrites a
//! request can name what it loses. What is read once a token ([`Chunk`]) borrows from the frame
//! and skips what it does not know.

#[cfg(feature = "provider")]
mod choice;
mod chunk;
#[cfg(feature = "provider")]
mod embeddings;
mod error;
#[cfg(feature = "provider")]
mod message;
mod models;
#[cfg(feature = "provider")]
mod tools;
mod usage;

#[cfg(feature = "provider")]
pub use choice::{Form, Mode, ToolChoice, finish_reason};
pub use chunk::{Chunk, Delta, FunctionDelta, Groq, Piece, Text, ToolDelta, Words};
#[cfg(feature = "provider")]
pub use embeddings::texts;
pub use error::ErrorBody;
#[cfg(feature = "provider")]
pub use message::{Content, Conversation, Message, Part, Role, ToolCall, joined};
pub use models::{ModelEntry, ModelList};
#[cfg(feature = "provider")]
pub use tools::{Function, functions};
pub use usage::{CompletionDetails, PromptDetails, Usage};
