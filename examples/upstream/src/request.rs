//! What a chat request asks for, whichever protocol it came by. Lenient: only what the scripts
//! need is kept.

use serde_json::Value;

/// The parts of a chat request that the scripts use.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The model's full name.
    pub(crate) model: String,
    /// Whether the answer is to come piece by piece.
    pub(crate) streams: bool,
    /// Whether a stream has to end with its usage, where that is a matter of asking.
    pub(crate) includes_usage: bool,
    /// Everything that was said, in order.
    pub(crate) said: Vec<Said>,
    /// The media type of each image; that of a linked image is `url`.
    pub(crate) images: Vec<String>,
    /// What may be called.
    pub(crate) tools: Vec<Tool>,
    /// Whether it may, must not, or must be a certain one.
    pub(crate) choice: Choice,
    /// Whether one call is all there may be.
    pub(crate) one_call: bool,
    /// The schema that the answer has to keep to, where there is one.
    pub(crate) schema: Option<Value>,
    /// The limit on the words of the answer.
    pub(crate) limit: Option<usize>,
    /// Where the answer has to end.
    pub(crate) stop: Vec<String>,
    /// How many answers, where that can be asked for; 0 is one as well.
    pub(crate) answers: usize,
    /// Whether what the model thinks is to be shown.
    pub(crate) shows_thoughts: bool,
    /// Whether what is written to a cache is to stay there for an hour.
    pub(crate) cached_for_an_hour: bool,
}

/// One message.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) by: By,
    pub(crate) text: String,
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    User,
    Tool,
    /// The system or the model itself.
    Other,
}

/// A function of the client's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// The JSON schema of its arguments; null where it takes none.
    pub(crate) parameters: Value,
}

/// Which tools may be called.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    #[default]
    Any,
    None,
    One(String),
}

impl Asked {
    /// What the user said last, or tools if that came later: all messages of it, since protocols
    /// without a place for several of them put them together.
    pub(crate) fn last_message(&self) -> String {
        let later = self.said.iter().rev().skip_while(|said| said.by == By::Other);
        let by = later.clone().next().map(|said| said.by);
        let mut last: Vec<&str> =
            later.take_while(|said| Some(said.by) == by).map(|said| said.text.as_str()).collect();
        last.reverse();
        last.join(" ")
    }

    /// One token a word, over all messages.
    pub(crate) fn prompt_tokens(&self) -> usize {
        self.said.iter().map(|said| tokens(&said.text)).sum()
    }

    /// The functions to call, in order: none, one, or two.
    pub(crate) fn calls(&self) -> Vec<&Tool> {
        let after_tool = self.said.last().is_some_and(|said| said.by == By::Tool);
        let tools: Vec<&Tool> = match &self.choice {
            _ if after_tool => Vec::new(),
            Choice::None => Vec::new(),
            Choice::Any => self.tools.iter().collect(),
            Choice::One(name) => self.tools.iter().filter(|tool| tool.name == *name).collect(),
        };
        let parallel = if self.one_call { 1 } else { 2 };
        tools.iter().copied().cycle().take(parallel.min(tools.len() * 2)).collect()
    }
}

/// A token is a word. Real ones differ, but these can be counted by hand.
pub(crate) fn tokens(text: &str) -> usize {
    text.split_whitespace().count()
}

/// The elements of a list; none where it is no list.
pub(crate) fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The strings of a list, or the one string that stands in its place.
pub(crate) fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        many => array(many).iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], change: impl Fn(&mut Asked), expected: &[&str]) {
        let tool = |name: &&str| Tool { name: (*name).to_owned(), parameters: Value::Null };
        let mut asked = Asked { tools: names.iter().map(tool).collect(), ..Asked::default() };
        change(&mut asked);
        let calls: Vec<&str> = asked.calls().into_iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(calls, expected);
    }

    #[test]
    fn two_calls_are_made_unless_one_was_asked_for() {
        check(&["a", "b", "c"], |_| {}, &["a", "b"]);
        check(&["a"], |_| {}, &["a", "a"]);
        check(&["a", "b"], |asked| asked.one_call = true, &["a"]);
        check(&["a", "b"], |asked| asked.choice = Choice::One("b".into()), &["b", "b"]);
        check(&["a"], |asked| asked.choice = Choice::None, &[]);
        check(&[], |_| {}, &[]);
        let after_a_tool = Said { by: By::Tool, text: "3".into() };
        let mut asked = Asked { said: vec![after_a_tool], ..Asked::default() };
        asked.tools = vec![Tool { name: "a".into(), parameters: Value::Null }];
        assert!(asked.calls().is_empty());
    }
}
