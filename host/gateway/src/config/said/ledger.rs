//! `[ledger]`, as it was said.

use crate::config::credential::{SecretFrom, required};
use crate::config::problem::At;
use crate::config::read::{Table, Value};
use portcullis_ledger::WhenAway;

/// `[ledger]`.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) url: Option<At<Url>>,
    pub(crate) journal: Option<At<String>>,
    pub(crate) journal_size: Option<usize>,
    pub(crate) when_away: Option<WhenAway>,
    /// A `url` was said, however badly.
    pub(crate) attempted: bool,
}

/// A URL that may hold a secret: one with a password in it is not for a file that others read.
pub(crate) enum Url {
    Text(String),
    Secret(SecretFrom),
}

impl Ledger {
    pub(crate) fn read(table: &mut Table<'_>) -> Self {
        let url = Url::read(table, "url");
        let (journal, journal_size) = (table.string("journal"), table.size("journal_size"));
        let when_away = table.parsed("when_away", "\"refuse\" or \"serve\"", |text| match text {
            "refuse" => Ok(WhenAway::Refuse),
            "serve" => Ok(WhenAway::Serve),
            _ => Err("is not known".into()),
        });
        let said = Self {
            attempted: url.is_some() || table.has("url"),
            url,
            journal,
            journal_size,
            when_away: when_away.map(|at| at.value),
        };
        if said.url.is_none() && !table.attempted("url") {
            table.problem("has no `url`; expected such as \"sqlite:portcullis.db\"");
        }
        said
    }
}

impl Url {
    pub(crate) fn read(table: &mut Table<'_>, key: &'static str) -> Option<At<Self>> {
        table.value(key).and_then(|value| Self::form(&value))
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
