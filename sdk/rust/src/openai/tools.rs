//! The tools that a chat request offers.

use crate::Json;
use crate::provider::Failure;

/// A function that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Function<'a> {
    /// Its name.
    pub name: Json<'a>,
    /// What it is for, in words for the model.
    pub description: Json<'a>,
    /// The JSON schema of its arguments, where it has any.
    pub parameters: Json<'a>,
    /// Whether the arguments have to satisfy it.
    pub strict: bool,
    /// Whatever else is said of it, and then of the tool that it is.
    pub rest: [Json<'a>; 2],
}

/// The functions among the tools of a request, and its other tools, which are of `known` types:
/// one of a type that is not known is refused.
pub fn functions<'a>(
    tools: Json<'a>,
    known: &[&str],
) -> Result<(Vec<Function<'a>>, Vec<Json<'a>>), Failure> {
    const FIELD: &str = "tools";
    let (mut functions, mut others) = (Vec::new(), Vec::new());
    for mut tool in tools.into_items() {
        let (kind, mut function) = (tool.take("type"), tool.take("function"));
        if function.is_object() {
            let [name, description, parameters, strict] =
                ["name", "description", "parameters", "strict"].map(|name| function.take(name));
            let (strict, rest) = (strict == true, [function, tool]);
            functions.push(Function { name, description, parameters, strict, rest });
        } else if known.contains(&&*kind.text()) {
            others.push(tool.with("type", kind));
        } else {
            let message = format!("this provider has no tools of the type {kind}");
            return Err(Failure::unsupported(FIELD, message));
        }
    }
    Ok((functions, others))
}

#[cfg(test)]
mod tests {
    use super::functions;
    use crate::Json;

    #[test]
    fn functions_are_taken_apart_and_other_tools_are_the_providers_to_know() {
        let tools = r#"[{"type": "search"}, {"type": "function", "mark": 1, "function": {
            "name": "f", "parameters": {"b": 1, "a": 2}, "strict": true, "x": 2}}]"#;
        let read = |known| functions(Json::read(tools).unwrap(), &[known]);
        let (functions, others) = read("search").unwrap();
        assert_eq!(others[0]["type"], "search");
        let [function] = functions.as_slice() else { panic!("{functions:?}") };
        assert_eq!((&function.name, function.strict), (&"f".into(), true));
        assert_eq!(function.parameters.to_string(), r#"{"b":1,"a":2}"#);
        assert_eq!(function.rest.each_ref().map(Json::to_string), [r#"{"x":2}"#, r#"{"mark":1}"#]);
        let failure = read("maps").unwrap_err();
        assert_eq!(failure.message, "this provider has no tools of the type \"search\"");
    }
}
