//! Who is within whom, and that nobody is within themselves.

use super::{NewTenant, Tenant};
use crate::key::tests::{ALL, by, make_tenant, moment};
use crate::store::tests::on_both;
use crate::{AdminError, Ledger, Page};

async fn parents(ledger: &Ledger) -> Vec<(String, Option<String>)> {
    let tenants = ledger.tenants(ALL).await.unwrap();
    tenants.into_iter().map(|tenant| (tenant.id, tenant.parent)).collect()
}

#[tokio::test]
async fn a_tenant_is_what_it_was_made_and_then_made_to_be() {
    on_both(async |ledger| {
        let new = NewTenant { id: "acme", parent: None, name: "Acme, Inc." };
        ledger.make_tenant(by(7), new).await.unwrap();
        let expected = Tenant {
            id: "acme".to_owned(),
            parent: None,
            name: "Acme, Inc.".to_owned(),
            made_at: moment(7),
            suspended_at: None,
        };
        assert_eq!(ledger.tenants(ALL).await.unwrap(), std::slice::from_ref(&expected));
        ledger.suspend_tenant(by(8), "acme").await.unwrap();
        let suspended = Tenant { suspended_at: Some(moment(8)), ..expected.clone() };
        assert_eq!(ledger.tenants(ALL).await.unwrap(), std::slice::from_ref(&suspended));
        assert_eq!(ledger.tenant("acme").await.unwrap(), suspended);
        let unknown = ledger.tenant("nobody").await;
        assert!(matches!(unknown, Err(AdminError::UnknownTenant(_))), "{unknown:?}");
        ledger.resume_tenant(by(9), "acme").await.unwrap();
        assert_eq!(ledger.tenants(ALL).await.unwrap(), [expected]);
    })
    .await;
}

#[tokio::test]
async fn tenants_are_listed_a_page_at_a_time_by_the_bytes_of_their_ids() {
    on_both(async |ledger| {
        for id in ["b", "a-b", "B", "a.b", "ab", "1"] {
            make_tenant(&ledger, id, None).await;
        }
        let page = async |after, limit| {
            let tenants = ledger.tenants(Page { after, limit }).await.unwrap();
            tenants.into_iter().map(|tenant| tenant.id).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(page(None, 3).await, "1 B a-b");
        assert_eq!(page(Some("a-b"), 2).await, "a.b ab");
        assert_eq!(page(Some("ab"), 2).await, "b");
        assert_eq!(page(Some("b"), 2).await, "");
        // One that is not there, as those of a configuration may be.
        assert_eq!(page(Some("aa"), 2).await, "ab b");
    })
    .await;
}

#[tokio::test]
async fn no_tenant_is_within_itself() {
    on_both(async |ledger| {
        make_tenant(&ledger, "a", None).await;
        make_tenant(&ledger, "b", Some("a")).await;
        make_tenant(&ledger, "c", Some("b")).await;
        for parent in ["a", "b", "c"] {
            let moved = ledger.move_tenant(by(0), "a", Some(parent)).await;
            assert!(matches!(moved, Err(AdminError::Cycle(_))), "{parent}: {moved:?}");
        }
        ledger.move_tenant(by(0), "c", None).await.unwrap();
        ledger.move_tenant(by(0), "a", Some("c")).await.unwrap();
        let within = |id: &str, parent: Option<&str>| (id.to_owned(), parent.map(str::to_owned));
        let expected = [within("a", Some("c")), within("b", Some("a")), within("c", None)];
        assert_eq!(parents(&ledger).await, expected);
    })
    .await;
}

#[tokio::test]
async fn of_two_moves_that_would_make_a_cycle_one_is_refused() {
    on_both(async |ledger| {
        make_tenant(&ledger, "a", None).await;
        make_tenant(&ledger, "b", None).await;
        let (one, two) = tokio::join!(
            ledger.move_tenant(by(0), "a", Some("b")),
            ledger.move_tenant(by(0), "b", Some("a")),
        );
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_tenant_is_said_and_nothing_is_changed() {
    on_both(async |ledger| {
        make_tenant(&ledger, "a", None).await;
        let before = ledger.audit(None, 10).await.unwrap();
        for (id, parent, name, expected) in [
            ("a", None, "again", "there is a tenant \"a\" already"),
            ("b", Some("x"), "b", "there is no tenant \"x\""),
            ("b", Some("b"), "b", "there is no tenant \"b\""),
            ("", None, "b", "\"\" is no name: expected up to 64"),
            ("a/b", None, "b", "\"a/b\" is no name"),
            ("b", None, " ", "\" \" is no name: expected up to 200"),
            ("b", None, "a\0", "is no name"),
        ] {
            let made = ledger.make_tenant(by(0), NewTenant { id, parent, name }).await;
            let why = made.unwrap_err().to_string();
            assert!(why.contains(expected), "{why}");
        }
        let unknown = [
            ledger.move_tenant(by(0), "x", None).await,
            ledger.move_tenant(by(0), "a", Some("x")).await,
            ledger.suspend_tenant(by(0), "x").await,
            ledger.resume_tenant(by(0), "x").await,
        ];
        for done in unknown {
            assert!(matches!(done, Err(AdminError::UnknownTenant(_))), "{done:?}");
        }
        assert_eq!(parents(&ledger).await, [("a".to_owned(), None)]);
        assert_eq!(ledger.audit(None, 10).await.unwrap(), before);
    })
    .await;
}
