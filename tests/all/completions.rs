//! A policy that asks a route of the gateway's own: what it may ask, what it is told, and what is
//! kept of it.

use crate::caller::{Caller, Http};
use crate::house::{House, chat, provider, until};
use anyhow::{Context, Result, ensure};
use portcullis::record::Record;
use portcullis_tests::guest::Guest;
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;

/// Asks the route of the label `ask`, and says in place of deciding what it was told.
const ASKS: Guest = Guest::policy("asks_itself").asks(&["ask"]);

/// The route `default`, whose policy asks, with these further routes.
fn asking(files: &TempDir, grants: &[&str], routes: &str) -> Result<String> {
    let manifest = files.path().join("plugin.toml");
    std::fs::write(&manifest, ASKS.manifest())?;
    let plugin = format!("plugin = {{ path = {:?}, manifest = {manifest:?} }}", ASKS.component());
    let priced = "models = [{ id = \"echo\", input_price = 1, output_price = 1 }]\n";
    Ok(format!(
        "{}{}[policies.asks]\n{plugin}\ngrants = {grants:?}\n\
         [routes.default]\npolicies = [\"asks\"]\ncandidates = [\"house/echo\"]\n{routes}",
        provider("house", priced),
        provider("own", "local = true\n"),
    ))
}

fn small(candidates: &str, further: &str) -> String {
    format!("[routes.small]\npolicies = []\ncandidates = [{candidates:?}]\n{further}\n")
}

/// Asks with these labels, and returns what the policy was told.
async fn told(house: &House, labels: Value) -> Result<String> {
    let mut body = chat("auto", false);
    body["metadata"] = labels;
    let reply = house.caller(Http::One).await?.chat(&body).await?;
    house.settled().await?;
    let record = house.record("auto").await?;
    ensure!(reply.status == 200, "{reply:?} {record:?}");
    let remark = record.remarks.first().context("it was told nothing")?;
    Ok(remark.trim_start_matches("policy asks: undecided: ").to_owned())
}

fn newest(house: &House, asked: &str) -> Option<Arc<Record>> {
    house.running.gateway.records.newest().into_iter().find(|record| record.asked == asked)
}

#[test]
fn what_a_policy_asks_is_a_request_of_its_own_for_that_of_the_client() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let text = asking(&files, &["ask:small"], &small("house/echo", ""))?;
        let house = House::open(&text).await?;
        for _ in 0..2 {
            let told = told(&house, json!({ "ask": "small" })).await?;
            ensure!(told.starts_with("it said \"") && told.contains("What?"), "{told}");
        }
        // Nothing of it is remembered: it was asked each time.
        ensure!(house.calls("echo") == 4);
        let (client, policy) = (newest(&house, "auto"), newest(&house, "small"));
        let (client, policy) = (client.context("no record")?, policy.context("no record")?);
        ensure!(policy.parent.as_ref() == Some(&client.request), "{policy:?}");
        ensure!(client.parent.is_none() && policy.request != client.request, "{client:?}");
        ensure!(policy.route == "small" && policy.cost_usd.is_some(), "{policy:?}");
        ensure!(policy.tenant == client.tenant, "{policy:?}");
        let asked = house.upstream.requests();
        let asked = asked.first().context("nobody was asked")?.json();
        ensure!(asked["max_tokens"] == 16, "{asked}");
        ensure!(asked["messages"][0] == json!({ "role": "system", "content": "Be brief." }));
        Ok(())
    })
}

#[test]
fn a_schema_is_asked_for_and_held_to() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let schema = r#"{"type":"object","properties":{"task":{"enum":["quick"]}},"required":["task"],"additionalProperties":false}"#;
        let text = asking(&files, &["ask:small"], &small("house/json", ""))?;
        let house = House::open(&text).await?;
        let said = told(&house, json!({ "ask": "small", "schema": schema })).await?;
        ensure!(said == "it said \"{\\\"task\\\":\\\"quick\\\"}\"", "{said}");
        // One that says something else.
        house.rewrite(&text.replace("house/json", "house/echo"))?;
        house.reload().await?;
        let said = told(&house, json!({ "ask": "small", "schema": schema })).await?;
        ensure!(said.starts_with("FailureKind::Malformed: The answer's text is no JSON"), "{said}");
        let record = newest(&house, "small").context("no record")?;
        ensure!(record.failure.as_deref() == Some("malformed"), "{record:?}");
        for schema in ["{", r#"{"type":"no such"}"#] {
            let said = told(&house, json!({ "ask": "small", "schema": schema })).await?;
            ensure!(said.starts_with("FailureKind::InvalidRequest: The schema is no"), "{said}");
        }
        Ok(())
    })
}

#[test]
fn what_fails_is_told_and_the_client_is_answered() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let text = asking(&files, &["ask:small", "ask:gone"], &small("house/error-500", ""))?;
        let house = House::open(&text).await?;
        for (labels, expected) in [
            (json!({ "ask": "small" }), "FailureKind::Upstream: "),
            (json!({ "ask": "gone" }), "FailureKind::NotFound: There is no route"),
            (json!({ "ask": "house/echo" }), "FailureKind::Permission: It is not granted"),
            (json!({ "ask": "default" }), "FailureKind::Permission: It is not granted"),
        ] {
            let said = told(&house, labels).await?;
            ensure!(said.starts_with(expected), "{said}");
        }
        house.rewrite(&text.replace("house/error-500", "house/silent"))?;
        house.reload().await?;
        let said = told(&house, json!({ "ask": "small", "within": "50" })).await?;
        ensure!(said.starts_with("FailureKind::TimedOut: "), "{said}");
        Ok(())
    })
}

