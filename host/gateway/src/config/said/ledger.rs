//! `[ledger]`, as it was said.

use crate::config::credential::{SecretFrom, required};
use crate::config::problem::At;
use crate::config::read::{Table, Value};

/// The URL of a database; one with a password in it is not for a file that others read.
pub(crate) enum LedgerUrl {
    Text(String),
    Secret(SecretFrom),
}

impl LedgerUrl {
    pub(super) fn read(table: &mut Table<'_>) -> Option<At<Self>> {
        let url = table.value("url").and_then(|value| Self::form(&value));
        if url.is_none() && !table.attempted("url") {
            table.problem("has no `url`; expected such as \"sqlite:portcullis.db\"");
        }
        url
    }

    fn form(value: &Value<'_>) -> Option<At<Self>> {
        let url = match value.as_str() {
            Some(text) => Self::Text(text.to_owned()),
            None => {
                let forms = "a string, { env = \"NAME\" } or { file = \"url\" }";
                Self::Secret(value.table(forms, required)??)
            }
        };
        Some(At::new(url, value.place.clone()))
    }
}
