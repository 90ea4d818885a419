//! What vendors are sent that are a preset of the OpenAI plugin, and no plugin of their own: the
//! same requests over each of them, and what differs in what arrives.
//!
//! `tests/fixtures/presets/requests.json` is what a client sends, by name;
//! `tests/fixtures/presets/sent/PRESET.json` is what arrived. A preset more is a row by itself.

use super::columns::KEY;
use super::files::{compare_text, root};
use super::outcome::{Asked, Asker};
use super::{Dialect, embeddings, openai};
use crate::caller::Http;
use crate::house::House;
use anyhow::{Context, Result};
use portcullis::config::Environment;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;

const FOLDER: &str = "tests/fixtures/presets";

/// A vendor as data.
struct Preset {
    name: String,
    /// The first model that it lists, whose ways are shown; any where it lists none.
    model: String,
    said: toml::Table,
}

/// Adds what is not as it was recorded to the problems, and gives the table for the page.
pub(super) async fn table(problems: &mut Vec<String>) -> Result<String> {
    let text = fs::read_to_string(root().join(FOLDER).join("requests.json"))?;
    let requests: BTreeMap<String, Value> = serde_json::from_str(&text)?;
    let presets = presets()?;
    let house = open(&presets).await?;
    let titles: Vec<&str> = requests.keys().map(String::as_str).collect();
    let mut lines = vec![
        format!("| preset | credential | {} |", titles.join(" | ")),
        format!("|---|---{}|", "|---".repeat(titles.len())),
    ];
    for preset in presets {
        let mut arrived = Map::new();
        let mut cells = vec![String::new()];
        for (name, request) in &requests {
            let asked = ask(&house, &preset, request).await;
            let asked = asked.with_context(|| format!("{name} over {}", preset.name))?;
            cells[0] = credential(asked.sent());
            cells.push(difference(request, asked.sent()));
            problems.extend(preset.breaches(name, request, &asked));
            let dropped = asked.headers.get("x-portcullis-dropped");
            arrived.insert(name.clone(), json!({ "sent": asked.sent(), "dropped": dropped }));
        }
        problems.extend(preset.unasked(&requests));
        let path = format!("{FOLDER}/sent/{}.json", preset.name);
        let arrived = serde_json::to_string_pretty(&arrived)? + "\n";
        compare_text(&path, &arrived, problems)?;
        lines.push(format!("| {} | {} |", preset.name, cells.join(" | ")));
    }
    house.settled().await?;
    Ok(lines.join("\n"))
}

/// Those of the plugin, but for what needs a session before it can be asked.
fn presets() -> Result<Vec<Preset>> {
    let mut presets = Vec::new();
    for entry in fs::read_dir(root().join("plugins/presets"))? {
        let path = entry?.path();
        let said: toml::Table = toml::from_str(&fs::read_to_string(&path)?)?;
        let session = said.get("credential").is_some_and(|it| it.get("oauth2").is_some());
        if said.get("plugin").and_then(toml::Value::as_str) != Some("openai") || session {
            continue;
        }
        let model = said.get("models").and_then(|models| models.get(0)?.get("id")?.as_str());
        let model = model.unwrap_or("model").to_owned();
        let name = path.file_stem().and_then(|name| name.to_str()).context("a name")?.to_owned();
        presets.push(Preset { name, model, said });
    }
    presets.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(presets)
}

/// A gateway with a provider of each, all of them before the same upstream.
async fn open(presets: &[Preset]) -> Result<House> {
    let provider = |preset: &Preset| {
        let (provider, name) = (preset.provider(), &preset.name);
        format!("[providers.{provider}]\npreset = {name:?}\nbase_url = \"UPSTREAM/v1\"\n")
    };
    let text: String = presets.iter().map(provider).collect();
    let keys = presets.iter().filter_map(Preset::key_variable).map(|variable| (variable, KEY));
    House::open_with(&text, &Environment::from_iter(keys)).await
}

async fn ask(house: &House, preset: &Preset, request: &Value) -> Result<Asked> {
    let dialect: Dialect = match request.get("input") {
        Some(_) => embeddings::DIALECT,
        None => openai::DIALECT,
    };
    let caller = house.caller(Http::One).await?;
    let mut asker = Asker { dialect, house, upstream: &house.upstream, caller };
    let mut request = request.clone();
    let script = request["model"].as_str().context("a request names a script as its model")?;
    request["model"] = format!("{}/{}--{script}", preset.provider(), preset.model).into();
    asker.ask(&request).await
}

