//! The page that shows the matrix: `docs/matrix.md`.

use super::files::{Case, Gaps};
use super::{COLUMNS, Row};
use serde_json::Value;

const HEAD: &str = "\
# What works over which provider

Each row is a request of a client's, each column a provider; each cell is what came of it, through
the whole gateway, chats whole and streamed. The requests are in `tests/fixtures/DIALECT`, what each
vendor was sent and what the client got in a folder beside each of them. The vendors are scripted
after their published protocols (`examples/upstream/src/vendor`), and all of them say the same; so
does, where nothing else is said, what the client gets.

This page is made by the test of the matrix (`tests/all/matrix.rs`), which fails when it is not
true any more.

- **yes**: the answer is that of the others. *without* `x`: the vendor has no place for the field
  `x`, and the header `x-portcullis-dropped` said so to the client.
- **vendor cannot**: what the vendor's protocol has no form for. **not yet**: what we do not do.
  **otherwise**: an answer, but not that of the others.
- a kind of failure, a status and a code: what the gateway took it for, which decides who is asked
  next, and what the client is told. **—**: the vendor has no words for that.
";

const PRESETS: &str = "
## presets

Vendors that speak OpenAI's protocol, each with a model of its own that its preset names first. The
requests are in `tests/fixtures/presets/requests.json`, what each vendor was sent in
`tests/fixtures/presets/sent`; a cell is what differs between the two.
";

/// The page.
#[derive(Default)]
pub(super) struct Page {
    sections: String,
}

impl Page {
    /// Adds a dialect.
    pub(super) fn section(&mut self, dialect: &str, cases: &[Case], rows: &[Row], gaps: &Gaps) {
        let mut notes = Vec::new();
        let mut lines = Vec::new();
        for failing in [false, true] {
            let title = if failing { "what fails" } else { "what is asked" };
            let columns: Vec<&str> = COLUMNS.iter().map(|column| column.title).collect();
            lines.push(format!("\n| {title} | {} |", columns.join(" | ")));
            lines.push(format!("|---{}|", "|---".repeat(columns.len())));
            for (case, row) in cases.iter().zip(rows).filter(|(case, _)| case.fails() == failing) {
                let cell =
                    |provider| cell(row, provider, gaps.of(&case.name, provider), &mut notes);
                let cells: Vec<String> = COLUMNS.iter().map(|it| it.name).map(cell).collect();
                lines.push(format!("| {} | {} |", case.name, cells.join(" | ")));
            }
        }
        let notes = notes.iter().enumerate().map(|(at, note)| format!("{}. {note}", at + 1));
        let notes: Vec<String> = notes.collect();
        self.sections += &format!("\n## {dialect}\n{}\n\n{}\n", lines.join("\n"), notes.join("\n"));
    }

    /// Adds what presets make of requests.
    pub(super) fn presets(&mut self, table: &str) {
        self.sections += &format!("{PRESETS}\n{table}\n");
    }

    pub(super) fn text(&self) -> String {
        format!("{HEAD}{}", self.sections)
    }
}

fn cell(row: &Row, provider: &str, gap: Option<&str>, notes: &mut Vec<String>) -> String {
    if let Some((kind, reason)) = gap.and_then(|gap| gap.split_once(": ")) {
        let place = notes.iter().position(|note| note == reason).unwrap_or_else(|| {
            notes.push(reason.to_owned());
            notes.len() - 1
        });
        return format!("{kind} ({})", place + 1);
    }
    let Some(outcome) = row.get(provider).and_then(Option::as_ref) else { return "—".to_owned() };
    if outcome.whole.status != 200 {
        let code = &outcome.whole.code;
        let kind = outcome.whole.failure.as_deref().unwrap_or_default();
        return format!("{kind}: {} {code}", outcome.whole.status);
    }
    // What fails in the middle of a stream has begun as a success.
    if let Some(kind) = &outcome.whole.failure {
        return format!("{kind}, in the stream");
    }
    match outcome.whole.headers.get("x-portcullis-dropped").and_then(Value::as_str) {
        Some(dropped) => format!("yes, without `{dropped}`"),
        None => "yes".to_owned(),
    }
}
