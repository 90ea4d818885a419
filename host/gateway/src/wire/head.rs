//! What the gateway reads of a request, whatever its dialect.

/// Bytes of English text a token, roughly.
const BYTES_PER_TOKEN: usize = 4;

/// The fields that the gateway acts on.
#[derive(Debug)]
pub struct Head {
    /// The model that was asked for.
    pub model: String,
    /// Whether the answer is to be a stream.
    pub streaming: bool,
    /// Whether a stream is to end with its usage.
    pub wants_usage: bool,
    /// Whether embeddings are to be encoded in base64.
    pub base64: bool,
    /// How many answers are wanted.
    pub answers: u32,
    /// Features without which it cannot be served.
    pub needs: Vec<&'static str>,
    /// Tokens of output at most.
    pub max_output_tokens: Option<u32>,
    /// What the sender noted about it.
    pub labels: Vec<(String, String)>,
    /// Tokens of input, estimated.
    pub input_tokens: u32,
}

/// Tokens of so many bytes of text, estimated, and of what is no text.
pub fn tokens(bytes: usize, beside: usize) -> u32 {
    u32::try_from((bytes / BYTES_PER_TOKEN + beside).max(1)).unwrap_or(u32::MAX)
}
