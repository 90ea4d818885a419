//! What a model says, before it is put into either form of a chat answer.

use serde_json::{Value, json};

use crate::request::{Asked, tokens};
use crate::schema;
use crate::script::Script;

/// What is said.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) reasoning: String,
    pub(crate) text: String,
    pub(crate) refusal: String,
    pub(crate) calls: Vec<Call>,
    pub(crate) finish: &'static str,
}

/// A call of a function of the client's.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// JSON in a string, as the protocol has it.
    pub(crate) arguments: String,
}

impl Answer {
    /// Follows the script, as far as it is one that says something.
    pub(crate) fn to(asked: &Asked<'_>, script: Script) -> Answer {
        let finish = "stop";
        match script {
            Script::Tools if !asked.calls().is_empty() => {
                let calls = asked.calls().into_iter().enumerate().map(Call::new).collect();
                Answer { calls, finish: "tool_calls", ..Answer::default() }
            }
            Script::Json => {
                let any = || json!({"answer": asked.last_message()});
                let made = asked.schema().map(|schema| schema::instance(schema, 0));
                let text = made.unwrap_or_else(any).to_string();
                Answer { text, finish, ..Answer::default() }
            }
            Script::Vision => {
                Answer { text: describe(&asked.images()), finish, ..Answer::default() }
            }
            Script::Refusal => {
                let refusal = "I would rather not answer that.".to_owned();
                Answer { refusal, finish, ..Answer::default() }
            }
            Script::Reasoning => {
                let reasoning = "First I read the question. Then I count its words.".to_owned();
                Answer { reasoning, ..Answer::echo(asked) }
            }
            _ => Answer::echo(asked),
        }
    }

    fn echo(asked: &Asked<'_>) -> Answer {
        let last = asked.last_message();
        let words = tokens(&last);
        let text = format!("You said: {last} I counted {words} words in that. This is the end.");
        match asked.max_tokens() {
            Some(limit) if limit < tokens(&text) => {
                let text = pieces(&text).into_iter().take(limit).collect();
                Answer { text, finish: "length", ..Answer::default() }
            }
            _ => Answer { text, finish: "stop", ..Answer::default() },
        }
    }

    /// The bill, one token a word.
    pub(crate) fn usage(&self, asked: &Asked<'_>) -> Value {
        let prompt = asked.prompt_tokens();
        let reasoning = tokens(&self.reasoning);
        let arguments: usize = self.calls.iter().map(|call| tokens(&call.arguments)).sum();
        let said = tokens(&self.text) + tokens(&self.refusal) + arguments + self.calls.len();
        let completion = said + reasoning;
        json!({
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0},
        })
    }
}

impl Call {
    fn new((index, function): (usize, &Value)) -> Call {
        Call {
            name: function["name"].as_str().unwrap_or_default().to_owned(),
            arguments: schema::instance(&function["parameters"], index).to_string(),
        }
    }
}

fn describe(images: &[&str]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_text_again() {
        assert_eq!(pieces("You  said: 🦀 hi.\n"), ["You  ", "said: ", "🦀 ", "hi.\n"]);
        assert_eq!(bites("{\"ä\":1}", 3).concat(), "{\"ä\":1}");
    }
}
