//! The policies that come with the program, each in its sandbox: which way requests go, what one
//! of a row leaves for the next, and what an operator hears of settings that are wrong.

use crate::caller::{Http, Reply};
use crate::house::{CACHE, House, chat, provider};
use anyhow::{Context, Result, anyhow, ensure};
use portcullis::config::{self, Environment, PluginSource};
use portcullis::record::Record;
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Those that come with the program; each has an example.
const POLICIES: [&str; 11] = [
    "balanced",
    "bandit",
    "classifier",
    "cost-optimized",
    "director",
    "experiment",
    "fastest",
    "ordered",
    "priority",
    "rules",
    "tiered",
];

/// A route over these candidates that asks `policies`: names, plugins and settings.
fn row(candidates: &[&str], policies: &[(&str, &str, &str)]) -> String {
    let names: Vec<&str> = policies.iter().map(|(name, ..)| *name).collect();
    let mut text = String::new();
    for (name, plugin, settings) in policies {
        text += &format!("[policies.{name}]\nplugin = \"{plugin}\"\nsettings = {settings}\n");
    }
    text + &format!("[routes.default]\npolicies = {names:?}\ncandidates = {candidates:?}\n")
}

/// A chat with labels.
fn labelled(labels: Value) -> Value {
    let mut chat = chat("auto", false);
    chat["metadata"] = labels;
    chat
}

async fn ask(house: &House, body: &Value) -> Result<(Reply, Arc<Record>)> {
    let reply = house.caller(Http::One).await?.chat(body).await?;
    // What the next decision rests on is known when this one is over.
    house.settled().await?;
    Ok((reply, house.record("auto").await?))
}

/// Asks, and sees who answered and why it was tried first.
async fn goes_to(house: &House, body: &Value, candidate: &str, reason: &str) -> Result<()> {
    let (reply, record) = ask(house, body).await?;
    ensure!(reply.status == 200, "{reply:?}");
    ensure!(reply.header("x-portcullis-candidate") == candidate, "{reply:?} {record:?}");
    ensure!(record.reason.contains(reason), "{record:?}");
    ensure!(record.remarks.is_empty(), "{record:?}");
    Ok(())
}

async fn recalled(house: &House, name: &str) -> Result<Option<u64>> {
    let plugins = house.admin("/api/v1/plugins").await?.json()?;
    let mut plugins = plugins.as_array().context("no list")?.iter();
    let plugin = plugins.find(|plugin| plugin["name"] == name).context("no such plugin")?;
    Ok(plugin["recalled"].as_u64())
}

/// Two providers; the second has the lower number.
fn two() -> String {
    [provider("house", "priority = 20\n"), provider("spare", "priority = 10\n")].concat()
}

#[test]
fn ordered_goes_as_the_route_says_and_priority_by_numbers() -> Result<()> {
    on_two_workers(async {
        let candidates = ["house/echo", "spare/echo"];
        for (plugin, candidate, reason) in [
            ("ordered", "house/echo", "house/echo first in the route's order, 1 behind it"),
            ("priority", "spare/echo", "spare/echo first by priority, 1 behind it"),
        ] {
            let text = [two(), row(&candidates, &[("mine", plugin, "{ retries = 0 }")])].concat();
            let house = House::open(&text).await?;
            goes_to(&house, &chat("auto", false), candidate, reason).await?;
        }
        // Where nobody says anything, it is by priority.
        let silent = row(&candidates, &[]).replace("policies = []\n", "");
        let house = House::open(&[two(), silent].concat()).await?;
        let reason = "spare/echo first by priority, 1 behind it";
        goes_to(&house, &chat("auto", false), "spare/echo", reason).await
    })
}

#[test]
fn cost_optimized_goes_to_the_cheapest_that_can() -> Result<()> {
    on_two_workers(async {
        let models = "models = [{ id = \"echo-dear\", input_price = 9.0, output_price = 9.0 }, \
             { id = \"echo-cheap\", input_price = 0.1, output_price = 0.1, features = [\"vision\"] }]";
        let candidates = ["house/echo-dear", "house/echo-cheap"];
        let policy = row(&candidates, &[("cheapest", "cost-optimized", "{}")]);
        let house = House::open(&[provider("house", models), policy].concat()).await?;
        goes_to(&house, &chat("auto", false), "house/echo-cheap", " first by cost ($").await?;
        let mut tools = chat("auto", false);
        tools["tools"] = json!([{ "type": "function", "function": { "name": "look" } }]);
        let reason = "; last: house/echo-cheap (lacks tools)";
        goes_to(&house, &tools, "house/echo-dear", reason).await
    })
}

