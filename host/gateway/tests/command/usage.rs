//! What was used and what it costs, from a terminal: `usage` and `compare-cost`.

#![allow(clippy::unwrap_used, reason = "what cannot be had is a failed test")]

use super::{check, portcullis, serve};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use portcullis_ledger::{Bounds, Journal, Ledger, Location, Usage, WhenAway};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const TEXT: &str = r#"
[server]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[providers.house]
plugin = "openai"
base_url = "http://127.0.0.1:9"
models = [
    { id = "plain", input_price = 1.0, output_price = 2.0 },
    { id = "dear", input_price = 10.0, output_price = 20.0, features = ["tools"], context_tokens = 3000 },
    { id = "blind", input_price = 0.5, output_price = 0.5, features = ["json-schema"] },
    { id = "none" },
]
"#;
const KEPT: &str = "[ledger]\nurl = \"sqlite:kept.db\"\n";

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A million tokens in, and two out, of a team.
fn entry(request: &str, team: &str, nanodollars: i64) -> Usage {
    Usage {
        at: now() - 1,
        request: request.to_owned(),
        tenant: "acme".to_owned(),
        candidate: "house/plain".to_owned(),
        operation: "chat".to_owned(),
        end: "finished".to_owned(),
        price_version: "v1".to_owned(),
        tokens_in: 1_000_000,
        tokens_out: 2_000_000,
        nanodollars,
        labels: format!("{{\"team\":{team:?}}}"),
        ..Usage::default()
    }
}

/// Has a ledger know of entries, as a gateway beside would.
async fn write(folder: &Path, entries: &[Usage]) {
    let ledger = Ledger::open(&Location::Sqlite(folder.join("kept.db"))).await.unwrap();
    let journals = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(journals.path(), Bounds::default()).unwrap();
    let clock = Arc::new(now);
    let purse = ledger.purse(journal, WhenAway::Refuse, clock).unwrap();
    for entry in entries {
        purse.note(entry).unwrap();
    }
    while purse.tick().await.unwrap().more {}
    purse.leave().await.unwrap();
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn what_was_used_is_seen_from_a_terminal_and_kept_in_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("portcullis.toml"), [TEXT, KEPT].concat()).unwrap();
    let (mut serving, _log, admin) = serve(folder.path(), "admin");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let entries = [
        entry("r1", "red", 5_000_000_000),
        entry("r2", "=blue", 7_000_000_000),
        Usage { kind: Usage::ATTEMPT.to_owned(), ..entry("r2", "red", 1) },
    ];
    runtime.block_on(write(folder.path(), &entries));
    let run = |arguments: &[&str]| {
        let server = ["--server", &*admin];
        portcullis(folder.path(), &[&["usage"], arguments, &server].concat(), &[])
    };
    // A month may have begun between the entries and the question.
    let today = ["--from", "1d"];
    let all = run(&[&today[..], &["--by", "label:team", "--baseline", "dearest"]].concat());
    let rows = ["LABEL:TEAM", "=blue", "$7.000000", "$50.000000", "total", "$12.000000"];
    check(&all, 0, &rows, &[]);
    let saved = "baseline    house/dear: $100.000000; saved $88.000000 (88.0 %)";
    check(&all, 0, &[saved, "free        0.0 % of all tokens"], &[]);
    let projected = run(&[&today[..], &["--projection"]].concat());
    check(&projected, 0, &["projection  $", "no whole day has passed"], &[]);
    let of_red = run(&[&today[..], &["--where", "label:team=red", "--format", "json"]].concat());
    let json: Value = serde_json::from_slice(&of_red.stdout).unwrap();
    assert_eq!(json["total"]["nanodollars"], 5_000_000_001_i64);
    assert_eq!(json["total"]["requests"], 1);
    let csv = run(&[&today[..], &["--by", "label:team,kind", "--format", "csv"]].concat());
    check(&csv, 0, &["label:team,kind,requests,", "\n'=blue,request,1,1000000,2000000,"], &[]);
    let to_file = [&today[..], &["--every", "day", "--format", "parquet", "--output", "u.parquet"]];
    let output = run(&to_file.concat());
    assert!(output.stdout.is_empty(), "{output:?}");
    let file = std::fs::read(folder.path().join("u.parquet")).unwrap();
    let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap()).collect();
    assert!(rows[0].to_string().contains("nanodollars: 12000000001"), "{rows:?}");
    let page = run(&[&["entries", "--limit", "1"], &today[..]].concat());
    check(&page, 0, &["REQUEST", "acme", "house/plain", "There are more: --after "], &[]);
    let after = said(&page).rsplit(' ').next().unwrap().trim().to_owned();
    let rest = run(&[&["entries", "--after", &after], &today[..]].concat());
    assert_eq!(said(&rest).matches("finished").count(), 2, "{rest:?}");
    let one = run(&[&["entries", "--request", "r1", "--format", "csv"], &today[..]].concat());
    check(&one, 0, &["at,kind,request,", ",request,r1,acme,"], &[]);
    assert_eq!(said(&one).lines().count(), 2);

    // The prices that the gateway has now say 5 dollars each.
    let wrong = run(&[&["correct", "house/plain"], &today[..]].concat());
    let expected = "house/plain: 2 of 3 entries were wrong, by $3.000000";
    check(&wrong, 0, &[expected, "of the audit log"], &[]);
    let again = run(&[&["correct", "house/plain"], &today[..]].concat());
    check(&again, 0, &["0 of 3 entries were wrong, by $0.000000"], &[]);
    check(&run(&today), 0, &["$15.000000"], &[]);

    check(&run(&["--by", "colour"]), 1, &[], &["`by` names \"colour\"; expected tenant"]);
    check(&run(&["--from", "soon"]), 1, &[], &["`from` = \"soon\" is no time"]);
    check(&run(&["--baseline", "x/y"]), 1, &[], &["there is no such candidate"]);
    let labels = ["--by", "label:a,label:b,label:c,label:d"];
    check(&run(&labels), 1, &[], &["no more than 3 different labels"]);
    check(&run(&["correct", "x/y"]), 1, &[], &["there is no such candidate"]);
    check(&run(&["entries", "--after", "x"]), 1, &[], &["`after`: expected the `next`"]);
    check(&run(&["--output", "no/such/file"]), 1, &[], &["no/such/file: No such file"]);
    kill_process(Pid::from_child(&serving.0), Signal::TERM).unwrap();
    assert!(serving.0.wait().unwrap().success());
    check(&run(&today), 1, &[], &["no gateway answers at"]);
}

