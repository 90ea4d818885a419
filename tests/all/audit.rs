//! What operators do to a gateway itself, in the audit log: what they have changed, and what they
//! were refused.

use crate::caller::{Caller, Http, JSON, PATIENCE, Reply};
use crate::house::{House, provider, route};
use anyhow::{Context, Result, ensure};
use http::Method;
use portcullis::audit::{ADMIN, Act};
use portcullis_test_postgres::Postgres;
use portcullis_tests::logs;
use portcullis_tests::process::{on_one_worker, on_two_workers};
use serde_json::{Value, json};
use tempfile::TempDir;

fn text(ledger: &str, further: &str) -> String {
    let ledger = format!("[ledger]\nurl = \"{ledger}\"\njournal = \"used\"\n");
    let policy = "[policies.way]\nplugin = \"ordered\"\n";
    [&ledger, &provider("house", ""), policy, &route(&["house/echo"], ""), further].concat()
}

fn file_of(files: &TempDir) -> String {
    format!("sqlite:{}", files.path().join("kept.db").display())
}

async fn ask(house: &House, method: Method, path: &str, said: Value) -> Result<Reply> {
    let body = if said.is_null() { String::new() } else { said.to_string() };
    let mut caller = Caller::to(house.running.admin, Http::One).await?;
    let request = caller.request(method, &format!("/api/v1/{path}"), &[JSON], body)?;
    caller.ask(request).await
}

async fn post(house: &House, path: &str, said: Value) -> Result<Reply> {
    ask(house, Method::POST, path, said).await
}

/// The newest first.
async fn acts(house: &House) -> Result<Vec<Value>> {
    let reply = house.admin("/api/v1/audit").await?;
    ensure!(reply.status == 200, "{reply:?}");
    Ok(serde_json::from_value(reply.json()?)?)
}

/// That this came of an act, and that it is noted: what to what, and with these words.
async fn noted(
    house: &House,
    reply: Reply,
    status: u16,
    [action, subject]: [&str; 2],
    detail: &str,
) -> Result<()> {
    ensure!(reply.status == status, "{action} {subject}: {reply:?}");
    let acts = acts(house).await?;
    let act = acts.first().context("nothing is noted")?;
    let told = ["actor", "action", "subject"].map(|word| act[word].as_str());
    ensure!(told == [ADMIN, action, subject].map(Some), "{act} instead of {action} {subject}");
    ensure!(act["detail"]["refused"].is_string() == (status != 200), "{act}");
    ensure!(act["detail"].to_string().contains(detail), "{act} without {detail}");
    Ok(())
}

#[test]
fn what_operators_do_to_plugins_and_are_refused_is_audited() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let house = House::open(&text(&file_of(&files), "")).await?;
        let priority = json!({ "plugin": "priority", "reason": "cheaper" });
        let way = "policies.way";
        for (path, said, status, act, detail) in [
            ("policies/way/swap", priority.clone(), 200, ["swap-plugin", way], "\"cheaper\""),
            (
                "policies/way/swap",
                json!({ "plugin": "no" }),
                422,
                ["swap-plugin", way],
                "fetch: no",
            ),
            ("policies/way/swap", json!({ "plugn": "no" }), 400, ["swap-plugin", way], "`plugn`"),
            (
                "policies/off/swap",
                priority,
                404,
                ["swap-plugin", "policies.off"],
                "no [policies.off]",
            ),
            ("policies/way/promote", Value::Null, 409, ["promote-plugin", way], "is tried out"),
            (
                "policies/way/rollback",
                json!({ "reason": "dear" }),
                200,
                ["roll-back-plugin", way],
                "{\"from\":2,\"reason\":\"dear\",\"to\":1}",
            ),
            (
                "providers/house/swap",
                json!({ "plugin": "openai", "canary": 0.5 }),
                200,
                ["swap-plugin", "providers.house"],
                "\"canary\":0.5",
            ),
            (
                "providers/house/promote",
                Value::Null,
                200,
                ["promote-plugin", "providers.house"],
                "\"to\":2",
            ),
        ] {
            noted(&house, post(&house, path, said).await?, status, act, detail).await?;
        }
        let acts = acts(&house).await?;
        let first = &acts.last().context("nothing is noted")?["detail"];
        ensure!(first["from"]["plugin"] == "ordered" && first["to"]["generation"] == 2, "{first}");
        // To look is no act.
        let path = "policies/way/history";
        ensure!(ask(&house, Method::GET, path, Value::Null).await?.status == 200);
        ensure!(ask(&house, Method::GET, "policies/way/swap", Value::Null).await?.status == 405);
        ensure!(self::acts(&house).await?.len() == acts.len());
        Ok(())
    })
}

