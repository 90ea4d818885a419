//! What policies are told of what became of their decisions, and how somebody rates an answer.

use crate::caller::{Caller, Http, JSON, Reply};
use crate::house::{House, chat, provider, until};
use anyhow::{Context, Result, ensure};
use http::Method;
use http_body_util::BodyExt as _;
use portcullis_tests::guest::Guest;
use portcullis_tests::logs;
use portcullis_tests::process::{on_one_worker, on_two_workers};
use serde_json::{Value, json};
use tempfile::TempDir;

const RATINGS: &str = "/api/v1/ratings";

/// A route of these candidates that asks the guest, whose manifest lies in that folder, twice:
/// what is labelled with a `note` it leaves to its second self.
fn row(files: &TempDir, guest: &Guest, candidates: &[&str]) -> Result<String> {
    let manifest = files.path().join("plugin.toml");
    std::fs::write(&manifest, guest.manifest())?;
    let plugin = format!("plugin = {{ path = {:?}, manifest = {manifest:?} }}", guest.component());
    Ok(format!(
        "{}[policies.first]\n{plugin}\n[policies.last]\nplugin = \"priority\"\n\
         settings = {{ retries = 0 }}\n\
         [routes.default]\npolicies = [\"first\", \"last\"]\ncandidates = {candidates:?}\n",
        provider("house", ""),
    ))
}

async fn plugin(house: &House, name: &str) -> Result<Value> {
    let plugins = house.admin("/api/v1/plugins").await?.json()?;
    let mut plugins = plugins.as_array().context("no list")?.iter();
    plugins.find(|plugin| plugin["name"] == name).cloned().context("no such plugin")
}

/// Waits until the policy `first` was told so often, and returns what it counted.
async fn counted(house: &House, observed: u64) -> Result<Value> {
    let deployment = house.running.gateway.deployment();
    let policy = deployment.policy("first").context("no such policy")?;
    let told = until(|| policy.observer.observed() >= observed).await;
    told.with_context(|| format!("it was told of {}", policy.observer.observed()))?;
    let plugin = plugin(house, "policies.first").await?;
    ensure!(plugin["observed"] == observed && plugin["unobserved"] == 0, "{plugin}");
    Ok(plugin["metrics"].clone())
}

async fn rate(house: &House, body: &Value) -> Result<Reply> {
    Caller::to(house.running.admin, Http::One).await?.post(RATINGS, body).await
}

#[test]
pub(crate) fn counts_outcomes() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let guest = Guest::policy("counts_outcomes");
        let house = House::open(&row(&files, &guest, &["house/error-500", "house/echo"])?).await?;
        for streaming in [true, false] {
            ensure!(house.chat("auto", streaming).await?.status == 200);
        }
        let counts = counted(&house, 4).await?;
        ensure!(
            counts["house/error-500 FailureKind::Upstream tokens=false arm=a"] == 2.0,
            "{counts}"
        );
        ensure!(counts["house/echo answered tokens=true arm=a"] == 2.0, "{counts}");
        // It notes a label and abstains; another decides, and does not want to hear of it.
        let mut noted = chat("auto", false);
        noted["metadata"] = json!({ "note": "yes" });
        house.caller(Http::One).await?.chat(&noted).await?;
        let counts = counted(&house, 6).await?;
        ensure!(counts["house/echo answered tokens=true arm=a"] == 3.0, "{counts}");
        let last = plugin(&house, "policies.last").await?;
        ensure!(last["observed"] == 0 && last["unobserved"] == 0, "{last}");
        house.settled().await
    })
}

#[test]
fn outcomes_come_in_batches() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let guest = Guest::policy("counts_outcomes");
        let house = House::open(&row(&files, &guest, &["house/echo"])?).await?;
        let mut caller = house.caller(Http::One).await?;
        for _ in 0..100 {
            ensure!(caller.chat(&chat("auto", false)).await?.status == 200);
        }
        drop(caller);
        let counts = counted(&house, 100).await?;
        // At most 64 outcomes are in one; how few each holds, the clock decides.
        let batches = counts["batches"].as_f64().context("none")?;
        ensure!((2.0..50.0).contains(&batches), "{counts}");
        house.settled().await
    })
}

