//! What is read along of an answer that is passed on.

use crate::contract::Usage;

/// What an event of a stream is, as far as the gateway acts on it.
#[derive(Debug, Default)]
pub struct Glance {
    /// There is something in it that a person or a program would see.
    pub content: bool,
    /// With it the answer is whole.
    pub finished: bool,
    /// It ends the stream, and is not passed on: the gateway writes that end itself.
    pub done: bool,
    /// After the end of the answer it holds nothing but the usage, for which not every client
    /// asked. (Some upstreams send it beside an empty choice.)
    pub only_usage: bool,
    /// What was used so far.
    pub usage: Option<Usage>,
}