#[test]
fn what_operators_do_to_the_configuration_and_the_cache_is_audited() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let good = text(&file_of(&files), "");
        let house = House::open(&good).await?;
        let reload = async || post(&house, "reload", Value::Null).await;
        let reloaded = ["reload", "configuration"];
        noted(&house, reload().await?, 200, reloaded, "asked for by the API").await?;
        house.rewrite("lisen = 1\n")?;
        noted(&house, reload().await?, 422, reloaded, "unknown key `lisen`").await?;
        let empty = async || ask(&house, Method::DELETE, "cache", Value::Null).await;
        let emptied = ["empty-cache", "cache"];
        noted(&house, empty().await?, 404, emptied, "no table [cache]").await?;
        house.rewrite(&(good + "[cache]\n"))?;
        house.reload().await?;
        noted(&house, empty().await?, 200, emptied, "{}").await?;
        // Who writes the file or signals the process is somebody else than who asks the API.
        let acts = acts(&house).await?;
        ensure!(acts[1]["actor"] == "host", "{}", acts[1]);
        ensure!(acts[1]["detail"]["changed"] == json!(["cache"]), "{}", acts[1]);
        // What a page in a browser asks for is nobody's act.
        let mut page = Caller::to(house.running.admin, Http::One).await?;
        let headers = [JSON, ("origin", "https://example.org")];
        let request = page.request(Method::POST, "/api/v1/reload", &headers, "")?;
        ensure!(page.ask(request).await?.status == 403);
        ensure!(self::acts(&house).await?.len() == acts.len());
        Ok(())
    })
}

#[test]
fn an_act_is_noted_also_if_nobody_waits_for_it() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let house = House::open(&text(&file_of(&files), "")).await?;
        let (action, subject) = ("swap-plugin", "policies.way".to_owned());
        let act = Act { actor: ADMIN.into(), action, subject, detail: json!({}) };
        tokio::select! {
            biased;
            () = act.note(&house.running.gateway) => {}
            () = std::future::ready(()) => {}
        }
        let noted = async {
            while acts(&house).await?.is_empty() {}
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, noted).await.context("it is never noted")?
    })
}

#[test]
fn while_the_ledger_is_away_what_is_done_is_in_the_log() -> Result<()> {
    let server = Postgres::start()?;
    let url = server.database()?;
    let (outcome, log) = logs::of(|| {
        on_one_worker(async {
            let house = House::open(&text(&url, "")).await?;
            server.kill()?;
            let said = json!({ "plugin": "priority", "reason": "it does harm" });
            let swapped = post(&house, "policies/way/swap", said).await?;
            ensure!(swapped.status == 200, "{swapped:?}");
            ensure!(house.chat("auto", false).await?.status == 200);
            anyhow::Ok(())
        })
    });
    outcome?;
    let line = log.lines().find(|line| line.contains("not audited: the store is away"));
    let line = line.with_context(|| log.clone())?;
    for words in ["swap-plugin", "policies.way", "it does harm"] {
        ensure!(line.contains(words), "{line}");
    }
    Ok(())
}
