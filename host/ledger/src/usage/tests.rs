//! What was used is found again, by whatever is asked.

use super::{
    Column, Correction, Field, Listing, Place, Question, Step, Sums, Usage, UsageError, write,
};
use crate::Ledger;
use crate::key::tests::by;
use crate::store::StoreError;
use crate::store::tests::on_both;
use crate::store::transact;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000;

async fn written(ledger: &Ledger, entries: &[(u64, Usage)]) -> Result<(), StoreError> {
    transact!(ledger.store, |transaction| write(transaction, "p", entries))
}

fn entry(at: i64, [tenant, model, end]: [&str; 3], number: i64) -> Usage {
    Usage {
        at,
        tenant: tenant.to_owned(),
        model: model.to_owned(),
        end: end.to_owned(),
        tokens_in: number,
        tokens_out: 2 * number,
        tokens_cached: 3 * number,
        tokens_cache_write: 4 * number,
        tokens_cache_write_1h: 8 * number,
        tokens_reasoning: 5 * number,
        audio_ms: 6 * number,
        nanodollars: 7 * number,
        estimated: number % 2 == 1,
        labels: "{\"a\":\"b\\u0000\"}\0".to_owned(),
        ..Usage::default()
    }
}

fn sums(of: &[&str], requests: i64, number: i64, estimated: i64) -> Sums {
    Sums {
        from: 0,
        of: of.iter().map(|&text| text.to_owned()).collect(),
        requests,
        tokens_in: number,
        tokens_out: 2 * number,
        tokens_cached: 3 * number,
        tokens_cache_write: 4 * number,
        tokens_cache_write_1h: 8 * number,
        tokens_reasoning: 5 * number,
        audio_ms: 6 * number,
        nanodollars: 7 * number,
        estimated,
    }
}

#[tokio::test]
async fn many_entries_are_written_at_once_and_none_of_them_twice() {
    on_both(async |ledger| {
        let entries = (0..100).map(|at| entry(HOUR + at, ["t", "m", "finished"], 2));
        let entries: Vec<(u64, Usage)> = (0..).zip(entries).collect();
        for _ in 0..2 {
            // The sums of the hours are told once, by whoever moves the journal's position.
            written(&ledger, &entries).await.unwrap();
        }
        let question = Question { from: HOUR, to: 2 * HOUR - 1, ..Question::default() };
        let expected = Sums { from: HOUR, ..sums(&[], 100, 200, 0) };
        assert_eq!(ledger.usage(&question).await.unwrap(), [expected]);
    })
    .await;
}

#[tokio::test]
async fn sums_are_by_what_is_asked_over_whole_hours_and_parts_of_them() {
    on_both(async |ledger| {
        let entries = [
            entry(HOUR, ["t", "m", "finished"], 1),
            entry(HOUR + 1, ["t", "m", "finished"], 10),
            entry(HOUR + 2, ["t", "n", "failed"], 100),
            entry(2 * HOUR - 1, ["u", "m", "finished"], 1_000),
            entry(2 * HOUR, ["u", "m", "finished"], 10_000),
        ];
        let numbered: Vec<(u64, Usage)> = (0..).zip(entries).collect();
        written(&ledger, &numbered[..2]).await.unwrap();
        written(&ledger, &numbered[2..]).await.unwrap();
        let ask = async |from, to, by: &[Column], only: &[(Column, &str)]| {
            let by: Vec<Field> = by.iter().copied().map(Field::Column).collect();
            let only = only.iter().map(|&(it, text)| (Field::Column(it), text.to_owned()));
            let only = only.collect();
            let question = Question { from, to, by, only, ..Question::default() };
            let mut answer = ledger.usage(&question).await.unwrap();
            for row in &mut answer {
                assert_eq!(std::mem::take(&mut row.from), from);
            }
            answer
        };
        let all = ask(0, 3 * HOUR, &[], &[]).await;
        assert_eq!(all, [sums(&[], 5, 11_111, 1)]);
        let by = [Column::Model, Column::Tenant];
        let expected = [
            sums(&["m", "t"], 2, 11, 1),
            sums(&["m", "u"], 1, 1_000, 0),
            sums(&["n", "t"], 1, 100, 0),
        ];
        assert_eq!(ask(HOUR, 2 * HOUR, &by, &[]).await, expected);
        let part = [sums(&["m", "t"], 1, 10, 0), sums(&["n", "t"], 1, 100, 0)];
        assert_eq!(ask(HOUR + 1, 2 * HOUR - 1, &by, &[]).await, part);
        let only = [(Column::Tenant, "u"), (Column::End, "finished")];
        for from in [HOUR, HOUR + 1] {
            let end = [sums(&["finished"], 2, 11_000, 0)];
            assert_eq!(ask(from, 3 * HOUR, &[Column::End], &only).await, end);
        }
        assert_eq!(ask(5 * HOUR, 6 * HOUR, &by, &[]).await, []);
    })
    .await;
}

