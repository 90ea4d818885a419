//! What keys are made of and what becomes of them, in the store.

use super::{Key, NewKey, Rotation, Scopes};
use crate::store::tests::{on_both, on_both_homes, ran};
use crate::store::values;
use crate::{AdminError, By, Ledger, NewTenant, Page};
use std::time::{Duration, SystemTime};

/// So many seconds after the epoch: tests say what time it is.
pub(crate) fn moment(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Everything, in tests.
pub(crate) const ALL: Page<'static> = Page { after: None, limit: 100 };

/// Somebody acts at that second.
pub(crate) fn by(seconds: u64) -> By<'static> {
    By { actor: "ada", at: moment(seconds) }
}

pub(crate) async fn make_tenant(ledger: &Ledger, id: &str, parent: Option<&str>) {
    ledger.make_tenant(by(0), NewTenant { id, parent, name: id }).await.unwrap();
}

pub(crate) fn new_key<'a>(tenant: &'a str, name: &'a str) -> NewKey<'a> {
    NewKey { tenant, name, scopes: Scopes::default(), expires_at: None }
}

const GRACE: Rotation = Rotation { grace: Duration::from_secs(60), expires_at: None };

#[tokio::test]
async fn a_key_is_listed_as_it_was_made_and_its_secret_is_nowhere() {
    on_both(async |ledger| {
        make_tenant(&ledger, "a", None).await;
        make_tenant(&ledger, "b", None).await;
        let scopes =
            Scopes { routes: Some(vec!["cheap".to_owned()]), private: true, ..Scopes::default() };
        let new =
            NewKey { scopes: scopes.clone(), expires_at: Some(moment(9)), ..new_key("a", "ci") };
        let made = ledger.make_key(by(1), new).await.unwrap();
        let expected = Key {
            id: made.key.id.clone(),
            tenant: "a".to_owned(),
            name: "ci".to_owned(),
            scopes,
            made_at: moment(1),
            expires_at: Some(moment(9)),
            revoked_at: None,
            successor: None,
        };
        assert_eq!(made.key, expected);
        let other = ledger.make_key(by(2), new_key("b", "ci")).await.unwrap();
        assert_eq!(ledger.keys(Some("a"), ALL).await.unwrap(), std::slice::from_ref(&expected));
        assert_eq!(ledger.key(&expected.id).await.unwrap(), expected);
        assert!(matches!(ledger.key("x").await, Err(AdminError::UnknownKey(_))));
        assert_eq!(ledger.keys(None, ALL).await.unwrap(), [expected, other.key]);
        assert_eq!(ledger.keys(Some("c"), ALL).await.unwrap(), []);
        let rows = ledger.store.read("SELECT digest FROM api_key", values![]).await.unwrap();
        let digests = rows.iter().map(|row| row.get::<Vec<u8>>(0).unwrap());
        assert!(digests.into_iter().all(|digest| digest.len() == 32));
    })
    .await;
}

#[tokio::test]
async fn keys_are_listed_a_page_at_a_time_and_none_twice() {
    on_both(async |ledger| {
        make_tenant(&ledger, "a", None).await;
        make_tenant(&ledger, "b", None).await;
        let mut made = Vec::new();
        // Many of one moment, so that the moment alone does not order them.
        for (number, second) in [1, 2, 2, 2, 3].into_iter().enumerate() {
            let (name, tenant) = (number.to_string(), if second == 3 { "b" } else { "a" });
            made.push(ledger.make_key(by(second), new_key(tenant, &name)).await.unwrap().key);
        }
        made.sort_by(|one, two| (one.made_at, &one.id).cmp(&(two.made_at, &two.id)));
        for limit in 1..=6 {
            let mut listed: Vec<Key> = Vec::new();
            loop {
                let after = listed.last().map(|key| key.id.clone());
                let page = Page { after: after.as_deref(), limit };
                let keys = ledger.keys(None, page).await.unwrap();
                assert!(keys.len() <= limit as usize);
                if keys.is_empty() {
                    break;
                }
                listed.extend(keys);
            }
            assert_eq!(listed, made, "{limit} at a time");
        }
        let page = Page { after: Some(&made[1].id), limit: 100 };
        assert_eq!(ledger.keys(Some("a"), page).await.unwrap(), made[2..4]);
        assert_eq!(ledger.keys(Some("b"), page).await.unwrap(), made[4..]);
        let unknown = ledger.keys(None, Page { after: Some("x"), limit: 1 }).await;
        assert!(matches!(unknown, Err(AdminError::UnknownKey(_))), "{unknown:?}");
    })
    .await;
}

