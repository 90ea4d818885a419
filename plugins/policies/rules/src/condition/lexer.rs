//! A condition's text as words, and what is wrong with it as a place in it.

use super::Comparison;

/// One word of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Letters(String),
    Digits(f64),
    Comparison(Comparison),
    And,
    Or,
    Not,
    In,
    Matches,
    Open,
    Close,
    OpenList,
    CloseList,
    Comma,
    End,
}

/// What is wrong, and at which byte.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) at: usize,
    pub(super) what: String,
}

impl Mistake {
    pub(super) fn at<T>(at: usize, what: impl Into<String>) -> Result<T, Self> {
        Err(Self { at, what: what.into() })
    }

    /// In words, with line and column counted from 1.
    pub(super) fn in_text(self, text: &str) -> String {
        let before = &text[..self.at.min(text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("line {line}, column {column}: {}", self.what)
    }
}

/// Cuts a text into words, each with the byte where it begins. The last is [`Token::End`].
pub(super) fn words(text: &str) -> Result<Vec<(usize, Token)>, Mistake> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, length) = word(text, at, first)?;
        words.push((at, token));
        at += length;
    }
    words.push((text.len(), Token::End));
    Ok(words)
}

/// The word that begins at `at`, and its length.
fn word(text: &str, at: usize, first: char) -> Result<(Token, usize), Mistake> {
    const SIGNS: [(&str, Token); 14] = [
        ("==", Token::Comparison(Comparison::Is)),
        ("!=", Token::Comparison(Comparison::IsNot)),
        ("<=", Token::Comparison(Comparison::AtMost)),
        (">=", Token::Comparison(Comparison::AtLeast)),
        ("<", Token::Comparison(Comparison::Below)),
        (">", Token::Comparison(Comparison::Above)),
        ("&&", Token::And),
        ("||", Token::Or),
        ("!", Token::Not),
        ("(", Token::Open),
        (")", Token::Close),
        ("[", Token::OpenList),
        ("]", Token::CloseList),
        (",", Token::Comma),
    ];
    let rest = &text[at..];
    if let Some((sign, token)) = SIGNS.into_iter().find(|(sign, _)| rest.starts_with(sign)) {
        return Ok((token, sign.len()));
    }
    let length = |part: fn(char) -> bool| rest.find(|c| !part(c)).unwrap_or(rest.len());
    match first {
        '"' | '\'' => letters(rest, at, first),
        '0'..='9' | '-' | '.' => {
            let length = length(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
            let digits = &rest[..length];
            match digits.replace('_', "").parse::<f64>() {
                Ok(number) if number.is_finite() => Ok((Token::Digits(number), length)),
                _ => Mistake::at(at, format!("`{digits}` is not a number; texts have quotes")),
            }
        }
        c if c.is_alphabetic() || c == '_' => {
            let length = length(|c| c.is_alphanumeric() || c == '_');
            Ok((named(&rest[..length]), length))
        }
        '=' => Mistake::at(at, "`=` compares nothing; write `==`"),
        c => Mistake::at(at, format!("`{c}` means nothing here")),
    }
}

fn named(word: &str) -> Token {
    match word {
        "and" => Token::And,
        "or" => Token::Or,
        "not" => Token::Not,
        "in" => Token::In,
        "matches" => Token::Matches,
        name => Token::Name(name.to_owned()),
    }
}

/// A text up to the quote that it began with. A backslash keeps its meaning for regular
/// expressions, but before a quote, which it keeps from being the end.
fn letters(rest: &str, at: usize, quote: char) -> Result<(Token, usize), Mistake> {
    let mut letters = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((place, c)) = chars.next() {
        match chars.peek() {
            Some(&(_, escaped)) if c == '\\' && escaped == quote => {
                letters.push(quote);
                chars.next();
            }
            _ if c == quote => return Ok((Token::Letters(letters), place + 1)),
            _ => letters.push(c),
        }
    }
    Mistake::at(at, format!("this text has no end; expected another {quote}"))
}