#[test]
fn fastest_measures_each_and_stays_with_the_fastest() -> Result<()> {
    on_two_workers(async {
        let candidates = ["house/slow-head-100ms", "house/echo"];
        let policy = row(&candidates, &[("fastest", "fastest", "{ explore = 0, margin = 0 }")]);
        let house = House::open(&[provider("house", ""), policy].concat()).await?;
        let (slow, fast) = (candidates[0], candidates[1]);
        for streaming in [false, true] {
            let chat = chat("auto", streaming);
            if !streaming {
                goes_to(&house, &chat, slow, "because it was never measured").await?;
                goes_to(&house, &chat, fast, "because it was never measured").await?;
            }
            goes_to(&house, &chat, fast, "because its answers begin the soonest (").await?;
        }
        Ok(())
    })
}

#[test]
fn balanced_keeps_a_conversation_where_it_is() -> Result<()> {
    on_two_workers(async {
        let candidates = ["house/echo", "spare/echo"];
        let settings = "{ sticky = [\"conversation\"], \
             weights = [{ candidates = \"spare/*\", weight = 2 }] }";
        let policy = row(&candidates, &[("spread", "balanced", settings)]);
        let house = House::open(&[two(), policy].concat()).await?;
        let mut seen = Vec::new();
        for conversation in 0..12 {
            let body = labelled(json!({ "conversation": conversation.to_string() }));
            let (first, record) = ask(&house, &body).await?;
            ensure!(record.reason.contains(" first for this conversation"), "{record:?}");
            let candidate = first.header("x-portcullis-candidate").to_owned();
            goes_to(&house, &body, &candidate, "for this conversation").await?;
            seen.push(candidate);
        }
        ensure!(candidates.iter().all(|it| seen.iter().any(|seen| seen == it)), "{seen:?}");
        // Without a conversation a lot is drawn.
        let (reply, record) = ask(&house, &chat("auto", false)).await?;
        ensure!(reply.status == 200 && record.reason.contains(" first by weight"), "{record:?}");
        Ok(())
    })
}

#[test]
fn labels_that_one_policy_sets_the_next_one_sees() -> Result<()> {
    on_two_workers(async {
        let candidates = ["house/echo-large", "house/echo-small", "spare/echo"];
        let notes = "{ rules = [{ if = \"task_type == 'code'\", set = { tier = \"2\" } }, \
             { if = \"task_type == 'chat'\", set = { tier = \"1\" } }] }";
        let corrects = "{ rules = [{ if = \"label('tier') == 2\", set = { tier = \"3\" } }] }";
        let decides = "{ then = \"nothing\", rules = [\
             { if = \"label('tier') == 3\", to = [\"*/*-large\"], reason = \"it is hard\" }, \
             { if = \"label('tier') == 1\", to = [\"*/*-small\"] }] }";
        let policies = [
            ("notes", "rules", notes),
            ("corrects", "rules", corrects),
            ("decides", "rules", decides),
            ("last", "priority", "{}"),
        ];
        let house = House::open(&[two(), row(&candidates, &policies)].concat()).await?;
        for (task, candidate, policy, reason, tier) in [
            ("code", "house/echo-large", "decides", "by rule 1 (it is hard), 0 behind", Some("3")),
            ("chat", "house/echo-small", "decides", "by rule 2 (label('tier') == 1)", Some("1")),
            ("other", "spare/echo", "last", "by priority", None),
        ] {
            let body = labelled(json!({ "task": task }));
            goes_to(&house, &body, candidate, reason).await?;
            let record = house.record("auto").await?;
            ensure!(record.policy.as_deref() == Some(policy), "{record:?}");
            let noted = record.labels.iter().find(|(name, _)| name == "tier");
            ensure!(noted.map(|(_, value)| value.as_str()) == tier, "{record:?}");
        }
        Ok(())
    })
}

