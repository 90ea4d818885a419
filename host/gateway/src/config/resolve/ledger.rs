//! `[ledger]`: where what outlives the process is kept.

use super::super::problem::At;
use super::super::resolved::Ledger;
use super::Resolver;

impl Resolver<'_> {
    pub(super) fn ledger(&mut self, url: &At<String>) -> Ledger {
        let path = url.value.strip_prefix("sqlite:").filter(|path| !path.is_empty());
        let Some(path) = path.map(|path| self.path(path)) else {
            let text = format!(
                "[ledger] `url` = \"{}\" is not supported; expected \"sqlite:\" and the path of a \
                 file, which is made where there is none",
                url.value
            );
            self.report(&url.place, text);
            return Ledger::default();
        };
        if path.is_dir() {
            let text = format!("[ledger] `url`: {} is a folder; name a file in it", path.display());
            self.report(&url.place, text);
        } else if path
            .parent()
            .is_some_and(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
        {
            let text = format!("[ledger] `url`: there is no folder for {}", path.display());
            self.report(&url.place, text);
        }
        Ledger { file: Some(path) }
    }
}