/// An entry of one nanodollar.
fn dollar(at: i64, kind: &str, labels: &str) -> Usage {
    let (kind, labels) = (kind.to_owned(), labels.to_owned());
    Usage { at, kind, labels, nanodollars: 1, ..Usage::default() }
}

/// When, what, how many requests, how many nanodollars.
fn brief(answer: Vec<Sums>) -> Vec<(i64, String, i64, i64)> {
    let row = |it: Sums| (it.from, it.of.join(" "), it.requests, it.nanodollars);
    answer.into_iter().map(row).collect()
}

fn numbered(entries: impl IntoIterator<Item = Usage>) -> Vec<(u64, Usage)> {
    (0..).zip(entries).collect()
}

fn label(name: &str) -> Field {
    Field::Label(name.to_owned())
}

#[tokio::test]
async fn only_requests_are_counted_as_such_and_all_that_cost_money_is_in_the_sums() {
    on_both(async |ledger| {
        let kinds = [Usage::REQUEST, "", Usage::ATTEMPT, Usage::SHADOW, Usage::COMPLETION];
        let entries = kinds.map(|kind| dollar(1, kind, ""));
        written(&ledger, &numbered(entries)).await.unwrap();
        for to in [2, HOUR] {
            let kind = Field::Column(Column::Kind);
            let mut question = Question { to, by: vec![kind.clone()], ..Question::default() };
            let expected = [
                (0, "attempt".to_owned(), 0, 1),
                (0, "completion".to_owned(), 0, 1),
                (0, "request".to_owned(), 2, 2),
                (0, "shadow".to_owned(), 0, 1),
            ];
            assert_eq!(brief(ledger.usage(&question).await.unwrap()), expected);
            question.only = BTreeMap::from([(kind, "shadow".to_owned())]);
            assert_eq!(brief(ledger.usage(&question).await.unwrap()), expected[3..]);
            let all = Question { to, ..Question::default() };
            assert_eq!(brief(ledger.usage(&all).await.unwrap()), [(0, String::new(), 2, 5)]);
        }
    })
    .await;
}

