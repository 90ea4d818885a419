//! From words to a condition. By hand: there are three levels (`or`, `and`, `not`) and comparisons,
//! and what a library for grammars would save it would cost again in saying well what is wrong.

use super::lexer::{Mistake, Token, words};
use super::names::{Names, truth, unknown};
use super::{Comparison, Condition, Kind, Value};
use regex_lite::Regex;

/// How deep conditions may be nested: a sandbox's stack is small.
const DEEPEST: usize = 20;

/// Reads all of a text as one condition.
pub(super) fn read(text: &str, names: &mut Names) -> Result<Condition, Mistake> {
    let mut parser = Parser { words: words(text)?, next: 0, names, depth: 0 };
    let condition = parser.any()?;
    match parser.peek() {
        Token::End => Ok(condition),
        Token::Close => parser.wrong("this `)` closes nothing"),
        _ => parser.wrong("expected `and`, `or` or the end"),
    }
}

struct Parser<'a> {
    words: Vec<(usize, Token)>,
    next: usize,
    names: &'a mut Names,
    depth: usize,
}

/// What stands on one side of a comparison, or by itself.
enum Operand {
    Value(Value),
    Condition(Condition),
    /// The word `needs`, without the feature.
    Needs,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Condition, Mistake> {
        self.row(&Token::Or, Condition::Any, Self::all)
    }

    fn all(&mut self) -> Result<Condition, Mistake> {
        self.row(&Token::And, Condition::All, Self::one)
    }

    /// Several with the same word between them.
    fn row(
        &mut self,
        between: &Token,
        together: fn(Vec<Condition>) -> Condition,
        part: fn(&mut Self) -> Result<Condition, Mistake>,
    ) -> Result<Condition, Mistake> {
        let first = part(self)?;
        let mut row = vec![first];
        while self.takes(between) {
            row.push(part(self)?);
        }
        match row.pop() {
            Some(only) if row.is_empty() => Ok(only),
            last => Ok(together(row.into_iter().chain(last).collect())),
        }
    }

