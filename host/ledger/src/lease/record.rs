//! What stands in the journal: that an entry was opened, and what it reserved; that it was
//! closed, and what it spent.
//!
//! JSON, because a journal outlives the version that wrote it, and because whoever has to look
//! into one is in a hurry.

use crate::account::Account;
use crate::usage::Usage;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A record. An entry is called by where its first record begins.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Record<'a> {
    /// Something was promised.
    Opened {
        /// The entry that it is added to; `None` where it is a new one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entry: Option<u64>,
        reserved: Vec<Amount<'a>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usage: Option<Cow<'a, Usage>>,
    },
    /// It is over.
    Closed {
        /// `None` where nothing was reserved for it: it was never open.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entry: Option<u64>,
        spent: Vec<Amount<'a>>,
        usage: Cow<'a, Usage>,
    },
}

impl Record<'_> {
    /// Whether these bytes are of what was promised, without reading them.
    pub(super) fn is_opened(bytes: &[u8]) -> bool {
        bytes.starts_with(b"{\"opened\":")
    }
}

/// So much of an account's window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Amount<'a> {
    pub(crate) account: Cow<'a, str>,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) amount: i64,
}

impl Amount<'_> {
    pub(super) fn account(&self) -> Account {
        Account::named(&self.account)
    }
}
