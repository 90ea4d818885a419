//! Keys: whose requests are served, and what each of them may ask for.

use crate::caller::{BOTH, Http, JSON, Reply};
use crate::house::{House, chat, provider};
use anyhow::{Context, Result, ensure};
use http::Method;
use portcullis_sandbox::Digest;
use portcullis_tests::logs;
use portcullis_tests::process::{on_one_worker, on_two_workers};
use serde_json::Value;

const CHAT: &str = "/v1/chat/completions";

/// A tenant with one key, whose secret is `pk-NAME`.
fn tenant(name: &str, further: &str) -> String {
    let key = key(name, name, "");
    format!("[tenants.{name}]\n{further}\nkeys = [{key}]\n")
}

/// A key whose secret is `pk-SECRET`.
fn key(id: &str, secret: &str, further: &str) -> String {
    let digest = Digest::of(format!("pk-{secret}").as_bytes());
    format!("{{ id = \"{id}\", digest = \"{digest}\"{further} }}")
}

fn house_of(tenants: &str) -> String {
    let route = "[routes.usual]\npolicies = []\ncandidates = [\"house/echo\", \"house/echo-b\"]\n";
    let models = "models = [\"echo\", \"echo-b\"]";
    [&provider("house", models), route, tenants].concat()
}

async fn ask(house: &House, secret: &str, path: &str, body: &Value) -> Result<Reply> {
    let mut caller = house.caller(Http::One).await?;
    let shown = format!("Bearer {secret}");
    let headers = [JSON, ("authorization", &*shown)];
    let request = caller.request(Method::POST, path, &headers, body.to_string())?;
    caller.ask(request).await
}

async fn ids(house: &House, secret: &str) -> Result<Vec<String>> {
    let mut caller = house.caller(Http::One).await?;
    let request = caller.request(Method::GET, "/v1/models", &[("x-api-key", secret)], "")?;
    let list = caller.ask(request).await?.json()?;
    let models = list["data"].as_array().context("it is no list")?;
    Ok(models.iter().filter_map(|model| model["id"].as_str().map(str::to_owned)).collect())
}

#[test]
fn whoever_shows_no_known_key_is_served_nothing() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&house_of(&tenant("acme", ""))).await?;
        let body = chat("usual", false).to_string();
        for http in BOTH {
            for (shown, why) in [
                (None, "A key is needed here."),
                (Some(("authorization", "Bearer pk-other")), "The key is not known here."),
                (Some(("authorization", "Basic cGstYWNtZQ==")), "A key is needed here."),
                (Some(("x-api-key", "pk-acm")), "The key is not known here."),
            ] {
                let headers: Vec<_> = [JSON].into_iter().chain(shown).collect();
                let mut caller = house.caller(http).await?;
                let asked = caller.request(Method::POST, CHAT, &headers, body.clone())?;
                let message = caller.ask(asked).await?.refused(401, "invalid_api_key")?;
                ensure!(message.starts_with(why), "{message}");
                // Nor is it told what there is.
                for path in ["/v1/models", "/v1/models/usual", "/v1/nothing"] {
                    let asked = caller.request(Method::GET, path, &headers, "")?;
                    caller.ask(asked).await?.refused(401, "invalid_api_key")?;
                }
            }
        }
        ensure!(house.upstream.requests().is_empty(), "the upstream was asked");
        ensure!(house.running.gateway.records.newest().is_empty(), "it has a record");
        // In the words of the dialect that it was asked in.
        let mut caller = house.caller(Http::One).await?;
        let headers = [JSON, ("anthropic-version", "2023-06-01"), ("x-api-key", "pk-other")];
        let asked = caller.request(Method::POST, "/v1/messages", &headers, body)?;
        let refused = caller.ask(asked).await?;
        ensure!(refused.json()?["error"]["type"] == "authentication_error", "{refused:?}");
        house.settled().await
    })
}

#[test]
fn wrong_keys_are_counted_and_never_written() -> Result<()> {
    let (outcome, log) = logs::of(|| {
        on_one_worker(async {
            let house = House::open(&house_of(&tenant("acme", ""))).await?;
            for number in 0..200 {
                let wrong = format!("pk-wrong-{number}");
                let refused = ask(&house, &wrong, CHAT, &chat("usual", false)).await?;
                refused.refused(401, "invalid_api_key")?;
            }
            anyhow::Ok(())
        })
    });
    outcome?;
    let told = log.lines().filter(|line| line.contains("requests refused: ")).count();
    ensure!(told > 0 && told < 100, "{told} lines of 200 requests");
    ensure!(!log.contains("pk-wrong"), "a key is in the log");
    Ok(())
}

#[test]
fn a_request_is_its_tenants_and_says_by_which_key() -> Result<()> {
    on_two_workers(async {
        let keys = [key("one", "1", ""), key("two", "2", "")].join(", ");
        let acme = format!("[tenants.acme]\nkeys = [{keys}]\n");
        let house = House::open(&house_of(&(acme + &tenant("lab", "")))).await?;
        for (secret, tenant, key) in
            [("pk-1", "acme", "one"), ("pk-2", "acme", "two"), ("pk-lab", "lab", "lab")]
        {
            let model = format!("house/echo-{key}");
            ensure!(ask(&house, secret, CHAT, &chat(&model, false)).await?.status == 200);
            let record = house.record(&model).await?;
            ensure!((&*record.tenant, record.key.as_deref()) == (tenant, Some(key)), "{record:?}");
        }
        // The key is the gateway's: the upstream never sees it.
        let sent = format!("{:?}", house.upstream.requests());
        ensure!(!sent.contains("pk-"), "{sent}");
        Ok(())
    })
}

