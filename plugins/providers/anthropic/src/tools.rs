//! The tools that the model may call, and whether it may, must or must not.

use portcullis_sdk::prelude::*;

/// Writes the tools, and the choice among them. Says whether it leaves the model none.
pub(crate) fn write(draft: &mut Draft<'_>) -> Result<bool, Failure> {
    let (offered, _) = functions(draft.take("tools"), &[])?;
    let wanted = ToolChoice::read(draft.take("tool_choice"))?;
    let said = wanted.is_some();
    let parallel = draft.take("parallel_tool_calls") != false;
    // Without tools there is nothing to choose, and the vendor refuses a choice.
    if offered.is_empty() {
        return Ok(false);
    }
    let (mode, mut names) = wanted.map_or((Mode::Auto, Vec::new()), |it| (it.mode, it.names));
    let forced = mode == Mode::Required;
    if names.len() > usize::from(forced) {
        let message = "this provider takes one function as `tool_choice`";
        return Err(Failure::unsupported("tool_choice", message));
    }
    let (name, parallel) = (names.pop(), parallel || mode == Mode::None);
    let kind = match mode {
        Mode::Auto => "auto",
        Mode::None => "none",
        Mode::Required if name.is_some() => "tool",
        Mode::Required => "any",
    };
    let one_by_one = (!parallel).then_some(true);
    let choice = object! { "type": kind, "name": name, "disable_parallel_tool_use": one_by_one };
    draft.set("tool_choice", choice.filter(|_| said || !parallel));
    draft.set("tools", offered.into_iter().map(tool).collect::<Json<'_>>());
    Ok(forced)
}

/// A tool. Its schema keeps the order in which it stood, and so will the model.
fn tool(offered: Function<'_>) -> Json<'_> {
    let [rest, mut tool] = offered.rest;
    // A function without parameters says so by leaving them out.
    let schema = offered.parameters.or(object! { "type": "object", "properties": object! {} });
    rest.with("name", offered.name)
        .with("description", offered.description)
        .with("strict", offered.strict.then_some(true))
        .with("input_schema", schema)
        .with("cache_control", tool.take("cache_control"))
}
