//! What code may not do, where the compiler has no lint for it or where a lint could be allowed
//! away.

use crate::check;
use crate::files::{File, names, numbered, rust};

/// The file that has a reason for `unsafe`; it gives it.
const UNSAFE: &str = "host/sandbox/src/cache.rs";
/// Generated code cannot do without.
const GENERATED: [&str; 2] = ["sdk/rust/src/bindings/", "tests/guests/src/"];

#[test]
fn unsafe_code_is_in_one_file() {
    let mut problems = Vec::new();
    each_line(|file, number, line| {
        let here = file.path == UNSAFE;
        let generated = GENERATED.iter().any(|it| file.path.starts_with(it));
        if names(line, "unsafe") && !here {
            problems.push(format!("{}:{number}: `unsafe`", file.path));
        }
        if names(line, "unsafe_code") && !here && !generated {
            problems.push(format!("{}:{number}: `unsafe_code` is allowed", file.path));
        }
    });
    check(
        &problems,
        "A plugin host stands or falls with its memory safety. Do it without `unsafe`; if that \
         cannot be, argue for it in ARCHITECTURE.md before you add a file here.",
    );
}

#[test]
fn only_the_command_line_prints() {
    const MACROS: [&str; 5] = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
    let may = |path: &str| {
        path.starts_with("host/gateway/src/cli")
            || path.starts_with("xtask/")
            || path.starts_with("tests/")
            || path.ends_with("build.rs")
            || path.ends_with("src/main.rs") && path.starts_with("examples/")
            || path == "host/ledger/examples/replicas.rs"
    };
    let mut problems = Vec::new();
    each_line(|file, number, line| {
        if file.is_tests() || may(&file.path) {
            return;
        }
        for found in MACROS.iter().filter(|&found| begins(line, found)) {
            problems.push(format!("{}:{number}: `{found}`", file.path));
        }
    });
    check(
        &problems,
        "Standard output belongs to the command line. Add a happening to \
         host/gateway/src/events.rs and emit that.",
    );
}

#[test]
fn nothing_is_left_for_later() {
    let mut problems = Vec::new();
    each_line(|file, number, line| {
        for found in ["todo!", "unimplemented!", "#[ignore"] {
            if begins(line, found) {
                problems.push(format!("{}:{number}: `{found}`", file.path));
            }
        }
    });
    check(
        &problems,
        "Finish it, or leave it out and refuse in words what is not there. A test that cannot \
         pass is mended or removed: one that is skipped is believed to pass.",
    );
}

#[test]
fn what_happens_is_a_vocabulary() {
    let may = |path: &str| {
        path == "host/gateway/src/events.rs" || path.starts_with("host/gateway/src/events/")
            || path == "host/gateway/src/cli/log.rs"
            // It has no requests to speak of: its few lines are about the cache, and guests'.
            || path.starts_with("host/sandbox/")
    };
    let raw = [
        "tracing::info!",
        "tracing::warn!",
        "tracing::error!",
        "tracing::debug!",
        "tracing::trace!",
        "tracing::event!",
        "tracing::span!",
        "use tracing",
    ];
    let mut problems = Vec::new();
    each_line(|file, number, line| {
        if !file.path.starts_with("host/") || may(&file.path) {
            return;
        }
        for found in raw.iter().filter(|&found| begins(line, found)) {
            // `use tracing_subscriber` is another crate.
            if !line.contains("tracing_") {
                problems.push(format!("{}:{number}: `{found}`", file.path));
            }
        }
    });
    check(
        &problems,
        "Make it a struct in host/gateway/src/events.rs with one `emit`, so that a field is \
         called the same wherever it stands.",
    );
}

#[test]
fn programs_are_started_in_two_files() {
    // Those of operators, and this very program as a compiler.
    const SANCTIONED: [&str; 2] =
        ["host/gateway/src/upstream/command/process.rs", "host/sandbox/src/compile.rs"];
    let mut problems = Vec::new();
    each_line(|file, number, line| {
        let starts = line.contains("std::process::Command") || line.contains("tokio::process");
        let elsewhere = file.path.starts_with("host/") && !SANCTIONED.contains(&&*file.path);
        if elsewhere && !file.is_tests() && starts {
            problems.push(format!("{}:{number}", file.path));
        }
    });
    check(
        &problems,
        "What runs the operator's programs is one file: it ends them, with all that they start, and \
         leaves none.",
    );
}

/// Calls `look` with every line of code, numbered; comments and texts are blank.
fn each_line(mut look: impl FnMut(&File, usize, &str)) {
    for file in rust() {
        for (number, line) in numbered(&file.code()) {
            look(&file, number, line);
        }
    }
}

/// Whether `found` stands in the line and is not the end of a longer name.
fn begins(line: &str, found: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(found).any(|(at, _)| !line[..at].chars().next_back().is_some_and(part))
}
