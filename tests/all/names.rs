//! What a model's name means, and where a request may go.

use crate::caller::{Http, JSON};
use crate::house::{House, chat, provider, route};
use anyhow::{Context, Result, ensure};
use http::Method;
use portcullis_tests::process::on_two_workers;
use serde_json::json;

/// Where chats are asked for.
const CHAT: &str = "/v1/chat/completions";

#[test]
fn a_private_request_stays_on_the_operators_machines() -> Result<()> {
    let marked = |model: &str| {
        let mut body = chat(model, false);
        body["metadata"] = json!({ "privacy": "private" });
        body
    };
    on_two_workers(async {
        let text = [
            provider("far", "models = [\"echo\"]"),
            provider("near", "local = true\nmodels = [\"echo\"]"),
            route(&["far/echo", "near/echo"], ""),
        ];
        let house = House::open(&text.concat()).await?;
        let mut caller = house.caller(Http::One).await?;
        for model in ["auto", "echo"] {
            let answer = caller.chat(&marked(model)).await?;
            ensure!(answer.header("x-portcullis-candidate") == "near/echo", "{answer:?}");
        }
        let message = caller.chat(&marked("far/echo")).await?.refused(400, "no_candidate")?;
        ensure!(message.contains("private"), "{message}");
        // A header says the same.
        let headers = [JSON, ("x-portcullis-label-privacy", "private")];
        let body = chat("far/echo", false).to_string();
        let request = caller.request(Method::POST, CHAT, &headers, body)?;
        caller.ask(request).await?.refused(400, "no_candidate")?;
        ensure!(house.calls("echo") == 2, "none of it left: {}", house.calls("echo"));
        let answer = caller.chat(&chat("auto", false)).await?;
        ensure!(answer.header("x-portcullis-candidate") == "far/echo", "{answer:?}");
        Ok(())
    })
}

#[test]
fn a_label_of_the_body_does_not_undo_a_header_nor_a_header_the_body() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&provider("far", "")).await?;
        let mut caller = house.caller(Http::One).await?;
        for (header, field) in [("private", "public"), ("public", "private")] {
            let headers = [JSON, ("x-portcullis-label-privacy", header)];
            let mut body = chat("far/echo", false);
            body["metadata"] = json!({ "privacy": field });
            let request = caller.request(Method::POST, CHAT, &headers, body.to_string())?;
            caller.ask(request).await?.refused(400, "no_candidate").with_context(|| field)?;
        }
        Ok(())
    })
}

#[test]
fn a_name_is_a_route_a_candidate_or_a_model_of_any_provider() -> Result<()> {
    // What is asked for, who answers, and which way it went.
    let cases = [
        ("auto", "a/echo", "default"),
        ("default", "a/echo", "default"),
        ("fast", "b/echo", "fast"),
        ("a/echo", "a/echo", "a/echo"),
        ("b/echo", "b/echo", "b/echo"),
        // Of two that have it, the one that was configured first.
        ("echo", "a/echo", "echo"),
        ("only-b", "b/only-b", "only-b"),
        ("a/echo-unlisted", "a/echo-unlisted", "a/echo-unlisted"),
    ];
    on_two_workers(async {
        let text = [
            provider("a", "models = [\"echo\"]"),
            provider("b", "models = [\"echo\", { id = \"only-b\", name = \"echo-named\" }]"),
            route(&["a/echo", "b/echo"], ""),
            "[routes.fast]\npolicies = []\ncandidates = [\"b/echo\"]\n".to_owned(),
        ];
        let house = House::open(&text.concat()).await?;
        for (asked, candidate, route) in cases {
            let answer = house.chat(asked, true).await?;
            ensure!(answer.header("x-portcullis-candidate") == candidate, "{asked}: {answer:?}");
            ensure!(answer.header("x-portcullis-route") == route, "{asked}: {answer:?}");
        }
        ensure!(house.calls("echo-named") == 1, "the upstream's own name is sent");
        house.chat("c/echo", true).await?.refused(404, "model_not_found")?;
        house.chat("nothing", true).await?.refused(404, "model_not_found")?;
        Ok(())
    })
}
