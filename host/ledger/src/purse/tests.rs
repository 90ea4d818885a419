//! Several processes over one store: together they spend what there is and no more, whoever of
//! them comes, goes, dies or is cut off.

mod chaos;
mod killed;
mod traffic;

use super::{Clock, Denied, Purse, Reservation, WhenAway};
use crate::Ledger;
use crate::account::{Claim, Limit, Measure, Subject};
use crate::journal::{Bounds, Journal};
use crate::store::tests::on_both_homes;
use crate::store::values;
use crate::usage::Usage;
use crate::window::Period;
use jiff::tz::TimeZone;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

/// The beginning of a day, and of an hour.
const MORNING: i64 = 1_790_000_000_000 / 86_400_000 * 86_400_000;
const DAY: i64 = 86_400_000;

/// Time that moves when it is told to.
#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(MORNING)))
    }

    fn forward(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }

    fn clock(&self) -> Clock {
        let now = self.0.clone();
        Arc::new(move || now.load(Ordering::Relaxed))
    }
}

fn limit(measure: Measure, name: &str, most: i64) -> Arc<Limit> {
    let whose = (Subject::Key, name);
    Arc::new(Limit::new(measure, Period::Day, TimeZone::UTC, whose, most))
}

fn claim(limit: &Arc<Limit>, amount: i64) -> Claim {
    Claim { limit: limit.clone(), amount }
}

fn purse_in(ledger: &Ledger, folder: &Path, hands: &Hands) -> Arc<Purse> {
    let (journal, torn) = Journal::open(folder, Bounds::default()).unwrap();
    assert_eq!(torn, 0);
    ledger.purse(journal, WhenAway::Refuse, hands.clock()).unwrap()
}

fn purse(ledger: &Ledger, hands: &Hands) -> (Arc<Purse>, TempDir) {
    let folder = TempDir::new().unwrap();
    (purse_in(ledger, folder.path(), hands), folder)
}

fn usage(name: &str, nanodollars: i64) -> Usage {
    let request = name.to_owned();
    Usage { at: MORNING, request, nanodollars, end: "finished".to_owned(), ..Usage::default() }
}

fn close(reservation: Reservation, spent: i64) {
    reservation.close(&usage("", spent), |_| spent).unwrap();
}

/// What of an account's windows is settled and leased.
async fn account(ledger: &Ledger, limit: &Limit) -> (i64, i64) {
    const SQL: &str = "SELECT CAST(coalesce(sum(settled), 0) AS BIGINT), \
                       CAST(coalesce(sum(leased), 0) AS BIGINT) \
                       FROM account_window WHERE account = $1";
    let rows = ledger.store.read(SQL, values![limit.account().name()]).await.unwrap();
    (rows[0].get(0).unwrap(), rows[0].get(1).unwrap())
}

/// How many entries have this end.
async fn entries(ledger: &Ledger, end: &str) -> i64 {
    const SQL: &str = "SELECT count(*) FROM usage_entry WHERE ended = $1";
    ledger.store.read(SQL, values![end]).await.unwrap()[0].get(0).unwrap()
}

async fn tick_all(purse: &Purse) {
    while purse.tick().await.unwrap().more {}
}

