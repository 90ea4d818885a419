//! A gateway that runs, as its operator asks it from a terminal: over its admin address.

use super::ask::{call, error_of};
use super::configuration;
use crate::config::Config;
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::header::LINK;
use http::response::Parts;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use url::form_urlencoded;

/// Which gateway.
#[derive(clap::Args)]
pub(super) struct Running {
    /// The configuration, for the gateway's admin address [default: portcullis.toml, if it exists].
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The gateway's admin address; to upload and to remove, that of its clients.
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "config", global = true)]
    server: Option<String>,
}

/// In which form things are printed.
#[derive(clap::Args)]
pub(super) struct Form {
    /// Print what the gateway answered, as JSON on one line, in the place of a table.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// Which part of a list.
#[derive(clap::Args)]
pub(super) struct Part {
    /// So many at most, up to 1000 [default: 100].
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u32>,
    /// Those that come after this one: what stands in its first column.
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

/// What a gateway answered.
pub(super) struct Answered {
    pub(super) said: Value,
    /// Where a list goes on, if it does.
    more: Option<String>,
}

impl Running {
    /// Asks for one thing and waits for what came of it.
    pub(super) fn ask(&self, method: Method, path: &str, said: &Value) -> Result<Value> {
        Ok(self.asked(method, path, said)?.1)
    }

    /// Asks for a change: `table/id/verb`.
    pub(super) fn change(&self, path: &[&str], said: &Value) -> Result<Answered> {
        let encoded = |part: &&str| form_urlencoded::byte_serialize(part.as_bytes()).collect();
        let path: Vec<String> = path.iter().map(encoded).collect();
        let said = self.ask(Method::POST, &format!("/api/v1/{}", path.join("/")), said)?;
        Ok(Answered { said, more: None })
    }

    /// Asks for a part of a list, whose items are called by that field.
    pub(super) fn list(
        &self,
        table: &str,
        part: &Part,
        id: &str,
        only: &[(&str, &str)],
    ) -> Result<Answered> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(only);
        query.extend_pairs(part.limit.map(|limit| ("limit", limit.to_string())));
        query.extend_pairs(part.after.as_ref().map(|after| ("after", after)));
        let path = format!("/api/v1/{table}?{}", query.finish());
        let (head, said) = self.asked(Method::GET, &path, &Value::Null)?;
        let goes_on = head.headers.contains_key(LINK);
        let last = said.as_array().and_then(|list| list.last()).filter(|_| goes_on);
        let name = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
        Ok(Answered { more: last.map(|last| name(&last[id])), said })
    }

    /// Asks to see something that may be no JSON.
    pub(super) fn see(&self, path: &str) -> Result<Bytes> {
        Ok(self.answered(Method::GET, path, &Value::Null)?.1)
    }

    fn asked(&self, method: Method, path: &str, said: &Value) -> Result<(Parts, Value)> {
        let (head, answer) = self.answered(method, path, said)?;
        Ok((head, serde_json::from_slice(&answer).unwrap_or_default()))
    }

    /// Where its clients are served: what the server is where that is meant.
    pub(super) fn clients(&self) -> Result<String> {
        self.address(|config| config.server.listen)
    }

    fn address(&self, of: impl FnOnce(&Config) -> SocketAddr) -> Result<String> {
        if let Some(server) = &self.server {
            return Ok(server.clone());
        }
        let config = configuration(self.config.as_deref());
        Ok(of(&config.context("where the gateway is, --server says, or else")?).to_string())
    }

    fn answered(&self, method: Method, path: &str, said: &Value) -> Result<(Parts, Bytes)> {
        let server = self.address(|config| config.admin.listen)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(answered(&server, method, path, said))
    }
}

impl Form {
    /// Prints an answer: for people as this table.
    pub(super) fn print(&self, answer: &Answered, table: impl FnOnce(&Value) -> String) {
        if self.json {
            println!("{}", answer.said);
        } else {
            print!("{}", table(&answer.said));
        }
        if let Some(last) = &answer.more {
            eprintln!("There are more: --after {last}");
        }
    }
}

async fn answered(
    server: &str,
    method: Method,
    path: &str,
    said: &Value,
) -> Result<(Parts, Bytes)> {
    let body = if said.is_null() { String::new() } else { said.to_string() };
    let is_change = method != Method::GET;
    let (parts, body) = call(server, method, path, &[], body.into()).await?.into_parts();
    let answer = body.collect().await?.to_bytes();
    if parts.status == StatusCode::OK {
        return Ok((parts, answer));
    }
    let said: Value = serde_json::from_slice(&answer).unwrap_or_default();
    // A store that went away while it was asked may have done it.
    let nothing =
        if is_change && parts.status.is_client_error() { "Nothing was changed. " } else { "" };
    if let (Some(stage), Some(why)) = (said["stage"].as_str(), said["why"].as_str()) {
        bail!("{nothing}It failed in the stage `{stage}`: {why}");
    }
    match said["problems"].as_array() {
        Some(problems) => {
            let problems: Vec<&str> = problems.iter().filter_map(Value::as_str).collect();
            bail!("{nothing}{}", problems.join("\n"))
        }
        None => bail!("{nothing}{}", error_of(&answer).trim()),
    }
}

/// A text of an answer; empty where there is none.
pub(super) fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Says something beside the answer. A terminal that is gone is no reason to lose the rest.
pub(super) fn aside(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Aligned columns under their titles; `-` where there is nothing. What somebody wrote does not
/// steer the terminal.
pub(super) fn table<const N: usize>(titles: [&str; N], rows: Vec<[String; N]>) -> String {
    let plain = |cell: String| cell.replace(char::is_control, "\u{fffd}");
    let rows = rows.into_iter().map(|row| row.map(plain));
    let rows: Vec<_> = std::iter::once(titles.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or_default());
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| {
            let cell = if cell.is_empty() { "-" } else { cell };
            format!("{cell:width$}  ")
        });
        text += cells.collect::<String>().trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_in_them_steers_the_terminal() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let rows = vec![row(["a", "", "x"]), row(["föö", "\u{1b}[2J\n", ""])];
        let expected = "ID   WHAT   ON\na    -      x\nföö  �[2J�  -\n";
        assert_eq!(table(["ID", "WHAT", "ON"], rows), expected);
    }
}
