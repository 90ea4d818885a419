//! Reports over a ledger with entries in it.

use super::*;
use crate::config::{self, Environment};
use jiff::tz::TimeZone;
use portcullis_ledger::{Bounds, Journal, Usage, WhenAway};
use serde_json::Value;
use std::sync::Arc;

const DOLLAR: i64 = 1_000_000_000;
const DAY: i64 = 86_400_000;

/// A Sunday, at ten past noon.
const NOW: &str = "2026-11-22T12:10:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

async fn ledger(entries: &[Usage]) -> Ledger {
    let ledger = Ledger::in_memory().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path(), Bounds::default()).unwrap();
    let purse = ledger.purse(journal, WhenAway::Refuse, Arc::new(|| 0)).unwrap();
    for entry in entries {
        purse.note(entry).unwrap();
    }
    while purse.tick().await.unwrap().more {}
    ledger
}

/// `house/plain` costs 1 and 2 dollars for a million tokens in and out, 0.1 of a cache;
/// `house/tiered` is dearer for long prompts, `house/none` has no price, `house/zero` is free, and
/// so is all that is at `here`.
fn configured() -> Config {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portcullis.toml");
    let text = r#"
        [providers.house]
        plugin = "openai"
        base_url = "http://127.0.0.1:9"
        models = [
            { id = "plain", input_price = 1.0, output_price = 2.0, cached_input_price = 0.1 },
            { id = "tiered", input_price = 2.0, output_price = 2.0, price_tiers = [
                { above_tokens = 1_000_000, input_price = 4.0, output_price = 8.0 } ] },
            { id = "none" },
            { id = "zero", input_price = 0.0, output_price = 0.0 },
        ]
        [providers.here]
        plugin = "openai"
        base_url = "http://127.0.0.1:9"
        local = true
        open_models = true
    "#;
    std::fs::write(&file, text).unwrap();
    config::load(&file, &Environment::default()).unwrap()
}

fn used(candidate: &str, [tokens_in, tokens_out, nanodollars]: [i64; 3]) -> Usage {
    Usage {
        at: at(NOW) - 1,
        candidate: candidate.to_owned(),
        operation: "chat".to_owned(),
        end: "finished".to_owned(),
        price_version: "v".to_owned(),
        tokens_in,
        tokens_out,
        nanodollars,
        ..Usage::default()
    }
}

async fn report(entries: &[Usage], query: &str) -> Result<Value, String> {
    let asked = Asked::read(query, now())?;
    let report = Report::of(&ledger(entries).await, &configured(), asked, now()).await;
    report.map(|report| report.as_json()).map_err(|why| why.to_string())
}

#[test]
fn times_are_said_in_many_ways() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    for (text, expected) in [
        ("now", NOW),
        ("today", "2026-11-21T23:00:00Z"),
        ("day", "2026-11-21T23:00:00Z"),
        ("week", "2026-11-15T23:00:00Z"),
        ("month", "2026-10-31T23:00:00Z"),
        ("2026-07-01", "2026-06-30T22:00:00Z"),
        ("2026-07-01T00:00:00+05:30", "2026-06-30T18:30:00Z"),
        ("7d", "2026-11-15T12:10:00Z"),
        ("36h", "2026-11-21T00:10:00Z"),
        ("2w", "2026-11-08T12:10:00Z"),
    ] {
        assert_eq!(asked::moment(text, &berlin, now()), Some(at(expected)), "{text}");
    }
    for text in
        ["", "d", "7", "7y", "-7d", "total", "yesterday", "2026-02-30", "é", "9999999999999999w"]
    {
        assert_eq!(asked::moment(text, &berlin, now()), None, "{text}");
    }
}

