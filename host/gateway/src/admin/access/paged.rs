//! Lists, a page at a time: which part of one is wanted, and where the rest of it is.

use super::shown::{Act, Key, Tenant};
use super::{Answer, json};
use http::header::LINK;
use http::{HeaderValue, StatusCode, Uri};
use serde::Serialize;
use std::str::FromStr;

/// How much is shown where nothing is said.
const LIMIT: u32 = 100;
/// How much is shown at once.
const MOST: u32 = 1_000;

/// What is said in the address of a list.
pub(super) struct Query {
    path: String,
    said: Vec<(String, String)>,
}

/// Something in a list.
pub(super) trait Listed: Serialize {
    /// Its name in `after`.
    fn cursor(&self) -> String;
}

impl Query {
    /// Reads it; there is nothing in it but these.
    pub(super) fn read(uri: &Uri, known: &[&str]) -> Result<Self, String> {
        let query = uri.query().unwrap_or_default().as_bytes();
        let said: Vec<_> = url::form_urlencoded::parse(query).into_owned().collect();
        match said.iter().find(|(name, _)| !known.contains(&&**name)) {
            Some((name, _)) => Err(format!("unknown `{name}`; expected {}", known.join(", "))),
            None => Ok(Self { path: uri.path().to_owned(), said }),
        }
    }

    pub(super) fn of(&self, name: &str) -> Option<&str> {
        self.said.iter().find(|(said, _)| said == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let number =
            |text: &str| text.parse().map_err(|_| format!("`{name}` = {text:?} is no number"));
        self.of(name).map(number).transpose()
    }

    /// How much is wanted.
    pub(super) fn limit(&self) -> Result<u32, String> {
        match self.number("limit")?.unwrap_or(LIMIT) {
            limit @ 1..=MOST => Ok(limit),
            limit => Err(format!("`limit` = {limit}; expected a number from 1 to {MOST}")),
        }
    }

    /// The page, of a list that goes on for at least one more where there is more. Then a header
    /// says where (RFC 8288).
    pub(super) fn page(&self, mut list: Vec<impl Listed>) -> Result<Answer, String> {
        let limit = self.limit()? as usize;
        let more = list.len() > limit;
        list.truncate(limit);
        let mut answer = json(StatusCode::OK, &list);
        if let Some(last) = list.last().filter(|_| more) {
            let next = HeaderValue::try_from(self.next(&last.cursor()));
            answer.headers_mut().insert(LINK, next.map_err(|error| error.to_string())?);
        }
        Ok(answer)
    }

    /// The same question about what comes after that.
    fn next(&self, cursor: &str) -> String {
        let others = self.said.iter().filter(|(name, _)| name != "after");
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(others).append_pair("after", cursor).finish();
        format!("<{}?{query}>; rel=\"next\"", self.path)
    }
}

impl Listed for Tenant<'_> {
    fn cursor(&self) -> String {
        self.id.to_owned()
    }
}

impl Listed for Key<'_> {
    fn cursor(&self) -> String {
        self.id.to_owned()
    }
}

impl Listed for Act<'_> {
    fn cursor(&self) -> String {
        self.act.to_string()
    }
}