#[test]
fn an_answer_that_nobody_waited_for_is_told_as_cancelled_and_one_that_broke_as_broken() -> Result<()>
{
    on_two_workers(async {
        let files = TempDir::new()?;
        let guest = Guest::policy("counts_outcomes");
        let house = House::open(&row(&files, &guest, &["house/echo-200ms"])?).await?;
        let mut caller = house.caller(Http::One).await?;
        let body = chat("auto", true).to_string();
        let request = caller.request(Method::POST, "/v1/chat/completions", &[JSON], body)?;
        let mut stream = caller.begin(request).await?.into_body();
        stream.frame().await.context("no content came")??;
        drop((stream, caller));
        let counts = counted(&house, 1).await?;
        ensure!(
            counts["house/echo-200ms FailureKind::Cancelled tokens=false arm=a"] == 1.0,
            "{counts}"
        );
        house.rewrite(&row(&files, &guest, &["house/cut-after-3"])?)?;
        house.reload().await?;
        house.chat("auto", true).await?;
        let counts = counted(&house, 2).await?;
        let broke = "house/cut-after-3 FailureKind::Upstream tokens=false arm=a";
        ensure!(counts[broke] == 1.0, "{counts}");
        house.settled().await
    })
}

#[test]
pub(crate) fn spins_in_observe() -> Result<()> {
    let (outcome, log) = logs::of(|| {
        on_one_worker(async {
            let files = TempDir::new()?;
            let guest = Guest::policy("spins_in_observe");
            let house = House::open(&row(&files, &guest, &["house/echo"])?).await?;
            ensure!(house.chat("auto", false).await?.status == 200);
            let deployment = house.running.gateway.deployment();
            let policy = deployment.policy("first").context("no such policy")?;
            until(|| policy.observer.dropped() == 1).await.context("nobody told it")?;
            let reply = house.chat("auto", true).await?;
            ensure!(reply.status == 200, "{reply:?}");
            let record = house.record("auto").await?;
            ensure!(record.policy.as_deref() == Some("first"), "{record:?}");
            until(|| policy.observer.dropped() == 2).await.context("nobody told it")?;
            house.settled().await
        })
    });
    outcome?;
    ensure!(log.contains("observe failed") && log.contains("plugin-cpu"), "{log}");
    Ok(())
}

#[test]
fn a_rating_is_in_the_record_and_its_policy_hears_of_it() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let guest = Guest::policy("counts_outcomes");
        let house = House::open(&row(&files, &guest, &["house/echo"])?).await?;
        let reply = house.chat("auto", true).await?;
        let id = reply.header("x-request-id").to_owned();
        counted(&house, 1).await?;
        for (rating, told) in [(1, 2), (-1, 3)] {
            let rated = rate(&house, &json!({ "request": id, "rating": rating })).await?;
            ensure!(rated.status == 204, "{rated:?}");
            let counts = counted(&house, told).await?;
            let rated = format!("house/echo rated {rating} tokens=false arm=a");
            ensure!(counts[&rated] == 1.0, "{counts}");
            let record = house.record("auto").await?;
            ensure!(record.rating == Some(rating as f32), "{record:?}");
        }
        house.settled().await
    })
}

#[test]
fn what_is_no_rating_of_an_answer_is_refused() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let guest = Guest::policy("counts_outcomes");
        let house = House::open(&row(&files, &guest, &["house/error-503"])?).await?;
        let reply = house.chat("auto", false).await?;
        let id = reply.header("x-request-id").to_owned();
        let long = "x".repeat(5_000);
        for (body, status, expected) in [
            (json!({ "request": "req_no", "rating": 1 }), 404, "no request \\\"req_no\\\""),
            (json!({ "request": id, "rating": 1 }), 409, "nobody answered"),
            (json!({ "request": id, "rating": 1.5 }), 400, "1.5 is no rating"),
            (json!({ "request": id, "rating": "good" }), 400, "expected"),
            (json!({ "request": id }), 400, "missing field `rating`"),
            (json!({ "request": id, "rating": 1, "why": "" }), 400, "unknown field `why`"),
            (json!({ "request": long, "rating": 1 }), 400, "no rating"),
        ] {
            let reply = rate(&house, &body).await?;
            ensure!(reply.status == status, "{body}: {reply:?}");
            ensure!(reply.text()?.contains(expected), "{reply:?}");
        }
        let record = house.record("auto").await?;
        ensure!(record.rating.is_none(), "{record:?}");
        let mut admin = Caller::to(house.running.admin, Http::One).await?;
        let page = [("origin", "https://example.com")];
        let request = admin.request(Method::POST, RATINGS, &page, "{}")?;
        ensure!(admin.begin(request).await?.status() == 403);
        Ok(())
    })
}
