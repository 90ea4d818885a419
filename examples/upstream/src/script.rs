//! The names of the models, and what each does.
//!
//! A name may go on after a dash (`stall-7`, `error-429-retries`): tests that share a server
//! find their own requests by a name of their own. And it may stand behind that of a real model
//! (`claude-sonnet-5-5--stall`), since plugins know by their names what models can do. The
//! streams of such are cut wherever it hurts: within lines, and within characters.

use std::time::Duration;

use crate::failures::Fault;

/// What a model does. The catalogue is [`Script::NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// Says the last user message back in a few sentences, word by word, with this pause
    /// between the chunks. Zero is no pause.
    Echo(Duration),
    /// Calls the tools of the request: two in parallel, unless `parallel_tool_calls` is false.
    Tools,
    /// Makes the smallest instance of the asked JSON schema.
    Json,
    /// Says how many images it was given and of which types.
    Vision,
    /// Thinks in `reasoning_content` before it answers.
    Reasoning,
    /// Declines in `refusal`.
    Refusal,
    /// Begins, and a filter takes the rest.
    Filtered,
    /// Says that most of the prompt came from its cache, and echoes.
    Cached,
    /// Answers with an error of this status, in the protocol's shape.
    Error(u16),
    /// Says that this went wrong, in the vendor's words.
    Fails(Fault),
    /// 400 with the code `context_length_exceeded`.
    ContextTooLong,
    /// 429 with the code `insufficient_quota` and no word of when to retry.
    Quota,
    /// Fails so many times with 503, counted for each full name, then echoes.
    Flaky(u32),
    /// 200 with a page of HTML, as a captive portal would.
    NotJson,
    /// 200 with nothing in it.
    Empty,
    /// 302 to another path of this server.
    Redirect,
    /// Takes the request and never answers.
    Silent,
    /// Waits this long before the head of the answer, then echoes.
    SlowHead(Duration),
    /// Echoes, but the answer is broken.
    Broken(Break),
    /// Vectors, in either encoding.
    Embed,
    /// Vectors, always floats; `encoding_format` is an error.
    EmbedFloatOnly,
}

/// How an answer is broken. Where the request is not for a stream, it is broken alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The socket is closed after so many chunks.
    CutAfter(usize),
    /// An error event after two chunks, and then the end.
    ErrorMidstream,
    /// 200, and the first event is an error.
    ErrorFirst,
    /// The head and the first chunk, then nothing for ever.
    Stall,
    /// The last event is the one with the finish (or the usage), and lacks its blank line.
    NoBlankLine,
    /// CR LF, comments between the events, `data:` without a space: unusual and allowed.
    Crlf,
    /// Every byte in a write of its own, within characters too: allowed.
    Split,
    /// A finish, but no `[DONE]`.
    NoDone,
    /// `[DONE]`, but no finish.
    NoFinish,
    /// Not a word of what it used.
    NoUsage,
    /// One event of 8 MiB.
    HugeLine,
    /// An event that is not UTF-8.
    BadUtf8,
}

impl Script {
    /// Every name, for `GET /v1/models`. N stands for any number there.
    pub const NAMES: &[&str] = &[
        "bad-utf8",
        "cached",
        "content-filter",
        "context-too-long",
        "crlf",
        "cut-after-3",
        "echo",
        "echo-20ms",
        "echo-slow",
        "embed",
        "embed-float-only",
        "empty",
        "error-400",
        "error-401",
        "error-403",
        "error-404",
        "error-409",
        "error-422",
        "error-429",
        "error-500",
        "error-503",
        "error-529",
        "error-first",
        "error-midstream",
        "fails-rate-limited",
        "flaky-1",
        "huge-line",
        "json",
        "no-blank-line",
        "no-done",
        "no-finish",
        "no-usage",
        "not-json",
        "quota",
        "reasoning",
        "redirect",
        "refusal",
        "silent",
        "slow-head-100ms",
        "split",
        "stall",
        "tools",
        "vision",
    ];

    /// Which script a model's name stands for, if it does.
    pub fn of(model: &str) -> Option<Script> {
        let name = model.rsplit_once("--").map_or(model, |(_, name)| name);
        numbered(name).or_else(|| failing(name)).or_else(|| plain(name))
    }

    /// Whether the streams of this model are cut where it hurts.
    pub(crate) fn is_awkward(model: &str) -> bool {
        model.contains("--")
    }

    /// The script behind `text-embedding-…`, which clients know by that name.
    pub fn of_embedding(model: &str) -> Option<Script> {
        if model.starts_with("text-embedding") {
            return Some(Script::Embed);
        }
        Script::of(model)
    }
}

