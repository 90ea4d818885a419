//! That a place has what was put there last, in every process, and that each act is noted.

use super::{NewUpload, Upload};
use crate::key::tests::by;
use crate::store::tests::{on_both, on_both_homes};
use crate::{AdminError, Ledger};

fn new<'a>(place: &'a str, content: &'a [u8]) -> NewUpload<'a> {
    let (tenant, description, detail) = ("acme", "name = \"x\"", "{\"version\":\"2\"}");
    NewUpload { place, tenant, description, content, detail }
}

async fn content(ledger: &Ledger, place: &str) -> Option<Vec<u8>> {
    ledger.uploaded(place).await.unwrap().map(|uploaded| uploaded.content)
}

#[tokio::test]
async fn a_place_has_what_was_put_there_last_in_every_process() {
    on_both_homes(async |home| {
        let (one, other) = (home.open().await, home.open().await);
        // More than a page of either store, with every byte in it.
        let large: Vec<u8> = (0..3_000_000).map(|index: u32| (index % 251) as u8).collect();
        let first = one.upload(by(1), new("policies.b", b"first")).await.unwrap();
        let second = one.upload(by(2), new("policies.b", &large)).await.unwrap();
        let third = other.upload(by(3), new("policies.a", b"")).await.unwrap();
        assert!(first < second && second < third);
        let upload = |place: &str, act| Upload { place: place.into(), tenant: "acme".into(), act };
        let all = [upload("policies.a", third), upload("policies.b", second)];
        for ledger in [&one, &other, &home.open().await] {
            assert_eq!(ledger.uploads().await.unwrap(), all);
            let found = ledger.uploaded("policies.b").await.unwrap().unwrap();
            assert_eq!((found.upload, found.content == large), (all[1].clone(), true));
            assert_eq!(found.description, "name = \"x\"");
            assert_eq!(content(ledger, "policies.a").await.as_deref(), Some(&b""[..]));
            assert_eq!(content(ledger, "policies.c").await, None);
        }
        other.remove_upload(by(4), "acme", "policies.b", "{}").await.unwrap();
        assert_eq!(one.uploads().await.unwrap(), all[..1]);
    })
    .await;
}

#[tokio::test]
async fn what_is_another_tenants_or_not_there_is_not_taken_away() {
    on_both(async |ledger| {
        ledger.upload(by(1), new("policies.a", b"it")).await.unwrap();
        for (tenant, place) in [("other", "policies.a"), ("acme", "policies.b")] {
            let why = ledger.remove_upload(by(2), tenant, place, "{}").await.unwrap_err();
            assert!(matches!(&why, AdminError::NoUpload(said) if said == place), "{why}");
        }
        assert!(content(&ledger, "policies.a").await.is_some());
        ledger.remove_upload(by(3), "acme", "policies.a", "{\"reason\":\"r\"}").await.unwrap();
        // What was not done is not noted.
        let acts = ledger.audit(None, 9).await.unwrap().into_iter();
        let acts: Vec<_> = acts.map(|it| (it.action, it.subject, it.actor, it.detail)).collect();
        let act = |action: &str, detail: &str| {
            (action.to_owned(), "policies.a".to_owned(), "ada".to_owned(), detail.to_owned())
        };
        let removed = act("remove-plugin", "{\"reason\":\"r\"}");
        assert_eq!(acts, [removed, act("upload-plugin", "{\"version\":\"2\"}")]);
    })
    .await;
}
