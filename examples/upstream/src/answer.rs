//! What a model says, before it is put into the form of any protocol.

use serde_json::{Value, json};

use crate::request::{Asked, Tool, tokens};
use crate::schema;
use crate::script::Script;

/// What is said.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) reasoning: String,
    pub(crate) text: String,
    pub(crate) refusal: String,
    pub(crate) calls: Vec<Call>,
    pub(crate) end: End,
    /// Whether most of the prompt came from the upstream's cache.
    cached: bool,
}

/// Why it says no more.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything is said.
    #[default]
    Stop,
    /// This was about to follow, at which it had to stop.
    StopAt(String),
    /// It was as long as it may be.
    Length,
    /// Calls have to be answered first.
    Calls,
    /// It declined.
    Refused,
    /// A filter took the rest.
    Filtered,
}

/// A call of a function of the client's.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// JSON in a string; protocols that want an object read it.
    pub(crate) arguments: String,
}

/// The bill, one token a word.
#[derive(Debug)]
pub(crate) struct Usage {
    /// All tokens of the prompt.
    pub(crate) prompt: usize,
    /// Of these, those that came from a cache, and those that were put into it.
    pub(crate) cached: usize,
    pub(crate) written: usize,
    /// All tokens of the answer.
    pub(crate) said: usize,
    /// Of these, those that were only thought.
    pub(crate) reasoning: usize,
}

impl Answer {
    /// Follows the script, as far as it is one that says something.
    pub(crate) fn to(asked: &Asked, script: Script) -> Answer {
        match script {
            Script::Tools if !asked.calls().is_empty() => {
                let calls = asked.calls().into_iter().enumerate().map(Call::new).collect();
                Answer { calls, end: End::Calls, ..Answer::default() }
            }
            Script::Json => {
                let any = || json!({"answer": asked.last_message()});
                let made = asked.schema.as_ref().map(|schema| schema::instance(schema, 0));
                let text = made.unwrap_or_else(any).to_string();
                Answer { text, ..Answer::default() }
            }
            Script::Vision => Answer { text: describe(&asked.images), ..Answer::default() },
            Script::Refusal => {
                let refusal = "I would rather not answer that.".to_owned();
                Answer { refusal, end: End::Refused, ..Answer::default() }
            }
            Script::Filtered => {
                let text = "It begins with ".to_owned();
                Answer { text, end: End::Filtered, ..Answer::default() }
            }
            Script::Reasoning => {
                let reasoning = "First I read the question. Then I count its words.".to_owned();
                Answer { reasoning, ..Answer::echo(asked) }
            }
            Script::Cached => Answer { cached: true, ..Answer::echo(asked) },
            _ => Answer::echo(asked),
        }
    }

    fn echo(asked: &Asked) -> Answer {
        let last = asked.last_message();
        let words = tokens(&last);
        let text = format!("You said: {last} I counted {words} words in that. This is the end.");
        let stops = asked.stop.iter().filter_map(|stop| Some((text.find(stop)?, stop)));
        if let Some((at, stop)) = stops.min() {
            let end = End::StopAt(stop.clone());
            return Answer { text: text[..at].to_owned(), end, ..Answer::default() };
        }
        match asked.limit {
            Some(limit) if limit < tokens(&text) => {
                let text = pieces(&text).into_iter().take(limit).collect();
                Answer { text, end: End::Length, ..Answer::default() }
            }
            _ => Answer { text, ..Answer::default() },
        }
    }

    pub(crate) fn usage(&self, asked: &Asked) -> Usage {
        let (cached, written) = if self.cached { (1024, 256) } else { (0, 0) };
        let reasoning = tokens(&self.reasoning);
        let arguments: usize = self.calls.iter().map(|call| tokens(&call.arguments)).sum();
        let said = tokens(&self.text) + tokens(&self.refusal) + arguments + self.calls.len();
        let prompt = asked.prompt_tokens() + cached + written;
        Usage { prompt, cached, written, said: said + reasoning, reasoning }
    }
}

impl Call {
    fn new((index, tool): (usize, &Tool)) -> Call {
        let arguments = match &tool.parameters {
            Value::Object(_) => schema::instance(&tool.parameters, index).to_string(),
            _ => "{}".to_owned(),
        };
        Call { name: tool.name.clone(), arguments }
    }
}

fn describe(images: &[String]) -> String {
    match images {
        [] => "I see no image.".to_owned(),
        [one] => format!("I see 1 image: {one}."),
        many => format!("I see {} images: {}.", many.len(), many.join(", ")),
    }
}

/// Cuts a text behind every run of white space; put together again, it is the same text.
pub(crate) fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for character in text.chars() {
        if !character.is_whitespace() && piece.ends_with(char::is_whitespace) {
            pieces.push(std::mem::take(&mut piece));
        }
        piece.push(character);
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Cuts a text into pieces of so many characters: JSON has too few spaces to be cut at them.
pub(crate) fn bites(text: &str, length: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(length).map(|bite| bite.iter().collect()).collect()
}

/// The pieces of an answer's text, as a model would make them.
pub(crate) fn split(text: &str) -> Vec<String> {
    if text.starts_with('{') { bites(text, 6) } else { pieces(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_text_again() {
        assert_eq!(pieces("You  said: 🦀 hi.\n"), ["You  ", "said: ", "🦀 ", "hi.\n"]);
        assert_eq!(bites("{\"ä\":1}", 3).concat(), "{\"ä\":1}");
    }

    #[test]
    fn an_echo_ends_where_it_has_to() {
        let asked = Asked { stop: vec!["zzz".into(), " words".into()], ..Asked::default() };
        let answer = Answer::to(&asked, Script::Echo(std::time::Duration::ZERO));
        assert_eq!(answer.text, "You said:  I counted 0");
        assert_eq!(answer.end, End::StopAt(" words".into()));
    }
}
