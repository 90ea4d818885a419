//! Who is let in, who is not and why, and how soon a change is seen.

use super::{KeyRefused, Keys};
use crate::key::tests::{by, make_tenant, moment, new_key};
use crate::store::tests::{on_both, on_both_homes, ran};
use crate::store::values;
use crate::{Ledger, Location, Made, Rotation};
use portcullis_test_postgres::Postgres;
use std::time::{Duration, Instant};

async fn key(ledger: &Ledger, tenant: &str, name: &str) -> Made {
    ledger.make_key(by(1), new_key(tenant, name)).await.unwrap()
}

/// Waits until a key is refused for this reason, at that second.
async fn until_refused(keys: &Keys, made: &Made, second: u64, why: KeyRefused) {
    while keys.look_up(made.secret.expose(), moment(second)).err() != Some(why) {
        keys.updated().await;
    }
}

/// Waits until a key is let in.
async fn until_known(keys: &Keys, made: &Made) {
    while keys.look_up(made.secret.expose(), moment(2)).is_err() {
        keys.updated().await;
    }
}

#[tokio::test]
async fn a_key_works_for_who_has_all_of_it_while_it_does() {
    on_both(async |ledger| {
        make_tenant(&ledger, "a", None).await;
        make_tenant(&ledger, "b", Some("a")).await;
        let made = key(&ledger, "b", "k").await;
        let rotation = Rotation { grace: Duration::from_secs(60), expires_at: None };
        let replaced = key(&ledger, "b", "l").await;
        let successor = ledger.rotate_key(by(1), &replaced.key.id, rotation).await.unwrap();
        let revoked = key(&ledger, "b", "m").await;
        ledger.revoke_key(by(1), &revoked.key.id).await.unwrap();
        let keys = Keys::follow(&ledger).await.unwrap();
        let known = keys.look_up(made.secret.expose(), moment(2)).unwrap();
        assert_eq!(*known.key, made.key);
        let tenants: Vec<&str> = known.tenants.iter().map(|tenant| &*tenant.id).collect();
        assert_eq!(tenants, ["b", "a"]);
        let secret = made.secret.expose();
        let last = if secret.ends_with('x') { "y" } else { "x" };
        let wrong = format!("{}{last}", &secret[..secret.len() - 1]);
        let other = secret.replace(&made.key.id, &revoked.key.id);
        let nobody = secret.replace(&made.key.id, "000000000000");
        for (secret, second, expected) in [
            ("", 2, KeyRefused::Unknown),
            ("sk-of-somebody-else", 2, KeyRefused::Unknown),
            // An id alone says nothing of the key, not even that it was revoked.
            (&wrong, 2, KeyRefused::Unknown),
            (&other, 2, KeyRefused::Unknown),
            (&nobody, 2, KeyRefused::Unknown),
            (revoked.secret.expose(), 2, KeyRefused::Revoked),
            (replaced.secret.expose(), 61, KeyRefused::Replaced),
        ] {
            let refused = keys.look_up(secret, moment(second)).err();
            assert_eq!(refused, Some(expected), "{secret}");
        }
        assert!(keys.look_up(replaced.secret.expose(), moment(60)).is_ok());
        assert!(keys.look_up(successor.secret.expose(), moment(61)).is_ok());
    })
    .await;
}