#[test]
fn what_cannot_be_meant_is_said() {
    for (query, expected) in [
        ("from=soon", "`from` = \"soon\" is no time"),
        ("from=now&to=7d", "`from` is behind `to`"),
        ("zone=Mars", "`zone` = \"Mars\" is no time zone"),
        ("every=year", "expected hour, day, week or month"),
        ("by=colour", "`by` names \"colour\"; expected tenant, "),
        ("by=label:", "`by` names \"label:\""),
        ("colour=red", "unknown `colour`; expected from, to, zone, "),
        ("tenant=a&tenant=b", "`tenant` is said twice"),
        ("projection=maybe", "`projection` is neither true nor false"),
    ] {
        let said = Asked::read(query, now()).unwrap_err();
        assert!(said.contains(expected), "{query}: {said}");
    }
    for (query, expected) in [
        ("limit=x", "`limit` is no number"),
        ("after=x", "`after`: expected the `next`"),
        ("by=tenant", "unknown `by`; expected from, to, zone, limit, "),
    ] {
        let said = Entries::read(query, now()).unwrap_err();
        assert!(said.contains(expected), "{query}: {said}");
    }
    let entries = Entries::read("limit=99999999&request=r&label:team=red", now()).unwrap();
    assert_eq!((entries.listing.most, entries.listing.only.len()), (10_000, 1));
}

