//! What is asked of usage, as it stands behind the `?` of an address:
//! `from=7d&by=tenant,label:team&every=day&model=m&baseline=dearest`.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use portcullis_ledger::{Column, Field, Listing, Period, Place, Question, Step};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Entries of a list where nobody says how many, and at most.
const ENTRIES: u32 = 100;
const MOST_ENTRIES: u32 = 10_000;

/// A question of sums.
#[derive(Clone, Debug)]
pub struct Asked {
    /// For the ledger.
    pub question: Question,
    /// Where days begin.
    pub zone: TimeZone,
    /// With whom what was paid is compared: a candidate, or [`DEAREST`].
    pub baseline: Option<String>,
    /// Whether the end of the month is looked at.
    pub projection: bool,
}

/// The baseline that is whoever would have been dearest.
pub const DEAREST: &str = "dearest";

/// A question of single entries.
#[derive(Clone, Debug)]
pub struct Entries {
    /// For the ledger.
    pub listing: Listing,
    /// In which times are told.
    pub zone: TimeZone,
}

/// What was said, each by its name; what nobody takes out of it is not known.
struct Said(BTreeMap<String, String>);

impl Asked {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(query: &str, now: Timestamp) -> Result<Self, String> {
        let mut said = Said::read(query)?;
        let (zone, from, to) = said.span(now)?;
        let every = match said.take("every") {
            None => None,
            Some(text) => {
                let step = Step::of_name(&text);
                let step = step.ok_or_else(|| {
                    format!("`every` = {text:?}; expected hour, day, week or month")
                })?;
                Some((step, zone.clone()))
            }
        };
        let by = said.take("by").unwrap_or_default();
        let names = by.split(',').map(str::trim).filter(|name| !name.is_empty());
        let by = names.map(|name| field(name, "by")).collect::<Result<Vec<_>, _>>()?;
        let baseline = said.take("baseline");
        let projection = said.flag("projection")?;
        let only = said.rest(&["every", "by", "baseline", "projection", "format"])?;
        let question = Question { from, to, every, by, above: None, only };
        Ok(Self { question, zone, baseline, projection })
    }
}

impl Entries {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(query: &str, now: Timestamp) -> Result<Self, String> {
        let mut said = Said::read(query)?;
        let (zone, from, to) = said.span(now)?;
        let most = said.number("limit")?.unwrap_or(ENTRIES).min(MOST_ENTRIES);
        let before = match said.take("after") {
            None => None,
            Some(text) => Some(Place::from_str(&text).map_err(|why| format!("`after`: {why}"))?),
        };
        let request = said.take("request");
        let only = said.rest(&["limit", "after", "request", "format"])?;
        Ok(Self { listing: Listing { from, to, request, only, before, most }, zone })
    }
}

impl Said {
    fn read(query: &str) -> Result<Self, String> {
        let mut said = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()).into_owned() {
            if said.insert(name.clone(), value).is_some() {
                return Err(format!("`{name}` is said twice"));
            }
        }
        said.remove("format");
        Ok(Self(said))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    fn number(&mut self, name: &str) -> Result<Option<u32>, String> {
        let number = |text: String| text.parse().map_err(|_| format!("`{name}` is no number"));
        self.take(name).map(number).transpose()
    }

    fn flag(&mut self, name: &str) -> Result<bool, String> {
        match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true" | "") => Ok(true),
            Some(_) => Err(format!("`{name}` is neither true nor false")),
        }
    }

    /// The zone, and the time that is asked for: since the first of the month where nothing is
    /// said.
    fn span(&mut self, now: Timestamp) -> Result<(TimeZone, i64, i64), String> {
        let zone = match self.take("zone") {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(&name).map_err(|_| {
                format!("`zone` = {name:?} is no time zone; expected such as \"Europe/Berlin\"")
            })?,
        };
        let mut moment = |name: &str, otherwise: &str| {
            let text = self.take(name).unwrap_or_else(|| otherwise.to_owned());
            moment(&text, &zone, now).ok_or_else(|| {
                format!(
                    "`{name}` = {text:?} is no time; expected such as \"2026-11-01T00:00:00Z\", \
                     \"2026-11-01\", \"7d\" (so long ago), \"today\", \"week\", \"month\" (since \
                     it began) or \"now\""
                )
            })
        };
        let (from, to) = (moment("from", "month")?, moment("to", "now")?);
        if from > to {
            return Err("`from` is behind `to`".to_owned());
        }
        Ok((zone, from, to))
    }

    /// All that is left has to be filters.
    fn rest(self, known: &[&str]) -> Result<BTreeMap<Field, String>, String> {
        let filters = self.0.into_iter().map(|(name, value)| {
            let field = field(&name, "").map_err(|_| {
                let columns = Column::ALL.map(Column::name).join(", ");
                let known = known.join(", ");
                format!(
                    "unknown `{name}`; expected from, to, zone, {known}, or a filter: {columns}, \
                     label:NAME"
                )
            })?;
            Ok((field, value))
        });
        filters.collect()
    }
}

/// What is called so: a column, or `label:NAME`.
fn field(name: &str, what: &str) -> Result<Field, String> {
    let label = name.strip_prefix("label:").filter(|label| !label.is_empty());
    let label = label.map(|label| Field::Label(label.to_owned()));
    label.or_else(|| Column::of_name(name).map(Field::Column)).ok_or_else(|| {
        let columns = Column::ALL.map(Column::name).join(", ");
        format!("`{what}` names {name:?}; expected {columns}, or label:NAME")
    })
}

/// How a field is called.
pub(super) fn name(field: &Field) -> String {
    match field {
        Field::Column(column) => column.name().to_owned(),
        Field::Label(name) => format!("label:{name}"),
    }
}

/// A moment, in milliseconds since the Unix epoch.
pub fn moment(text: &str, zone: &TimeZone, now: Timestamp) -> Option<i64> {
    let present = now.as_millisecond();
    match text {
        "now" => return Some(present),
        "today" => return Some(Period::Day.window(zone, present).start),
        _ => {}
    }
    if let Some(period) = Period::of_name(text).filter(|period| *period != Period::Total) {
        return Some(period.window(zone, present).start);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    if let Ok(day) = text.parse::<Date>() {
        return Some(day.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond());
    }
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: i64 = number.parse().ok().filter(|number| *number >= 0)?;
    let hours = match unit {
        "h" => number,
        "d" => number.checked_mul(24)?,
        "w" => number.checked_mul(7 * 24)?,
        _ => return None,
    };
    let ago = hours.checked_mul(3_600_000)?;
    present.checked_sub(ago)
}