/// Names with a number in them.
fn numbered(model: &str) -> Option<Script> {
    let number = |prefix: &str| {
        let rest = model.strip_prefix(prefix)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = rest.split_at(digits);
        Some((digits.parse::<u32>().ok()?, rest))
    };
    let milliseconds = |prefix: &str| {
        let (number, rest) = number(prefix)?;
        rest.starts_with("ms").then(|| Duration::from_millis(number.into()))
    };
    if let Some(pause) = milliseconds("echo-") {
        return Some(Script::Echo(pause));
    }
    if let Some(wait) = milliseconds("slow-head-") {
        return Some(Script::SlowHead(wait));
    }
    if let Some((status, _)) = number("error-") {
        return (400..600).contains(&status).then_some(Script::Error(status as u16));
    }
    if let Some((times, _)) = number("flaky-") {
        return Some(Script::Flaky(times));
    }
    let (chunks, _) = number("cut-after-")?;
    Some(Script::Broken(Break::CutAfter(chunks as usize)))
}

/// Names of what goes wrong.
fn failing(model: &str) -> Option<Script> {
    let name = model.strip_prefix("fails-")?;
    let fault = Fault::NAMES.into_iter().find(|(fault, _)| begins(name, fault));
    fault.map(|(_, fault)| Script::Fails(fault))
}

/// Whether a model's name is this one, or goes on behind it.
fn begins(model: &str, name: &str) -> bool {
    let rest = model.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Names without one. The longer name stands before the one that begins it.
fn plain(model: &str) -> Option<Script> {
    let scripts = [
        ("echo-slow", Script::Echo(Duration::from_millis(20))),
        ("echo", Script::Echo(Duration::ZERO)),
        ("tools", Script::Tools),
        ("json", Script::Json),
        ("vision", Script::Vision),
        ("reasoning", Script::Reasoning),
        ("refusal", Script::Refusal),
        ("content-filter", Script::Filtered),
        ("cached", Script::Cached),
        ("context-too-long", Script::ContextTooLong),
        ("quota", Script::Quota),
        ("not-json", Script::NotJson),
        ("empty", Script::Empty),
        ("redirect", Script::Redirect),
        ("silent", Script::Silent),
        ("error-midstream", Script::Broken(Break::ErrorMidstream)),
        ("error-first", Script::Broken(Break::ErrorFirst)),
        ("stall", Script::Broken(Break::Stall)),
        ("no-blank-line", Script::Broken(Break::NoBlankLine)),
        ("crlf", Script::Broken(Break::Crlf)),
        ("split", Script::Broken(Break::Split)),
        ("no-done", Script::Broken(Break::NoDone)),
        ("no-finish", Script::Broken(Break::NoFinish)),
        ("no-usage", Script::Broken(Break::NoUsage)),
        ("huge-line", Script::Broken(Break::HugeLine)),
        ("bad-utf8", Script::Broken(Break::BadUtf8)),
        ("embed-float-only", Script::EmbedFloatOnly),
        ("embed", Script::Embed),
    ];
    scripts.into_iter().find(|(name, _)| begins(model, name)).map(|(_, script)| script)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(model: &str, expected: Option<Script>) {
        assert_eq!(Script::of(model), expected, "{model}");
    }

    #[test]
    fn names_may_go_on_after_a_dash() {
        check("echo", Some(Script::Echo(Duration::ZERO)));
        check("echo-abc", Some(Script::Echo(Duration::ZERO)));
        check("echo-slow-1", Some(Script::Echo(Duration::from_millis(20))));
        check("echo-7ms-1", Some(Script::Echo(Duration::from_millis(7))));
        check("slow-head-30ms", Some(Script::SlowHead(Duration::from_millis(30))));
        check("error-429-x", Some(Script::Error(429)));
        check("error-first-x", Some(Script::Broken(Break::ErrorFirst)));
        check("flaky-2-abc", Some(Script::Flaky(2)));
        check("cut-after-3", Some(Script::Broken(Break::CutAfter(3))));
        check("embed-float-only", Some(Script::EmbedFloatOnly));
        check("claude-sonnet-5-5--tools-a", Some(Script::Tools));
        check("fails-no-tools", Some(Script::Fails(Fault::NoTools)));
    }

    #[test]
    fn what_is_no_script_is_no_model() {
        for model in ["", "gpt-9", "echoes", "error-200", "cut-after-", "error"] {
            check(model, None);
        }
    }

    #[test]
    fn every_listed_name_is_one() {
        for name in Script::NAMES {
            assert!(Script::of(name).is_some(), "{name}");
        }
    }
}
