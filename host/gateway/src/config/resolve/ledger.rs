//! `[ledger]`: where what outlives the process is kept.

use super::super::problem::{At, Place};
use super::super::resolved::Ledger;
use super::super::said::LedgerUrl;
use super::Resolver;
use portcullis_ledger::Location;
use std::path::{Path, PathBuf};

impl Resolver<'_> {
    pub(super) fn ledger(&mut self, said: &At<LedgerUrl>) -> Ledger {
        let text = match &said.value {
            LedgerUrl::Text(text) => Some(text.clone()),
            LedgerUrl::Secret(from) => {
                self.secret_of("ledger", from).map(|secret| secret.expose().to_owned())
            }
        };
        let Some(text) = text else { return Ledger::default() };
        let at = match Location::parse(&text) {
            Ok(Location::Sqlite(path)) => Location::Sqlite(self.file_of_ledger(&path, &said.place)),
            Ok(server) => server,
            // What it is, is not said: there may be a password in it.
            Err(why) => {
                self.report(&said.place, format!("[ledger] `url` is not supported; {why}"));
                return Ledger::default();
            }
        };
        Ledger { at: Some(at) }
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