#[tokio::test]
async fn what_one_process_changes_every_process_sees_within_a_second() {
    on_both_homes(async |home| {
        let (here, there) = (home.open().await, home.open().await);
        make_tenant(&here, "a", None).await;
        make_tenant(&here, "b", Some("a")).await;
        let first = key(&here, "b", "k").await;
        let keys = Keys::follow(&there).await.unwrap();
        assert!(keys.look_up(first.secret.expose(), moment(2)).is_ok());
        let second = key(&here, "b", "l").await;
        until_known(&keys, &second).await;
        here.revoke_key(by(2), &first.key.id).await.unwrap();
        let revoked = Instant::now();
        until_refused(&keys, &first, 2, KeyRefused::Revoked).await;
        let took = revoked.elapsed();
        println!("a revoked key was refused after {took:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
        here.expire_key(by(2), &second.key.id, Some(moment(5))).await.unwrap();
        until_refused(&keys, &second, 5, KeyRefused::Expired).await;
        here.suspend_tenant(by(2), "a").await.unwrap();
        until_refused(&keys, &second, 2, KeyRefused::Suspended).await;
        assert!(keys.is_suspended(["c", "b"]) && !keys.is_suspended(["c"]));
        here.resume_tenant(by(2), "a").await.unwrap();
        keys.refresh().await.unwrap();
        assert!(keys.look_up(second.secret.expose(), moment(2)).is_ok());
        assert!(!keys.is_suspended(["b"]));
        // Who moves out is not suspended with those that it was within.
        here.suspend_tenant(by(2), "a").await.unwrap();
        until_refused(&keys, &second, 2, KeyRefused::Suspended).await;
        here.move_tenant(by(2), "b", None).await.unwrap();
        until_known(&keys, &second).await;
    })
    .await;
}

#[tokio::test]
async fn what_the_store_cannot_say_of_a_key_lets_nobody_in() {
    on_both(async |ledger| {
        make_tenant(&ledger, "a", None).await;
        let made = key(&ledger, "a", "k").await;
        let keys = Keys::follow(&ledger).await.unwrap();
        let sql = "UPDATE api_key SET digest = $1, changed = changed + 1";
        ran(&*ledger.store, sql, values![vec![0_u8; 3]]).await.unwrap();
        until_refused(&keys, &made, 2, KeyRefused::Unknown).await;
    })
    .await;
}

#[tokio::test]
async fn while_the_store_is_away_keys_work_and_their_age_says_so() {
    let server = Postgres::start().unwrap();
    let url = server.database().unwrap();
    let location = Location::parse(&url).unwrap();
    let ledger = Ledger::open(&location).await.unwrap();
    make_tenant(&ledger, "a", None).await;
    let made = key(&ledger, "a", "k").await;
    let keys = Keys::follow(&ledger).await.unwrap();
    assert!(keys.age() < Duration::from_secs(60));
    server.kill().unwrap();
    let away = Instant::now();
    let refused = ledger.revoke_key(by(2), &made.key.id).await.unwrap_err();
    assert!(matches!(refused, crate::AdminError::Store(why) if why.is_away()));
    // No look-up goes to the store: what is known works, and what is wrong is refused.
    for number in 0..100_000 {
        let wrong = format!("pk-000000000000-{number:043}");
        assert_eq!(keys.look_up(&wrong, moment(2)).err(), Some(KeyRefused::Unknown));
    }
    assert!(keys.look_up(made.secret.expose(), moment(2)).is_ok());
    assert!(keys.age() >= away.elapsed().saturating_sub(Duration::from_millis(100)));
    server.restart().unwrap();
    ledger.revoke_key(by(2), &made.key.id).await.unwrap();
    until_refused(&keys, &made, 2, KeyRefused::Revoked).await;
    // Announcements are heard again, over another connection: those of the first are cut too.
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE pid <> pg_backend_pid() AND application_name = 'portcullis'";
    server.tell(url.rsplit_once('/').unwrap().1, cut).unwrap();
    let next = key(&ledger, "a", "l").await;
    until_known(&keys, &next).await;
    ledger.revoke_key(by(2), &next.key.id).await.unwrap();
    let revoked = Instant::now();
    until_refused(&keys, &next, 2, KeyRefused::Revoked).await;
    assert!(revoked.elapsed() < Duration::from_secs(1), "{:?}", revoked.elapsed());
}

#[tokio::test]
async fn nobody_follows_when_nobody_looks_any_more() {
    let ledger = Ledger::in_memory().await.unwrap();
    let keys = Keys::follow(&ledger).await.unwrap();
    let view = std::sync::Arc::downgrade(&keys.view);
    drop(keys);
    while view.upgrade().is_some() {
        tokio::task::yield_now().await;
    }
}