/// The folder of a process as it is now: what it would leave if it died at this moment.
fn remains(folder: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

#[tokio::test]
async fn what_is_reserved_twice_is_spent_once() {
    on_both_homes(async |home| {
        let (ledger, hands) = (home.open().await, Hands::new());
        let (purse, _folder) = purse(&ledger, &hands);
        let money = limit(Measure::Nanodollars, "k", 100);
        let mut reservation = purse.reserve(&[claim(&money, 60)], usage("", 0)).await.unwrap();
        let further = reservation.further();
        let denied = further.reserve(&[claim(&money, 50)]).await.unwrap_err();
        assert!(matches!(denied, Denied::Spent(standing) if standing.spent == 60));
        let gone = further.reserve(&[claim(&money, 40)]).await.unwrap();
        drop(gone);
        reservation.add(further.reserve(&[claim(&money, 30)]).await.unwrap());
        assert_eq!(purse.standings(std::slice::from_ref(&money))[0].spent, 90);
        close(reservation, 25);
        tick_all(&purse).await;
        assert_eq!(account(&ledger, &money).await.0, 25);
        assert_eq!(purse.standings(&[money])[0].spent, 25);
        // One that nobody closes has cost nothing, whatever it might have.
        drop(purse.reserve(&[], usage("", 99)).await.unwrap());
        tick_all(&purse).await;
        assert_eq!(entries(&ledger, Usage::ABANDONED).await, 1);
        const SQL: &str = "SELECT CAST(sum(nanodollars) AS BIGINT) FROM usage_entry";
        let rows = ledger.store.read(SQL, vec![]).await.unwrap();
        assert_eq!(rows[0].get::<i64>(0).unwrap(), 25);
    })
    .await;
}

#[tokio::test]
async fn processes_spend_together_what_there_is_and_nothing_more() {
    on_both_homes(async |home| {
        let hands = Hands::new();
        let ledger = home.open().await;
        let limit = limit(Measure::Nanodollars, "k", 3 * 200 + 2);
        let mut purses = Vec::new();
        for _ in 0..3 {
            purses.push(purse(&home.open().await, &hands));
        }
        let (mut served, mut spent) = (0, [false; 3]);
        while spent != [true; 3] {
            for (at, (purse, _)) in purses.iter().enumerate() {
                match purse.reserve(&[claim(&limit, 3)], Usage::default()).await {
                    Ok(reservation) => {
                        assert!(served < 200, "more than there is");
                        served += 1;
                        close(reservation, 3);
                    }
                    Err(Denied::Spent(standing)) => {
                        assert_eq!(standing.resets_at, Some(MORNING + DAY));
                        assert_eq!(standing.most, 602);
                        assert!(standing.spent > 599, "{standing:?}");
                        spent[at] = true;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
        assert_eq!(served, 200);
        for (purse, _) in &purses {
            purse.leave().await.unwrap();
        }
        assert_eq!(account(&ledger, &limit).await, (600, 0));
        assert_eq!(entries(&ledger, "finished").await, 200);
        // Tomorrow there is as much again.
        hands.forward(DAY);
        let reservation = purses[0].0.reserve(&[claim(&limit, 602)], Usage::default()).await;
        close(reservation.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_spent_goes_back_and_what_is_spent_beyond_is_counted() {
    on_both_homes(async |home| {
        let hands = Hands::new();
        let ledger = home.open().await;
        let (purse, _folder) = purse(&ledger, &hands);
        let limit = limit(Measure::Tokens, "k", 100);
        let claims = [claim(&limit, 100)];
        let all = purse.reserve(&claims, Usage::default()).await.unwrap();
        assert_eq!(all.standings()[0].remaining(), 0);
        assert!(matches!(purse.reserve(&claims, usage("", 0)).await, Err(Denied::Spent(_))));
        drop(all);
        let all = purse.reserve(&claims, Usage::default()).await.unwrap();
        close(all, 40);
        assert_eq!(purse.standings(std::slice::from_ref(&limit))[0].remaining(), 60);
        let most = purse.reserve(&[claim(&limit, 60)], Usage::default()).await.unwrap();
        close(most, 90);
        assert_eq!(purse.standings(std::slice::from_ref(&limit))[0].spent, 130);
        hands.forward(1_000);
        assert!(purse.reserve(&[claim(&limit, 1)], usage("", 0)).await.is_err());
        tick_all(&purse).await;
        purse.leave().await.unwrap();
        assert_eq!(account(&ledger, &limit).await, (130, 0));
        assert_eq!(entries(&ledger, "finished").await, 2);
        assert_eq!(entries(&ledger, Usage::ABANDONED).await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_was_under_way_when_a_process_died_counts_as_spent_once() {
    on_both_homes(async |home| {
        let hands = Hands::new();
        let ledger = home.open().await;
        let (first, folder) = purse(&ledger, &hands);
        let money = limit(Measure::Nanodollars, "k", 1_000);
        let turns = limit(Measure::Concurrent, "k", 5);
        let claims = [claim(&money, 10), claim(&turns, 1)];
        for _ in 0..3 {
            close(first.reserve(&claims, usage("", 0)).await.unwrap(), 7);
        }
        tick_all(&first).await;
        close(first.reserve(&claims, usage("", 0)).await.unwrap(), 7);
        let mut under_way = first.reserve(&claims, usage("last", 0)).await.unwrap();
        let more = under_way.further().reserve(&[claim(&money, 4)]).await.unwrap();
        under_way.add(more);
        let left = remains(folder.path());
        // It comes back, twice even, and settles exactly.
        for unknown in [1, 0] {
            let again = purse_in(&ledger, left.path(), &hands);
            assert_eq!(again.unknown(), unknown);
            tick_all(&again).await;
            assert_eq!(account(&ledger, &money).await, (4 * 7 + 14, 0));
            assert_eq!(account(&ledger, &turns).await, (0, 0));
            assert_eq!(entries(&ledger, "finished").await, 4);
            assert_eq!(entries(&ledger, Usage::UNKNOWN).await, 1);
        }
        // The one that it was is told that it was replaced, and changes nothing any more.
        assert!(first.tick().await.is_err());
        close(under_way, 10);
        assert!(first.tick().await.is_err());
        assert_eq!(account(&ledger, &money).await, (4 * 7 + 14, 0));
    })
    .await;
}

#[tokio::test]
async fn who_is_gone_gives_back_what_it_cannot_have_spent() {
    on_both_homes(async |home| {
        let hands = Hands::new();
        let ledger = home.open().await;
        let (gone, folder) = purse(&ledger, &hands);
        let (lives, _folder) = purse(&ledger, &hands);
        let money = limit(Measure::Nanodollars, "k", 1_000);
        let turns = limit(Measure::Concurrent, "k", 2);
        lives.tick().await.unwrap();
        let claims = [claim(&money, 100), claim(&turns, 2)];
        let under_way = gone.reserve(&claims, usage("", 0)).await.unwrap();
        let (_, leased) = account(&ledger, &money).await;
        assert!(leased > 300, "{leased}");
        let left = remains(folder.path());
        let turn = [claim(&turns, 1)];
        assert!(lives.reserve(&turn, usage("", 0)).await.is_err());
        hands.forward(9_000);
        lives.tick().await.unwrap();
        assert_eq!(account(&ledger, &money).await, (0, leased));
        hands.forward(2_000);
        lives.tick().await.unwrap();
        let (_, held) = account(&ledger, &money).await;
        assert!(held >= 100 && held < leased, "{held} of {leased}");
        drop(lives.reserve(&turn, usage("", 0)).await.unwrap());
        // An operator may say that it will never come back. Of one that lives he may not.
        let process = gone.journal.process();
        assert!(!ledger.forget_process(lives.journal.process(), MORNING).await.unwrap());
        assert!(ledger.forget_process(process, (lives.clock)()).await.unwrap());
        assert_eq!(account(&ledger, &money).await, (0, 0));
        // It comes all the same: what it had under way is counted.
        tick_all(&purse_in(&ledger, left.path(), &hands)).await;
        assert_eq!(account(&ledger, &money).await, (100, 0));
        drop(under_way);
    })
    .await;
}

#[tokio::test]
async fn what_lies_unused_goes_to_who_can_use_it() {
    on_both_homes(async |home| {
        let hands = Hands::new();
        let ledger = home.open().await;
        let (one, _one) = purse(&ledger, &hands);
        let (two, _two) = purse(&ledger, &hands);
        let limit = limit(Measure::Tokens, "k", 100);
        close(one.reserve(&[claim(&limit, 10)], usage("", 0)).await.unwrap(), 10);
        let most = [claim(&limit, 90)];
        assert!(matches!(two.reserve(&most, usage("", 0)).await, Err(Denied::Spent(_))));
        hands.forward(5_000);
        one.tick().await.unwrap();
        assert_eq!(account(&ledger, &limit).await, (10, 0));
        close(two.reserve(&most, usage("", 0)).await.unwrap(), 90);
        hands.forward(5_000);
        two.tick().await.unwrap();
        assert_eq!(account(&ledger, &limit).await, (100, 0));
    })
    .await;
}

#[tokio::test]
async fn a_limit_that_changes_counts_from_the_next_request_on() {
    on_both_homes(async |home| {
        let hands = Hands::new();
        let ledger = home.open().await;
        let (purse, _folder) = purse(&ledger, &hands);
        let [low, high] = [40, 100].map(|most| limit(Measure::Tokens, "k", most));
        close(purse.reserve(&[claim(&high, 30)], usage("", 0)).await.unwrap(), 30);
        let denied = purse.reserve(&[claim(&low, 11)], usage("", 0)).await.unwrap_err();
        let Denied::Spent(standing) = denied else { panic!("{denied}") };
        assert_eq!((standing.most, standing.spent, standing.remaining()), (40, 30, 10));
        close(purse.reserve(&[claim(&low, 10)], usage("", 0)).await.unwrap(), 10);
        assert!(purse.reserve(&[claim(&low, 1)], usage("", 0)).await.is_err());
        close(purse.reserve(&[claim(&high, 60)], usage("", 0)).await.unwrap(), 60);
        assert!(purse.reserve(&[claim(&high, 1)], usage("", 0)).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn plenty_is_fetched_before_anybody_waits_for_it() {
    on_both_homes(async |home| {
        let hands = Hands::new();
        let ledger = home.open().await;
        let (purse, _folder) = purse(&ledger, &hands);
        let limit = limit(Measure::Requests, "k", 100_000);
        let claims = [claim(&limit, 1)];
        close(purse.reserve(&claims, usage("", 0)).await.unwrap(), 1);
        // The store is not asked while requests come: it is held by somebody.
        for _ in 0..20 {
            let desk = purse.desk.lock().await;
            for _ in 0..1_000 {
                close(purse.reserve(&claims, usage("", 0)).await.unwrap(), 1);
            }
            drop(desk);
            tick_all(&purse).await;
        }
        assert_eq!(account(&ledger, &limit).await.0, 20_001);
    })
    .await;
}

#[tokio::test]
async fn who_has_no_limits_has_entries() {
    on_both_homes(async |home| {
        let hands = Hands::new();
        let ledger = home.open().await;
        let (purse, _folder) = purse(&ledger, &hands);
        close(purse.reserve(&[], usage("", 0)).await.unwrap(), 5);
        drop(purse.reserve(&[], usage("", 0)).await.unwrap());
        tick_all(&purse).await;
        assert_eq!(entries(&ledger, "finished").await, 1);
        assert_eq!(entries(&ledger, Usage::ABANDONED).await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_reserved_nothing_is_noted_and_told_once() {
    on_both_homes(async |home| {
        let hands = Hands::new();
        let ledger = home.open().await;
        let (one, folder) = purse(&ledger, &hands);
        let hedge = Usage { kind: Usage::ATTEMPT.to_owned(), ..usage("hedged", 7) };
        let open = one.reserve(&[], usage("hedged", 0)).await.unwrap();
        one.note(&hedge).unwrap();
        let died = remains(folder.path());
        // What is noted neither opens nor closes anything: the request is what is unknown.
        let again = purse_in(&ledger, died.path(), &hands);
        assert_eq!(again.unknown(), 1);
        tick_all(&again).await;
        tick_all(&again).await;
        assert_eq!(entries(&ledger, "finished").await, 1);
        assert_eq!(entries(&ledger, Usage::UNKNOWN).await, 1);
        let sums = ledger.usage(&crate::Question { to: i64::MAX, ..Default::default() }).await;
        let sums = sums.unwrap();
        assert_eq!((sums[0].requests, sums[0].nanodollars), (1, 7));
        drop(open);
    })
    .await;
}

#[tokio::test]
async fn what_an_earlier_version_wrote_is_a_request() {
    on_both_homes(async |home| {
        let folder = TempDir::new().unwrap();
        let (journal, _) = Journal::open(folder.path(), Bounds::default()).unwrap();
        let old = r#"{"closed":{"entry":0,"spent":[],"usage":{"at":5,"end":"finished"}}}"#;
        journal.append(old.as_bytes(), crate::journal::Room::Granted).unwrap();
        let ledger = home.open().await;
        let purse = ledger.purse(journal, WhenAway::Refuse, Hands::new().clock()).unwrap();
        tick_all(&purse).await;
        let sums = ledger.usage(&crate::Question { to: 10, ..Default::default() }).await.unwrap();
        assert_eq!(sums[0].requests, 1);
    })
    .await;
}

#[tokio::test]
async fn a_conversation_that_nobody_goes_on_with_is_forgotten() {
    on_both_homes(async |home| {
        let hands = Hands::new();
        let ledger = home.open().await;
        let (purse, _folder) = purse(&ledger, &hands);
        let whose = (Subject::Conversation, "c");
        let limit = Limit::new(Measure::Tokens, Period::Total, TimeZone::UTC, whose, 100);
        let limit = Arc::new(limit);
        for spent in [10, 20] {
            close(purse.reserve(&[claim(&limit, 10)], usage("", 0)).await.unwrap(), 10);
            tick_all(&purse).await;
            hands.forward(29 * DAY);
            tick_all(&purse).await;
            assert_eq!(account(&ledger, &limit).await, (spent, 0));
        }
        hands.forward(31 * DAY);
        tick_all(&purse).await;
        assert_eq!(account(&ledger, &limit).await, (0, 0));
        assert_eq!(entries(&ledger, "finished").await, 2);
    })
    .await;
}
