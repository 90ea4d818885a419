//! What a model cannot take is not sent to it.

use crate::caller::Http;
use crate::house::{House, provider, route};
use anyhow::{Context, Result, ensure};
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};

/// A prompt of some five hundred tokens, by its length.
fn long(model: &str) -> Value {
    let text = "one two ".repeat(250);
    json!({ "model": model, "messages": [{ "role": "user", "content": text }] })
}

async fn house(candidates: &[&str]) -> Result<House> {
    let models = "open_models = false\nmodels = [{ id = \"echo-small\", context_tokens = 100 }, \
                  { id = \"echo-large\", context_tokens = 10_000 }, \"error-503\"]";
    let provider = provider("house", models).replace("open_models = true\n", "");
    House::open(&[provider, route(candidates, "")].concat()).await
}

#[test]
fn a_context_that_is_too_small_is_passed_over_before_the_call() -> Result<()> {
    on_two_workers(async {
        let house = house(&["house/echo-small", "house/echo-large"]).await?;
        let answer = house.caller(Http::One).await?.chat(&long("auto")).await?;
        ensure!(answer.header("x-portcullis-candidate") == "house/echo-large", "{answer:?}");
        let record = house.record("auto").await?;
        let passed_over = record.tried.first().context("nobody was tried")?;
        ensure!(passed_over.failure.as_deref() == Some("context-too-long"), "{passed_over:?}");
        ensure!(house.calls("echo-small") == 0, "it was asked");
        // What fits is asked as ever.
        let answer = house.chat("auto", false).await?;
        ensure!(answer.header("x-portcullis-candidate") == "house/echo-small", "{answer:?}");
        house.settled().await
    })
}

#[test]
fn where_no_context_is_large_enough_the_client_learns_of_limit_and_estimate() -> Result<()> {
    on_two_workers(async {
        let house = house(&["house/echo-small"]).await?;
        for model in ["auto", "house/echo-small"] {
            let answer = house.caller(Http::One).await?.chat(&long(model)).await?;
            answer.refused(400, "context_length_exceeded")?;
            let text = answer.text()?;
            ensure!(
                text.contains("about 5") && text.contains("takes 100 tokens at most"),
                "{text}"
            );
        }
        ensure!(house.upstream.requests().is_empty(), "it was asked");
        house.settled().await
    })
}

#[test]
fn what_was_said_by_who_was_asked_goes_before_who_was_passed_over() -> Result<()> {
    on_two_workers(async {
        let house = house(&["house/error-503", "house/echo-small"]).await?;
        let answer = house.caller(Http::One).await?.chat(&long("auto")).await?;
        ensure!(answer.status == 503, "{answer:?}");
        // An open circuit does not leave the request to a model that it does not fit.
        let deployment = house.running.gateway.deployment();
        let candidates = deployment.routes.candidates();
        let ill = candidates.iter().find(|it| it.profile.id == "house/error-503");
        let ill = ill.context("it is not there")?;
        while ill.circuit.leave().is_some() {
            ill.circuit.failed(None);
        }
        let answer = house.caller(Http::One).await?.chat(&long("auto")).await?;
        ensure!(answer.status == 503, "{answer:?}");
        house.settled().await
    })
}
