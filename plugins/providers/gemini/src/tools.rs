//! Tools: functions that the sender runs, Google's search, and which of them is to be used.

use crate::chat::kept_to;
use portcullis_sdk::prelude::*;

/// Writes the tools, and what is said of their use. Says whether there are any.
pub(crate) fn write(draft: &mut Draft<'_>, third: bool) -> Result<bool, Failure> {
    let searches = ["web_search", "web_search_preview", "google_search"];
    let (functions, others) = functions(draft.take("tools"), &searches)?;
    // The dialect's own way to ask for a search. What it says about it has no place here.
    let search = draft.has("web_search_options") || !others.is_empty();
    let strict = functions.iter().any(|function| function.strict);
    let mut tools = Vec::new();
    tools.extend(search.then(|| object! { "googleSearch": object! {} }));
    if !functions.is_empty() {
        let choice = draft.take("tool_choice");
        draft.set("toolConfig", config(choice, strict, third && search)?);
        let declared = functions.into_iter().map(declared).collect::<Result<Json<'_>, _>>()?;
        tools.push(object! { "functionDeclarations": declared });
    }
    draft.set("tools", Json::List(tools).something());
    Ok(!draft.sent["tools"].is_null())
}

/// A schema that need not be kept to is advice, and goes as it is. One that has to be is held to
/// what the API can.
fn declared(function: Function<'_>) -> Result<Json<'_>, Failure> {
    let Function { name, description, parameters, strict, .. } = function;
    let schema = if strict { kept_to("tools", parameters)? } else { parameters };
    Ok(object! { "name": name, "description": description, "parametersJsonSchema": schema })
}

/// What is said of their use, if something is. A Gemini 3 can search and call functions
/// `together` in one answer, once it is told that the sender will see both.
fn config<'a>(choice: Json<'a>, strict: bool, together: bool) -> Result<Json<'a>, Failure> {
    // In this mode, and in `ANY`, arguments keep to their schemas; beside a search there is no
    // `AUTO`.
    let auto = if strict || together { "VALIDATED" } else { "AUTO" };
    let (mode, names) = match ToolChoice::read(choice)? {
        None if auto == "AUTO" => return Ok(Json::Null),
        None => (auto, Vec::new()),
        Some(ToolChoice { mode: Mode::Auto, names }) if names.is_empty() => (auto, names),
        Some(ToolChoice { mode: Mode::Auto, names }) => ("VALIDATED", names),
        Some(ToolChoice { mode: Mode::Required, names }) => ("ANY", names),
        Some(ToolChoice { mode: Mode::None, names }) => ("NONE", names),
    };
    let names = Json::from(names).something();
    Ok(object! {
        "functionCallingConfig": object! { "mode": mode, "allowedFunctionNames": names },
        "includeServerSideToolInvocations": together.then_some(true),
    })
}
