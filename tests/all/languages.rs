//! Plugins in other languages: they answer, their limits hold them, and their WASI has nothing
//! in it.
//!
//! `cargo xtask languages` builds them. The one in Python is an interpreter of 18 MiB: whoever
//! comes first compiles it, and everybody else takes it from the cache.

use crate::house::{House, provider, text_of};
use anyhow::{Context as _, Result, bail, ensure};
use portcullis::record::Record;
use portcullis_tests::logs;
use portcullis_tests::process::{on_one_worker, on_two_workers};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The limits of its own that a guest has here: the default is enough for either, but the
/// machine that runs all of the tests at once is busy.
const LIMITS: &str = "cpu_ms = 2000";

/// A component in an interpreted language, its manifest beside it.
fn guest(name: &str) -> Result<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/components/guests");
    let component = format!("{root}/{name}/plugin.wasm");
    ensure!(Path::new(&component).exists(), "{component} is missing: run `cargo xtask languages`");
    Ok(format!("plugin = {{ path = {component:?} }}\n"))
}

/// The provider in Python, which has these models beside `echo`, and the one that passes on.
fn python(models: &[&str], settings: &str, limits: &str) -> Result<String> {
    foreign("python", models, &format!("settings = {{ {settings} }}"), limits)
}

/// A provider in another language, likewise.
fn foreign(guest_name: &str, models: &[&str], further: &str, limits: &str) -> Result<String> {
    let (plugin, models) = (guest(guest_name)?, [&["echo"], models].concat());
    Ok(format!(
        "[providers.foreign]\n{plugin}base_url = \"UPSTREAM/v1\"\nmodels = {models:?}\n\
         {further}\n[providers.foreign.limits]\n{limits}\n{}",
        provider("house", ""),
    ))
}

/// One gateway starts at a time. Otherwise each would compile what all of them need.
async fn open(text: &str) -> Result<House> {
    static STARTING: Mutex<()> = Mutex::const_new(());
    let _alone = STARTING.lock().await;
    House::open(text).await
}

async fn streamed(house: &House, model: &str) -> Result<String> {
    text_of(&house.chat(model, true).await?.events()?)
}

async fn whole(house: &House, model: &str) -> Result<Value> {
    house.chat(model, false).await?.json()
}

#[test]
fn a_provider_in_python_translates() -> Result<()> {
    translates("python")
}

#[test]
fn a_provider_in_javascript_translates() -> Result<()> {
    translates("javascript/provider")
}

/// What it says is what the upstream said.
fn translates(guest_name: &str) -> Result<()> {
    on_two_workers(async {
        let house = open(&foreign(guest_name, &["no-finish", "error-400"], "", LIMITS)?).await?;
        let expected = streamed(&house, "house/echo").await?;
        ensure!(expected.contains("fünf 🦀"), "{expected}");
        let text = streamed(&house, "foreign/echo").await?;
        ensure!(text == expected, "{text}");
        let answer = whole(&house, "foreign/echo").await?;
        ensure!(answer["choices"][0]["message"]["content"] == expected, "{answer}");
        ensure!(answer["choices"][0]["finish_reason"] == "stop", "{answer}");
        // Its errors are the failures that the contract has.
        let failed = whole(&house, "foreign/no-finish").await?;
        ensure!(failed["error"]["message"] == "no finish came", "{failed}");
        let refused = whole(&house, "foreign/error-400").await?;
        ensure!(refused["error"]["message"] == "it answered 400", "{refused}");
        house.settled().await
    })
}

#[test]
fn a_program_in_python_finds_nothing_in_its_wasi() -> Result<()> {
    const SEEN: &str = " Seen: file: FileNotFoundError, new file: FileNotFoundError, \
        folder: FileNotFoundError, variable: KeyError, socket: PermissionError, \
        address: gaierror.";
    ensure!(Path::new("/etc/passwd").exists() && std::env::var_os("PATH").is_some());
    on_two_workers(async {
        let house = open(&python(&[], "look_around = true", LIMITS)?).await?;
        let text = streamed(&house, "foreign/echo").await?;
        ensure!(text.ends_with(SEEN), "{text}");
        house.settled().await
    })
}

#[test]
fn what_a_program_in_python_prints_is_in_the_log() -> Result<()> {
    let (outcome, log) = logs::of(|| {
        on_one_worker(async {
            let house = open(&python(&[], "", LIMITS)?).await?;
            whole(&house, "foreign/echo").await?;
            house.settled().await
        })
    });
    outcome?;
    for line in [
        "plugin: a chat with echo plugin=\"python\" stream=\"stdout\"",
        "plugin: the upstream answers 200 plugin=\"python\" stream=\"stderr\"",
    ] {
        ensure!(log.contains(line), "{line:?} is not in the log: {log}");
    }
    Ok(())
}

