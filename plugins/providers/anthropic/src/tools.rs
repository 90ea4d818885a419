//! The tools that the model may call, and whether it may, must or must not.

use crate::draft::{Draft, Raw};
use crate::failure::{invalid, unsupported};
use portcullis_sdk::provider::Failure;
use serde_json::{Value, json};

/// Writes the tools, and the choice among them. Says whether it leaves the model none.
pub(crate) fn write(draft: &mut Draft<'_>) -> Result<bool, Failure> {
    let offered: Vec<Raw<'_>> = draft.take("tools")?.unwrap_or_default();
    let wanted = draft.take("tool_choice")?;
    let parallel = draft.take("parallel_tool_calls")? != Some(Value::Bool(false));
    // Without tools there is nothing to choose, and the vendor refuses a choice.
    if offered.is_empty() {
        return Ok(false);
    }
    let choice = choice(wanted, parallel)?;
    let forced = choice.as_ref().is_some_and(|it| it["type"] == "any" || it["type"] == "tool");
    draft.set("tool_choice", choice);
    draft.set_raw("tools", &offered.into_iter().map(tool).collect::<Result<Vec<_>, _>>()?);
    Ok(forced)
}

/// A tool. Its schema keeps the order in which it stood, and so will the model.
fn tool(mut offered: Raw<'_>) -> Result<Raw<'_>, Failure> {
    let function = offered.remove("function");
    let function = function.ok_or_else(|| unsupported("this provider offers functions only"))?;
    let tool = serde_json::from_str(function.get());
    let mut tool: Raw<'_> = tool.map_err(|_| invalid("a tool's `function` is not an object"))?;
    // A function without parameters says so by leaving them out.
    let nothing = || serde_json::from_str(r#"{"type":"object","properties":{}}"#).ok();
    let schema = tool.remove("parameters").or_else(nothing);
    tool.extend(schema.map(|schema| ("input_schema".to_owned(), schema)));
    tool.extend(offered.remove_entry("cache_control"));
    tool.retain(|_, value| !matches!(value.get(), "null" | "false"));
    Ok(tool)
}

fn choice(wanted: Option<Value>, parallel: bool) -> Result<Option<Value>, Failure> {
    let mut choice = match wanted {
        None if parallel => return Ok(None),
        None => json!({ "type": "auto" }),
        Some(Value::String(mode)) if mode == "required" => json!({ "type": "any" }),
        Some(Value::String(mode)) => json!({ "type": mode }),
        Some(one) if one["type"] == "function" => {
            json!({ "type": "tool", "name": one["function"]["name"] })
        }
        Some(_) => return Err(unsupported("this provider takes one function as `tool_choice`")),
    };
    if !parallel && choice["type"] != "none" {
        choice["disable_parallel_tool_use"] = true.into();
    }
    Ok(Some(choice))
}
