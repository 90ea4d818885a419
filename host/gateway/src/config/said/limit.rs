//! `[limits.NAME]`: how much of what somebody may use, as it was said.

use jiff::tz::TimeZone;
use portcullis_ledger::{Measure, Period, Subject};

use super::super::problem::At;
use super::super::read::Table;
use super::super::resolved::Per;

/// `[limits.NAME]`.
pub(crate) struct Limit {
    pub(crate) of: At<Of>,
    pub(crate) measure: Measure,
    pub(crate) most: i64,
    pub(crate) per: Per,
    pub(crate) time_zone: Option<TimeZone>,
    pub(crate) warn_at: Option<f64>,
}

/// Whose it is: what kind of thing, and a pattern of names.
pub(crate) struct Of {
    pub(crate) subject: Subject,
    pub(crate) pattern: String,
}

/// Those that a limit can be on, by their keys here.
const SUBJECTS: [(&str, Subject); 6] = [
    ("key", Subject::Key),
    ("tenant", Subject::Tenant),
    ("route", Subject::Route),
    ("provider", Subject::Provider),
    ("model", Subject::Model),
    ("label", Subject::Label),
];
const ONE_OF: &str = "one of `key`, `tenant`, `route`, `provider`, `model` and `label`";
const MEASURES: &str = "one of `usd`, `tokens`, `requests` and `concurrent`";
const PERIODS: &str =
    "\"minute\", \"day\", \"week\", \"month\", \"total\", \"request\" or \"conversation\"";
const BILLION: f64 = 1e9;

impl Limit {
    pub(crate) fn read(table: &mut Table<'_>) -> Option<Self> {
        let before = table.problems_so_far();
        let mut of: Vec<At<Of>> = Vec::new();
        for (key, subject) in SUBJECTS {
            let said = table.string(key);
            of.extend(
                said.map(|At { value: pattern, place }| At::new(Of { subject, pattern }, place)),
            );
        }
        let usd = table.dollars("usd", "an amount of US dollars such as 100.0");
        let mut most: Vec<(Measure, i64)> = Vec::new();
        most.extend(usd.map(|usd| (Measure::Nanodollars, (usd * BILLION).round() as i64)));
        for (key, measure) in [
            ("tokens", Measure::Tokens),
            ("requests", Measure::Requests),
            ("concurrent", Measure::Concurrent),
        ] {
            most.extend(table.count::<i64>(key, 0).map(|most| (measure, most)));
        }
        let per = table.parsed("per", PERIODS, per);
        let zone = "the name of a time zone such as \"Europe/Berlin\"";
        let time_zone = table.parsed("time_zone", zone, |text| {
            TimeZone::get(text).map_err(|_| "is no time zone".to_owned())
        });
        let warn_at = table.fraction("warn_at");
        if table.problems_so_far() > before || table.has_unknown() {
            return None;
        }
        let said = [of.len(), most.len()];
        let (Some(of), Some((measure, most)), [1, 1]) = (of.pop(), most.pop(), said) else {
            if said[0] != 1 {
                table.problem(&format!("has to say whose it is: {ONE_OF}"));
            }
            if said[1] != 1 {
                table.problem(&format!("has to say how much of what: {MEASURES}"));
            }
            return None;
        };
        let per = match (per, measure) {
            (Some(at), Measure::Concurrent) => {
                table.problem(&format!(
                    "has `per` = \"{}\"; requests under way are counted at each moment, so leave it out",
                    at.value.word()
                ));
                return None;
            }
            (None, Measure::Concurrent) => Per::Window(Period::Total),
            (Some(at), _) => at.value,
            (None, _) => {
                table.problem(&format!("has no `per`; expected {PERIODS}"));
                return None;
            }
        };
        let time_zone = time_zone.map(|at| at.value);
        Some(Self { of, measure, most, per, time_zone, warn_at })
    }
}

fn per(text: &str) -> Result<Per, String> {
    match text {
        "request" => Ok(Per::Request),
        "conversation" => Ok(Per::Conversation),
        text => Period::of_name(text).map(Per::Window).ok_or_else(|| "is not known".to_owned()),
    }
}
