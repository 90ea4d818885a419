//! Failures that every provider may have to report.

use super::{Failure, FailureKind, extra};

impl Failure {
    /// A mistake of the sender's in this field.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::about(FailureKind::InvalidRequest, field, message)
    }

    /// A word of the sender's in this field that nobody knows.
    pub fn unknown(field: &str) -> Self {
        Self::invalid(field, format!("`{field}` is none that is known"))
    }

    /// What this upstream has no place for, in this field. Another one may.
    pub fn unsupported(field: &str, message: impl Into<String>) -> Self {
        Self::about(FailureKind::Unsupported, field, message)
    }

    fn about(kind: FailureKind, field: &str, message: impl Into<String>) -> Self {
        let extra = extra([("param", field.into())]);
        Self { extra, ..Self::new(kind, message) }
    }

    /// An operation that this provider has not.
    pub fn no_operation(name: &str) -> Self {
        let message = format!("this provider has no operation `{name}`");
        Self::new(FailureKind::Unsupported, message)
    }

    /// What stands for a model in an address leads elsewhere, so there is no such model. A part
    /// of a path is made of letters, digits, "-", "_" and ".", and not of dots alone.
    pub fn unless_plain(part: &str) -> Result<(), Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if part.bytes().all(plain) && part.bytes().any(|byte| byte != b'.') {
            return Ok(());
        }
        Err(Self::new(FailureKind::NotFound, "the upstream has no models of such names"))
    }

    /// The upstream sent what is not its protocol.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Malformed, message)
    }

    /// The upstream's answer ended too early.
    pub fn cut_off() -> Self {
        Self::malformed("the upstream's answer was cut off")
    }

    /// Of the kind that its words say, where they are known ones.
    #[must_use]
    pub fn judged(self, words: &[(&str, FailureKind)]) -> Self {
        let known = words.iter().find(|(words, _)| self.message.contains(words));
        Self { kind: known.map_or(self.kind, |(_, kind)| *kind), ..self }
    }
}
