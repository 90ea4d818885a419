//! That an account is nearly used up is told by one process, once in each window.

use crate::Ledger;
use crate::account::Account;
use crate::store::{StoreError, transact, values};

/// How long it is remembered, in milliseconds: no window but the one that never ends is longer
/// than a month, and one that is told of again after so long is news.
const REMEMBERED: i64 = 100 * 86_400_000;

const TELL: &str = "INSERT INTO warning (account, window_start, told_at) VALUES ($1, $2, $3) \
    ON CONFLICT (account, window_start) DO NOTHING RETURNING told_at";
const FORGET: &str = "DELETE FROM warning WHERE told_at < $1";

impl Ledger {
    /// Whether whoever asks is the first to tell of this window of an account; all others are told
    /// that they are not.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn warn_once(
        &self,
        account: &Account,
        window_start: i64,
        now: i64,
    ) -> Result<bool, StoreError> {
        transact!(self.store, |transaction| async {
            transaction.run(FORGET, values![now - REMEMBERED]).await?;
            let told = transaction.run(TELL, values![account.name(), window_start, now]).await?;
            Ok(!told.is_empty())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::REMEMBERED;
    use crate::account::Account;
    use crate::store::tests::on_both_homes;

    #[tokio::test]
    async fn one_process_tells_of_a_window_once() {
        on_both_homes(async |home| {
            let (one, two) = (home.open().await, home.open().await);
            let account = Account::named("tokens day key k");
            assert!(one.warn_once(&account, 1, 100).await.unwrap());
            assert!(!two.warn_once(&account, 1, 101).await.unwrap());
            assert!(!one.warn_once(&account, 1, 102).await.unwrap());
            assert!(two.warn_once(&account, 2, 103).await.unwrap());
            assert!(one.warn_once(&account, 1, REMEMBERED + 101).await.unwrap());
        })
        .await;
    }
}
