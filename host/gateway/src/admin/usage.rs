//! What was used and what it cost: `/api/v1/usage`, `/api/v1/usage/entries`, and
//! `/api/v1/usage/corrections` for what was written at a wrong price.

use super::{SERVED, json, text};
use crate::audit::ADMIN;
use crate::config::{Prices, Used};
use crate::gateway::Gateway;
use crate::report::asked::moment;
use crate::report::form::Table;
use crate::report::{self, Asked, Entries, Report, ReportError};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use portcullis_ledger::{AdminError, By, Correction, Ledger, Usage, UsageError};
use serde::Deserialize;
use serde_json::{Value, json as value};
use std::time::SystemTime;

/// Bytes of what may be said with a request.
const LONGEST: usize = 64 << 10;
/// What is said where nothing is kept.
const NO_LEDGER: &str = "there is no ledger that keeps what was used: add [ledger] with such as \
                         url = \"sqlite:portcullis.db\" to the configuration, and start the \
                         gateway anew";

type Answer = http::Response<Full<Bytes>>;

/// The form of an answer.
enum Form {
    Json,
    Csv,
    Parquet,
}

/// Which entries were priced wrongly. The prices of the configuration that serves are the right
/// ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrong {
    candidate: String,
    from: String,
    to: String,
    zone: Option<String>,
}

/// Whether it is one of these addresses.
pub(super) fn has(path: &str) -> bool {
    path == "/api/v1/usage" || path.starts_with("/api/v1/usage/")
}

/// Answers a request of this kind.
pub(super) async fn answer(gateway: &Gateway, request: http::Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let Some(registry) = &gateway.registry else {
        return problem(StatusCode::CONFLICT, NO_LEDGER);
    };
    let ledger = &registry.ledger;
    let path = parts.uri.path().trim_start_matches("/api/v1/usage");
    let answered = match (&parts.method, path) {
        (&Method::GET, "") => sums(gateway, ledger, &parts).await,
        (&Method::GET, "/entries") => entries(ledger, &parts).await,
        (&Method::POST, "/corrections") => correct(gateway, ledger, body).await,
        (_, "" | "/entries" | "/corrections") => {
            return text(StatusCode::METHOD_NOT_ALLOWED, SERVED);
        }
        _ => return text(StatusCode::NOT_FOUND, SERVED),
    };
    answered.unwrap_or_else(|why| problem(status(&why), &why.to_string()))
}

fn problem(status: StatusCode, problem: &str) -> Answer {
    json(status, &value!({ "problems": [problem] }))
}

fn status(why: &ReportError) -> StatusCode {
    match why {
        ReportError::Asked(_) => StatusCode::BAD_REQUEST,
        ReportError::Ledger(UsageError::Labels | UsageError::Spans | UsageError::Rows(_)) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        ReportError::Ledger(UsageError::Store(_)) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn sums(gateway: &Gateway, ledger: &Ledger, parts: &Parts) -> Result<Answer, ReportError> {
    let (query, now) = (parts.uri.query().unwrap_or_default(), Timestamp::now());
    let form = Form::of(query)?;
    let asked = Asked::read(query, now).map_err(ReportError::Asked)?;
    let report = Report::of(ledger, &gateway.deployment().config, asked, now).await?;
    Ok(form.answer(|| report.as_json(), || report.as_table()))
}

async fn entries(ledger: &Ledger, parts: &Parts) -> Result<Answer, ReportError> {
    let query = parts.uri.query().unwrap_or_default();
    let form = Form::of(query)?;
    let Entries { listing, zone } =
        Entries::read(query, Timestamp::now()).map_err(ReportError::Asked)?;
    let found = ledger.usage_entries(&listing).await?;
    Ok(form.answer(
        || report::entries_as_json(&found, listing.most, &zone),
        || report::entries_as_table(&found, &zone),
    ))
}

async fn correct(
    gateway: &Gateway,
    ledger: &Ledger,
    body: Incoming,
) -> Result<Answer, ReportError> {
    let asked = |why: &dyn ToString| ReportError::Asked(why.to_string());
    let body = Limited::new(body, LONGEST).collect().await.map_err(|why| asked(&why))?.to_bytes();
    let wrong: Wrong = serde_json::from_slice(&body).map_err(|why| asked(&why))?;
    let zone = wrong.zone.as_deref().map_or(Ok(TimeZone::UTC), TimeZone::get);
    let zone = zone.map_err(|why| asked(&why))?;
    let now = Timestamp::now();
    let time = |name: &str, text: &str| {
        let why = format!("`{name}` = {text:?} is no time; expected such as \"2026-11-01\"");
        moment(text, &zone, now).ok_or(ReportError::Asked(why))
    };
    let (from, to) = (time("from", &wrong.from)?, time("to", &wrong.to)?);
    let deployment = gateway.deployment();
    let prices = report::candidate(&deployment.config, &wrong.candidate);
    let prices = prices.map(|candidate| &candidate.prices).ok_or_else(|| {
        asked(&format!("`candidate` = {:?}: there is no such candidate", wrong.candidate))
    })?;
    let (candidate, price_version) = (&*wrong.candidate, &*prices.version());
    let correction = Correction { from, to, candidate, price_version };
    let by = By { actor: ADMIN, at: SystemTime::now() };
    let cost = |usage: &Usage| cost(prices, usage);
    match ledger.correct(by, correction, &cost).await {
        Ok(done) => Ok(json(
            StatusCode::OK,
            &value!({
                "act": done.act,
                "candidate": candidate,
                "price_version": price_version,
                "entries": done.entries,
                "corrected": done.corrected,
                "unpriced": done.unpriced,
                "nanodollars": done.nanodollars,
            }),
        )),
        Err(AdminError::Store(why)) => Err(UsageError::Store(why).into()),
        Err(why) => Err(asked(&why)),
    }
}

/// What an entry should have cost. One that had no prices was answered from the cache, or was
/// never answered: it cost nothing, and does not now.
fn cost(prices: &Prices, usage: &Usage) -> Option<i64> {
    let count = |tokens: i64| u64::try_from(tokens).unwrap_or_default();
    let used = Used {
        input: count(usage.tokens_in),
        output: count(usage.tokens_out),
        cached_input: count(usage.tokens_cached),
        cache_write: count(usage.tokens_cache_write),
        cache_write_1h: count(usage.tokens_cache_write_1h),
        audio_seconds: (usage.audio_ms > 0).then(|| usage.audio_ms as f64 / 1e3),
    };
    if usage.price_version.is_empty() { None } else { report::cost(prices, used) }
}

impl Form {
    fn of(query: &str) -> Result<Self, ReportError> {
        let said = url::form_urlencoded::parse(query.as_bytes());
        let format = said.filter(|(name, _)| name == "format").map(|(_, value)| value).last();
        match format.as_deref() {
            None | Some("json") => Ok(Self::Json),
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            Some(other) => Err(ReportError::Asked(format!(
                "`format` = {other:?}; expected json, csv or parquet"
            ))),
        }
    }

    fn answer(&self, whole: impl FnOnce() -> Value, rows: impl FnOnce() -> Table) -> Answer {
        let (written, kind) = match self {
            Self::Json => return json(StatusCode::OK, &whole()),
            Self::Csv => (Ok(rows().csv()), "text/csv; charset=utf-8"),
            Self::Parquet => (rows().parquet(), "application/vnd.apache.parquet"),
        };
        let written = match written {
            Ok(written) => written,
            Err(why) => return text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{why:#}\n")),
        };
        let mut response = http::Response::new(Full::new(Bytes::from(written)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}
