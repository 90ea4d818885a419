//! A recording: a request, the call that it has to make, the reply, and what has to come of
//! it. What `expect` holds are lines, written as [`super::lines`] writes them.

use super::lines;
use crate::Recording;
use crate::provider::{Call, ReplyHead};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// One file of recordings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fixture {
    /// The provider's settings.
    #[serde(default)]
    settings: toml::Table,
    /// What a sender asked.
    #[serde(default)]
    pub(super) request: Recording,
    /// The first call; where it is left out any call will do.
    #[serde(default)]
    call: ExpectedCall,
    /// Its reply; where it is left out the exchange ends with the call.
    #[serde(default)]
    reply: Option<Reply>,
    /// Further calls of the same exchange.
    #[serde(default)]
    again: Vec<Turn>,
    /// What comes of it.
    expect: Vec<String>,
}

/// A further call and its reply.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    call: ExpectedCall,
    reply: Reply,
}

/// A call, as the host would make it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ExpectedCall {
    /// "POST /chat/completions", or for what is no HTTP the kind of call and whom it names.
    to: String,
    /// Each header, in order: "name: value".
    headers: Vec<String>,
    /// The edits of the request's body, in order: "set /model \"m\"", "remove /a", "move /a /b".
    edits: Vec<String>,
    /// The JSON that is sent in place of the request's body.
    json: Option<String>,
    /// "whole", "sse", "lines" or "raw".
    framing: String,
    /// Whether the reply is passed on unread.
    passthrough: bool,
    /// What stands beside the call, each as "name JSON": the fields that are dropped, say.
    extra: Vec<String>,
}

impl ExpectedCall {
    /// Compares the call that was made with this one, if anything is said of it.
    pub(super) fn compare(&self, call: &Call) -> Result<(), String> {
        let (expected, got) = (self.lines(), lines::of_call(call));
        if !self.to.is_empty() && expected != got {
            return Err(format!("the call\n{}", lines::difference(&expected, &got)));
        }
        Ok(())
    }

    /// As [`lines::of_call`] writes the call that was made.
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.to.clone()];
        lines.extend(self.headers.iter().map(|header| format!("header {header}")));
        lines.extend(self.edits.iter().map(|edit| format!("edit {edit}")));
        lines.extend(self.json.iter().map(|json| format!("json {}", lines::tidy(json))));
        if !self.framing.is_empty() {
            lines.push(format!("framing {}", self.framing));
        }
        if self.passthrough {
            lines.push("passthrough".to_owned());
        }
        lines.extend(self.extra.iter().map(|extra| format!("extra {extra}")));
        lines
    }
}

/// What an upstream answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    /// Its status.
    #[serde(default = "ok")]
    pub(super) status: u16,
    /// Its headers, their names in lower case.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Its body, byte for byte.
    #[serde(default)]
    pub(super) body: String,
}

fn ok() -> u16 {
    200
}

impl Reply {
    pub(super) fn head(&self) -> ReplyHead {
        ReplyHead { status: self.status, headers: self.headers.clone().into_iter().collect() }
    }
}

impl Fixture {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        toml::from_str(&text).map_err(|error| error.to_string())
    }

    /// The settings, as the host would hand them over.
    pub(super) fn settings<S: DeserializeOwned>(&self) -> Result<S, String> {
        let json = serde_json::to_string(&self.settings).map_err(|error| error.to_string())?;
        serde_json::from_str(&json).map_err(|error| format!("settings: {error}"))
    }

    /// Each call and its reply, in order.
    pub(super) fn turns(&self) -> impl Iterator<Item = (&ExpectedCall, Option<&Reply>)> {
        let again = self.again.iter().map(|turn| (&turn.call, Some(&turn.reply)));
        std::iter::once((&self.call, self.reply.as_ref())).chain(again)
    }

    pub(super) fn longest_reply(&self) -> usize {
        self.turns().filter_map(|(_, reply)| Some(reply?.body.len())).max().unwrap_or(0)
    }

    pub(super) fn expected(&self) -> Vec<String> {
        self.expect.clone()
    }
}
