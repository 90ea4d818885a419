//! What is entered of requests that no upstream counts: those without usage, those that were broken
//! off, and those that were asked in vain.

use crate::budgets::{CHAT, MODELS, ask, ask_for, begin, entries, ledger, open, question, route};
use crate::hedges;
use crate::house::provider;
use anyhow::{Context, Result, ensure};
use jiff::tz::TimeZone;
use portcullis::counting::Over;
use portcullis::record::{Ending, Entry};
use portcullis::request::Request;
use portcullis_ledger::{Limit, Listing, Measure, Period, Subject, Usage};
use portcullis_tests::process::on_two_workers;
use std::sync::mpsc;
use std::time::Instant;
use tokio::runtime::Builder;

#[test]
fn what_an_upstream_does_not_count_is_counted_here() -> Result<()> {
    on_two_workers(async {
        let house = open("").await?;
        // Without a word of usage, whole and streamed; by one who goes away; by one who never said
        // anything and was given up.
        ensure!(ask(&house, "pk-acme", "house/no-usage").await?.status == 200);
        let body = question("house/no-usage", true);
        ensure!(ask_for(&house, "pk-acme", CHAT, &body).await?.status == 200);
        let counted = entries(&house, 2).await?;
        let question_alone = counted[0].tokens_in;
        for entry in &counted {
            ensure!(entry.estimated && entry.tokens_in == question_alone, "{counted:#?}");
            ensure!((10..30).contains(&entry.tokens_in), "{entry:?}");
            ensure!((10..80).contains(&entry.tokens_out), "{entry:?}");
            let expected = (entry.tokens_in + 2 * entry.tokens_out) * 1_000;
            ensure!(entry.nanodollars == expected, "{entry:?}");
        }
        drop(begin(&house).await?);
        let entries = entries(&house, 3).await?;
        let gone = entries.iter().find(|it| it.end == Usage::ABANDONED).context("none is gone")?;
        ensure!(gone.estimated && gone.tokens_in > 0 && gone.tokens_out > 0, "{gone:?}");
        ensure!(gone.nanodollars > 0, "{gone:?}");
        house.settled().await
    })
}

#[test]
fn what_is_not_counted_yet_when_the_gateway_stops_is_counted_first() -> Result<()> {
    on_two_workers(async {
        for _ in 0..5 {
            let house = open("").await?;
            let body = question("house/no-usage", true);
            ensure!(ask_for(&house, "pk-acme", CHAT, &body).await?.status == 200);
            let ledger = ledger(&house)?;
            house.running.stop().await;
            let listing = Listing { to: i64::MAX, most: 10, ..Listing::default() };
            let found = ledger.usage_entries(&listing).await?;
            let [one] = found.as_slice() else { anyhow::bail!("not one: {found:?}") };
            ensure!(one.usage.end == "finished" && one.usage.tokens_out > 0, "{one:?}");
        }
        Ok(())
    })
}

#[test]
fn what_a_runtime_that_ends_did_not_come_to_is_counted_all_the_same() -> Result<()> {
    on_two_workers(async {
        let house = open("").await?;
        let request = Request { counted: true, ..hedges::request() };
        let entry = Entry::open(&house.running.gateway.records, &request, "x", Instant::now());
        let body = br#"{"choices":[{"message":{"content":"one two three"}}]}"#;
        let over =
            Over::whole(entry, &house.candidate(1), &request, (None, body), Ending::Finished);
        // Whatever is to be done beside it waits for somebody who goes on only when it has ended.
        let other =
            Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build()?;
        let (go_on, waits) = mpsc::channel::<()>();
        let (started, begun) = mpsc::channel::<()>();
        drop(other.spawn_blocking(move || {
            let _ = started.send(());
            let _ = waits.recv();
        }));
        begun.recv()?;
        {
            let _inside = other.enter();
            over.close();
        }
        other.shutdown_background();
        drop(go_on);
        let record = house.record("auto").await?;
        ensure!(record.estimated && record.output_tokens == Some(3), "{record:?}");
        ensure!(record.cost_usd.is_some_and(|cost| cost > 0.0), "{record:?}");
        Ok(())
    })
}

#[test]
fn what_was_asked_in_vain_is_charged_by_an_entry_of_its_own() -> Result<()> {
    on_two_workers(async {
        let limits = "[limits.all]\ntenant = \"acme\"\nusd = 1\nper = \"month\"\n\
                      [limits.models]\nmodel = \"*/*\"\nusd = 1\nper = \"month\"\n";
        let further = format!("{MODELS}timeouts = {{ first_byte = \"100ms\" }}\n");
        let both = route("usual", &["impatient/silent", "house/echo"], "");
        let house = open(&[&provider("impatient", &further), &both, limits].concat()).await?;
        ensure!(ask(&house, "pk-acme", "usual").await?.status == 200);
        let entries = entries(&house, 2).await?;
        let [answer, vain] = [Usage::REQUEST, Usage::ATTEMPT]
            .map(|kind| entries.iter().find(|entry| entry.kind == kind).cloned());
        let (answer, vain) = (answer.context("no request")?, vain.context("no attempt")?);
        ensure!(vain.candidate == "impatient/silent" && vain.estimated, "{vain:?}");
        ensure!(vain.tokens_in > 0 && vain.tokens_out == 0 && vain.nanodollars > 0, "{vain:?}");
        ensure!(vain.request == answer.request && vain.tenant == "acme", "{vain:?}");
        ensure!(answer.attempts.contains("impatient/silent"), "{answer:?}");
        // Both count.
        let accounting = house.running.gateway.records.accounting().context("nobody counts")?;
        let whose = (Subject::Tenant, "acme");
        let spent = answer.nanodollars + vain.nanodollars;
        // What several models have together counts what any of them charges for.
        for whose in [whose, (Subject::Model, "*/*")] {
            let of = Limit::new(Measure::Nanodollars, Period::Month, TimeZone::UTC, whose, 1);
            let standing = accounting.purse.standings(&[of.into()]);
            ensure!(standing[0].spent == spent, "{standing:?} is not {spent}");
        }
        Ok(())
    })
}
