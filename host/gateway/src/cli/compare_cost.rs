//! `portcullis compare-cost`: what a request would cost at each candidate, and the cheapest.

use super::usage::columns;
use super::{FILE, configuration};
use crate::compare::{Asked, Comparison, compare};
use crate::config;
use crate::ingress::{self, Wanted};
use crate::request::{Operation, is_private};
use crate::wire::dialect::Dialect;
use anyhow::{Context as _, Result, anyhow, bail};
use http::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// An answer's tokens where nobody says how many: most stay under it.
const OUTPUT: u64 = 1_024;

/// The request, and among whom it is compared.
#[derive(clap::Args)]
pub(super) struct Question {
    /// The request's body, as JSON: its tokens are estimated, its features found.
    #[arg(long, value_name = "FILE", conflicts_with = "input_tokens")]
    file: Option<PathBuf>,
    /// Where a client would post it.
    #[arg(long, value_name = "PATH", default_value = "/v1/chat/completions", requires = "file")]
    path: String,
    /// Tokens of the question, without a file.
    #[arg(long, value_name = "NUMBER", required_unless_present = "file")]
    input_tokens: Option<u64>,
    /// Tokens of the answer [default: as many as the request allows, or else 1024].
    #[arg(long, value_name = "NUMBER")]
    output_tokens: Option<u64>,
    /// So many such requests a month.
    #[arg(long, value_name = "NUMBER")]
    requests: Option<u64>,
    /// Among the candidates of this configuration [default: portcullis.toml, if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Among the models that come with the program (the default without a configuration).
    #[arg(long, conflicts_with = "config")]
    shipped: bool,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the comparison.
pub(super) fn run(question: &Question) -> Result<ExitCode> {
    let configured = question.config.is_some() || Path::new(FILE).exists();
    let candidates = if configured && !question.shipped {
        configuration(question.config.as_deref())?.candidates
    } else {
        config::shipped()
    };
    let asked = question.asked()?;
    let found = compare(&candidates, &asked);
    if question.json {
        println!("{}", as_json(&asked, &found, question.requests));
    } else {
        print!("{}", as_text(&asked, &found, question.requests));
    }
    if found.priced.is_empty() {
        bail!("no candidate that can take it has a price that is known");
    }
    Ok(ExitCode::SUCCESS)
}

impl Question {
    fn asked(&self) -> Result<Asked> {
        let Some(file) = &self.file else {
            let (input, output) = (self.input_tokens, self.output_tokens);
            let (input, output) = (input.unwrap_or_default(), output.unwrap_or(OUTPUT));
            let operation = Operation::Chat.name().to_owned();
            return Ok(Asked { operation, input, output, ..Asked::default() });
        };
        let body = std::fs::read(file).with_context(|| file.display().to_string())?;
        let wrong = |why: crate::refusal::Refusal| anyhow!("{}: {}", file.display(), why.message);
        let operation = match ingress::route(&Method::POST, &self.path).map_err(wrong)? {
            Wanted::Operation(operation) => operation,
            Wanted::Models | Wanted::Model(_) | Wanted::Plugins(_) => {
                bail!("{} asks nobody anything", self.path)
            }
        };
        if operation == Operation::Transcription {
            bail!("what a transcription costs is not known before it was listened to");
        }
        let (parts, ()) = http::Request::post(&self.path).body(())?.into_parts();
        let head = Dialect::of(&parts).head(operation, &body).map_err(wrong)?;
        let output = match operation {
            Operation::Chat => head.max_output_tokens.map_or(OUTPUT, u64::from),
            _ => 0,
        };
        Ok(Asked {
            operation: operation.needed().name().to_owned(),
            private: is_private(&head.labels),
            needs: head.needs,
            input: head.input_tokens.into(),
            output: self.output_tokens.unwrap_or(output) * u64::from(head.answers.max(1)),
        })
    }
}

fn as_json(asked: &Asked, found: &Comparison<'_>, requests: Option<u64>) -> Value {
    let month = |cost: f64| requests.map(|requests| cost * requests as f64);
    let priced = found.priced.iter().map(|(candidate, cost)| {
        json!({ "candidate": candidate.id, "usd": cost, "month_usd": month(*cost) })
    });
    let removed = found.removed.iter();
    let removed = removed.map(|(candidate, why)| json!({ "candidate": candidate.id, "why": why }));
    json!({
        "input_tokens": asked.input,
        "output_tokens": asked.output,
        "requests_a_month": requests,
        "cheapest": found.priced.first().map(|(candidate, _)| &candidate.id),
        "candidates": priced.collect::<Vec<_>>(),
        "unpriced": found.unpriced.iter().map(|candidate| &candidate.id).collect::<Vec<_>>(),
        "removed": removed.collect::<Vec<_>>(),
    })
}

fn as_text(asked: &Asked, found: &Comparison<'_>, requests: Option<u64>) -> String {
    let mut titles = vec!["CANDIDATE".to_owned(), "A REQUEST".to_owned()];
    titles.extend(requests.map(|requests| format!("{requests} A MONTH")));
    let mut rows = vec![titles];
    for (candidate, cost) in &found.priced {
        let mut row = vec![candidate.id.clone(), format!("${cost:.6}")];
        row.extend(requests.map(|requests| format!("${:.2}", cost * requests as f64)));
        rows.push(row);
    }
    let Asked { input, output, .. } = asked;
    let mut text = format!("{input} tokens in, {output} out\n\n");
    text += &columns(&rows, 1);
    if let (Some((cheapest, low)), Some((dearest, high))) =
        (found.priced.first(), found.priced.last())
    {
        text += &format!("\ncheapest  {}\n", cheapest.id);
        if *low > 0.0 && high > low {
            text += &format!("dearest   {}, {:.1} times as much\n", dearest.id, high / low);
        }
    }
    for candidate in &found.unpriced {
        text += &format!("no price  {}\n", candidate.id);
    }
    for (candidate, why) in &found.removed {
        text += &format!("left out  {}: {why}\n", candidate.id);
    }
    text
}
