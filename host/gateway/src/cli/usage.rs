//! `portcullis usage`: what was used and spent, as a gateway that runs knows it from its ledger.

use super::running::{Running, word};
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use clap::{Subcommand, ValueEnum};
use http::Method;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// What is asked.
#[derive(clap::Args)]
pub(super) struct Question {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Since when: a time, a day, "7d" (so long ago), "today", "week" or "month".
    #[arg(long, value_name = "TIME", default_value = "month", global = true)]
    from: String,
    /// Until when.
    #[arg(long, value_name = "TIME", default_value = "now", global = true)]
    to: String,
    /// The time zone of days and months.
    #[arg(long, value_name = "ZONE", default_value = "UTC", global = true)]
    zone: String,
    /// A row for each of these: tenant, key, route, policy, candidate, provider, model, operation,
    /// end, kind, label:NAME.
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',')]
    by: Vec<String>,
    /// And for each hour, day, week or month.
    #[arg(long, value_name = "SPAN")]
    every: Option<String>,
    /// Only where a field says so; may be given more than once.
    #[arg(long = "where", value_name = "FIELD=VALUE", value_parser = super::ask::label)]
    #[arg(global = true)]
    only: Vec<(String, String)>,
    /// What the same requests would have cost at this candidate, or at the "dearest".
    #[arg(long, value_name = "CANDIDATE")]
    baseline: Option<String>,
    /// What the month will have cost: what was spent so far + the mean daily spend of the last 7
    /// whole days × the days that are left.
    #[arg(long)]
    projection: bool,
    #[command(flatten)]
    out: Out,
    #[command(flatten)]
    running: Running,
}

#[derive(Subcommand)]
enum Verb {
    /// Single entries, the newest first.
    Entries {
        /// Only those of this request.
        #[arg(long, value_name = "ID")]
        request: Option<String>,
        /// So many at most.
        #[arg(long, value_name = "NUMBER", default_value_t = 100)]
        limit: u32,
        /// Those that come after this one: what `next` said.
        #[arg(long, value_name = "PLACE")]
        after: Option<String>,
    },
    /// Correct what was written at a wrong price, to the prices that the gateway has now. Doing it
    /// twice adds nothing.
    Correct {
        /// Whose price was wrong.
        candidate: String,
    },
}

/// Where it goes.
#[derive(clap::Args)]
struct Out {
    /// The form.
    #[arg(long, value_enum, default_value_t = Format::Table, global = true)]
    format: Format,
    /// A file in the place of standard output.
    #[arg(long, value_name = "FILE", global = true)]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
    Parquet,
}

/// Asks, and prints what came of it.
pub(super) fn run(question: &Question) -> Result<ExitCode> {
    match &question.verb {
        None => {
            let answer = question.see("/api/v1/usage", &question.sums())?;
            question.out.put(&answer, report)
        }
        Some(Verb::Entries { request, limit, after }) => {
            let mut pairs = question.filters();
            pairs.push(("limit".to_owned(), limit.to_string()));
            pairs.extend(request.clone().map(|request| ("request".to_owned(), request)));
            pairs.extend(after.clone().map(|after| ("after".to_owned(), after)));
            let answer = question.see("/api/v1/usage/entries", &pairs)?;
            question.out.put(&answer, entries)
        }
        Some(Verb::Correct { candidate }) => {
            let Question { from, to, zone, .. } = question;
            let wrong = json!({ "candidate": candidate, "from": from, "to": to, "zone": zone });
            let path = "/api/v1/usage/corrections";
            let answer = question.running.ask(Method::POST, path, &wrong)?;
            question.out.put(answer.to_string().as_bytes(), corrected)
        }
    }
}

impl Question {
    fn filters(&self) -> Vec<(String, String)> {
        let said = [("from", &self.from), ("to", &self.to), ("zone", &self.zone)];
        let said = said.map(|(name, value)| (name.to_owned(), value.clone()));
        said.into_iter().chain(self.only.iter().cloned()).collect()
    }

    fn sums(&self) -> Vec<(String, String)> {
        let mut pairs = self.filters();
        let mut add = |name: &str, value: Option<String>| {
            pairs.extend(value.map(|value| (name.to_owned(), value)));
        };
        add("by", (!self.by.is_empty()).then(|| self.by.join(",")));
        add("every", self.every.clone());
        add("baseline", self.baseline.clone());
        add("projection", self.projection.then(|| "true".to_owned()));
        pairs
    }

    fn see(&self, path: &str, pairs: &[(String, String)]) -> Result<Bytes> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs);
        let format = match self.out.format {
            Format::Table | Format::Json => "json",
            Format::Csv => "csv",
            Format::Parquet => "parquet",
        };
        query.append_pair("format", format);
        self.running.see(&format!("{path}?{}", query.finish()))
    }
}