#[test]
fn without_a_ledger_there_is_nothing_to_tell() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("portcullis.toml"), TEXT).unwrap();
    let (mut serving, _log, admin) = serve(folder.path(), "admin");
    let output = portcullis(folder.path(), &["usage", "--server", &admin], &[]);
    check(&output, 1, &[], &["there is no ledger that keeps what was used: add [ledger]"]);
    kill_process(Pid::from_child(&serving.0), Signal::TERM).unwrap();
    assert!(serving.0.wait().unwrap().success());
}

#[test]
fn a_request_is_compared_over_all_candidates_that_can_take_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("portcullis.toml"), TEXT).unwrap();
    let run = |arguments: &[&str]| {
        portcullis(folder.path(), &[&["compare-cost"], arguments].concat(), &[])
    };
    let tokens = ["--input-tokens", "1000", "--output-tokens", "500", "--requests", "10000"];
    let table = "\
1000 tokens in, 500 out

CANDIDATE    A REQUEST  10000 A MONTH
house/blind  $0.000750          $7.50
house/plain  $0.002000         $20.00
house/dear   $0.020000        $200.00

cheapest  house/blind
dearest   house/dear, 26.7 times as much
no price  house/none
";
    assert_eq!(said(&run(&tokens)), table);
    let long = run(&["--input-tokens", "2500", "--output-tokens", "501"]);
    check(&long, 0, &["left out  house/dear: 3001 tokens do not fit into its 3000"], &[]);
    let request = r#"{"model": "auto", "max_tokens": 100, "messages": [{"role": "user",
        "content": "hello"}], "tools": [{"type": "function", "function": {"name": "f"}}]}"#;
    std::fs::write(folder.path().join("request.json"), request).unwrap();
    let output = run(&["--file", "request.json", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["cheapest"], &json["output_tokens"]), (&"house/plain".into(), &100.into()));
    assert_eq!(json["removed"][0]["candidate"], "house/blind");
    assert_eq!(json["removed"][0]["why"], "it does not have tools");
    assert!(json["input_tokens"].as_u64().unwrap() > 0 && json["unpriced"][0] == "house/none");
    check(&run(&["--shipped", "--input-tokens", "1000"]), 0, &["groq/", "cheapest  "], &[]);
    let private = request
        .replace("\"max_tokens\"", "\"metadata\": {\"privacy\": \"private\"}, \"max_tokens\"");
    std::fs::write(folder.path().join("private.json"), private).unwrap();
    let output = run(&["--file", "private.json"]);
    check(&output, 1, &["left out  house/plain: it is not local"], &["has a price that is known"]);
    std::fs::write(folder.path().join("broken.json"), "{").unwrap();
    check(&run(&["--file", "broken.json"]), 1, &[], &["broken.json: "]);
    check(&run(&["--file", "none.json"]), 1, &[], &["none.json: No such file"]);
    let path = ["--file", "request.json", "--path", "/v1/nothing"];
    check(&run(&path), 1, &[], &["request.json: "]);
    check(&run(&[]), 2, &[], &["--input-tokens"]);
    check(&run(&["--input-tokens", "1", "--file", "request.json"]), 2, &[], &["cannot be used"]);
}
