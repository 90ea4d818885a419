//! `portcullis policies …` and `portcullis providers …`: which versions of plugins serve, in a
//! gateway that runs.

mod upload;

use super::running::{Running, word};
use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The reason of who gives none.
const ASKED: &str = "asked for in a terminal";

/// What is to be seen or changed.
#[derive(clap::Args)]
pub(super) struct Command {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    running: Running,
}

#[derive(Subcommand)]
enum Verb {
    /// Put another version in the place of the one that serves, without ending a request.
    Swap(Swap),
    /// Give a version that is tried out the place of the other.
    Promote(Why),
    /// Take the version that came last out of use; the one before it serves again.
    Rollback(Why),
    /// As a tenant, put another component in the place of a plugin of its own. It asks the address
    /// of clients, with the key in PORTCULLIS_KEY.
    Upload(upload::Upload),
    /// As a tenant, take away what was uploaded in place of a plugin.
    Remove {
        /// What the configuration calls it.
        name: String,
    },
    /// Show which version serves, and what happened to those before it.
    History {
        /// What the configuration calls it.
        name: String,
    },
}

#[derive(clap::Args)]
struct Swap {
    /// What the configuration calls it.
    name: String,
    /// The component (`plugin.toml` lies beside it), or the name of a plugin that comes with the
    /// program.
    file: String,
    #[command(flatten)]
    brought: Brought,
    /// Let it serve this share of requests first, such as 10%; it gets all of them when it has
    /// done well, and none when it has not.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    canary: Option<f64>,
    /// Take the component out of quarantine.
    #[arg(long)]
    lift_quarantine: bool,
}

/// What goes with a component.
#[derive(clap::Args)]
struct Brought {
    /// Its manifest, where that lies elsewhere.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The digest that the component has to have, as sha256:HEX.
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Stop where more of the newest requests than this would be decided otherwise, such as 5%.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    max_changed: Option<f64>,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(clap::Args)]
struct Why {
    /// What the configuration calls it.
    name: String,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Does it, and prints what came of it.
pub(super) fn run(table: &str, command: &Command) -> Result<ExitCode> {
    let asked = |method, name: &str, verb: &str, said: &Value| {
        command.running.ask(method, &format!("/api/v1/{table}/{name}/{verb}"), said)
    };
    let text = match &command.verb {
        Verb::Swap(swap) => {
            let answer = asked(Method::POST, &swap.name, "swap", &swap.said()?)?;
            swapped(
                &answer,
                "It lasts until the gateway ends. Name it in the configuration to keep it.",
            )
        }
        Verb::Upload(upload) => {
            let answer = upload::upload(table, &command.running, upload)?;
            swapped(&answer, "It is kept until another is uploaded, or it is removed.")
        }
        Verb::Remove { name } => shown(&upload::remove(table, &command.running, name)?),
        Verb::Promote(why) => shown(&asked(Method::POST, &why.name, "promote", &why.said())?),
        Verb::Rollback(why) => shown(&asked(Method::POST, &why.name, "rollback", &why.said())?),
        Verb::History { name } => shown(&asked(Method::GET, name, "history", &Value::Null)?),
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

/// A share as people write it: `5%`, or `0.05`.
fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let part = number.trim().parse::<f64>().map_err(|error| error.to_string())? / whole;
    if (0.0..=1.0).contains(&part) {
        Ok(part)
    } else {
        Err("expected a share from 0% to 100%".to_owned())
    }
}

impl Swap {
    fn said(&self) -> Result<Value> {
        let absolute =
            |path: &Path| std::path::absolute(path).with_context(|| format!("{}", path.display()));
        let mut said = json!({ "lift_quarantine": self.lift_quarantine });
        let file = Path::new(&self.file);
        if file.exists() {
            said["path"] = json!(absolute(file)?);
        } else if self.file.contains(['/', '.']) {
            bail!("{}: there is no such file", self.file);
        } else {
            said["plugin"] = json!(self.file);
        }
        let Brought { manifest, digest, max_changed, .. } = &self.brought;
        if let Some(manifest) = manifest {
            said["manifest"] = json!(absolute(manifest)?);
        }
        for (key, value) in [
            ("digest", digest.as_ref().map(|digest| json!(digest))),
            ("max_changed", max_changed.map(|share| json!(share))),
            ("canary", self.canary.map(|share| json!(share))),
            ("reason", Some(json!(self.brought.reason()))),
        ] {
            if let Some(value) = value {
                said[key] = value;
            }
        }
        Ok(said)
    }
}

impl Brought {
    fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or(ASKED)
    }
}

impl Why {
    fn said(&self) -> Value {
        json!({ "reason": self.reason.as_deref().unwrap_or(ASKED) })
    }
}

/// The manifest of a component.
fn manifest_of(file: &Path, said: Option<&Path>) -> PathBuf {
    said.map_or_else(|| file.with_file_name("plugin.toml"), Path::to_owned)
}

/// What came of a swap, for people.
fn swapped(answer: &Value, lasts: &str) -> String {
    let version = |told: &Value| {
        let (plugin, version) = (word(&told["plugin"]), word(&told["version"]));
        format!("generation {}, {plugin} {version}, {}", told["generation"], word(&told["digest"]))
    };
    let run = &answer["shadow_run"];
    let serves = match answer["canary"].as_f64() {
        Some(share) => format!("{:.1} % of requests, until it is promoted", share * 100.0),
        None => "all that begin from now on".to_owned(),
    };
    format!(
        "{}\nserved      {}\nserves now  {}\nserves      {serves}\nshadow run  {} of {} requests \
         decided otherwise\ntook        {:.1} ms, {:.0} µs of them to put it in place\n\n{lasts}\n",
        word(&answer["name"]),
        version(&answer["from"]),
        version(&answer["to"]),
        run["changed"],
        run["requests"],
        answer["took_ms"].as_f64().unwrap_or_default(),
        answer["publish_us"].as_f64().unwrap_or_default(),
    )
}

/// What serves and what did, for people.
fn shown(answer: &Value) -> String {
    let mut text = format!("{}: generation {} serves", word(&answer["name"]), answer["generation"]);
    if let Some(share) = answer["trial"]["share"].as_f64() {
        let trial = &answer["trial"]["generation"];
        text += &format!(", generation {trial} {:.1} % of requests", share * 100.0);
    }
    text += "\n";
    for change in answer["history"].as_array().into_iter().flatten() {
        text += &format!(
            "{}  {:>3}  {:<11}  {}  {}  {}\n",
            word(&change["at"]),
            change["generation"],
            word(&change["what"]),
            word(&change["version"]),
            word(&change["digest"]).get(..19).unwrap_or_default(),
            word(&change["reason"]),
        );
    }
    text
}