impl Preset {
    /// What a configuration calls it: a dot has a meaning there.
    fn provider(&self) -> String {
        self.name.replace('.', "-")
    }

    fn key_variable(&self) -> Option<String> {
        let forms = self.said.get("credential")?.as_table()?;
        forms.values().find_map(|form| Some(form.get("env")?.as_str()?.to_owned()))
    }

    /// The fields that its vendor does not take, of this model.
    fn dropped(&self) -> Vec<&str> {
        let quirks = self.said.get("settings").and_then(|settings| settings.get("quirks"));
        let quirks = quirks.and_then(toml::Value::as_array).into_iter().flatten();
        let mut dropped = Vec::new();
        for quirk in quirks.filter(|quirk| strings(quirk, "models").any(|it| self.is(it))) {
            dropped.extend(strings(quirk, "drop").chain(strings(quirk, "drop_reasoning")));
        }
        dropped
    }

    /// Whether its model is one of those that a pattern names.
    fn is(&self, pattern: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some(beginning) => self.model.starts_with(beginning),
            None => self.model == pattern,
        }
    }

    /// Fields that the vendor refuses and was sent.
    fn breaches(&self, name: &str, request: &Value, asked: &Asked) -> Vec<String> {
        let sent = &asked.sent()["body"];
        let breach = |field: &&str| has(request, field) && has(sent, field);
        let breaches = self.dropped().into_iter().filter(breach);
        breaches.map(|field| format!("{} is sent `{field}` of {name}", self.name)).collect()
    }

    /// Fields that it names and nobody asks for, so that nothing shows what becomes of them.
    fn unasked(&self, requests: &BTreeMap<String, Value>) -> Vec<String> {
        let unasked = |field: &&str| !requests.values().any(|request| has(request, field));
        let fields = self.dropped().into_iter().filter(unasked);
        fields.map(|field| format!("no request of requests.json has {field}")).collect()
    }
}

/// A list of strings in a table.
fn strings<'a>(table: &'a toml::Value, name: &str) -> impl Iterator<Item = &'a str> {
    let list = table.get(name).and_then(toml::Value::as_array);
    list.into_iter().flatten().filter_map(toml::Value::as_str)
}

/// The form in which the key arrived.
fn credential(sent: &Value) -> String {
    let headers = sent["headers"].as_object().into_iter().flatten();
    let held = headers.filter_map(|(name, value)| Some((name, value.as_str()?)));
    let found = held.into_iter().find(|(_, value)| value.contains("(the key)"));
    found.map_or("none".to_owned(), |(name, value)| {
        format!("`{name}: {}`", value.replace("(the key)", "…"))
    })
}

/// How what arrived differs from what was asked.
fn difference(asked: &Value, sent: &Value) -> String {
    if sent["to"].as_str().is_some_and(|to| to.ends_with("/responses")) {
        return "as a response".to_owned();
    }
    let none = Map::new();
    let (asked, sent) = (asked.as_object().unwrap_or(&none), &sent["body"]);
    let sent = sent.as_object().unwrap_or(&none);
    let mut new: Vec<&String> = sent.keys().filter(|name| !asked.contains_key(*name)).collect();
    let mut words = Vec::new();
    for (name, value) in asked {
        match sent.get(name) {
            _ if name == "model" => {}
            Some(there) if there == value => {}
            Some(there) => words.push(format!("`{name}` is {there}")),
            None => match new.iter().position(|new| sent[*new] == *value) {
                Some(index) => words.push(format!("`{name}` as `{}`", new.remove(index))),
                None => words.push(format!("without `{name}`")),
            },
        }
    }
    words.extend(new.into_iter().map(|name| format!("with `{name}`: {}", sent[name])));
    if words.is_empty() { "as asked".to_owned() } else { words.join(", ") }
}

/// Whether a request has a field: one of its own, or `messages.NAME` of one of its messages.
fn has(request: &Value, field: &str) -> bool {
    match field.strip_prefix("messages.") {
        None => request.get(field).is_some(),
        Some(name) => {
            let messages = request["messages"].as_array();
            messages.into_iter().flatten().any(|message| message.get(name).is_some())
        }
    }
}