#[tokio::test]
async fn a_name_is_of_one_key_until_it_is_revoked_or_replaced() {
    on_both(async |ledger| {
        make_tenant(&ledger, "a", None).await;
        let first = ledger.make_key(by(1), new_key("a", "ci")).await.unwrap().key.id;
        let again = ledger.make_key(by(1), new_key("a", "ci")).await;
        assert!(matches!(again, Err(AdminError::KeyExists(_))), "{again:?}");
        let second = ledger.rotate_key(by(1), &first, GRACE).await.unwrap().key.id;
        let again = ledger.make_key(by(1), new_key("a", "ci")).await;
        assert!(matches!(again, Err(AdminError::KeyExists(_))), "{again:?}");
        ledger.revoke_key(by(1), &second).await.unwrap();
        ledger.make_key(by(1), new_key("a", "ci")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_replaced_works_until_its_grace_or_its_own_time_is_over() {
    on_both(async |ledger| {
        make_tenant(&ledger, "a", None).await;
        for (name, ends, expected) in [("k", None, 61), ("l", Some(1000), 61), ("m", Some(9), 9)] {
            let scopes = Scopes { models: Some(vec![]), ..Scopes::default() };
            let expires_at = ends.map(moment);
            let new = NewKey { scopes, expires_at, ..new_key("a", name) };
            let old = ledger.make_key(by(1), new).await.unwrap().key;
            let rotation = Rotation { expires_at: Some(moment(500)), ..GRACE };
            let new = ledger.rotate_key(by(1), &old.id, rotation).await.unwrap().key;
            assert_eq!((&new.name, &new.scopes), (&old.name, &old.scopes));
            assert_eq!(new.expires_at, Some(moment(500)));
            let keys = ledger.keys(None, ALL).await.unwrap();
            let replaced = keys.iter().find(|key| key.id == old.id).unwrap();
            assert_eq!(replaced.expires_at, Some(moment(expected)), "{name}");
            assert_eq!(replaced.successor, Some(new.id));
        }
    })
    .await;
}

#[tokio::test]
async fn what_has_ended_is_not_replaced_and_what_is_not_there_is_said() {
    on_both(async |ledger| {
        make_tenant(&ledger, "a", None).await;
        let key = async |name| ledger.make_key(by(1), new_key("a", name)).await.unwrap().key.id;
        let (revoked, replaced, expired) = (key("k").await, key("l").await, key("m").await);
        ledger.revoke_key(by(2), &revoked).await.unwrap();
        ledger.rotate_key(by(2), &replaced, GRACE).await.unwrap();
        ledger.expire_key(by(2), &expired, Some(moment(3))).await.unwrap();
        for id in [&revoked, &replaced, &expired] {
            let rotated = ledger.rotate_key(by(3), id, GRACE).await;
            assert!(matches!(rotated, Err(AdminError::KeyEnded(_))), "{rotated:?}");
        }
        let unknown = [
            ledger.rotate_key(by(1), "x", GRACE).await.map(drop),
            ledger.revoke_key(by(1), "x").await,
            ledger.expire_key(by(1), "x", None).await,
        ];
        for done in unknown {
            assert!(matches!(done, Err(AdminError::UnknownKey(_))), "{done:?}");
        }
        let made = ledger.make_key(by(1), new_key("x", "k")).await;
        assert!(matches!(made, Err(AdminError::UnknownTenant(_))), "{made:?}");
        let made = ledger.make_key(by(1), new_key("a", "\n")).await;
        assert!(matches!(made, Err(AdminError::Name(..))), "{made:?}");
        // The moment that a key was revoked at first stays.
        ledger.revoke_key(by(9), &revoked).await.unwrap();
        let keys = ledger.keys(None, ALL).await.unwrap();
        let found = keys.iter().find(|key| key.id == revoked).unwrap();
        assert_eq!(found.revoked_at, Some(moment(2)));
    })
    .await;
}

#[tokio::test]
async fn of_two_processes_that_replace_a_key_one_does() {
    on_both_homes(async |home| {
        let (one, two) = (home.open().await, home.open().await);
        make_tenant(&one, "a", None).await;
        let key = one.make_key(by(1), new_key("a", "k")).await.unwrap().key.id;
        let (first, second) =
            tokio::join!(one.rotate_key(by(1), &key, GRACE), two.rotate_key(by(1), &key, GRACE));
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
        assert_eq!(one.keys(None, ALL).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn the_store_keeps_no_key_of_nobody() {
    on_both(async |ledger| {
        let sql = "INSERT INTO api_key (id, tenant, name, digest, scopes, made_at, changed) \
                   VALUES ('k', 'nobody', 'k', $1, '{}', 0, 1)";
        assert!(ran(&*ledger.store, sql, values![vec![0_u8; 32]]).await.is_err());
    })
    .await;
}
