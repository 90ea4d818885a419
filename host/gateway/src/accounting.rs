//! What requests spend from, where their entries go, and who is told when little is left.

use crate::alerts::Alerts;
use crate::events::LedgerFailed;
use crate::limits::{self, Applied};
use crate::request::Request;
use portcullis_ledger::{Clock, JournalError, Limit, Purse, Standing, Usage};
use std::sync::Arc;

/// The accounts of this process: there is one where there is a ledger.
#[derive(Debug)]
pub struct Accounting {
    /// What is reserved and spent.
    pub purse: Arc<Purse>,
    /// Who is told of it.
    pub alerts: Alerts,
}

impl Accounting {
    /// How these limits stand, as far as this process knows.
    pub fn standings(&self, applied: &[Applied]) -> Vec<Standing> {
        let limits: Vec<Arc<Limit>> = applied.iter().map(|it| it.limit.clone()).collect();
        self.purse.standings(&limits)
    }

    /// Tells whoever wants to know that one of these is nearly used up. Returns what the client is
    /// told.
    pub fn warn<'a>(&self, applied: impl IntoIterator<Item = &'a Applied>) -> Vec<String> {
        let watched = applied.into_iter().filter(|it| it.warn_at.is_some());
        let watched: Vec<Applied> = watched.cloned().collect();
        if watched.is_empty() {
            return Vec::new();
        }
        self.alerts.look(&watched, &self.standings(&watched))
    }

    /// Writes down an entry for which nothing was held.
    pub fn note(&self, usage: &Usage) {
        match self.purse.note(usage) {
            // That it is full was said when the ledger went away.
            Ok(()) | Err(JournalError::Full) => {}
            Err(why) => LedgerFailed { why: &why }.emit(),
        }
    }

    /// The headers that tell a client so.
    pub fn headers(&self, applied: &[Applied], request: &Request) -> Vec<limits::Header> {
        let rates: Vec<Applied> = applied.iter().filter(|it| it.is_rate()).cloned().collect();
        if rates.is_empty() {
            return Vec::new();
        }
        limits::headers(&rates, &self.standings(&rates), request.dialect, now())
    }
}

/// What time it is, in milliseconds since the Unix epoch.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// The same for a purse.
pub fn clock() -> Clock {
    Arc::new(now)
}
