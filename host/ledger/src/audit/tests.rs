//! That what is done is noted, with it or not at all, and stays.

use crate::key::tests::{by, make_tenant, moment, new_key};
use crate::store::tests::{on_both, ran};
use crate::store::values;
use crate::{Ledger, Noted, Rotation};
use std::time::Duration;

async fn noted(ledger: &Ledger) -> Vec<(i64, String, String)> {
    let acts = ledger.audit(None, 100).await.unwrap().into_iter().rev();
    acts.map(|noted| (noted.act, noted.action, noted.subject)).collect()
}

#[tokio::test]
async fn every_act_is_noted_without_secrets() {
    on_both(async |ledger| {
        make_tenant(&ledger, "a", None).await;
        let made = ledger.make_key(by(1), new_key("a", "ci")).await.unwrap();
        let rotation = Rotation { grace: Duration::from_secs(60), expires_at: None };
        let new = ledger.rotate_key(by(2), &made.key.id, rotation).await.unwrap();
        ledger.expire_key(by(3), &new.key.id, Some(moment(9))).await.unwrap();
        ledger.revoke_key(by(4), &new.key.id).await.unwrap();
        ledger.suspend_tenant(by(5), "a").await.unwrap();
        ledger.resume_tenant(by(6), "a").await.unwrap();
        ledger.move_tenant(by(7), "a", None).await.unwrap();
        ledger.note(by(8), "swap-plugin", "house", "{\"to\":\"2\"}").await.unwrap();
        let (old, new_id) = (&made.key.id, &new.key.id);
        let expected = [
            ("make-tenant", "a"),
            ("make-key", old),
            ("rotate-key", old),
            ("expire-key", new_id),
            ("revoke-key", new_id),
            ("suspend-tenant", "a"),
            ("resume-tenant", "a"),
            ("move-tenant", "a"),
            ("swap-plugin", "house"),
        ];
        let expected = expected.into_iter().zip(1..);
        let expected: Vec<_> =
            expected.map(|((what, whom), act)| (act, what.to_owned(), whom.to_owned())).collect();
        assert_eq!(noted(&ledger).await, expected);
        let last = ledger.audit(None, 1).await.unwrap();
        let expected = Noted {
            act: 9,
            at: moment(8),
            actor: "ada".to_owned(),
            action: "swap-plugin".to_owned(),
            subject: "house".to_owned(),
            detail: "{\"to\":\"2\"}".to_owned(),
        };
        assert_eq!(last, [expected]);
        let before: Vec<i64> =
            ledger.audit(Some(9), 2).await.unwrap().iter().map(|noted| noted.act).collect();
        assert_eq!(before, [8, 7]);
        let all = format!("{:?}", ledger.audit(None, 100).await.unwrap());
        for secret in [made.secret.expose(), new.secret.expose()] {
            assert!(!all.contains(&secret[secret.len() - 43..]), "{all}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_happened_is_neither_changed_nor_removed() {
    on_both(async |ledger| {
        ledger.note(by(0), "a", "b", "{}").await.unwrap();
        for sql in ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"] {
            let why = ran(&*ledger.store, sql, values![]).await.err().unwrap().to_string();
            assert!(why.contains("the audit log is only added to"), "{why}");
        }
        assert_eq!(noted(&ledger).await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acts_of_many_have_numbers_without_gaps() {
    on_both(async |ledger| {
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let ledger = ledger.clone();
                tokio::spawn(async move { ledger.note(by(0), "a", "b", "{}").await.unwrap() })
            })
            .collect();
        let mut acts = Vec::new();
        for task in tasks {
            acts.push(task.await.unwrap());
        }
        acts.sort_unstable();
        assert_eq!(acts, (1..=20).collect::<Vec<i64>>());
    })
    .await;
}