#[test]
fn a_provider_in_python_does_not_start_with_too_little() -> Result<()> {
    on_two_workers(async {
        for (limits, why) in [
            ("memory = \"8MiB\"", "it used more than its 8388608 bytes of memory"),
            ("table_elements = 1000", "its tables hold more than their 1000 elements"),
        ] {
            match open(&python(&[], "", limits)?).await {
                Ok(_) => bail!("it started with {limits}"),
                Err(error) => ensure!(format!("{error:#}").contains(why), "{error:#}"),
            }
        }
        Ok(())
    })
}

#[test]
fn a_provider_in_python_is_held_to_its_limits() -> Result<()> {
    fails_in_python(
        "cpu_ms = 300\ndeadline_ms = 20000",
        &[
            ("spin", "plugin-cpu", "it ran for more than its 300 ms of CPU time"),
            ("hoard", "plugin-memory", "it used more than its 33554432 bytes of memory"),
            ("raise", "plugin-trapped", "unreachable"),
            ("exit", "plugin-trapped", "it exited with status 1"),
        ],
    )?;
    // Who waits for a clock of WASI's is not charged for it.
    let sleeps = ("sleep", "plugin-deadline", "it did not answer within 1000 ms");
    fails_in_python("deadline_ms = 1000", &[sleeps])
}

/// What these models do is a failure of that kind and in these words, and the next candidate
/// answers. On one worker, which whoever spins or sleeps does not hold.
fn fails_in_python(limits: &str, misdeeds: &[(&str, &str, &str)]) -> Result<()> {
    let names: Vec<&str> = misdeeds.iter().map(|(name, ..)| *name).collect();
    let mut text = python(&names, "", limits)?;
    for name in names {
        let route = format!("candidates = [\"foreign/{name}\", \"house/echo\"]\npolicies = []");
        writeln!(text, "[routes.{name}]\n{route}")?;
    }
    on_one_worker(async {
        let house = open(&text).await?;
        for (name, word, why) in misdeeds {
            let record = next_to_another(&house, name, "house/echo").await?;
            let failed = record.tried.first().context("nobody was asked")?;
            ensure!(failed.failure.as_deref() == Some(*word), "{name}: {failed:?}");
            let said = failed.message.as_deref().unwrap_or_default();
            ensure!(said.contains(why), "{name}: {said}");
        }
        house.settled().await
    })
}

/// Asks for a model while another is asked as well; returns the record of it.
async fn next_to_another(house: &House, model: &str, answers: &str) -> Result<Arc<Record>> {
    let (answer, beside) = tokio::join!(house.chat(model, true), whole(house, "house/echo"));
    ensure!(answer?.header("x-portcullis-candidate") == answers, "{model}");
    ensure!(beside?["choices"].is_array(), "{model}");
    house.record(model).await
}

/// The policy in JavaScript, for the default route and for one of each of these names.
fn javascript(routes: &[&str], limits: &str) -> Result<String> {
    let mut text = format!(
        "[policies.javascript]\n{}[policies.javascript.limits]\n{limits}\n{}",
        guest("javascript/policy")?,
        provider("house", "models = [\"echo-1\", \"echo-2\", \"echo-3\"]"),
    );
    for name in [&["default"], routes].concat() {
        let candidates = "\"house/echo-1\", \"house/echo-2\", \"house/echo-3\"";
        let route = format!("candidates = [{candidates}]\npolicies = [\"javascript\"]");
        writeln!(text, "[routes.{name}]\n{route}")?;
    }
    Ok(text)
}

#[test]
fn a_policy_in_javascript_decides() -> Result<()> {
    let (outcome, log) = logs::of(|| {
        on_one_worker(async {
            let house = open(&javascript(&[], LIMITS)?).await?;
            let record = next_to_another(&house, "auto", "house/echo-3").await?;
            ensure!(record.policy.as_deref() == Some("javascript"), "{record:?}");
            ensure!(record.reason.ends_with("of the world outside it sees: []"), "{record:?}");
            house.settled().await
        })
    });
    outcome?;
    ensure!(log.contains("3 candidates"), "{log}");
    Ok(())
}

/// On one worker, and beside requests that are none of its business.
#[test]
fn a_policy_in_javascript_is_held_to_its_limits() -> Result<()> {
    const MISDEEDS: [(&str, &str); 4] = [
        ("spin", "it ran for more than its 300 ms of CPU time"),
        ("hoard", "it used more than its 33554432 bytes of memory"),
        ("recurse", "its call stack overflowed"),
        // What it throws is the error that the contract has.
        ("object", "today is not the day"),
    ];
    on_one_worker(async {
        let routes = MISDEEDS.map(|(name, _)| name);
        let text = javascript(&routes, "cpu_ms = 300\ndeadline_ms = 20000")?;
        let house = open(&text).await?;
        for (name, why) in MISDEEDS {
            let record = next_to_another(&house, name, "house/echo-1").await?;
            ensure!(record.policy.is_none(), "{name}: {record:?}");
            let remarks = record.remarks.join("; ");
            ensure!(remarks.contains(why), "{name}: {remarks}");
        }
        house.settled().await
    })
}
