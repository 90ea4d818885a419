//! A scripted server of OpenAI's protocol, and of those of other vendors ([`vendor`]), for
//! demonstrations, benchmarks and tests.
//!
//! The model's name chooses what it does ([`script`] lists the names), because that is the one
//! thing which any client, in any language and behind any gateway, can choose. It follows
//! the vendors' published protocols where the script does not say otherwise, and it remembers every
//! request, so that a test can ask what really arrived and who went away before the end.
//!
//! The rules it keeps:
//! - No randomness and no clock in an answer: the same request gives the same bytes, but for
//!   the number in its ids.
//! - A client that goes away is noticed by the drop of the answer (a [`record::Ticket`]), never
//!   by a failed write: a stream which is silent is noticed as fast as one that flows.

pub mod record;
pub mod script;
pub mod vendor;

mod answer;
mod chat;
mod control;
mod embeddings;
mod failures;
mod generate;
mod play;
mod request;
mod respond;
mod schema;
mod server;
mod sse;

pub use failures::Fault;
pub use server::Upstream;