#[tokio::test]
async fn rows_are_by_what_is_asked_and_add_up() {
    let team =
        |team: &str, usage: Usage| Usage { labels: format!("{{\"team\":{team:?}}}"), ..usage };
    let entries = [
        team("red", used("house/plain", [10, 1, 5])),
        team("red", used("house/plain", [20, 2, 6])),
        team("blue", used("house/tiered", [30, 3, 7])),
        Usage { at: at("2026-10-01T00:00:00Z"), ..used("house/plain", [1, 1, 1]) },
    ];
    let said = report(&entries, "by=label:team,candidate&every=month").await.unwrap();
    let rows = said["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["label:team"], "blue");
    assert_eq!((&rows[1]["candidate"], &rows[1]["requests"]), (&"house/plain".into(), &2.into()));
    assert_eq!(rows[1]["from"], "2026-11-01T00:00:00+00:00");
    assert_eq!(
        (&said["total"]["nanodollars"], &said["total"]["tokens_in"]),
        (&18.into(), &60.into())
    );
    let said = report(&entries, "from=2026-01-01&every=month&zone=America/New_York").await.unwrap();
    let months: Vec<_> = said["rows"].as_array().unwrap().iter().map(|it| &it["from"]).collect();
    assert_eq!(months, ["2026-09-01T00:00:00-04:00", "2026-11-01T00:00:00-04:00"]);
    let said = report(&entries, "label:team=red").await.unwrap();
    assert_eq!(said["total"]["nanodollars"], 11);
    assert!(said["baseline"].is_null() && said["projection"].is_null());
}

#[tokio::test]
async fn tokens_are_free_where_nobody_charges_for_them() {
    let entries = [
        used("house/plain", [60, 40, 5]),
        used("house/zero", [100, 0, 0]),
        used("here/any", [150, 50, 0]),
        // Nobody is configured so any more.
        used("gone/m", [0, 100, 0]),
    ];
    let said = report(&entries, "").await.unwrap();
    assert_eq!((&said["free"]["tokens"], &said["free"]["of_tokens"]), (&300.into(), &500.into()));
    assert_eq!(said["free"]["share"], 0.6);
    assert_eq!(report(&[], "").await.unwrap()["free"]["share"], Value::Null);
}

#[tokio::test]
async fn what_was_paid_is_compared_with_what_it_would_have_cost_elsewhere() {
    let million = 1_000_000;
    let entries = [
        Usage { tokens_cached: 500_000, ..used("here/any", [million, 0, 0]) },
        used("here/any", [2 * million, million, 0]),
        // What nobody would have asked there.
        Usage { kind: Usage::ATTEMPT.to_owned(), ..used("house/plain", [million, 0, DOLLAR]) },
        // What cannot be done there.
        Usage { operation: "embeddings".to_owned(), ..used("house/plain", [million, 0, 7]) },
    ];
    let of = async |who: &str| {
        let said = report(&entries, &format!("by=tenant&baseline={who}")).await?;
        let rows = said["rows"].as_array().unwrap();
        assert_eq!(rows[0]["baseline_nanodollars"], said["baseline"]["nanodollars"]);
        assert_eq!(said["total"]["nanodollars"], DOLLAR + 7);
        Ok::<_, String>(said["baseline"].clone())
    };
    let plain = of("house/plain").await.unwrap();
    // 0.5 M at 1, 0.5 M of a cache at 0.1, then 2 M at 1 and 1 M out at 2.
    let cost = DOLLAR / 2 + DOLLAR / 20 + 2 * DOLLAR + 2 * DOLLAR + 7;
    assert_eq!(plain["nanodollars"], cost);
    assert_eq!(plain["saved_nanodollars"], cost - DOLLAR - 7);
    // The long prompt by its tier, the short one not.
    let tiered = of("house/tiered").await.unwrap();
    assert_eq!(tiered["nanodollars"], 2 * DOLLAR + 8 * DOLLAR + 8 * DOLLAR + 7);
    assert_eq!(of("dearest").await.unwrap()["candidate"], "house/tiered");
    // Without a price nothing is saved and nothing lost.
    assert_eq!(of("house/none").await.unwrap()["saved_nanodollars"], 0);
    let nobody = of("house/nobody").await.unwrap_err();
    assert!(nobody.contains("there is no such candidate"), "{nobody}");
}

/// Entries of so many dollars, so many days ago.
fn spent(days: &[(i64, i64)]) -> Vec<Usage> {
    let entry = |&(ago, dollars): &(i64, i64)| Usage {
        at: at("2026-11-22T12:00:00Z") - ago * DAY,
        ..used("house/plain", [1, 0, dollars * DOLLAR])
    };
    days.iter().map(entry).collect()
}

#[tokio::test]
async fn a_month_is_projected_by_the_mean_of_the_last_whole_days() {
    let of = async |days: &[(i64, i64)]| {
        let said = report(&spent(days), "from=today&projection=true").await.unwrap();
        said["projection"].clone()
    };
    // 7 dollars over seven whole days are one a day; today's are spent, and no part of the mean.
    let said = of(&[(0, 3), (1, 2), (7, 5), (8, 100), (30, 50)]).await;
    assert_eq!(
        (&said["spent_nanodollars"], &said["whole_days"]),
        (&(110 * DOLLAR).into(), &7.into())
    );
    assert_eq!(said["daily_mean_nanodollars"], DOLLAR);
    let left = 8.0 + (11.0 * 60.0 + 50.0) / (24.0 * 60.0);
    assert!((said["days_left"].as_f64().unwrap() - left).abs() < 1e-9, "{said}");
    let projected = said["projected_nanodollars"].as_i64().unwrap() - 110 * DOLLAR;
    assert!((projected as f64 / DOLLAR as f64 - left).abs() < 1e-6, "{said}");
    assert!(said["formula"].as_str().unwrap().contains("last 7 whole days"));
    // A ledger that is three days old has two whole ones: its first day counts.
    let said = of(&[(0, 3), (2, 4)]).await;
    assert_eq!(
        (&said["whole_days"], &said["daily_mean_nanodollars"]),
        (&2.into(), &(2 * DOLLAR).into())
    );
    // One that began today has none.
    let said = of(&[(0, 3)]).await;
    assert_eq!((&said["whole_days"], &said["projected_nanodollars"]), (&0.into(), &Value::Null));
}

#[tokio::test]
async fn a_report_is_a_table_too() {
    let entries = [used("house/plain", [10, 1, 1_500_000_000]), used("=cmd", [1, 1, 0])];
    let ledger = ledger(&entries).await;
    let asked = Asked::read("by=candidate&every=day&baseline=house/plain", now()).unwrap();
    let report = Report::of(&ledger, &configured(), asked, now()).await.unwrap();
    let csv = String::from_utf8(report.as_table().csv()).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0].split(',').next_back(), Some("baseline_nanodollars"));
    assert!(lines[1].starts_with("2026-11-22T00:00:00+00:00,'=cmd,1,1,1,"), "{}", lines[1]);
    assert!(lines[2].ends_with(",1500000000,1.5,12000"), "{}", lines[2]);
    assert!(!report.as_table().parquet().unwrap().is_empty());
    let listing = Entries::read("", now()).unwrap().listing;
    let found = ledger.usage_entries(&listing).await.unwrap();
    let said = entries_as_json(&found, 2, &TimeZone::UTC);
    assert_eq!(said["entries"].as_array().unwrap().len(), 2);
    assert!(said["next"].is_string() && said["entries"][0]["labels"] == "");
    assert!(entries_as_json(&found, 3, &TimeZone::UTC)["next"].is_null());
    let csv = String::from_utf8(entries_as_table(&found, &TimeZone::UTC).csv()).unwrap();
    assert!(csv.lines().count() == 3 && csv.contains(",'=cmd,"), "{csv}");
}