#[test]
fn a_key_reaches_what_is_within_its_scope_and_nothing_else() -> Result<()> {
    on_two_workers(async {
        let keys = [
            key("few", "few", ", models = [\"house/echo-b\"]"),
            key("route", "route", ", routes = [\"usual\"], may_name = [\"routes\"]"),
            key("none", "none", ", routes = [], may_name = [\"routes\"]"),
            key("vectors", "vectors", ", operations = [\"embeddings\"]"),
            key("mute", "mute", ", labels = []"),
            key("home", "home", ", private = true"),
        ];
        let acme = format!("[tenants.acme]\nkeys = [{}]\n", keys.join(", "));
        let house = House::open(&house_of(&acme)).await?;
        let asked = async |secret: &'static str, model: &str| {
            ask(&house, secret, CHAT, &chat(model, false)).await
        };
        // What it may not use is taken out of a route before a policy sees it.
        for model in ["usual", "house/echo-b", "echo-b"] {
            let answer = asked("pk-few", model).await?;
            ensure!(answer.header("x-portcullis-candidate") == "house/echo-b", "{answer:?}");
        }
        let before = house.upstream.requests().len();
        for (secret, model) in [
            ("pk-few", "house/echo"),
            ("pk-few", "echo"),
            ("pk-few", "house/echo-opened"),
            ("pk-route", "house/echo"),
            ("pk-none", "usual"),
            ("pk-none", "auto"),
            ("pk-vectors", "usual"),
        ] {
            let why = asked(secret, model).await?.refused(403, "forbidden");
            why.with_context(|| format!("{secret} asked for {model}"))?;
        }
        asked("pk-home", "usual").await?.refused(400, "no_candidate")?;
        ensure!(house.upstream.requests().len() == before, "somebody was asked");
        ensure!(asked("pk-route", "usual").await?.status == 200);
        ensure!(ids(&house, "pk-few").await? == ["default", "usual", "house/echo-b"]);
        ensure!(ids(&house, "pk-route").await? == ["usual"]);
        ensure!(ids(&house, "pk-none").await?.is_empty());
        let mut caller = house.caller(Http::One).await?;
        let headers =
            [JSON, ("authorization", "Bearer pk-mute"), ("x-portcullis-label-task", "coding")];
        let body = chat("usual", false).to_string();
        let labelled = caller.request(Method::POST, CHAT, &headers, body)?;
        caller.ask(labelled).await?.refused(403, "forbidden")?;
        Ok(())
    })
}

#[test]
fn keys_come_and_go_with_the_configuration() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&house_of(&tenant("acme", ""))).await?;
        let body = chat("usual", false);
        ensure!(ask(&house, "pk-acme", CHAT, &body).await?.status == 200);
        // For a while both are good.
        let keys = [key("old", "acme", ""), key("new", "new", "")].join(", ");
        house.rewrite(&house_of(&format!("[tenants.acme]\nkeys = [{keys}]\n")))?;
        ensure!(house.reload().await?.changed == ["tenants.acme"]);
        for secret in ["pk-acme", "pk-new"] {
            ensure!(ask(&house, secret, CHAT, &body).await?.status == 200, "{secret}");
        }
        let gone =
            [key("old", "acme", ", expires = \"2020-01-01T00:00:00Z\""), key("new", "new", "")];
        house.rewrite(&house_of(&format!("[tenants.acme]\nkeys = [{}]\n", gone.join(", "))))?;
        house.reload().await?;
        let over = ask(&house, "pk-acme", CHAT, &body).await?.refused(401, "invalid_api_key")?;
        ensure!(over.starts_with("The key is over its time."), "{over}");
        ensure!(ask(&house, "pk-new", CHAT, &body).await?.status == 200);
        // A file that leaves nobody a key changes nothing.
        house.rewrite(&house_of("[tenants.acme]\n"))?;
        ensure!(house.reload().await.is_err(), "nobody could ask for anything");
        ensure!(ask(&house, "pk-new", CHAT, &body).await?.status == 200);
        Ok(())
    })
}

#[test]
fn what_one_tenant_was_answered_is_no_other_ones() -> Result<()> {
    on_two_workers(async {
        let tenants = [
            "[cache]\n",
            &tenant("acme", ""),
            &tenant("lab", ""),
            &tenant("part", "parent = \"acme\""),
        ];
        let house = House::open(&house_of(&tenants.concat())).await?;
        let mut body = chat("house/echo", false);
        body["temperature"] = 0.into();
        for (secret, calls) in
            [("pk-acme", 1), ("pk-acme", 1), ("pk-lab", 2), ("pk-part", 3), ("pk-lab", 3)]
        {
            ensure!(ask(&house, secret, CHAT, &body).await?.status == 200);
            ensure!(house.calls("echo") == calls, "{secret}: {} calls", house.calls("echo"));
        }
        Ok(())
    })
}
