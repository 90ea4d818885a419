//! The canonical dialect: OpenAI's chat completions, embeddings and models, as far as a
//! plugin reads or writes them.
//!
//! Lenient where vendors differ. What is read as a request keeps the fields that it does not
//! know, in `extra`, so that a provider which rewrites a request loses none of it. What is
//! read once a token ([`Chunk`]) borrows from the frame and skips what it does not know.

mod chunk;
mod embeddings;
mod error;
mod models;
mod request;
mod response;

pub use chunk::{Chunk, Delta, FunctionDelta, Groq, Piece, Text, ToolDelta, Words};
pub use embeddings::{Embedding, EmbeddingsRequest, EmbeddingsResponse, Vector};
pub use error::ErrorBody;
pub use models::{ModelEntry, ModelList};
pub use request::{
    ChatRequest, Content, FunctionCall, FunctionTool, ImageUrl, InputAudio, JsonSchema, Message,
    Part, ResponseFormat, StreamOptions, Tool, ToolCall, ToolChoice,
};
pub use response::{
    ChatResponse, Choice, CompletionDetails, PromptDetails, ResponseMessage, Usage,
};
