//! `portcullis tenants …` and `portcullis audit`: whom a gateway that runs serves, and what
//! operators did.

use super::running::{Form, Part, Running, table, word};
use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::slice;

/// What is to be seen or changed.
#[derive(clap::Args)]
pub(super) struct Command {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    running: Running,
}

#[derive(Subcommand)]
enum Verb {
    /// List them by their ids, those of the configuration included.
    List {
        #[command(flatten)]
        part: Part,
    },
    /// Make one.
    New {
        /// What requests and records call it: letters, digits, "-", "_" and ".".
        id: String,
        /// The tenant that it is part of.
        #[arg(long, value_name = "ID")]
        parent: Option<String>,
        /// What people read [default: the id].
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
    },
    /// Let no key of it work, nor of those that are part of it.
    Suspend {
        /// Whom.
        id: String,
    },
    /// Let its keys work again.
    Resume {
        /// Whom.
        id: String,
    },
}

/// What of the audit log is to be seen: the newest acts, the newest first. Older ones come after
/// newer ones.
#[derive(clap::Args)]
pub(super) struct Audit {
    #[command(flatten)]
    part: Part,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    running: Running,
}

/// Does it, and prints what came of it.
pub(super) fn run(Command { verb, form, running }: &Command) -> Result<ExitCode> {
    let answer = match verb {
        Verb::List { part } => running.list("tenants", part, "id", &[])?,
        Verb::New { id, parent, name } => {
            running.change(&["tenants"], &json!({ "id": id, "parent": parent, "name": name }))?
        }
        Verb::Suspend { id } => running.change(&["tenants", id, "suspend"], &json!({}))?,
        Verb::Resume { id } => running.change(&["tenants", id, "resume"], &json!({}))?,
    };
    form.print(&answer, listed);
    Ok(ExitCode::SUCCESS)
}

/// One tenant, or a list of them.
fn listed(tenants: &Value) -> String {
    let row = |tenant: &Value| {
        let text = |name: &str| word(&tenant[name]).to_owned();
        let suspended = tenant["suspended_at"].as_str().map(|since| format!("suspended {since}"));
        let state = suspended.unwrap_or_else(|| "active".to_owned());
        let configured = if tenant["configured"] == true { "yes" } else { "" };
        [text("id"), text("parent"), text("name"), state, configured.to_owned()]
    };
    let tenants = tenants.as_array().map_or(slice::from_ref(tenants), Vec::as_slice);
    let rows = tenants.iter().map(row).collect();
    table(["TENANT", "PART OF", "NAME", "STATE", "CONFIGURED"], rows)
}

/// Prints what operators did.
pub(super) fn audit(Audit { part, form, running }: &Audit) -> Result<ExitCode> {
    let acts = running.list("audit", part, "act", &[])?;
    let row = |act: &Value| {
        let text = |name: &str| word(&act[name]).to_owned();
        let (number, detail) = (act["act"].to_string(), act["detail"].to_string());
        [number, text("at"), text("actor"), text("action"), text("subject"), detail]
    };
    form.print(&acts, |acts| {
        let rows = acts.as_array().into_iter().flatten().map(row).collect();
        table(["ACT", "AT", "BY", "WHAT", "TO", "DETAIL"], rows)
    });
    Ok(ExitCode::SUCCESS)
}
