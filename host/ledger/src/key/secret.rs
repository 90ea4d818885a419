//! What a client shows to say who it is.
//!
//! `pk-`, the key's id, `-`, and 43 letters and digits by chance: 256 bits, so that a plain SHA-256
//! is a digest that nobody can go back from. The id in it makes a look-up one probe.

use rand::RngExt as _;
use rand::distr::Alphanumeric;
use sha2::{Digest as _, Sha256};
use std::fmt;
use subtle::ConstantTimeEq as _;

const ID: usize = 12;
const CHANCE: usize = 43;

/// The secret of a key. It is not shown unless it is asked for, and it is nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one, and the id in it.
    pub(crate) fn make() -> (Self, String) {
        let id = by_chance(ID);
        (Self(format!("pk-{id}-{}", by_chance(CHANCE))), id)
    }

    /// The text, to be shown once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

fn by_chance(letters: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(letters).map(char::from).collect()
}

/// The id in what may be a secret; `None` where it is none.
pub(crate) fn id_in(text: &str) -> Option<&str> {
    let (id, chance) = text.strip_prefix("pk-")?.split_once('-')?;
    (id.len() == ID && chance.len() == CHANCE).then_some(id)
}

/// The SHA-256 of a secret.
#[derive(Clone, Copy)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// As the store has it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// What the store has; one that is of no digest's length is nobody's.
    pub(crate) fn stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// In the same time, wherever they differ.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, Secret, id_in};

    #[test]
    fn a_secret_has_its_id_in_it_and_is_not_shown() {
        let (secret, id) = Secret::make();
        assert_eq!(id_in(secret.expose()), Some(&*id));
        assert_ne!(Secret::make().0, secret);
        let shown = format!("{secret:?}");
        assert!(!shown.contains(&id), "{shown}");
        assert_eq!(secret.expose().len(), "pk-".len() + 12 + 1 + 43);
    }

    #[test]
    fn what_is_no_secret_has_no_id() {
        let (secret, _) = Secret::make();
        let secret = secret.expose();
        let (short, long) = (&secret[..secret.len() - 1], format!("{secret}x"));
        let other = secret.replace("pk-", "sk-");
        for text in ["", "pk-", "pk--", "-", short, &long, &other, &secret[3..]] {
            assert_eq!(id_in(text), None, "{text}");
        }
    }

    #[test]
    fn a_digest_is_of_one_text() {
        let digest = Digest::of("a");
        assert!(digest.is(&Digest::of("a")) && !digest.is(&Digest::of("b")));
        assert!(Digest::stored(&digest.bytes()).unwrap().is(&digest));
        assert!(Digest::stored(&[0; 31]).is_none());
    }
}
