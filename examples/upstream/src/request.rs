//! Reading what a chat request asks for. Lenient: only what the scripts need is looked at.

use serde_json::Value;

/// The parts of a chat request that the scripts use.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    body: &'a Value,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(body: &'a Value) -> Asked<'a> {
        Asked { body }
    }

    pub(crate) fn model(&self) -> &'a str {
        self.body["model"].as_str().unwrap_or_default()
    }

    pub(crate) fn streams(&self) -> bool {
        self.body["stream"] == true
    }

    pub(crate) fn includes_usage(&self) -> bool {
        self.body["stream_options"]["include_usage"] == true
    }

    /// The limit on the words of the answer, by either of its names.
    pub(crate) fn max_tokens(&self) -> Option<usize> {
        let limit = ["max_completion_tokens", "max_tokens"];
        limit.iter().find_map(|name| self.body[name].as_u64()).map(|limit| limit as usize)
    }

    /// The text of the last message of the user, or of a tool if that came later.
    pub(crate) fn last_message(&self) -> String {
        let asked = |message: &&Value| message["role"] == "user" || message["role"] == "tool";
        self.messages().iter().rev().find(asked).map(text_of).unwrap_or_default()
    }

    /// Whether the conversation stands at the answer of a tool.
    pub(crate) fn after_tool(&self) -> bool {
        self.messages().last().is_some_and(|message| message["role"] == "tool")
    }

    /// One token a word, over all messages.
    pub(crate) fn prompt_tokens(&self) -> usize {
        self.messages().iter().map(|message| tokens(&text_of(message))).sum()
    }

    /// The media type of each image; that of a linked image is `url`.
    pub(crate) fn images(&self) -> Vec<&'a str> {
        let parts = self.messages().iter().flat_map(|message| array(&message["content"]));
        parts
            .filter_map(|part| part["image_url"]["url"].as_str())
            .map(|url| match url.strip_prefix("data:") {
                Some(data) => data.split([';', ',']).next().unwrap_or_default(),
                None => "url",
            })
            .collect()
    }

    /// The functions to call, in order: none, one, or two.
    pub(crate) fn calls(&self) -> Vec<&'a Value> {
        if self.body["tool_choice"] == "none" || self.after_tool() {
            return Vec::new();
        }
        let forced = &self.body["tool_choice"]["function"]["name"];
        let functions: Vec<&Value> = array(&self.body["tools"])
            .iter()
            .map(|tool| &tool["function"])
            .filter(|function| function["name"].is_string())
            .filter(|function| forced.is_null() || function["name"] == *forced)
            .collect();
        let parallel = if self.body["parallel_tool_calls"] == false { 1 } else { 2 };
        functions.iter().copied().cycle().take(parallel.min(functions.len() * 2)).collect()
    }

    /// The schema of `response_format`, or none where any object will do.
    pub(crate) fn schema(&self) -> Option<&'a Value> {
        self.body["response_format"]["json_schema"].get("schema")
    }

    fn messages(&self) -> &'a [Value] {
        array(&self.body["messages"])
    }
}

/// A token is a word. Real ones differ, but these can be counted by hand.
pub(crate) fn tokens(text: &str) -> usize {
    text.split_whitespace().count()
}

fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        parts => {
            let texts: Vec<&str> =
                array(parts).iter().filter_map(|part| part["text"].as_str()).collect();
            texts.join(" ")
        }
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(body: Value) -> Vec<String> {
        let calls = Asked::new(&body).calls().into_iter().map(|it| it["name"].to_string());
        calls.collect()
    }

    #[test]
    fn two_calls_are_made_unless_one_was_asked_for() {
        let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
        assert_eq!(
            names(json!({"tools": [tool("a"), tool("b"), tool("c")]})),
            [r#""a""#, r#""b""#]
        );
        assert_eq!(names(json!({"tools": [tool("a")]})), [r#""a""#, r#""a""#]);
        let one = json!({"tools": [tool("a"), tool("b")], "parallel_tool_calls": false});
        assert_eq!(names(one), [r#""a""#]);
        let choice = json!({"type": "function", "function": {"name": "b"}});
        let forced = json!({"tools": [tool("a"), tool("b")], "tool_choice": choice});
        assert_eq!(names(forced), [r#""b""#, r#""b""#]);
        assert!(names(json!({"tools": [tool("a")], "tool_choice": "none"})).is_empty());
        assert!(names(json!({})).is_empty());
    }

    #[test]
    fn images_are_named_by_type() {
        let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
        let content = json!([image("data:image/png;base64,AA=="), image("https://a.test/b.jpg")]);
        let body = json!({"messages": [{"role": "user", "content": content}]});
        assert_eq!(Asked::new(&body).images(), ["image/png", "url"]);
    }
}
