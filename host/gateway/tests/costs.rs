//! The page of worked examples, `docs/costs.md`: computed from the prices that come with the
//! program, by what `portcullis compare-cost` computes with. The test fails when the page says
//! anything else.

use anyhow::{Context, Result, ensure};
use portcullis::compare::{Asked, compare, cost};
use portcullis::config::{self, Candidate};
use std::fmt::Write as _;
use std::path::Path;

/// A model of each size, among those that come with the program.
const STRONG: &str = "anthropic/claude-opus-5-5";
const LARGE: &str = "anthropic/claude-sonnet-5-5";
const MIDDLE: &str = "openai/gpt-4o";
const SMALL: &str = "openai/gpt-4o-mini";
const OPEN: &str = "groq/openai/gpt-oss-120b";
const OPEN_SMALL: &str = "groq/openai/gpt-oss-20b";
/// Nobody charges for tokens there.
const OWN: &str = "own machines";

/// So many calls of so many tokens in and out.
type Calls = (u64, u64, u64);

/// A test of a user interface: most of its calls are simple, a few are hard.
const SIMPLE: Calls = (70, 2_000, 300);
const MEDIUM: Calls = (20, 4_000, 800);
const COMPLEX: Calls = (10, 10_000, 1_500);
/// Tests a month, and what own machines for them cost.
const MONTHS: [(u64, f64); 3] = [(10_000, 4_000.0), (50_000, 6_000.0), (100_000, 8_000.0)];

/// A million tokens a month, as a thousand requests.
const MILLION: Calls = (1_000, 750, 250);

/// Those that come with the program.
struct Known(Vec<Candidate>);

impl Known {
    fn find(&self, id: &str) -> Result<&Candidate> {
        self.0.iter().find(|known| known.id == id).with_context(|| format!("{id} is not shipped"))
    }

    /// What calls cost there, in dollars.
    fn cost(&self, id: &str, (calls, input, output): Calls) -> Result<f64> {
        if id == OWN {
            return Ok(0.0);
        }
        let asked = Asked { operation: "chat".to_owned(), input, output, ..Asked::default() };
        let one = cost(self.find(id)?, &asked).with_context(|| format!("{id} has no price"))?;
        Ok(one * calls as f64)
    }
}

