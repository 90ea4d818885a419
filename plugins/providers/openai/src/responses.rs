//! The Responses API, for models that answer nowhere else: what is sent, and what comes back.
//!
//! The protocol: <https://developers.openai.com/api/reference/resources/responses>.

pub(crate) mod answer;
pub(crate) mod sent;