    fn one(&mut self) -> Result<Condition, Mistake> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.wrong("this is nested too deep");
        }
        let condition = match self.takes(&Token::Not) {
            true => Condition::Not(Box::new(self.one()?)),
            false => self.comparison()?,
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition, Mistake> {
        let began = self.at();
        let left = self.operand()?;
        let at = self.at();
        let condition = match (left, self.peek().clone()) {
            (Operand::Value(left), Token::Comparison(comparison)) => {
                self.next += 1;
                let place = self.at();
                match self.operand()? {
                    Operand::Value(right) => compared(at, left, comparison, right)?,
                    _ => return Mistake::at(place, "expected a number or a text"),
                }
            }
            (Operand::Value(left), Token::In) => {
                self.next += 1;
                self.within(began, left)?
            }
            (Operand::Value(left), Token::Matches) => {
                self.next += 1;
                self.matched(at, left)?
            }
            (Operand::Value(left), Token::Not) => {
                self.next += 1;
                if !self.takes(&Token::In) {
                    return self.wrong("expected `in` behind this `not`");
                }
                Condition::Not(Box::new(self.within(began, left)?))
            }
            (Operand::Value(_), _) => {
                return self.wrong(
                    "expected a comparison: `==`, `!=`, `<`, `<=`, `>`, `>=`, `in` or `matches`",
                );
            }
            (Operand::Condition(_), Token::Comparison(_) | Token::In | Token::Matches) => {
                let what = "what stands before this holds or does not, and cannot be compared: \
                            use it as it is, or behind `not`";
                return Mistake::at(at, what);
            }
            (Operand::Condition(condition), _) => return Ok(condition),
            (Operand::Needs, _) => return self.wrong("expected a feature: `needs('tools')`"),
        };
        match self.peek() {
            Token::Comparison(_) => {
                self.wrong("a comparison cannot be compared; join two with `and`")
            }
            _ => Ok(condition),
        }
    }

    fn operand(&mut self) -> Result<Operand, Mistake> {
        let (at, token) = self.words[self.next].clone();
        self.next += 1;
        match token {
            Token::Digits(number) => Ok(Operand::Value(Value::Digits(number))),
            Token::Letters(text) => Ok(Operand::Value(Value::Letters(text))),
            Token::Open => {
                let condition = self.any()?;
                match self.takes(&Token::Close) {
                    true => Ok(Operand::Condition(condition)),
                    false => self.wrong("expected `)`"),
                }
            }
            Token::Name(name) if name == "needs" && *self.peek() != Token::Open => {
                Ok(Operand::Needs)
            }
            Token::Name(name) if name == "needs" || name == "label" => {
                let argument = self.argument(&name)?;
                Ok(match name.as_str() {
                    "needs" => Operand::Condition(Condition::Needs(self.names.feature(&argument))),
                    _ => Operand::Value(Value::Label(self.names.label(&argument))),
                })
            }
            Token::Name(name) => match (truth(&name), self.names.value(&name)) {
                (Some(condition), _) => Ok(Operand::Condition(condition)),
                (None, Some(value)) => Ok(Operand::Value(value)),
                (None, None) => Mistake::at(at, unknown(&name)),
            },
            Token::End => Mistake::at(at, "expected a condition"),
            _ => Mistake::at(at, "expected a name, a number, a text or `(`"),
        }
    }

    /// The one text in parentheses behind `needs` and `label`.
    fn argument(&mut self, name: &str) -> Result<String, Mistake> {
        let expected = format!("expected one text in parentheses: `{name}('…')`");
        if !self.takes(&Token::Open) {
            return self.wrong(&expected);
        }
        let Token::Letters(argument) = self.peek().clone() else { return self.wrong(&expected) };
        self.next += 1;
        if argument.is_empty() || !self.takes(&Token::Close) {
            return self.wrong(&expected);
        }
        Ok(argument)
    }

    /// What stands behind `in`.
    fn within(&mut self, began: usize, value: Value) -> Result<Condition, Mistake> {
        if *self.peek() == Token::Name("needs".to_owned()) {
            let Value::Letters(feature) = value else {
                return Mistake::at(began, "expected a feature as a text: `'tools' in needs`");
            };
            self.next += 1;
            return Ok(Condition::Needs(self.names.feature(&feature)));
        }
        if !self.takes(&Token::OpenList) {
            return self.wrong("expected a list such as `['a', 'b']`, or `needs`");
        }
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        loop {
            match (self.peek().clone(), value.kind()) {
                (Token::CloseList, _) if texts.is_empty() && numbers.is_empty() => {
                    return self.wrong("this list is empty");
                }
                (Token::CloseList, _) => break,
                (Token::Letters(text), Kind::Text | Kind::Either) if numbers.is_empty() => {
                    texts.push(text);
                }
                (Token::Digits(number), Kind::Number | Kind::Either) if texts.is_empty() => {
                    numbers.push(number);
                }
                (Token::Letters(_), _) => return self.wrong("expected a number in this list"),
                (Token::Digits(_), _) => return self.wrong("expected a text in this list"),
                _ => return self.wrong("expected a text, a number or `]`"),
            }
            self.next += 1;
            if !self.takes(&Token::Comma) {
                break;
            }
        }
        if !self.takes(&Token::CloseList) {
            return self.wrong("expected `,` or `]`");
        }
        Ok(match numbers.is_empty() {
            true => Condition::TextIn(value, texts),
            false => Condition::NumberIn(value, numbers),
        })
    }

    /// What stands behind `matches`.
    fn matched(&mut self, at: usize, value: Value) -> Result<Condition, Mistake> {
        if value.kind() == Kind::Number {
            return Mistake::at(at, "a number matches no expression");
        }
        let Token::Letters(pattern) = self.peek().clone() else {
            return self.wrong("expected a regular expression as a text: `matches '^gpt-'`");
        };
        match Regex::new(&pattern) {
            Ok(regex) => {
                self.next += 1;
                Ok(Condition::Matches(value, regex))
            }
            Err(why) => self.wrong(&format!("this is no regular expression: {why}")),
        }
    }

    fn peek(&self) -> &Token {
        &self.words[self.next].1
    }

    fn at(&self) -> usize {
        self.words[self.next].0
    }

    /// Whether this comes next; then it is behind us.
    fn takes(&mut self, token: &Token) -> bool {
        let takes = self.peek() == token;
        self.next += usize::from(takes);
        takes
    }

    /// A mistake in what comes next.
    fn wrong<T>(&self, what: &str) -> Result<T, Mistake> {
        Mistake::at(self.at(), what)
    }
}

/// Two values, if they can be compared.
fn compared(
    at: usize,
    left: Value,
    comparison: Comparison,
    right: Value,
) -> Result<Condition, Mistake> {
    match (left.kind(), right.kind()) {
        (Kind::Number, Kind::Text) => Mistake::at(at, "a number is compared with a text"),
        (Kind::Text, Kind::Number) => Mistake::at(at, "a text is compared with a number"),
        (Kind::Number, _) | (_, Kind::Number) => Ok(Condition::Numbers(left, comparison, right)),
        _ => Ok(Condition::Texts(left, comparison, right)),
    }
}
