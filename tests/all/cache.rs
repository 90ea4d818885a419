//! Answers that are given again to the same request: when they are, what they cost, and what is
//! never kept.

use crate::caller::{Caller, Http, JSON, PATIENCE, Reply};
use crate::house::{House, chat, kinds, provider, route, until};
use anyhow::{Context, Result, ensure};
use http::Method;
use http_body_util::BodyExt as _;
use portcullis::record::End;
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const HEADER: &str = "x-portcullis-cache";
const ON: &str = "[cache]\n";
/// Prices, so that it shows what costs nothing.
const PRICED: &str = "models = [{ id = \"echo\", input_price = 1.0, output_price = 2.0 }]";

/// A house whose one provider takes any model, with a cache.
async fn house(cache: &str) -> Result<House> {
    House::open(&[&provider("house", ""), cache].concat()).await
}

/// A chat that wants no chance in its answer.
fn exact(model: &str, streaming: bool) -> Value {
    let mut body = chat(model, streaming);
    body["temperature"] = json!(0);
    body
}

async fn post(house: &House, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Reply> {
    let mut caller = house.caller(Http::One).await?;
    let headers: Vec<(&str, &str)> = [JSON].iter().chain(headers).copied().collect();
    let request = caller.request(Method::POST, path, &headers, body.to_owned())?;
    caller.ask(request).await
}

/// Asks for a chat; the word of the cache, empty where it says none.
async fn word(house: &House, headers: &[(&str, &str)], body: &Value) -> Result<String> {
    let answer = post(house, CHAT, headers, &body.to_string()).await?;
    Ok(answer.header(HEADER).to_owned())
}

/// How much is kept, and how often that was of use.
async fn state(house: &House) -> Result<Value> {
    house.admin("/api/v1/cache").await?.json()
}

#[test]
fn the_same_request_is_answered_again_for_nothing() -> Result<()> {
    on_two_workers(async {
        for lines in kinds(PRICED) {
            for streaming in [false, true] {
                let house = House::open(&[&lines, ON].concat()).await?;
                again(&house, streaming).await.with_context(|| format!("{streaming} {lines}"))?;
            }
        }
        Ok(())
    })
}

async fn again(house: &House, streaming: bool) -> Result<()> {
    let first = post(house, CHAT, &[], &exact("house/echo", streaming).to_string()).await?;
    ensure!(first.status == 200 && first.header(HEADER) == "miss", "{first:?}");
    ensure!(first.header("age").is_empty(), "{first:?}");
    let paid = house.record("house/echo").await?;
    ensure!(!paid.cached && paid.cost_usd.is_some_and(|cost| cost > 0.0), "{paid:?}");
    // Space and the order of keys say nothing.
    let body = exact("house/echo", streaming);
    let keys = body.as_object().context("it is an object")?.iter().rev();
    let members: Vec<String> = keys.map(|(key, value)| format!("{key:?} : {value}")).collect();
    let second = post(house, CHAT, &[], &format!("{{ {} }}", members.join(" ,\n"))).await?;
    ensure!(second.status == 200 && second.body == first.body, "{first:?} {second:?}");
    for (name, value) in [
        (HEADER, "hit"),
        ("age", "0"),
        ("x-portcullis-cost-usd", "0.00000000"),
        ("x-portcullis-candidate", "house/echo"),
        ("x-portcullis-attempts", "0"),
        ("content-type", first.header("content-type")),
        ("cache-control", first.header("cache-control")),
    ] {
        ensure!(second.header(name) == value, "{name}: {second:?}");
    }
    ensure!(second.header("x-request-id") != first.header("x-request-id"), "{second:?}");
    ensure!(house.calls("echo") == 1, "{} calls", house.calls("echo"));
    until(|| house.running.gateway.records.newest().len() == 2).await?;
    let record = house.record("house/echo").await?;
    ensure!(record.cached && record.cost_usd == Some(0.0), "{record:?}");
    ensure!(record.tried.is_empty() && record.explanation.policies.is_empty(), "{record:?}");
    ensure!(record.end == Some(End::Finished), "{record:?}");
    ensure!(record.candidate.as_deref() == Some("house/echo"), "{record:?}");
    let state = state(house).await?;
    ensure!(state["hits"] == 1 && state["misses"] == 1 && state["answers"] == 1, "{state}");
    house.settled().await
}

#[test]
fn what_may_come_out_otherwise_is_asked_each_time_unless_somebody_wants_it() -> Result<()> {
    on_two_workers(async {
        let house = house(ON).await?;
        let body = chat("house/echo-any", false);
        let mut warm = body.clone();
        warm["temperature"] = json!(0.7);
        for body in [&body, &body, &warm, &warm] {
            ensure!(word(&house, &[], body).await?.is_empty(), "{body}");
        }
        ensure!(house.calls("echo-any") == 4);
        let wanted = [(HEADER, "use")];
        for (body, expected) in [(&body, "miss"), (&body, "hit"), (&warm, "miss"), (&warm, "hit")] {
            ensure!(word(&house, &wanted, body).await? == expected, "{body}");
        }
        ensure!(house.calls("echo-any") == 6);
        // Whoever does not ask for it gets none of what others asked for.
        ensure!(word(&house, &[], &warm).await?.is_empty());
        let refused = post(&house, CHAT, &[(HEADER, "yes")], &body.to_string()).await?;
        let message = refused.refused(400, "invalid_request")?;
        ensure!(message.contains("`use`, `refresh` or `bypass`"), "{message}");
        Ok(())
    })
}

#[test]
fn a_client_can_pass_by_what_is_kept_or_replace_it() -> Result<()> {
    on_two_workers(async {
        let house = house(ON).await?;
        let body = exact("house/echo-own", true);
        let bypass = [(HEADER, "bypass")];
        ensure!(word(&house, &bypass, &body).await? == "bypass");
        ensure!(word(&house, &[], &body).await? == "miss", "what passes by is not kept");
        ensure!(word(&house, &bypass, &body).await? == "bypass", "nor does it read");
        let old = post(&house, CHAT, &[], &body.to_string()).await?;
        ensure!(old.header(HEADER) == "hit");
        let new = post(&house, CHAT, &[(HEADER, "refresh")], &body.to_string()).await?;
        ensure!(new.header(HEADER) == "miss" && new.body != old.body, "{new:?}");
        let kept = post(&house, CHAT, &[], &body.to_string()).await?;
        ensure!(kept.header(HEADER) == "hit" && kept.body == new.body, "{kept:?}");
        // To be told why it goes where it goes, it has to go there.
        let explain = [("x-portcullis-explain", "yes")];
        let explained = post(&house, CHAT, &explain, &body.to_string()).await?;
        ensure!(explained.header(HEADER).is_empty(), "{explained:?}");
        ensure!(house.calls("echo-own") == 5, "{}", house.calls("echo-own"));
        Ok(())
    })
}

#[test]
fn another_request_is_another_answer() -> Result<()> {
    on_two_workers(async {
        let house = house(ON).await?;
        let body = exact("house/echo", false);
        ensure!(word(&house, &[], &body).await? == "miss");
        let mut others = vec![exact("house/echo", true), exact("house/echo-2", false)];
        for (field, value) in [("seed", json!(1)), ("max_tokens", json!(500))] {
            let mut other = body.clone();
            other[field] = value;
            others.push(other);
        }
        for other in &others {
            ensure!(word(&house, &[], other).await? == "miss", "{other}");
        }
        let labelled = [("x-portcullis-label-task", "coding")];
        ensure!(word(&house, &labelled, &body).await? == "miss");
        ensure!(word(&house, &labelled, &body).await? == "hit");
        ensure!(word(&house, &[], &body).await? == "hit");
        Ok(())
    })
}

#[test]
fn what_failed_or_was_not_heard_to_its_end_is_not_kept() -> Result<()> {
    on_two_workers(async {
        for lines in kinds("") {
            let house = House::open(&[&lines, ON].concat()).await?;
            for (script, streaming) in [
                ("error-400", false),
                ("error-400", true),
                ("cut-after-3", true),
                ("error-midstream", true),
                ("no-finish", true),
            ] {
                let body = exact(&format!("house/{script}"), streaming);
                let before = house.calls(script);
                for _ in 0..2 {
                    let word = word(&house, &[], &body).await?;
                    ensure!(word != "hit", "{script}");
                }
                ensure!(house.calls(script) == before + 2, "{script}");
            }
            // Whoever goes away leaves nothing behind.
            let body = exact("house/echo-20ms", true);
            let mut caller = house.caller(Http::One).await?;
            let request = caller.request(Method::POST, CHAT, &[JSON], body.to_string())?;
            let mut stream = caller.begin(request).await?.into_body();
            stream.frame().await.context("no content came")??;
            drop((stream, caller));
            house.settled().await?;
            ensure!(state(&house).await?["answers"] == 0, "{}", state(&house).await?);
            ensure!(word(&house, &[], &body).await? == "miss");
        }
        Ok(())
    })
}

#[test]
fn every_dialect_is_answered_again_in_its_own_words() -> Result<()> {
    on_two_workers(async {
        let house = house(ON).await?;
        let message = json!([{ "role": "user", "content": "one two three" }]);
        for streaming in [false, true] {
            let messages = json!({
                "model": "house/echo", "max_tokens": 99, "temperature": 0, "stream": streaming,
                "messages": message,
            });
            let responses = json!({
                "model": "house/echo", "temperature": 0, "stream": streaming, "input": message,
            });
            for (path, body) in [("/v1/messages", messages), ("/v1/responses", responses)] {
                let body = body.to_string();
                let first = post(&house, path, &[], &body).await?;
                ensure!(first.status == 200 && first.header(HEADER) == "miss", "{first:?}");
                let second = post(&house, path, &[], &body).await?;
                ensure!(second.header(HEADER) == "hit", "{path}: {second:?}");
                ensure!(second.body == first.body, "{path}: {first:?} {second:?}");
            }
        }
        Ok(())
    })
}

#[test]
fn vectors_are_always_the_same_and_counting_is_not_kept() -> Result<()> {
    on_two_workers(async {
        let models = "models = [{ id = \"embed\", operations = [\"embeddings\"] }, \"echo\"]";
        let house = House::open(&[&provider("house", models), ON].concat()).await?;
        let body = json!({ "model": "house/embed", "input": ["one", "two"] }).to_string();
        let first = post(&house, "/v1/embeddings", &[], &body).await?;
        let second = post(&house, "/v1/embeddings", &[], &body).await?;
        ensure!(first.header(HEADER) == "miss" && second.header(HEADER) == "hit", "{second:?}");
        ensure!(first.body == second.body);
        let body = json!({
            "model": "house/echo", "messages": [{ "role": "user", "content": "one" }],
        });
        let path = "/v1/messages/count_tokens";
        let counted = post(&house, path, &[(HEADER, "use")], &body.to_string()).await?;
        ensure!(counted.status == 200 && counted.header(HEADER).is_empty(), "{counted:?}");
        Ok(())
    })
}

#[test]
fn a_route_says_what_of_it_is_kept_and_for_how_long() -> Result<()> {
    const ROUTES: &str = "[routes.all]\npolicies = []\ncandidates = [\"house/echo-all\"]\n\
                          cache = true\n\
                          [routes.none]\npolicies = []\ncandidates = [\"house/echo-none\"]\n\
                          cache = false\n\
                          [routes.brief]\npolicies = []\ncandidates = [\"house/echo-brief\"]\n\
                          cache = \"20ms\"\n";
    on_two_workers(async {
        let house = house(&[ROUTES, ON].concat()).await?;
        ensure!(word(&house, &[], &chat("all", true)).await? == "miss");
        ensure!(word(&house, &[], &chat("all", true)).await? == "hit");
        for _ in 0..2 {
            let none = word(&house, &[(HEADER, "use")], &exact("none", true)).await?;
            ensure!(none.is_empty(), "{none}");
        }
        ensure!(house.calls("echo-none") == 2);
        ensure!(word(&house, &[], &chat("brief", false)).await? == "miss");
        let over = async {
            while word(&house, &[], &chat("brief", false)).await? != "miss" {}
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, over).await.context("it is kept for ever")??;
        ensure!(word(&house, &[], &chat("all", true)).await? == "hit", "that lasts longer");
        Ok(())
    })
}

#[test]
fn so_many_bytes_are_kept_and_no_more() -> Result<()> {
    const MOST: u64 = 32 << 10;
    on_two_workers(async {
        let house = house(&format!("[cache]\nmax_bytes = {MOST}\n")).await?;
        let ask = async |index: u32| {
            let mut body = exact("house/echo", false);
            body["seed"] = json!(index);
            word(&house, &[], &body).await
        };
        for index in 0..64 {
            ensure!(ask(index).await? == "miss");
            // What is used stays.
            ensure!(ask(0).await? == "hit", "{index}");
            let bytes = state(&house).await?["bytes"].as_u64().context("no number")?;
            ensure!((1..=MOST).contains(&bytes), "{bytes}");
        }
        ensure!(ask(63).await? == "hit");
        ensure!(ask(1).await? == "miss", "what was used the longest ago goes first");
        // What fills too much of it is not kept at all.
        for streaming in [false, true] {
            let mut long = exact("house/echo", streaming);
            long["messages"][0]["content"] = json!("word ".repeat(1_000));
            ensure!(word(&house, &[], &long).await? == "miss");
            ensure!(word(&house, &[], &long).await? == "miss", "streaming: {streaming}");
        }
        Ok(())
    })
}

#[test]
fn another_configuration_begins_with_nothing_kept() -> Result<()> {
    on_two_workers(async {
        let text = [&provider("house", ""), &*route(&["house/echo"], ""), ON].concat();
        let house = House::open(&text).await?;
        let body = exact("auto", true);
        ensure!(word(&house, &[], &body).await? == "miss");
        ensure!(word(&house, &[], &body).await? == "hit");
        house.rewrite(&text.replace("house/echo", "house/echo-2"))?;
        house.reload().await?;
        let answer = post(&house, CHAT, &[], &body.to_string()).await?;
        ensure!(answer.header(HEADER) == "miss", "{answer:?}");
        ensure!(answer.header("x-portcullis-candidate") == "house/echo-2", "{answer:?}");
        house.rewrite(&text.replace(ON, ""))?;
        let reloaded = house.reload().await?;
        ensure!(reloaded.changed.iter().any(|it| it == "cache"), "{reloaded:?}");
        ensure!(word(&house, &[(HEADER, "use")], &body).await?.is_empty(), "it is switched off");
        ensure!(house.admin("/api/v1/cache").await?.status == 404);
        Ok(())
    })
}

#[test]
fn another_version_of_a_plugin_finds_what_it_said_itself() -> Result<()> {
    const ROUTE: &str = "[policies.way]\nplugin = \"ordered\"\n\
                         [routes.default]\npolicies = [\"way\"]\n\
                         candidates = [\"house/echo\", \"spare/echo\"]\n";
    on_two_workers(async {
        let providers = [provider("house", "priority = 20"), provider("spare", "priority = 10")];
        let house = House::open(&[&providers.concat(), ROUTE, ON].concat()).await?;
        let ask = async || {
            let answer = post(&house, CHAT, &[], &exact("auto", false).to_string()).await?;
            let [word, candidate] = [HEADER, "x-portcullis-candidate"];
            anyhow::Ok((answer.header(word).to_owned(), answer.header(candidate).to_owned()))
        };
        let version = async |path: &str, body: Value| {
            let path = format!("/api/v1/policies/way/{path}");
            let answer =
                Caller::to(house.running.admin, Http::One).await?.post(&path, &body).await?;
            ensure!(answer.status == 200, "{answer:?}");
            Ok(())
        };
        let said = |word: &str, candidate: &str| (word.to_owned(), candidate.to_owned());
        ensure!(ask().await? == said("miss", "house/echo"));
        ensure!(ask().await? == said("hit", "house/echo"));
        version("swap", json!({ "plugin": "priority" })).await?;
        ensure!(ask().await? == said("miss", "spare/echo"), "the other one would not say so");
        ensure!(ask().await? == said("hit", "spare/echo"));
        version("rollback", json!({})).await?;
        ensure!(ask().await?.1 == "house/echo");
        Ok(())
    })
}

#[test]
fn the_operator_can_empty_it_even_of_what_is_still_on_its_way() -> Result<()> {
    on_two_workers(async {
        let house = house(ON).await?;
        let (body, late) = (exact("house/echo", true), exact("house/echo-20ms", true));
        ensure!(word(&house, &[], &body).await? == "miss");
        let mut caller = house.caller(Http::One).await?;
        let request = caller.request(Method::POST, CHAT, &[JSON], late.to_string())?;
        let mut stream = caller.begin(request).await?.into_body();
        stream.frame().await.context("no content came")??;
        for (headers, status) in [(&[("origin", "https://example.com")][..], 403), (&[], 200)] {
            let mut admin = Caller::to(house.running.admin, Http::One).await?;
            let request = admin.request(Method::DELETE, "/api/v1/cache", headers, "")?;
            let answer = admin.ask(request).await?;
            ensure!(answer.status == status, "{answer:?}");
            ensure!(status == 403 || answer.json()?["answers"] == 0, "{answer:?}");
        }
        stream.collect().await.context("the stream was cut off")?;
        drop(caller);
        house.settled().await?;
        for body in [&body, &late] {
            ensure!(word(&house, &[], body).await? == "miss", "{body}");
            ensure!(word(&house, &[], body).await? == "hit", "{body}");
        }
        Ok(())
    })
}
