//! Looks after the accounts of a process beside its requests: tells the ledger what was used,
//! fetches what will be, and leaves in good order.

use crate::accounting::{Accounting, clock};
use crate::alerts::{Alerts, Sending};
use crate::config::Config;
use crate::events::{EntriesUnknown, JournalDamaged, LedgerAway, LedgerBack, LedgerFailed};
use portcullis_ledger::{Bounds, ExchangeError, Journal, Ledger, Purse, Ticked};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long requests, and then the ledger, are waited for at the end.
const LAST: Duration = Duration::from_secs(10);

/// Before anything is served.
pub struct Bookkeeper {
    accounting: Arc<Accounting>,
    sending: Sending,
    folder: Option<TempDir>,
}

/// While it is.
pub struct Working {
    purse: Arc<Purse>,
    keeping: JoinHandle<()>,
    sending: JoinHandle<()>,
    folder: Option<TempDir>,
}

impl Bookkeeper {
    /// Opens the accounts that a configuration wants, over its ledger.
    ///
    /// # Errors
    ///
    /// Why they cannot be opened.
    pub fn of(config: &Config, ledger: &Ledger) -> Result<Option<Self>, String> {
        let Some(journal) = &config.ledger.journal else { return Ok(None) };
        // A command beside a gateway that serves has a folder of its own, for as long as it lasts.
        let folder = config.own_key.map(|_| folder_within(journal)).transpose()?;
        let folder_of_journal = folder.as_ref().map_or(journal.as_path(), TempDir::path);
        let bounds = Bounds { most: config.ledger.journal_size, ..Bounds::default() };
        let failed = |why: portcullis_ledger::JournalError| format!("[ledger] `journal`: {why}");
        let (journal, torn) = Journal::open(folder_of_journal, bounds).map_err(failed)?;
        if torn > 0 {
            JournalDamaged { bytes: torn }.emit();
        }
        let purse = ledger.purse(journal, config.ledger.when_away, clock()).map_err(failed)?;
        if purse.unknown() > 0 {
            EntriesUnknown { entries: purse.unknown() }.emit();
        }
        let alerts = Alerts::over(ledger.clone(), config.webhook.as_ref());
        let (alerts, sending) = alerts.map_err(|why| format!("[alerts] `webhook`: {why}"))?;
        let accounting = Arc::new(Accounting { purse, alerts });
        Ok(Some(Self { accounting, sending, folder }))
    }

    /// The accounts.
    pub fn accounting(&self) -> Arc<Accounting> {
        self.accounting.clone()
    }

    /// Begins to work.
    pub fn start(self) -> Working {
        let purse = self.accounting.purse.clone();
        let (told, was_away) = (purse.clone(), AtomicBool::new(false));
        let keeping = purse.clone().run(move |ticked| tell(&told, &was_away, ticked));
        let (keeping, sending) = (tokio::spawn(keeping), tokio::spawn(self.sending.run()));
        Working { purse, keeping, sending, folder: self.folder }
    }
}

/// Says what a round found, where it is news.
fn tell(purse: &Purse, was_away: &AtomicBool, ticked: Result<Ticked, ExchangeError>) {
    let is_away = purse.is_away();
    let was = was_away.swap(is_away, Ordering::Relaxed);
    match ticked {
        Ok(Ticked { damaged, .. }) => {
            if damaged > 0 {
                JournalDamaged { bytes: damaged }.emit();
            }
            if was && !is_away {
                LedgerBack { served_beyond: purse.served_beyond() }.emit();
            }
        }
        Err(why) if is_away && !was => LedgerAway { why: &why }.emit(),
        Err(_) if is_away => {}
        // Another was quicker; the next round does it.
        Err(why) if why.is_conflict() => {}
        Err(why) => LedgerFailed { why: &why }.emit(),
    }
}

fn folder_within(journal: &Path) -> Result<TempDir, String> {
    let made = fs::create_dir_all(journal)
        .and_then(|()| tempfile::Builder::new().prefix("command-").tempdir_in(journal));
    made.map_err(|why| format!("[ledger] `journal`: {}: {why}", journal.display()))
}

impl Working {
    /// Tells all that is left to tell, and gives back what is held.
    pub async fn stop(self) {
        self.keeping.abort();
        self.sending.abort();
        // What it was doing is over, however it ended.
        let _ = self.keeping.await;
        // An answer that is over may still be counted.
        let all_closed = timeout(LAST, self.purse.closed()).await.is_ok();
        let failed = match timeout(LAST, self.purse.leave()).await {
            Ok(Ok(())) if all_closed => return,
            Ok(Ok(())) => "requests are still under way".to_owned(),
            Ok(Err(why)) => why.to_string(),
            Err(_) => format!("it did not answer within {} s", LAST.as_secs()),
        };
        LedgerFailed { why: &failed }.emit();
        // Whoever is started with it next tells what is in it.
        if let Some(folder) = self.folder {
            let _ = folder.keep();
        }
    }
}
