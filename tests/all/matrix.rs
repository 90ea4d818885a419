//! The matrix: each request of a client's over each provider, through the whole gateway.
//!
//! `tests/fixtures/DIALECT/CASE.json` is what a client sends, its model the name of a script of
//! the scripted upstream. `tests/fixtures/DIALECT/CASE/PROVIDER.json` is what came of it: what
//! the vendor was sent and what the client got. It is recorded, and whoever records it anew reads
//! what changed:
//!
//!     PORTCULLIS_RECORD=1 cargo test -p portcullis-tests --test all matrix
//!
//! A provider more is a line in [`columns`], a case more a file. What a provider does not do
//! stands in `gaps.toml` with its reason, and nothing else does; `docs/matrix.md` shows all of it.
//! Of a provider that has no form for an operation at all, nothing is recorded.
//!
//! What needs no eye is checked here: that a stream says what the whole answer says, and that
//! every provider gives the client the same answer, since every vendor is told to say the same.

#[path = "matrix/anthropic.rs"]
mod anthropic;
#[path = "matrix/columns.rs"]
mod columns;
#[path = "matrix/count_tokens.rs"]
mod count_tokens;
#[path = "matrix/difference.rs"]
mod difference;
#[path = "matrix/embeddings.rs"]
mod embeddings;
#[path = "matrix/events.rs"]
mod events;
#[path = "matrix/files.rs"]
mod files;
#[path = "matrix/openai.rs"]
mod openai;
#[path = "matrix/outcome.rs"]
mod outcome;
#[path = "matrix/page.rs"]
mod page;
#[path = "matrix/presets.rs"]
mod presets;
#[path = "matrix/responses.rs"]
mod responses;
#[path = "matrix/transcription.rs"]
mod transcription;

use crate::caller::{Http, Reply};
use crate::house::House;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use columns::{COLUMNS, Column};
use files::{Case, Gaps};
use outcome::{Asker, Outcome};
use portcullis::config::Environment;
use portcullis_example_upstream::Upstream;
use portcullis_tests::process::on_two_workers;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// A format in front of the gateway, or one of its operations.
#[derive(Clone, Copy)]
struct Dialect {
    /// Its folder of the fixtures.
    name: &'static str,
    /// Where its clients post.
    path: &'static str,
    /// What they send beside the body.
    headers: &'static [(&'static str, &'static str)],
    /// The body of a request.
    body: fn(&Value) -> Bytes,
    /// Makes the request one for a stream, where every case is asked as one too.
    stream: Option<fn(&mut Value)>,
    /// A whole answer, with what differs from run to run in words that do not.
    whole: fn(&Reply) -> Result<Value>,
    /// An error, likewise, and its code.
    refusal: fn(Value) -> Result<(Value, String)>,
    /// A stream as the whole answer that it amounts to.
    fold: fn(&Reply) -> Result<Value>,
    /// What an answer says, whoever says it.
    essence: fn(&Value) -> Value,
}

const DIALECTS: [Dialect; 6] = [
    openai::DIALECT,
    anthropic::DIALECT,
    responses::DIALECT,
    embeddings::DIALECT,
    transcription::DIALECT,
    count_tokens::DIALECT,
];

/// The body of most requests.
fn json_body(request: &Value) -> Bytes {
    request.to_string().into()
}

/// The outcomes of a case, by provider; none where the vendor's protocol has no form for what
/// its script says.
type Row = BTreeMap<&'static str, Option<Outcome>>;

#[test]
fn every_case_over_every_provider_is_as_recorded() -> Result<()> {
    let mut problems = Vec::new();
    let mut page = page::Page::default();
    for dialect in DIALECTS {
        let cases = files::cases(dialect.name)?;
        let gaps = Gaps::read(dialect.name)?;
        let rows = on_two_workers(rows(dialect, cases.clone()))?;
        for (case, row) in cases.iter().zip(&rows) {
            problems.extend(gaps.problems(&case.name, row, dialect.essence));
            files::compare(dialect.name, &case.name, row, &gaps, &mut problems)?;
        }
        problems.extend(gaps.left_over(&cases));
        page.section(dialect.name, &cases, &rows, &gaps);
    }
    page.presets(&on_two_workers(presets::table(&mut problems))?);
    files::compare_text("docs/matrix.md", &page.text(), &mut problems)?;
    ensure!(
        problems.is_empty(),
        "{}\n\nIf the new outcomes are right, PORTCULLIS_RECORD=1 cargo test -p portcullis-tests \
         --test all matrix writes them; read what changed.",
        problems.join("\n")
    );
    Ok(())
}

/// Asks every provider everything, each in its own time.
async fn rows(dialect: Dialect, cases: Vec<Case>) -> Result<Vec<Row>> {
    let mut upstreams = Vec::new();
    let mut text = String::new();
    for column in &COLUMNS {
        let upstream = Upstream::start().await?;
        text += &column.configuration(&upstream.url());
        upstreams.push(upstream);
    }
    let environment = Environment::from_iter([("KEY", columns::KEY)]);
    let house = House::open_with(&text, &environment).await?;
    let house = Arc::new(house);
    let mut asking = JoinSet::new();
    for (column, upstream) in COLUMNS.iter().zip(upstreams) {
        let (house, cases) = (house.clone(), cases.clone());
        asking.spawn(async move {
            let outcomes = outcomes(dialect, column, &upstream, &house, &cases).await;
            outcomes.with_context(|| column.name).map(|outcomes| (column.name, outcomes))
        });
    }
    let mut rows = vec![Row::new(); cases.len()];
    while let Some(asked) = asking.join_next().await {
        let (name, outcomes) = asked??;
        for (row, outcome) in rows.iter_mut().zip(outcomes) {
            row.insert(name, outcome);
        }
    }
    house.settled().await?;
    Ok(rows)
}

async fn outcomes(
    dialect: Dialect,
    column: &Column,
    upstream: &Upstream,
    house: &House,
    cases: &[Case],
) -> Result<Vec<Option<Outcome>>> {
    let mut asker = Asker { dialect, house, upstream, caller: house.caller(Http::One).await? };
    let mut outcomes = Vec::new();
    for case in cases {
        let mut request = case.request.clone();
        let script = request["model"].as_str().context("a request names a script as its model")?;
        request["model"] = column.model_of(script).into();
        let whole = asker.ask(&request).await;
        let whole = whole.with_context(|| format!("{}, whole", case.name))?;
        let streamed = match dialect.stream {
            None => None,
            Some(stream) => {
                stream(&mut request);
                let streamed = asker.ask(&request).await;
                Some(streamed.with_context(|| format!("{}, streamed", case.name))?)
            }
        };
        outcomes.push(Outcome::of(whole, streamed));
    }
    Ok(outcomes)
}