#[test]
fn the_worked_examples_are_what_the_program_computes() -> Result<()> {
    let known = Known(config::shipped());
    let mut page = String::from(HEAD);
    one_request(&known, &mut page);
    million(&known, &mut page)?;
    tests_a_month(&known, &mut page)?;
    prices(&known, &mut page)?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/costs.md");
    if std::env::var_os("PORTCULLIS_RECORD").is_some() {
        std::fs::write(&file, &page)?;
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    let line = page.lines().zip(written.lines()).find(|(computed, written)| computed != written);
    ensure!(
        written == page,
        "docs/costs.md says something else: computed and written are {line:?}\n\nIf the prices are \
         right, PORTCULLIS_RECORD=1 cargo test --test costs writes it."
    );
    Ok(())
}

const HEAD: &str = "\
# What it costs: worked examples

This page is made by a test (`host/gateway/tests/costs.rs`) from the prices that come with the
program, and the test fails when it is not true any more. `portcullis compare-cost` computes the
same for your own requests over your own configuration, and `portcullis usage --baseline dearest`
compares what was paid with what it would have cost elsewhere. Money is US dollars. Models differ in
what they can: a table of prices says nothing of that, and neither how many tokens another model
needs for the same answer.
";

fn one_request(known: &Known, page: &mut String) {
    let (_, input, output) = COMPLEX;
    let asked = Asked { operation: "chat".to_owned(), input, output, ..Asked::default() };
    let found = compare(&known.0, &asked);
    let _ = write!(
        page,
        "\n## One request over all candidates\n\n`portcullis compare-cost --shipped --input-tokens \
         {input} --output-tokens {output} --requests 1000` compares {} models; these are the ten \
         cheapest and the dearest of them.\n\n| candidate | a request | 1,000 a month |\n|---|---:|---:|\n",
        found.priced.len()
    );
    let ten = found.priced.iter().take(10);
    for (candidate, cost) in ten.chain(found.priced.last()) {
        let _ = writeln!(page, "| {} | ${cost:.6} | {} |", candidate.id, dollars(cost * 1e3));
    }
    if let Some((cheapest, _)) = found.priced.first() {
        let _ = writeln!(page, "\nThe cheapest is {}.", cheapest.id);
    }
}

fn million(known: &Known, page: &mut String) -> Result<()> {
    let (requests, input, output) = MILLION;
    let strategies: [(&str, &[(u64, &str)]); 4] = [
        ("All on the strong one", &[(100, STRONG)]),
        ("Smart routing", &[(50, OWN), (30, OPEN), (20, STRONG)]),
        ("Budget", &[(80, OWN), (20, OPEN)]),
        ("Hybrid", &[(40, OWN), (40, MIDDLE), (20, STRONG)]),
    ];
    let _ = write!(
        page,
        "\n## A million tokens a month\n\nAssumed: {} requests of {input} tokens in and {output} \
         out each; models on own machines cost nothing by the token.\n\n| strategy | shares | a \
         month | saved |\n|---|---|---:|---:|\n",
        grouped(requests)
    );
    let mut baseline = None;
    for (name, shares) in strategies {
        let mut month = 0.0;
        for (percent, id) in shares {
            month += known.cost(id, (requests * percent / 100, input, output))?;
        }
        let baseline = *baseline.get_or_insert(month);
        let shares: Vec<String> =
            shares.iter().map(|(percent, id)| format!("{percent} % {id}")).collect();
        let saved = saved(baseline, month);
        let _ = writeln!(page, "| {name} | {} | {} | {saved} |", shares.join(", "), dollars(month));
    }
    Ok(())
}

fn tests_a_month(known: &Known, page: &mut String) -> Result<()> {
    let strategies = [
        ("All on the strong one", [STRONG, STRONG, STRONG]),
        ("By difficulty", [SMALL, MIDDLE, LARGE]),
        ("By difficulty, open models for the simple", [OPEN_SMALL, MIDDLE, LARGE]),
        ("By difficulty, open models for all but the complex", [OPEN_SMALL, OPEN, LARGE]),
        ("Own machines for all but the complex", [OWN, OWN, LARGE]),
    ];
    let kind = |(calls, input, output): Calls, what: &str| {
        format!("{calls} {what} calls of {} tokens in and {} out", grouped(input), grouped(output))
    };
    let _ = write!(
        page,
        "\n## Tests of user interfaces, by the month\n\nAssumed: a test is {}, {} and {}. Own \
         machines cost {} a month for 10,000 tests, {} for 50,000 and {} for 100,000, and nothing \
         by the token.\n\n| strategy | simple, medium, complex | a test |",
        kind(SIMPLE, "simple"),
        kind(MEDIUM, "medium"),
        kind(COMPLEX, "complex"),
        dollars(MONTHS[0].1),
        dollars(MONTHS[1].1),
        dollars(MONTHS[2].1),
    );
    for (tests, _) in MONTHS {
        let _ = write!(page, " {} a month | saved |", grouped(tests));
    }
    page.push_str("\n|---|---|---:|---:|---:|---:|---:|---:|---:|\n");
    let mut baselines = [None; 3];
    for (name, [simple, medium, complex]) in strategies {
        let test = known.cost(simple, SIMPLE)?
            + known.cost(medium, MEDIUM)?
            + known.cost(complex, COMPLEX)?;
        let _ = write!(page, "| {name} | {simple}, {medium}, {complex} | ${test:.4} |");
        for ((tests, machines), baseline) in MONTHS.into_iter().zip(&mut baselines) {
            let machines = if simple == OWN { machines } else { 0.0 };
            let month = test * tests as f64 + machines;
            let baseline = *baseline.get_or_insert(month);
            let _ = write!(page, " {} | {} |", dollars(month), saved(baseline, month));
        }
        page.push('\n');
    }
    Ok(())
}

/// The prices that the examples are computed with.
fn prices(known: &Known, page: &mut String) -> Result<()> {
    page.push_str(
        "\n## The prices\n\nUS dollars for a million tokens.\n\n| candidate | in | out | as of | \
         from |\n|---|---:|---:|---|---|\n",
    );
    for id in [STRONG, LARGE, MIDDLE, SMALL, OPEN, OPEN_SMALL] {
        let prices = &known.find(id)?.prices;
        let rate = |rate: Option<f64>| rate.map_or("-".to_owned(), |rate| format!("{rate:.3}"));
        let (input, output) = (rate(prices.base.input), rate(prices.base.output));
        let (as_of, source) = (prices.as_of.as_deref(), prices.source.as_deref());
        let (as_of, source) = (as_of.unwrap_or("-"), source.unwrap_or("-"));
        let _ = writeln!(page, "| {id} | {input} | {output} | {as_of} | {source} |");
    }
    Ok(())
}

fn saved(baseline: f64, month: f64) -> String {
    if month == baseline {
        return "-".to_owned();
    }
    format!("{:.0} %", (1.0 - month / baseline) * 100.0)
}

/// With two digits, and thousands apart.
fn dollars(amount: f64) -> String {
    let cents = (amount * 100.0).round() as u64;
    format!("${}.{:02}", grouped(cents / 100), cents % 100)
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
