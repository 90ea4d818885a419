//! What OpenAI publishes as its Responses API, as a dialect of clients.
//!
//! A client that speaks it is passed on to an upstream that speaks it as well, and translated for
//! every other. What the API keeps between requests (an earlier response, a conversation) is kept
//! by its vendor, and is refused elsewhere.

pub mod along;
pub mod answer;
pub mod head;
pub mod items;
pub mod request;
pub mod usage;
