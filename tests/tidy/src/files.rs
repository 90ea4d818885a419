//! The files of the repository, and what of a file is code.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold what was built, installed or fetched.
const NOT_OURS: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// A file with its text.
pub(crate) struct File {
    /// From the root of the repository, with `/` on every system.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files under `folder` (from the root; "" is all of it) whose name ends in `ending`.
pub(crate) fn under(folder: &str, ending: &str) -> Vec<File> {
    let mut files = Vec::new();
    collect(&root(), folder, ending, &mut files);
    assert!(
        !files.is_empty(),
        "no file under {folder:?} ends in {ending:?}: these tests look in the wrong place"
    );
    files
}

/// Every Rust file of the repository.
pub(crate) fn rust() -> Vec<File> {
    under("", ".rs")
}

fn collect(root: &Path, folder: &str, ending: &str, files: &mut Vec<File>) {
    let entries = fs::read_dir(root.join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !NOT_OURS.contains(&name.as_str()))
        .collect();
    names.sort();
    for name in names {
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let full = root.join(&path);
        if full.is_dir() {
            collect(root, &path, ending, files);
        } else if path.ends_with(ending) {
            let text = fs::read_to_string(&full).unwrap_or_else(|e| panic!("{path}: {e}"));
            files.push(File { path, text });
        }
    }
}

impl File {
    /// Whether all of it is tests.
    pub(crate) fn is_tests(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.any(|part| part == "tests" || part == "tests.rs")
    }

    /// The text up to the tests at its end.
    pub(crate) fn without_tests(&self) -> &str {
        let mut from = 0;
        while let Some(at) = self.text[from..].find("#[cfg(test)]\n") {
            let begins = from + at;
            let after = begins + "#[cfg(test)]\n".len();
            // `mod tests;` is a file of its own, and code goes on behind it.
            let line = self.text[after..].lines().next().unwrap_or_default();
            if line.starts_with("mod ") && line.ends_with('{') {
                return &self.text[..begins];
            }
            from = after;
        }
        &self.text
    }

    /// The text with comments and the insides of strings blanked, line for line.
    pub(crate) fn code(&self) -> String {
        code(&self.text)
    }
}

/// Lines with their numbers, counted from 1.
pub(crate) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// The words of a line, in lower case; `snake_case` and `CamelCase` are several.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in line.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            let word = words.last_mut().expect("there is always one");
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether `name` stands in `code` as a whole identifier.
pub(crate) fn names(code: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back().is_some_and(part);
        let after = code[at + name.len()..].chars().next().is_some_and(part);
        !before && !after
    })
}

/// What comes next in a text that is being read.
#[derive(Clone, Copy)]
enum Within {
    Code,
    LineComment,
    /// How deep: comments nest.
    Comment(usize),
    Text,
    /// With so many `#` around it.
    RawText(usize),
}

fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut kept = Vec::with_capacity(bytes.len());
    let mut within = Within::Code;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (next, length, keep) = match within {
            Within::Code => step(bytes, at),
            Within::LineComment if rest[0] == b'\n' => (Within::Code, 1, true),
            Within::LineComment => (within, 1, false),
            Within::Comment(depth) if rest.starts_with(b"/*") => {
                (Within::Comment(depth + 1), 2, false)
            }
            Within::Comment(1) if rest.starts_with(b"*/") => (Within::Code, 2, false),
            Within::Comment(depth) if rest.starts_with(b"*/") => {
                (Within::Comment(depth - 1), 2, false)
            }
            Within::Comment(_) => (within, 1, false),
            Within::Text if rest[0] == b'\\' => (within, 2.min(rest.len()), false),
            Within::Text if rest[0] == b'"' => (Within::Code, 1, true),
            Within::Text => (within, 1, false),
            Within::RawText(hashes) if ends_raw(rest, hashes) => (Within::Code, 1 + hashes, true),
            Within::RawText(_) => (within, 1, false),
        };
        for &byte in &rest[..length] {
            kept.push(if keep || byte == b'\n' { byte } else { b' ' });
        }
        within = next;
        at += length;
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// One step through code: what follows, how many bytes it took, and whether they are code.
fn step(bytes: &[u8], at: usize) -> (Within, usize, bool) {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        return (Within::LineComment, 2, false);
    }
    if rest.starts_with(b"/*") {
        return (Within::Comment(1), 2, false);
    }
    match rest[0] {
        b'"' => (Within::Text, 1, true),
        b'r' if begins_word(bytes, at) => {
            let hashes = rest[1..].iter().take_while(|&&byte| byte == b'#').count();
            match rest.get(1 + hashes) {
                Some(b'"') => (Within::RawText(hashes), 2 + hashes, true),
                _ => (Within::Code, 1, true),
            }
        }
        // A character, or a lifetime: the character is closed again.
        b'\'' => match rest.get(1) {
            Some(b'\\') => {
                let end = rest[3.min(rest.len())..].iter().position(|&b| b == b'\'');
                (Within::Code, end.map_or(1, |end| end + 4), false)
            }
            Some(&first) => {
                let width = match first {
                    0xf0.. => 4,
                    0xe0.. => 3,
                    0xc0.. => 2,
                    _ => 1,
                };
                let closed = rest.get(1 + width) == Some(&b'\'');
                (Within::Code, if closed { width + 2 } else { 1 }, !closed)
            }
            None => (Within::Code, 1, true),
        },
        _ => (Within::Code, 1, true),
    }
}

/// Whether no identifier is going on at `at`; the `b` of `br"…"` is none.
fn begins_word(bytes: &[u8], at: usize) -> bool {
    let part = |at: usize| bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_';
    match at {
        0 => true,
        _ if !part(at - 1) => true,
        1 => matches!(bytes[0], b'b' | b'c'),
        _ => matches!(bytes[at - 1], b'b' | b'c') && !part(at - 2),
    }
}

fn ends_raw(rest: &[u8], hashes: usize) -> bool {
    rest[0] == b'"' && rest.len() > hashes && rest[1..=hashes].iter().all(|&byte| byte == b'#')
}

mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_no_code() {
        let check = |text: &str, expected: &str| assert_eq!(code(text), expected, "{text}");
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
        check(r#"a("b\"c", d)"#, r#"a("    ", d)"#);
        check("a(r#\"b\"c\"#, d)", "a(r#\"   \"#, d)");
        check("r#type 'a 'b' '\\'' '\"' c", "r#type 'a              c");
        check("x: &'static str = \"//\"; y", "x: &'static str = \"  \"; y");
    }

    #[test]
    fn words_are_found_inside_of_names() {
        assert_eq!(words("one_two ThreeFour, V5!"), ["one", "two", "three", "four", "v5"]);
        assert!(names("a unsafe { b }", "unsafe"));
        assert!(!names("unsafe_code", "unsafe"));
    }
}