impl Out {
    fn put(&self, answer: &[u8], table: fn(&Value) -> String) -> Result<ExitCode> {
        let text = match self.format {
            Format::Table => {
                Some(table(&serde_json::from_slice(answer).context("what it says is no JSON")?))
            }
            Format::Json | Format::Csv | Format::Parquet => None,
        };
        let mut bytes = text.as_ref().map_or(answer, |text| text.as_bytes()).to_vec();
        if self.format == Format::Json {
            bytes.push(b'\n');
        }
        match &self.output {
            Some(file) => {
                std::fs::write(file, bytes).with_context(|| file.display().to_string())?;
            }
            None if self.format == Format::Parquet && std::io::stdout().is_terminal() => {
                bail!("a file of Parquet is nothing for a terminal: name one with --output");
            }
            None => std::io::stdout().write_all(&bytes)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Sums, for people.
fn report(said: &Value) -> String {
    let fields = said["by"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let every = said["every"].as_str().map(|_| "from");
    let fields: Vec<&str> = every.into_iter().chain(fields).collect();
    let has_baseline = said["baseline"].is_object();
    let mut titles: Vec<String> = fields.iter().map(|field| field.to_uppercase()).collect();
    titles.extend(["REQUESTS", "IN", "CACHED", "OUT", "USD"].map(str::to_owned));
    if has_baseline {
        titles.push("BASELINE".to_owned());
    }
    let row = |row: &Value| {
        let mut cells: Vec<String> =
            fields.iter().map(|field| word(&row[*field]).to_owned()).collect();
        let counted = ["requests", "tokens_in", "tokens_cached", "tokens_out"];
        cells.extend(counted.map(|name| row[name].to_string()));
        cells.push(dollars(&row["nanodollars"]));
        if has_baseline {
            cells.push(dollars(&row["baseline_nanodollars"]));
        }
        cells
    };
    let mut rows = vec![titles];
    rows.extend(said["rows"].as_array().into_iter().flatten().map(row));
    if rows.len() != 2 || !fields.is_empty() {
        let mut total = row(&said["total"]);
        if let Some(first) = total.first_mut().filter(|_| !fields.is_empty()) {
            "total".clone_into(first);
        }
        rows.push(total);
    }
    let mut text = format!("{} to {}\n\n", word(&said["from"]), word(&said["to"]));
    text += &columns(&rows, fields.len());
    text.push('\n');
    if let Some(share) = said["free"]["share"].as_f64() {
        let _ = writeln!(text, "free        {:.1} % of all tokens cost nothing", share * 100.0);
    }
    if has_baseline {
        text += &baseline(&said["baseline"]);
    }
    if said["projection"].is_object() {
        text += &projection(&said["projection"]);
    }
    text
}

fn baseline(said: &Value) -> String {
    let share = said["saved_share"].as_f64().unwrap_or_default() * 100.0;
    format!(
        "baseline    {}: {}; saved {} ({share:.1} %)\n",
        word(&said["candidate"]),
        dollars(&said["nanodollars"]),
        dollars(&said["saved_nanodollars"])
    )
}

fn projection(said: &Value) -> String {
    let spent = dollars(&said["spent_nanodollars"]);
    match (&said["projected_nanodollars"], &said["daily_mean_nanodollars"]) {
        (Value::Null, _) => {
            format!("projection  {spent} so far; no whole day has passed since the first entry\n")
        }
        (projected, mean) => format!(
            "projection  {} at the end of the month: {spent} so far + {} a day (mean of {} whole \
             days) × {:.2} days\n",
            dollars(projected),
            dollars(mean),
            said["whole_days"],
            said["days_left"].as_f64().unwrap_or_default()
        ),
    }
}

/// Single entries, for people.
fn entries(said: &Value) -> String {
    let titles = ["AT", "REQUEST", "KIND", "TENANT", "CANDIDATE", "END", "IN", "OUT", "USD"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for entry in said["entries"].as_array().into_iter().flatten() {
        let words = ["at", "request", "kind", "tenant", "candidate", "end"];
        let mut row: Vec<String> = words.map(|name| word(&entry[name]).to_owned()).to_vec();
        row.extend(["tokens_in", "tokens_out"].map(|name| entry[name].to_string()));
        row.push(dollars(&entry["nanodollars"]));
        rows.push(row);
    }
    let mut text = columns(&rows, 6);
    if let Some(next) = said["next"].as_str() {
        let _ = writeln!(text, "\nThere are more: --after {next}");
    }
    text
}

/// What came of a correction, for people.
fn corrected(said: &Value) -> String {
    format!(
        "{}: {} of {} entries were wrong, by {} in all; prices {}; act {} of the audit log\n",
        word(&said["candidate"]),
        said["corrected"],
        said["entries"],
        dollars(&said["nanodollars"]),
        word(&said["price_version"]),
        said["act"]
    )
}

fn dollars(nanodollars: &Value) -> String {
    let amount = nanodollars.as_i64().unwrap_or_default() as f64 / 1e9;
    let sign = if amount < 0.0 { "-" } else { "" };
    format!("{sign}${:.6}", amount.abs())
}

/// Aligned columns: so many of words, and then of numbers, which are aligned at their end. What
/// somebody wrote does not steer the terminal.
pub(super) fn columns(rows: &[Vec<String>], words: usize) -> String {
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len))
        .map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default())
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, &width))| {
            let cell = if cell.is_empty() { "-" } else { cell };
            let cell = cell.replace(char::is_control, "\u{fffd}");
            if at < words { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}