#[test]
pub(crate) fn asks_itself() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let round = "[routes.round]\npolicies = [\"asks\"]\ncandidates = [\"house/echo\"]\n";
        let house = House::open(&asking(&files, &["ask:default", "ask:round"], round)?).await?;
        let said = told(&house, json!({})).await?;
        let expected = "FailureKind::Unsupported: A route cannot ask itself: default → default.";
        ensure!(said == expected, "{said}");
        // Round about: the policy of `round` has no label, and asks `default`.
        let said = told(&house, json!({ "ask": "round" })).await?;
        ensure!(said.starts_with("it said"), "{said}");
        let record = newest(&house, "round").context("no record")?;
        let remark = record.remarks.first().context("it was told nothing")?;
        ensure!(remark.contains("cannot ask itself: default → round → default."), "{remark}");
        Ok(())
    })
}

#[test]
fn what_is_asked_for_a_private_request_is_private() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let both = "[routes.small]\npolicies = []\ncandidates = [\"house/echo\", \"own/echo\"]\n";
        let text = asking(&files, &["ask:small"], both)?;
        let text = text.replace("candidates = [\"house/echo\"]", "candidates = [\"own/echo\"]");
        let house = House::open(&text).await?;
        let said = told(&house, json!({ "ask": "small", "privacy": "private" })).await?;
        ensure!(said.starts_with("it said"), "{said}");
        let record = newest(&house, "small").context("no record")?;
        ensure!(record.candidate.as_deref() == Some("own/echo"), "{record:?}");
        let said = told(&house, json!({ "ask": "small" })).await?;
        ensure!(said.starts_with("it said"), "{said}");
        let record = newest(&house, "small").context("no record")?;
        ensure!(record.candidate.as_deref() == Some("house/echo"), "{record:?}");
        // Where the other route has nobody on the operator's machines, it is told so.
        house.rewrite(&text.replace("[\"house/echo\", \"own/echo\"]", "[\"house/echo\"]"))?;
        house.reload().await?;
        let said = told(&house, json!({ "ask": "small", "privacy": "private" })).await?;
        ensure!(said.contains("no model of \"small\" runs locally"), "{said}");
        Ok(())
    })
}

#[test]
fn a_client_that_leaves_ends_what_its_policy_asked() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let text = asking(&files, &["ask:small"], &small("house/silent", ""))?;
        let house = House::open(&text).await?;
        let mut body = chat("auto", false);
        body["metadata"] = json!({ "ask": "small" });
        let mut caller: Caller = house.caller(Http::One).await?;
        tokio::select! {
            reply = caller.chat(&body) => anyhow::bail!("it was answered: {reply:?}"),
            asked = until(|| house.calls("silent") == 1) => asked?,
        }
        drop(caller);
        house.settled().await?;
        let record = house.record("small").await?;
        ensure!(record.end == Some(portcullis::record::End::Abandoned), "{record:?}");
        Ok(())
    })
}

/// The classifier before the route's own order, with a small model behind the route `small`.
fn classifying(grants: &str, small: &str) -> String {
    format!(
        "{}[policies.classifier]\nplugin = \"classifier\"\ngrants = [{grants}]\n\
         [policies.classifier.settings]\ndefault_task = \"talk\"\nask = {{ route = \"small\" }}\n\
         [routes.default]\npolicies = [\"classifier\"]\ncandidates = [\"own/echo\"]\n\
         [routes.small]\npolicies = []\ncandidates = [\"own/{small}\"]\n",
        provider("own", "local = true\n"),
    )
}

/// The task of a chat that says this, and whether it is private.
async fn classified(house: &House, says: &str) -> Result<(String, bool)> {
    let mut body = chat("auto", false);
    body["messages"][0]["content"] = says.into();
    let reply = house.caller(Http::One).await?.chat(&body).await?;
    ensure!(reply.status == 200, "{reply:?}");
    house.settled().await?;
    let record = house.record("auto").await?;
    let label = |name: &str| record.labels.iter().find(|(known, _)| known == name);
    let (_, task) = label("task").with_context(|| format!("{record:?}"))?;
    Ok((task.clone(), label("privacy").is_some()))
}

#[test]
fn the_classifier_asks_a_small_model_what_its_rules_are_not_sure_of() -> Result<()> {
    const BOTH: &str = "\"read-prompt\", \"ask:small\"";
    on_two_workers(async {
        let house = House::open(&classifying(BOTH, "json")).await?;
        let said = async |says| classified(&house, says).await;
        // The scripted model names the first of the tasks that it is offered, and says yes.
        ensure!(said("Hello there.").await? == ("coding".to_owned(), true));
        ensure!(house.calls("json") == 1);
        let prove = "Prove step by step that it is irrational, and weigh the pros and cons.";
        ensure!(said(prove).await? == ("reasoning".to_owned(), false));
        // What the rules find private is shown to nobody.
        ensure!(said("Hello, is my password good?").await? == ("talk".to_owned(), true));
        ensure!(house.calls("json") == 1);
        // Where nobody answers, or it was not granted, the rules hold.
        for (grants, small) in [(BOTH, "error-500"), (BOTH, "echo"), ("\"read-prompt\"", "json")] {
            house.rewrite(&classifying(grants, small))?;
            house.reload().await?;
            ensure!(said("Hello there.").await? == ("talk".to_owned(), false), "{grants} {small}");
        }
        ensure!(house.calls("json") == 1 && house.calls("error-500") > 0);
        Ok(())
    })
}
