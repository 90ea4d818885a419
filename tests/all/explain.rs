//! Why a request went where it went: in its record, and in its answer where somebody asks.

use crate::caller::{Http, JSON, Reply};
use crate::house::{House, chat, provider};
use anyhow::{Context, Result, ensure};
use http::Method;
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};

const PRIVATE: (&str, &str) = ("x-portcullis-label-privacy", "private");

/// Two providers, of which one is local, and a route over both.
fn text(further: &str) -> String {
    [
        provider("far", "models = [\"echo\"]"),
        provider("near", "local = true\nmodels = [\"echo\", \"error-401\"]"),
        "[routes.default]\ncandidates = [\"far/echo\", \"near/error-401\", \"near/echo\"]\n".into(),
        further.to_owned(),
    ]
    .concat()
}

async fn ask(house: &House, explain: &str, further: &[(&str, &str)]) -> Result<Reply> {
    ask_for(house, "auto", explain, further).await
}

async fn ask_for(
    house: &House,
    model: &str,
    explain: &str,
    further: &[(&str, &str)],
) -> Result<Reply> {
    let mut caller = house.caller(Http::One).await?;
    let headers = [&[JSON, ("x-portcullis-explain", explain)], further].concat();
    let body = chat(model, false).to_string();
    let request = caller.request(Method::POST, "/v1/chat/completions", &headers, body)?;
    caller.ask(request).await
}

fn header(answer: &Reply) -> Result<Value> {
    let header = answer.header("x-portcullis-explanation");
    serde_json::from_str(header).with_context(|| format!("{header:?}"))
}

#[test]
fn an_answer_explains_itself_to_who_asks_and_its_record_to_everybody() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&text("")).await?;
        let answer = ask(&house, "yes", &[PRIVATE]).await?;
        ensure!(answer.status == 200, "{answer:?}");
        let explained = header(&answer)?;
        ensure!(explained["candidates"] == json!(["near/error-401", "near/echo"]), "{explained}");
        let removed = &explained["removed"][0];
        ensure!(removed["candidate"] == "far/echo", "{explained}");
        ensure!(removed["why"] == "it is not local, and the request is private", "{explained}");
        let said = explained["policies"][0]["said"].as_str().unwrap_or_default();
        ensure!(said.starts_with("route: near/"), "{explained}");
        ensure!(explained["plan"] == explained["candidates"], "{explained}");
        ensure!(explained["tried"][0]["failure"] == "authentication", "{explained}");
        ensure!(explained["tried"][1]["candidate"] == "near/echo", "{explained}");
        // Who does not ask is not told, and the operator is.
        let answer = house.chat("auto", false).await?;
        ensure!(answer.header("x-portcullis-explanation").is_empty(), "{answer:?}");
        let records = house.admin("/api/v1/requests").await?.json()?;
        for key in ["candidates", "removed", "policies", "plan", "tried", "route"] {
            ensure!(records[1][key] == explained[key], "{key}: {records}");
        }
        Ok(())
    })
}

#[test]
fn a_plan_is_explained_and_nobody_is_asked() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&text("")).await?;
        let answer = ask(&house, "plan", &[]).await?;
        ensure!(answer.status == 200, "{answer:?}");
        let explained = answer.json()?;
        ensure!(explained["plan"][0] == "far/echo", "{explained}");
        ensure!(explained["tried"] == json!([]), "{explained}");
        ensure!(house.upstream.requests().is_empty(), "somebody was asked");
        let record = house.record("auto").await?;
        ensure!(record.remarks.iter().any(|it| it.contains("nobody was asked")), "{record:?}");
        house.settled().await
    })
}

#[test]
fn a_failure_is_explained_too() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&text("")).await?;
        let answer = ask_for(&house, "near/error-401", "yes", &[]).await?;
        ensure!(answer.status == 502, "{answer:?}");
        let explained = header(&answer)?;
        ensure!(explained["tried"][0]["failure"] == "authentication", "{explained}");
        // What it holds that is not ASCII does not keep a header from being one.
        let odd = provider("ödd", "");
        ensure!(House::open(&odd).await.is_err(), "names are ASCII: this test would be needless");
        let answer = ask_for(&house, "near/wörld", "yes", &[]).await?;
        ensure!(header(&answer)?["asked"] == "near/wörld", "{answer:?}");
        Ok(())
    })
}

#[test]
fn a_private_route_stays_on_the_operators_machines() -> Result<()> {
    on_two_workers(async {
        let private = "[routes.secret]\nprivate = true\npolicies = []\n\
                       candidates = [\"far/echo\", \"near/echo\"]\n\
                       [routes.lost]\nprivate = true\ncandidates = [\"far/echo\"]\n";
        let house = House::open(&text(private)).await?;
        let answer = house.chat("secret", true).await?;
        ensure!(answer.header("x-portcullis-candidate") == "near/echo", "{answer:?}");
        let message = house.chat("lost", true).await?.refused(400, "no_candidate")?;
        ensure!(message.contains("runs locally"), "{message}");
        Ok(())
    })
}
