//! `portcullis keys …`: by which keys a gateway that runs serves. A secret goes to standard output
//! alone, so that a script can take it; whatever else is said of the key to standard error.

use super::running::{Form, Part, Running, aside, table, word};
use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde_json::{Value, json};
use std::io::Write as _;
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
    /// List them without their secrets, the oldest first, those included that have ended.
    List {
        /// Of this tenant only.
        #[arg(long, value_name = "ID")]
        tenant: Option<String>,
        #[command(flatten)]
        part: Part,
    },
    /// Make one, and print its secret, which is shown this once.
    New(New),
    /// Make one in the place of another, which works a little longer; print the new secret.
    Rotate {
        /// The id of the old one.
        id: String,
        /// How much longer the old one works, if it does not end before, such as 30m; 0s: no
        /// longer [default: 24h].
        #[arg(long, value_name = "DURATION")]
        grace: Option<String>,
        /// When the new one ends, such as 2027-01-31T00:00:00Z; the end of the old one is not
        /// taken over [default: never].
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// End one, now and for good. A key that took its place works on.
    Revoke {
        /// Its id.
        id: String,
    },
    /// Say when one ends. One that has ended so works again when that is yet to come.
    Expire {
        /// Its id.
        id: String,
        /// Such as 2027-01-31T00:00:00Z, or "never".
        #[arg(value_name = "TIME")]
        then: String,
    },
}

#[derive(clap::Args)]
struct New {
    /// Whose it is.
    tenant: String,
    /// What people call it.
    name: String,
    /// By which kinds of names it may ask: routes, candidates, models [default: as its tenant].
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    may_name: Option<Vec<String>>,
    /// The routes that it may ask for [default: all that its tenant may].
    #[arg(long, value_name = "ROUTE", value_delimiter = ',')]
    routes: Option<Vec<String>>,
    /// Patterns of "provider/model" that it may use [default: all that its tenant may].
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    models: Option<Vec<String>>,
    /// What it may have done: chat, embeddings, count-tokens, transcription [default: all that its
    /// tenant may].
    #[arg(long, value_name = "OPERATION", value_delimiter = ',')]
    operations: Option<Vec<String>>,
    /// The labels that it may set [default: all that its tenant may].
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    labels: Option<Vec<String>>,
    /// Keep all that it asks for on the operator's machines.
    #[arg(long)]
    private: bool,
    /// Let it upload plugins in the place of its tenant's own, if its tenant may.
    #[arg(long)]
    uploads: bool,
    /// When it ends, such as 2027-01-31T00:00:00Z [default: never].
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
}

/// Does it, and prints what came of it.
pub(super) fn run(Command { verb, form, running }: &Command) -> Result<ExitCode> {
    let answer = match verb {
        Verb::List { tenant, part } => {
            let only = tenant.as_deref().map(|tenant| ("tenant", tenant));
            running.list("keys", part, "id", only.as_slice())?
        }
        Verb::New(new) => return hand_over(form, &running.change(&["keys"], &new.said())?.said),
        Verb::Rotate { id, grace, expires } => {
            let said = json!({ "grace": grace, "expires_at": expires });
            return hand_over(form, &running.change(&["keys", id, "rotate"], &said)?.said);
        }
        Verb::Revoke { id } => running.change(&["keys", id, "revoke"], &json!({}))?,
        Verb::Expire { id, then } => {
            let then = Some(then).filter(|then| *then != "never");
            running.change(&["keys", id, "expire"], &json!({ "expires_at": then }))?
        }
    };
    form.print(&answer, listed);
    Ok(ExitCode::SUCCESS)
}

impl New {
    fn said(&self) -> Value {
        json!({
            "tenant": self.tenant,
            "name": self.name,
            "expires_at": self.expires,
            "scopes": {
                "may_name": self.may_name,
                "routes": self.routes,
                "models": self.models,
                "operations": self.operations,
                "labels": self.labels,
                "private": self.private,
                "uploads": self.uploads,
            },
        })
    }
}

/// Prints a secret, the only time that anybody can.
fn hand_over(form: &Form, made: &Value) -> Result<ExitCode> {
    let (key, secret) = (&made["key"], word(&made["secret"]));
    let printed = if form.json {
        made.to_string()
    } else {
        aside(&listed(key));
        aside("Its secret, which nobody can show again:\n");
        secret.to_owned()
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{printed}").and_then(|()| out.flush()).with_context(|| {
        let id = word(&key["id"]);
        format!("key {id} was made and its secret is lost, so revoke it; it cannot be written")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// One key, or a list of them.
fn listed(keys: &Value) -> String {
    let row = |key: &Value| {
        let text = |name: &str| word(&key[name]).to_owned();
        let rest = [text("made_at"), text("expires_at"), scopes(&key["scopes"])];
        let [made, ends, scopes] = rest;
        [text("id"), text("tenant"), text("name"), text("state"), made, ends, scopes]
    };
    let keys = keys.as_array().map_or(slice::from_ref(keys), Vec::as_slice);
    let titles = ["KEY", "TENANT", "NAME", "STATE", "MADE", "ENDS", "ONLY"];
    table(titles, keys.iter().map(row).collect())
}

/// What narrows it: `models=a,b private`.
fn scopes(scopes: &Value) -> String {
    let list = |(name, said): (&String, &Value)| match said {
        Value::Array(words) => {
            let words: Vec<&str> = words.iter().map(word).collect();
            Some(format!("{name}={}", words.join(",")))
        }
        said => (*said == true).then(|| name.clone()),
    };
    let narrow: Vec<_> = scopes.as_object().into_iter().flatten().filter_map(list).collect();
    narrow.join(" ")
}
