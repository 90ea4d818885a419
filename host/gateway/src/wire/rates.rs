//! The headers in which clients look for how their rates stand.
//!
//! `x-ratelimit-*` as <https://platform.openai.com/docs/guides/rate-limits> has them, with a
//! duration until all is there again, and `anthropic-ratelimit-*` as
//! <https://platform.claude.com/docs/en/api/rate-limits>, with a time.

use super::dialect::Dialect;

/// What is limited a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rated {
    /// Requests.
    Requests,
    /// Tokens.
    Tokens,
}

impl Rated {
    /// The names of limit, remaining and reset that clients of every dialect know.
    pub const fn headers(self) -> [&'static str; 3] {
        match self {
            Self::Requests => [
                "x-ratelimit-limit-requests",
                "x-ratelimit-remaining-requests",
                "x-ratelimit-reset-requests",
            ],
            Self::Tokens => [
                "x-ratelimit-limit-tokens",
                "x-ratelimit-remaining-tokens",
                "x-ratelimit-reset-tokens",
            ],
        }
    }

    /// Those that only clients of a dialect know, where it has its own.
    pub const fn headers_of(self, dialect: Dialect) -> Option<[&'static str; 3]> {
        match (dialect, self) {
            (Dialect::Messages, Self::Requests) => Some([
                "anthropic-ratelimit-requests-limit",
                "anthropic-ratelimit-requests-remaining",
                "anthropic-ratelimit-requests-reset",
            ]),
            (Dialect::Messages, Self::Tokens) => Some([
                "anthropic-ratelimit-tokens-limit",
                "anthropic-ratelimit-tokens-remaining",
                "anthropic-ratelimit-tokens-reset",
            ]),
            _ => None,
        }
    }
}