#[test]
fn a_rule_can_refuse() -> Result<()> {
    on_two_workers(async {
        let settings = "{ otherwise = \"route\", rules = [\
             { if = \"token_count > 4 and streaming\", refuse = \"No streams.\" }] }";
        let policy = row(&["house/echo"], &[("rules", "rules", settings)]);
        let house = House::open(&[provider("house", ""), policy].concat()).await?;
        let reason = "in the route's order, as no rule decides";
        goes_to(&house, &chat("auto", false), "house/echo", reason).await?;
        let (reply, record) = ask(&house, &chat("auto", true)).await?;
        ensure!(reply.status == 400, "{reply:?}");
        ensure!(reply.json()?["error"]["message"] == "No streams.", "{reply:?}");
        ensure!(record.tried.is_empty() && house.calls("echo") == 1, "{record:?}");
        Ok(())
    })
}

#[test]
fn rules_over_what_stays_are_remembered_and_those_over_the_time_are_not() -> Result<()> {
    on_two_workers(async {
        for (condition, times) in [("tenant == 'default'", 2), ("hour < 24", 0)] {
            let settings =
                format!("{{ rules = [{{ if = \"{condition}\", to = [\"house/*\"] }}] }}");
            let policy = row(&["spare/echo", "house/echo"], &[("rules", "rules", &settings)]);
            let house = House::open(&[two(), policy].concat()).await?;
            for _ in 0..3 {
                goes_to(&house, &chat("auto", false), "house/echo", condition).await?;
            }
            ensure!(recalled(&house, "policies.rules").await? == Some(times), "{condition}");
        }
        Ok(())
    })
}

#[test]
fn settings_that_are_wrong_are_said_before_anything_is_served() -> Result<()> {
    on_two_workers(async {
        for (plugin, settings, expected) in [
            (
                "rules",
                "{ rules = [{ if = \"default\", to = [\"house/*\"] }, \
                 { if = \"hour < 9 and token_cout < 5\", to = [\"house/*\"] }] }",
                "rule 2: `if`: line 1, column 14: `token_cout` is not known; \
                 did you mean `token_count`?",
            ),
            ("balanced", "{ weights = [{ candidates = \"eu\", weight = 1 }] }", "\"tag:NAME\""),
            ("fastest", "{ explore = 2 }", "explore"),
            ("cost-optimized", "{ margin = -1 }", "margin"),
            ("ordered", "{ retry = 1 }", "retry"),
            ("priority", "{ retries = 99 }", "retries"),
        ] {
            let policy = row(&["house/echo"], &[("wrong", plugin, settings)]);
            let opened = House::open(&[provider("house", ""), policy].concat()).await;
            let why = opened.err().with_context(|| format!("{plugin} takes {settings}"))?;
            let why = format!("{why:#}");
            ensure!(why.contains(expected) && why.contains("wrong"), "{why}");
        }
        Ok(())
    })
}

/// An example of a configuration is loaded as `portcullis serve` would: plugins, settings, rules.
#[test]
fn the_examples_load() -> Result<()> {
    on_two_workers(async {
        let keys = ["ANTHROPIC", "CEREBRAS", "GEMINI", "GROQ", "HOUSE", "OPENAI"];
        let variable = |name: &str| if name == "HOUSE" { "_KEY" } else { "_API_KEY" };
        let environment = keys.map(|name| (format!("{name}{}", variable(name)), "sesame"));
        let environment = Environment::from_iter(environment);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/configurations");
        let mut asked = BTreeSet::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let config = config::load(&path, &environment);
            let mut config = config.map_err(|problems| anyhow!("{problems}"))?;
            config.plugins.cache = Some(CACHE.into());
            // An example leaves nothing behind.
            config.ledger = portcullis::config::Ledger::default();
            let gateway = portcullis::load::gateway(config).await.map(|loaded| loaded.gateway);
            let gateway = gateway.map_err(|why| anyhow!("{}: {why}", path.display()))?;
            for policy in &gateway.deployment().config.policies {
                if let PluginSource::Bundled(name) = &policy.plugin {
                    asked.insert(name.clone());
                }
            }
        }
        for plugin in POLICIES {
            ensure!(asked.contains(plugin), "there is no example of {plugin}: {asked:?}");
        }
        Ok(())
    })
}
