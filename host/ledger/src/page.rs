//! A part of a list: lists of tenants and keys are as long as operators make them.

/// What comes after something in a list, and so much of it at most.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The id of the one before; `None`: from the beginning.
    pub after: Option<&'a str>,
    /// How many.
    pub limit: u32,
}
