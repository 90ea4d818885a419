//! The Responses API, for chats with models that answer nowhere else: a chat request as one of
//! that API, and its answer in events.
//!
//! The protocol: <https://developers.openai.com/api/reference/resources/responses>, and what
//! corresponds to what: <https://developers.openai.com/api/docs/guides/migrate-to-responses>.
//! Other vendors have it too: Perplexity, xAI, Groq, OpenRouter, vLLM.

mod answer;
mod items;
mod request;
#[cfg(test)]
mod tests;
mod thoughts;

pub use answer::Response;
pub use request::write;
