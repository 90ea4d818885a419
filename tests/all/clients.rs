//! What clients may decide of where their requests go, where the operator says so.

use crate::caller::{Http, JSON, Reply};
use crate::house::{House, chat, provider};
use anyhow::{Context, Result, ensure};
use http::Method;
use portcullis_tests::process::on_two_workers;
use serde_json::json;

const FORBIDDEN: &str = "forbidden";

/// A house with a route, whose one provider takes any model and lists one.
async fn house(clients: &str) -> Result<House> {
    let route = "[routes.usual]\npolicies = []\ncandidates = [\"house/echo\"]\n";
    let clients = format!("[clients]\n{clients}\n");
    let models = "models = [\"echo\"]";
    House::open(&[&provider("house", models), route, &clients].concat()).await
}

async fn ids(house: &House) -> Result<Vec<String>> {
    let list = house.caller(Http::One).await?.get("/v1/models").await?.json()?;
    let models = list["data"].as_array().context("it is no list")?;
    Ok(models.iter().filter_map(|model| model["id"].as_str().map(str::to_owned)).collect())
}

#[test]
fn clients_ask_by_the_names_that_they_may_use_and_by_no_others() -> Result<()> {
    let cases = [
        (
            "may_name = [\"routes\"]",
            &["usual", "auto", "default"][..],
            &["house/echo", "house/opened", "echo"][..],
            "clients may name routes only",
        ),
        (
            "may_name = [\"models\"]",
            &["echo"],
            &["usual", "auto", "house/echo", "house/opened"],
            "clients may name models only",
        ),
        (
            "may_name = [\"candidates\", \"routes\"]",
            &["house/echo", "house/echo-opened", "usual"],
            &["echo"],
            "clients may name candidates and routes only",
        ),
    ];
    on_two_workers(async {
        for (clients, may, may_not, why) in cases {
            let house = house(clients).await?;
            for model in may {
                let answer = house.chat(model, false).await?;
                ensure!(answer.status == 200, "{clients}, {model}: {answer:?}");
            }
            let asked = house.upstream.requests().len();
            for model in may_not {
                let message = house.chat(model, false).await?.refused(403, FORBIDDEN)?;
                ensure!(message.contains(why), "{message}");
                let path = format!("/v1/models/{}", model.replace('/', "%2F"));
                let shown = house.caller(Http::One).await?.get(&path).await?;
                shown.refused(403, FORBIDDEN)?;
            }
            ensure!(house.upstream.requests().len() == asked, "somebody was asked");
            // What is listed may be asked for, and a mistake leads to nothing else.
            for id in ids(&house).await? {
                ensure!(!may_not.contains(&&*id), "{clients}: {id} is listed");
            }
            let message = house.chat("ecko", false).await?.refused(404, "model_not_found")?;
            ensure!(may_not.iter().all(|name| !message.contains(name)), "{clients}: {message}");
        }
        Ok(())
    })
}

#[test]
fn models_without_their_providers_are_listed_where_these_are_nobodys_business() -> Result<()> {
    on_two_workers(async {
        let house = house("may_name = [\"models\"]").await?;
        ensure!(ids(&house).await? == ["echo"], "{:?}", ids(&house).await?);
        Ok(())
    })
}

async fn labelled(house: &House, name: &str, value: &str, body: &str) -> Result<Reply> {
    let mut caller = house.caller(Http::One).await?;
    let label = format!("x-portcullis-label-{name}");
    let headers = [JSON, (&*label, value)];
    let path = "/v1/chat/completions";
    let request = caller.request(Method::POST, path, &headers, body.to_owned())?;
    caller.ask(request).await
}

#[test]
fn clients_set_the_labels_that_they_may_and_can_always_ask_for_privacy() -> Result<()> {
    on_two_workers(async {
        let house = house("labels = [\"task\"]").await?;
        let body = chat("usual", false).to_string();
        ensure!(labelled(&house, "task", "coding", &body).await?.status == 200);
        let message = labelled(&house, "team", "a", &body).await?.refused(403, FORBIDDEN)?;
        ensure!(message.contains("`team`") && message.contains("`task`"), "{message}");
        labelled(&house, "privacy", "public", &body).await?.refused(403, FORBIDDEN)?;
        // Nothing here runs locally: that it is refused says that it was heard.
        labelled(&house, "privacy", "private", &body).await?.refused(400, "no_candidate")?;
        // Strings of a body that are no labels mean nothing to the gateway.
        let mut told = chat("usual", false);
        told["metadata"] = json!({ "team": "a" });
        ensure!(labelled(&house, "task", "coding", &told.to_string()).await?.status == 200);
        told["metadata"] = json!({ "privacy": "private" });
        let refused = labelled(&house, "task", "coding", &told.to_string()).await?;
        refused.refused(400, "no_candidate")?;
        Ok(())
    })
}

#[test]
fn a_gateway_can_keep_all_of_its_requests_at_home() -> Result<()> {
    on_two_workers(async {
        let local = provider("home", "local = true\nmodels = [\"echo\"]");
        let route = "[routes.usual]\npolicies = []\n\
                     candidates = [\"house/echo\", \"home/echo\"]\n";
        let far = provider("house", "models = [\"echo\"]");
        let text = [&far, &local, route, "[clients]\nprivate = true\n"].concat();
        let house = House::open(&text).await?;
        for model in ["usual", "auto", "echo", "home/echo", "home/echo-opened"] {
            let answer = house.chat(model, true).await?;
            ensure!(answer.status == 200, "{model}: {answer:?}");
            let candidate = answer.header("x-portcullis-candidate");
            ensure!(candidate.starts_with("home/"), "{model}: {candidate}");
        }
        for model in ["house/echo", "house/opened"] {
            let message = house.chat(model, true).await?.refused(400, "no_candidate")?;
            ensure!(message.contains("private"), "{message}");
        }
        Ok(())
    })
}

#[test]
fn what_clients_may_decide_holds_from_the_next_request_on() -> Result<()> {
    on_two_workers(async {
        let text = provider("house", "models = [\"echo\"]");
        let house = House::open(&text).await?;
        ensure!(house.chat("house/echo", false).await?.status == 200);
        house.rewrite(&[&text, "[clients]\nmay_name = [\"routes\"]\n"].concat())?;
        let reloaded = house.reload().await?;
        ensure!(reloaded.changed == ["clients"], "{reloaded:?}");
        house.chat("house/echo", false).await?.refused(403, FORBIDDEN)?;
        Ok(())
    })
}
