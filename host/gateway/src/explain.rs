//! Why a request went where it went, for whoever asks: in the record of every request, and in the
//! answer of one that says so in a header.

use crate::candidate::Candidate;
use crate::record::{Entry, Tried};
use crate::route::Target;
use http::HeaderMap;
use serde::{Serialize, Serializer};
use std::fmt::Write as _;
use std::sync::Arc;

/// The header with an explanation.
pub const EXPLANATION: &str = "x-portcullis-explanation";

/// The header by which a client asks.
const HEADER: &str = "x-portcullis-explain";
/// Its value where nobody is to be asked for an answer.
const PLAN: &str = "plan";
/// Bytes of an explanation in a header.
const LONGEST: usize = 8 << 10;

/// What a client wants to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// The answer and nothing else.
    #[default]
    Nothing,
    /// The explanation beside the answer.
    Beside,
    /// The explanation instead of an answer: what would be tried.
    Plan,
}

impl Wanted {
    /// What the headers of a request say.
    pub fn of(headers: &HeaderMap) -> Self {
        match headers.get(HEADER) {
            None => Self::Nothing,
            Some(value) if value == PLAN => Self::Plan,
            Some(_) => Self::Beside,
        }
    }
}

/// What led to a plan.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Those that could serve the request, in the route's order.
    #[serde(serialize_with = "ids")]
    pub candidates: Arc<[Arc<Candidate>]>,
    /// Those that the gateway did not let any policy see.
    pub removed: Vec<Removed>,
    /// What each policy that was asked said, in order.
    pub policies: Vec<Said>,
    /// What was to be tried, in order.
    #[serde(serialize_with = "ids")]
    pub plan: Vec<Arc<Candidate>>,
}

/// A candidate of the route that may not serve the request.
#[derive(Clone, Debug, Serialize)]
pub struct Removed {
    /// "provider/model".
    pub candidate: String,
    /// Why.
    pub why: &'static str,
}

/// What a policy said.
#[derive(Clone, Debug, Serialize)]
pub struct Said {
    /// As the operator named it.
    pub policy: String,
    /// In a line.
    pub said: String,
}

impl Default for Explanation {
    fn default() -> Self {
        let candidates = Arc::from([]);
        Self { candidates, removed: Vec::new(), policies: Vec::new(), plan: Vec::new() }
    }
}

impl Explanation {
    /// Notes what was left to choose from.
    pub fn target(&mut self, target: &Target) {
        self.candidates = target.candidates.clone();
        let removed = |(candidate, why): &(Arc<Candidate>, &'static str)| Removed {
            candidate: candidate.profile.id.clone(),
            why,
        };
        self.removed = target.removed.iter().map(removed).collect();
    }
}

fn ids<S: Serializer>(candidates: &[Arc<Candidate>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(candidates.iter().map(|candidate| &candidate.profile.id))
}

/// An explanation as a client gets it.
#[derive(Serialize)]
struct Shown<'a> {
    request: &'a str,
    asked: &'a str,
    route: &'a str,
    #[serde(flatten)]
    explanation: &'a Explanation,
    policy: Option<&'a str>,
    reason: &'a str,
    labels: &'a [(String, String)],
    remarks: &'a [String],
    tried: &'a [Tried],
}

/// The explanation of what came of a request so far, as JSON.
pub fn json(entry: &Entry) -> String {
    let shown = Shown {
        request: &entry.request,
        asked: &entry.asked,
        route: &entry.route,
        explanation: &entry.explanation,
        policy: entry.policy.as_deref(),
        reason: &entry.reason,
        labels: &entry.labels,
        remarks: &entry.remarks,
        tried: &entry.tried,
    };
    serde_json::to_string(&shown).unwrap_or_default()
}

/// The same for a header: in ASCII, and where it is too long, where it can be read instead.
pub fn header(entry: &Entry) -> String {
    let json = json(entry);
    if json.len() > LONGEST {
        return format!(r#"{{"request":"{}","too_long":"see its record"}}"#, entry.request);
    }
    let mut ascii = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}
