//! `[ledger]`: where what outlives the process is kept. `[alerts]`: who is told of it.

use super::super::problem::{At, Place};
use super::super::resolved::{Ledger, Webhook};
use super::super::said;
use super::Resolver;
use portcullis_ledger::{Bounds, Location};
use std::path::{Path, PathBuf};
use url::Url;

impl Resolver<'_> {
    pub(super) fn ledger(&mut self, said: said::Ledger) -> Ledger {
        let Some(url) = said.url else { return Ledger::default() };
        let Some(text) = self.text_of("ledger", &url) else { return Ledger::default() };
        let at = match Location::parse(&text) {
            Ok(Location::Sqlite(path)) => Location::Sqlite(self.file_of_ledger(&path, &url.place)),
            Ok(server) => server,
            // What it is, is not said: there may be a password in it.
            Err(why) => {
                self.report(&url.place, format!("[ledger] `url` is not supported; {why}"));
                return Ledger::default();
            }
        };
        let journal = match (said.journal, &at) {
            (Some(said), _) => Some(self.path(&said.value)),
            (None, Location::Sqlite(file)) => {
                let mut folder = file.clone().into_os_string();
                folder.push(".usage");
                Some(folder.into())
            }
            (None, Location::Postgres(_)) => {
                let text = "[ledger] has no `journal`; with a server, expected the path of a \
                            folder of this process alone, which outlives it: what was used waits \
                            there until the server has it";
                self.report(&url.place, text);
                None
            }
        };
        let journal_size = said.journal_size.map(|bytes| bytes as u64);
        let journal_size = journal_size.unwrap_or(Bounds::default().most);
        let when_away = said.when_away.unwrap_or_default();
        Ledger { at: Some(at), journal, journal_size, when_away }
    }

    pub(super) fn webhook(&mut self, said: &At<said::Url>) -> Option<Webhook> {
        let text = self.text_of("alerts", said)?;
        let url = Url::parse(&text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
        });
        if url.is_none() {
            let text = "[alerts] `webhook` is no address; expected such as \
                        \"https://alerts.example.com/hook\"";
            self.report(&said.place, text);
        }
        url.map(Webhook)
    }

    fn text_of(&mut self, table: &str, said: &At<said::Url>) -> Option<String> {
        match &said.value {
            said::Url::Text(text) => Some(text.clone()),
            said::Url::Secret(from) => {
                self.secret_of(table, from).map(|secret| secret.expose().to_owned())
            }
        }
    }

    fn file_of_ledger(&mut self, said: &Path, place: &Place) -> PathBuf {
        let path = self.folder.join(said);
        let is_there = |folder: &Path| folder.as_os_str().is_empty() || folder.is_dir();
        if path.is_dir() {
            let text = format!("[ledger] `url`: {} is a folder; name a file in it", path.display());
            self.report(place, text);
        } else if !path.parent().is_none_or(is_there) {
            let text = format!("[ledger] `url`: there is no folder for {}", path.display());
            self.report(place, text);
        }
        path
    }
}