#[tokio::test]
async fn sums_are_by_labels() {
    on_both(async |ledger| {
        let long = format!("{{\"{}\":\"long\"}}", "é".repeat(2_000));
        let entries = [
            dollar(1, "", r#"{"team":"red","stage":"test","tries":2}"#),
            dollar(2, "", r#"{"team":"red","stage":"live"}"#),
            dollar(3, "", r#"{"team":"b\u0000lue"}"#),
            dollar(4, "", "{}"),
            dollar(5, "", "no JSON"),
            dollar(6, "", &long),
        ];
        written(&ledger, &numbered(entries)).await.unwrap();
        let ask = async |by: &[Field], only: &[(&str, &str)]| {
            let only = only.iter().map(|&(name, value)| (label(name), value.to_owned()));
            let (by, only) = (by.to_vec(), only.collect());
            let question = Question { to: HOUR, by, only, ..Question::default() };
            brief(ledger.usage(&question).await.unwrap())
        };
        let row = |of: &str, count| (0, of.to_owned(), count, count);
        let by_team = [row("", 3), row("b\u{fffd}lue", 1), row("red", 2)];
        assert_eq!(ask(&[label("team")], &[]).await, by_team);
        let live = [row("red", 1)];
        assert_eq!(ask(&[label("team")], &[("stage", "live")]).await, live);
        assert_eq!(ask(&[label("tries")], &[("team", "red")]).await, [row("", 1), row("2", 1)]);
        let both = [label("stage"), Field::Column(Column::Kind), label("team")];
        let only = [("team", "red"), ("stage", "test")];
        assert_eq!(ask(&both, &only).await, [row("test request red", 1)]);
        assert_eq!(ask(&[], &[("team", "")]).await, [row("", 3)]);
        assert_eq!(ask(&[label(&"é".repeat(128))], &[]).await, [row("", 5), row("long", 1)]);
        let four = ["a", "b", "c", "d"].map(label).to_vec();
        let question = Question { to: HOUR, by: four, ..Question::default() };
        assert!(matches!(ledger.usage(&question).await, Err(UsageError::Labels)));
    })
    .await;
}

fn moment(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

#[tokio::test]
async fn sums_are_for_each_span_of_a_calendar() {
    on_both(async |ledger| {
        // In Berlin the clocks were put back on the 25th of October: its day had 25 hours.
        let times = ["2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z"];
        let times = times.into_iter().chain(["2026-10-25T23:00:00Z", "2026-11-01T12:00:00Z"]);
        let entries = times.map(|text| dollar(moment(text), "", ""));
        written(&ledger, &numbered(entries)).await.unwrap();
        let ask = async |step, zone: &str, [from, to]: [&str; 2]| {
            let every = Some((step, TimeZone::get(zone).unwrap()));
            let question =
                Question { from: moment(from), to: moment(to), every, ..Question::default() };
            ledger.usage(&question).await
        };
        let check = async |step, zone: &str, span: [&str; 2], expected: &[(&str, i64)]| {
            let answer = ask(step, zone, span).await.unwrap();
            let answer: Vec<_> = answer.iter().map(|it| (it.from, it.requests)).collect();
            let expected: Vec<_> = expected.iter().map(|&(at, it)| (moment(at), it)).collect();
            assert_eq!(answer, expected, "{step:?} {zone}");
        };
        let (berlin, kolkata) = ("Europe/Berlin", "Asia/Kolkata");
        let span = ["2026-10-24T20:30:00Z", "2026-12-01T00:00:00Z"];
        let days = [
            ("2026-10-24T20:30:00Z", 1),
            ("2026-10-24T22:00:00Z", 2),
            ("2026-10-25T23:00:00Z", 1),
            ("2026-10-31T23:00:00Z", 1),
        ];
        check(Step::Day, berlin, span, &days).await;
        let weeks = [("2026-10-24T20:30:00Z", 3), ("2026-10-25T23:00:00Z", 2)];
        check(Step::Week, berlin, span, &weeks).await;
        let months = [("2026-10-24T20:30:00Z", 4), ("2026-10-31T23:00:00Z", 1)];
        check(Step::Month, berlin, span, &months).await;
        let span = ["2026-10-24T21:00:00Z", "2026-10-25T00:00:00Z"];
        let hours = [("2026-10-24T21:00:00Z", 1), ("2026-10-24T22:00:00Z", 1)];
        check(Step::Hour, berlin, span, &hours).await;
        check(Step::Hour, kolkata, span, &[("2026-10-24T21:30:00Z", 2)]).await;
        let long = ["2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z"];
        assert!(matches!(ask(Step::Day, berlin, long).await, Err(UsageError::Spans)));
    })
    .await;
}

#[tokio::test]
async fn long_prompts_are_summed_by_themselves() {
    on_both(async |ledger| {
        let entries = [10, 11, 12].map(|tokens_in| {
            let labels = if tokens_in == 12 { r#"{"team":"red"}"# } else { "" };
            Usage { tokens_in, ..dollar(1, "", labels) }
        });
        written(&ledger, &numbered(entries)).await.unwrap();
        let tokens = async |above, only: &[(Field, String)]| {
            let only = only.iter().cloned().collect();
            let question = Question { to: HOUR, above, only, ..Question::default() };
            let sums = ledger.usage(&question).await.unwrap();
            sums.iter().map(|it| it.tokens_in).sum::<i64>()
        };
        assert_eq!(tokens(None, &[]).await, 33);
        assert_eq!(tokens(Some(10), &[]).await, 23);
        assert_eq!(tokens(Some(12), &[]).await, 0);
        assert_eq!(tokens(Some(10), &[(label("team"), "red".to_owned())]).await, 12);
    })
    .await;
}

#[tokio::test]
async fn an_answer_has_an_end() {
    on_both(async |ledger| {
        let entries =
            (0..4).map(|number| Usage { tenant: number.to_string(), ..dollar(1, "", "") });
        written(&ledger, &numbered(entries)).await.unwrap();
        let by = vec![Field::Column(Column::Tenant)];
        let question = Question { to: HOUR, by, ..Question::default() };
        assert_eq!(ledger.sums(&question, 4).await.unwrap().len(), 4);
        assert!(matches!(ledger.sums(&question, 3).await, Err(UsageError::Rows(3))));
    })
    .await;
}

#[tokio::test]
async fn entries_are_listed_page_by_page_as_they_were_written() {
    on_both(async |ledger| {
        let whole = Usage {
            kind: Usage::SHADOW.to_owned(),
            key: "k".to_owned(),
            request: "r1".to_owned(),
            route: "way".to_owned(),
            policy: "wise".to_owned(),
            reason: "cheap".to_owned(),
            candidate: "p/m".to_owned(),
            provider: "p".to_owned(),
            operation: "chat".to_owned(),
            price_version: "v1".to_owned(),
            took_ms: 9,
            attempts: "[]".to_owned(),
            labels: r#"{"team":"red"}"#.to_owned(),
            ..entry(7, ["t", "m", "finished"], 1)
        };
        let mut entries: Vec<Usage> =
            (1..=5).map(|at| dollar(at % 3, Usage::REQUEST, "")).collect();
        entries.push(whole.clone());
        written(&ledger, &numbered(entries)).await.unwrap();
        let mut listing = Listing { to: 10, most: 2, ..Listing::default() };
        let mut seen = Vec::new();
        loop {
            let page = ledger.usage_entries(&listing).await.unwrap();
            let Some(last) = page.last() else { break };
            listing.before = Some(last.place.to_string().parse().unwrap());
            seen.extend(page.into_iter().map(|it| it.usage));
        }
        assert_eq!(seen.iter().map(|it| it.at).collect::<Vec<_>>(), [7, 2, 2, 1, 1, 0]);
        assert_eq!(seen[0], whole);
        let find = async |only: &[(Field, &str)], request: Option<&str>| {
            let only = only.iter().map(|(it, text)| (it.clone(), (*text).to_owned())).collect();
            let request = request.map(str::to_owned);
            let listing = Listing { to: 10, most: 9, only, request, ..Listing::default() };
            ledger.usage_entries(&listing).await.unwrap().len()
        };
        assert_eq!(find(&[(label("team"), "red")], None).await, 1);
        assert_eq!(find(&[(label("team"), "")], None).await, 5);
        assert_eq!(find(&[(Field::Column(Column::Kind), "shadow")], Some("r1")).await, 1);
        assert_eq!(find(&[(Field::Column(Column::Kind), "request")], Some("r1")).await, 0);
        assert_eq!(find(&[], Some("r2")).await, 0);
        assert!("7.1".parse::<Place>().is_err() && "x.1.p".parse::<Place>().is_err());
    })
    .await;
}

/// What there was spent in all, and how much of it by corrections.
async fn spent(ledger: &Ledger) -> (i64, i64, i64) {
    let mut sums = Vec::new();
    for only in [None, Some(Usage::CORRECTION)] {
        let only = only.map(|kind| (Field::Column(Column::Kind), kind.to_owned()));
        let only = only.into_iter().collect();
        let question = Question { to: HOUR, only, ..Question::default() };
        sums.push(ledger.usage(&question).await.unwrap().pop().unwrap_or_default());
    }
    assert_eq!(sums[1].requests, 0);
    (sums[0].tokens_in, sums[0].nanodollars, sums[1].nanodollars)
}

#[tokio::test]
async fn a_wrong_price_is_corrected_once_and_the_latest_one_holds() {
    on_both(async |ledger| {
        let used = |at, candidate: &str, end: &str, tokens_in, nanodollars| Usage {
            candidate: candidate.to_owned(),
            end: end.to_owned(),
            labels: r#"{"team":"red"}"#.to_owned(),
            request: format!("r{at}"),
            tokens_in,
            nanodollars,
            ..Usage::default()
        };
        // More than are looked at at once.
        let mut entries: Vec<Usage> =
            (0..1_001).map(|_| Usage { at: 10, ..used(10, "p/m", "finished", 5, 10) }).collect();
        entries.extend([
            Usage { at: 99, ..used(99, "p/m", "finished", 5, 10) },
            Usage { at: 20, ..used(20, "p/n", "finished", 5, 10) },
            Usage { at: 20, ..used(20, "p/m", Usage::UNKNOWN, 0, 10) },
            Usage { at: 20, ..used(20, "p/m", "finished", 0, 0) },
        ]);
        written(&ledger, &numbered(entries)).await.unwrap();
        let (all, tokens) = (10_010 + 30, 5 * 1_003);
        assert_eq!(spent(&ledger).await, (tokens, all, 0));
        let correct = async |price_version, price: i64| {
            let correction = Correction { from: 5, to: 99, candidate: "p/m", price_version };
            let cost = move |usage: &Usage| match usage.tokens_in {
                0 => None,
                tokens => Some(tokens * price),
            };
            ledger.correct(by(1), correction, &cost).await.unwrap()
        };
        let done = correct("v2", 3).await;
        assert_eq!((done.entries, done.corrected, done.unpriced), (1_002, 1_001, 1));
        assert_eq!(done.nanodollars, 5_005);
        assert_eq!(spent(&ledger).await, (tokens, all + 5_005, 5_005));
        let again = correct("v2", 3).await;
        assert_eq!((again.entries, again.corrected, again.nanodollars), (1_002, 0, 0));
        let last = correct("v3", 1).await;
        assert_eq!((last.corrected, last.nanodollars), (1_001, -10_010));
        assert_eq!(spent(&ledger).await, (tokens, all - 5_005, -5_005));
        let only = [(Field::Column(Column::Kind), Usage::CORRECTION.to_owned())].into();
        let listing = Listing { to: HOUR, most: 1, only, ..Listing::default() };
        let one = ledger.usage_entries(&listing).await.unwrap().pop().unwrap().usage;
        assert_eq!((one.at, &*one.request, one.nanodollars), (10, "r10", -10));
        assert_eq!((&*one.price_version, &*one.labels), ("v3", r#"{"team":"red"}"#));
        let acts = ledger.audit(None, 9).await.unwrap();
        assert_eq!(acts.len(), 3);
        assert_eq!((&*acts[0].action, &*acts[0].subject), ("correct-prices", "p/m"));
        assert!(acts[0].detail.contains("v3"), "{}", acts[0].detail);
    })
    .await;
}

#[tokio::test]
async fn who_corrects_at_the_same_time_corrects_once() {
    on_both(async |ledger| {
        let candidate = "p/m".to_owned();
        let entries =
            (0..600).map(|at| Usage { at, candidate: candidate.clone(), ..Usage::default() });
        written(&ledger, &numbered(entries)).await.unwrap();
        let correction = Correction { from: 0, to: HOUR, candidate: "p/m", price_version: "v" };
        let one = || ledger.correct(by(1), correction, &|_| Some(2));
        let (a, b, c) = tokio::join!(one(), one(), one());
        assert_eq!([a, b, c].map(|it| it.unwrap().corrected).iter().sum::<u64>(), 600);
        assert_eq!(spent(&ledger).await, (0, 1_200, 1_200));
    })
    .await;
}
