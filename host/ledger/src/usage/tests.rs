//! What was used is found again, by whatever is asked.

use super::{Column, Field, Question, Step, Sums, Usage, UsageError, write};
use crate::Ledger;
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
        tokens_reasoning: 5 * number,
        audio_ms: 6 * number,
        nanodollars: 7 * number,
        estimated,
    }
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
            let question = Question { from, to, by, only: only.collect(), every: None };
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
