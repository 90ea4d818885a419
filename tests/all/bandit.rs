//! The policy `bandit` in a gateway: it learns of what becomes of requests, and what it learned
//! outlives it.

use crate::caller::{Caller, Http};
use crate::house::{House, chat, provider, until};
use anyhow::{Context, Result, ensure};
use portcullis::record::Record;
use portcullis_tests::process::on_two_workers;
use serde_json::json;
use std::sync::Arc;
use tempfile::TempDir;

const MODELS: &str = "models = [\"error-500\", \
     { id = \"echo-dear\", input_price = 10_000, output_price = 10_000 }, \
     { id = \"echo-cheap\", input_price = 0, output_price = 0 }]";

/// A route over one that fails, one that is dear, and one that is neither.
fn learning(files: &TempDir, settings: &str) -> String {
    format!(
        "[ledger]\nurl = \"sqlite:{}\"\n{}\
         [policies.learn]\nplugin = \"bandit\"\ngrants = [\"kv\"]\nsettings = {{ {settings} }}\n\
         [routes.default]\npolicies = [\"learn\"]\n\
         candidates = [\"house/error-500\", \"house/echo-dear\", \"house/echo-cheap\"]\n",
        files.path().join("kept.db").display(),
        provider("house", MODELS),
    )
}

/// Asks so often, and returns how often the cheap one was the arm.
async fn asked(house: &House, times: usize) -> Result<usize> {
    let mut caller = house.caller(Http::One).await?;
    for _ in 0..times {
        ensure!(caller.chat(&chat("auto", false)).await?.status == 200);
    }
    drop(caller);
    house.settled().await?;
    let records: Vec<Arc<Record>> = house.running.gateway.records.newest();
    let arms = records.iter().take(times).map(|record| arm(record));
    let arms = arms.collect::<Result<Vec<&str>>>()?;
    Ok(arms.iter().filter(|arm| **arm == "house/echo-cheap").count())
}

fn arm(record: &Record) -> Result<&str> {
    let arm = record.labels.iter().find(|(name, _)| name == "arm");
    Ok(&arm.with_context(|| format!("no arm: {record:?}"))?.1)
}

/// Waits until the policy was told of every attempt.
async fn told(house: &House) -> Result<()> {
    let gateway = &house.running.gateway;
    let records = gateway.records.newest();
    let tried = records.iter().flat_map(|record| &record.tried);
    let attempts = tried.filter(|tried| !tried.was_passed_over()).count() as u64;
    let deployment = gateway.deployment();
    let policy = deployment.policy("learn").context("there is none")?;
    let done = until(|| policy.observer.observed() == attempts).await;
    done.with_context(|| format!("{} of {attempts}", policy.observer.observed()))
}

#[test]
fn the_better_arm_gets_more_and_more_and_what_was_learned_outlives_the_process() -> Result<()> {
    const SETTINGS: &str = "thrift = 9, dear_usd = 0.001";
    on_two_workers(async {
        let files = TempDir::new()?;
        let house = House::open(&learning(&files, SETTINGS)).await?;
        // Nothing is known yet, and a lot among three is drawn ten times.
        let first = asked(&house, 10).await?;
        asked(&house, 50).await?;
        told(&house).await?;
        let then = asked(&house, 60).await?;
        ensure!(first < 10 && then > 54, "{first} of 10, {then} of 60");
        told(&house).await?;
        house.rewrite(&learning(&files, &format!("{SETTINGS}, retries = 0")))?;
        let reloaded = house.reload().await?;
        ensure!(reloaded.changed == ["policies.learn"], "{reloaded:?}");
        let after = asked(&house, 40).await?;
        ensure!(after > 36, "{after} of 40 after it was loaded anew");
        house.running.stop().await;
        let house = House::open(&learning(&files, SETTINGS)).await?;
        let anew = asked(&house, 40).await?;
        ensure!(anew > 36, "{anew} of 40 in a new process");
        Ok(())
    })
}

#[test]
fn ratings_alone_tell_one_from_the_other() -> Result<()> {
    const SETTINGS: &str = "success = 0, rating = 2";
    on_two_workers(async {
        let files = TempDir::new()?;
        let text = learning(&files, SETTINGS).replace("\"house/error-500\", ", "");
        let house = House::open(&text).await?;
        asked(&house, 30).await?;
        for record in house.running.gateway.records.newest() {
            let rating = if arm(&record)? == "house/echo-cheap" { 0.9 } else { -1.0 };
            let mut admin = Caller::to(house.running.admin, Http::One).await?;
            let rated = json!({ "request": &*record.request, "rating": rating });
            let reply = admin.post("/api/v1/ratings", &rated).await?;
            ensure!(reply.status == 204, "{reply:?}");
        }
        let deployment = house.running.gateway.deployment();
        let policy = deployment.policy("learn").context("there is none")?;
        until(|| policy.observer.observed() == 60).await.context("it was not told")?;
        let then = asked(&house, 40).await?;
        ensure!(then > 36, "{then} of 40");
        Ok(())
    })
}
