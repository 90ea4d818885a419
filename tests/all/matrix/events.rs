//! Streams whose events have names, as two of the dialects do.

use crate::caller::Reply;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The data of a stream's events. Each names itself twice: an SDK that goes by the `event:` line
/// has to see what one sees that goes by `type`.
pub(super) fn named(reply: &Reply) -> Result<Vec<Value>> {
    let text = reply.text()?;
    ensure!(text.ends_with("\n\n"), "the last event lacks its blank line: {text:?}");
    let mut events = Vec::new();
    for block in text.split_terminator("\n\n") {
        let (name, data) = block.split_once('\n').context("an event has one line")?;
        let name = name.strip_prefix("event: ").with_context(|| format!("no name: {block}"))?;
        let data = data.strip_prefix("data: ").with_context(|| format!("no data: {block}"))?;
        let data: Value = serde_json::from_str(data)?;
        ensure!(data["type"] == name, "{block}");
        events.push(data);
    }
    Ok(events)
}
