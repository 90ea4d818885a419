//! Counts of tokens, as a client of Anthropic's reads them.
//! <https://platform.claude.com/docs/en/api/messages/count_tokens>

use super::{Dialect, anthropic, json_body};
use anyhow::{Result, bail, ensure};
use serde_json::Value;

pub(super) const DIALECT: Dialect = Dialect {
    name: "anthropic-count-tokens",
    path: "/v1/messages/count_tokens",
    headers: anthropic::DIALECT.headers,
    body: json_body,
    stream: None,
    whole: |reply| whole(reply.json()?),
    refusal: anthropic::refusal,
    fold: |_| bail!("a count does not come piece by piece"),
    essence: |answer| answer["input_tokens"].clone(),
};

fn whole(answer: Value) -> Result<Value> {
    ensure!(answer["input_tokens"].as_u64() > Some(0), "{answer}");
    Ok(answer)
}
