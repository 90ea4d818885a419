//! What a text is made of where words do not say it: code, faults as programs report them, and
//! numbers that are somebody's.

/// Of the first bytes of a text, how many are signs that code has and prose has not.
const DENSE: usize = 25;

/// What was seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shapes {
    /// There is code in it.
    pub(crate) code: bool,
    /// Names of faults: `TypeError`, `ClassCastException`.
    pub(crate) faults: u32,
    /// Points for numbers and addresses that belong to a person.
    pub(crate) identity: u32,
}

impl Shapes {
    /// Looks at each word once.
    pub(crate) fn of(text: &str) -> Self {
        let signs = text.bytes().filter(|byte| b"{}();=<>[]_|\\".contains(byte)).count();
        let mut shapes = Self { code: signs > 5 && signs * DENSE > text.len(), ..Self::default() };
        shapes.code |= text.contains("```");
        shapes.identity = numbers(text);
        for word in text.split(|c: char| c.is_ascii_whitespace()) {
            shapes.faults += u32::from(is_fault(word));
            shapes.identity += if is_address(word) {
                4
            } else if is_key(word) {
                8
            } else {
                0
            };
        }
        shapes
    }
}

/// `TypeError:`, `java.lang.ClassCastException`: a name that is joined to what it is.
fn is_fault(word: &str) -> bool {
    let name = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let joined = |ending| {
        let kind: Option<&str> = name.strip_suffix(ending);
        kind.is_some_and(|kind| kind.ends_with(|c: char| c.is_ascii_alphanumeric()))
    };
    joined("Error") || joined("Exception")
}

/// Somebody's address for mail.
fn is_address(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    word.split_once('@').is_some_and(|(who, place)| {
        !who.is_empty() && place.split('.').count() > 1 && !place.contains(['/', ':', '@'])
    })
}

/// A credential: by its beginning, or by the name that it is given.
fn is_key(word: &str) -> bool {
    let given = word.split_once('=').is_some_and(|(name, value)| {
        let name = name.to_ascii_uppercase();
        value.len() >= 12
            && ["KEY", "SECRET", "TOKEN", "PASSWORD"].iter().any(|w| name.ends_with(w))
    });
    let word = word.trim_start_matches(['"', '\'', '`', '(', '=']);
    let begins = |start: &&str| word.starts_with(*start);
    word.len() >= 16
        && ["sk-", "AKIA", "ghp_", "github_pat_", "xoxb-", "xoxp-", "AIza", "glpat-", "eyJhbGci"]
            .iter()
            .any(begins)
        || word.starts_with("-----BEGIN")
        || given
}

/// Points for numbers of accounts, cards, insurances and telephones: digits in groups.
fn numbers(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let mut points = 0;
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            let begins = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
            points += if begins && is_iban(&bytes[at..]) { 8 } else { 0 };
            at += 1;
            continue;
        }
        let run = Run::at(bytes, at);
        points += run.points(bytes, at);
        at = run.end;
    }
    points
}

/// Digits with single spaces, dots or dashes between them.
struct Run {
    end: usize,
    digits: Vec<u8>,
    groups: u32,
}

impl Run {
    fn at(bytes: &[u8], start: usize) -> Self {
        let mut run = Self { end: start, digits: Vec::new(), groups: 1 };
        while let Some(&byte) = bytes.get(run.end) {
            match byte {
                b'0'..=b'9' => run.digits.push(byte - b'0'),
                b' ' | b'-' | b'.' if bytes.get(run.end + 1).is_some_and(u8::is_ascii_digit) => {
                    run.groups += 1;
                }
                _ => break,
            }
            run.end += 1;
        }
        run
    }

    fn points(&self, bytes: &[u8], start: usize) -> u32 {
        let count = self.digits.len();
        let is_card = (14..=19).contains(&count) && luhn(&self.digits);
        let is_telephone = (9..=15).contains(&count) && bytes[..start].ends_with(b"+");
        let is_insurance = count == 9 && self.groups == 3;
        match () {
            () if is_card || is_insurance => 8,
            () if is_telephone => 4,
            () => 0,
        }
    }
}

/// Whether a text begins with the number of an account (ISO 13616): the check digits of one that is
/// none are right by chance once in 97 times.
fn is_iban(text: &[u8]) -> bool {
    let is_head = matches!(text, [b'A'..=b'Z', b'A'..=b'Z', b'0'..=b'9', b'0'..=b'9', ..]);
    if !is_head {
        return false;
    }
    let is_part = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let run = text.iter().take_while(|byte| is_part(byte) || **byte == b' ');
    let account: Vec<u8> = run.copied().filter(is_part).take(34).collect();
    (15..=account.len()).any(|end| {
        let moved = account[4..end].iter().chain(&account[..4]);
        let rest = moved.fold(0, |rest: u32, &byte| match byte {
            b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
            _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
        });
        rest == 1 && account[4..end].iter().filter(|byte| byte.is_ascii_digit()).count() >= 8
    })
}

/// The check digit of cards.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, &digit)| {
            let doubled = u32::from(digit) * if index % 2 == 1 { 2 } else { 1 };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum > 0 && sum.is_multiple_of(10)
}
