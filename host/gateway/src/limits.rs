//! Limits: how much of what somebody may use, as the operator configured it.
//!
//! A request counts against those of its key, of its tenant and all that this is part of, of its
//! route, of its labels and its conversation; what it asks of a candidate counts against those of
//! the candidate's provider and model. What is reserved of them and when is [`admit`]'s.

pub mod admit;
mod estimate;
mod headers;

pub use admit::amount;
pub use estimate::{Estimate, nanodollars};
pub use headers::{Header, headers, time};

use crate::candidate::Candidate;
use crate::config::{self, Per, matches};
use crate::request::Request;
use portcullis_ledger::{Limit, Measure, Period, Subject};
use std::sync::Arc;

/// The label whose requests are one conversation.
const CONVERSATION: &str = "conversation";
/// A pattern of which each name has as much for itself.
const EACH: &str = "*";

/// All limits of a configuration.
#[derive(Debug, Default)]
pub struct Limits {
    all: Vec<Known>,
    /// Whether any of them is on single requests.
    of_one: bool,
}

#[derive(Debug)]
struct Known {
    said: config::Limit,
    /// What all that match have together, where they do.
    together: Option<Arc<Limit>>,
}

/// A limit that something counts against.
#[derive(Clone, Debug)]
pub struct Applied {
    /// What the operator calls it.
    pub name: Arc<str>,
    /// The account, and how much may be spent of it.
    pub limit: Arc<Limit>,
    /// Over which time.
    pub per: Per,
    /// From which share on it is told.
    pub warn_at: Option<f64>,
    /// What kind of thing it is on.
    pub subject: Subject,
    /// It is for all that have none of their own.
    for_each: bool,
}

/// How much one request may use.
#[derive(Clone, Copy, Debug)]
pub struct OfOne<'a> {
    /// What the operator calls it.
    pub name: &'a str,
    /// What is counted.
    pub measure: Measure,
    /// How much of it.
    pub most: i64,
}

/// Who asks: that decides who pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A client.
    Client,
    /// A policy, for a client's request: it costs what it costs, and is no request of its own.
    Policy,
    /// The operator, who wants to see a copy of a request answered: no tenant pays for it.
    Operator,
}

impl Limits {
    /// Those of a configuration.
    pub fn of(config: &config::Config) -> Self {
        let known = |said: &config::Limit| {
            let each = said.pattern == EACH
                || said.subject == Subject::Label && said.pattern.ends_with("=*")
                || said.per == Per::Conversation;
            let together = (!each).then(|| account(said, said.subject, &said.pattern));
            Known { said: said.clone(), together }
        };
        let of_one = config.limits.iter().any(|said| said.per == Per::Request);
        Self { all: config.limits.iter().map(known).collect(), of_one }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those that a request counts against, wherever it goes.
    pub fn for_request(&self, request: &Request, route: &str, asker: Asker) -> Vec<Applied> {
        let mut applied = Vec::new();
        for known in &self.all {
            let counts = match known.said.measure {
                Measure::Requests | Measure::Concurrent => asker == Asker::Client,
                Measure::Nanodollars | Measure::Tokens => true,
            };
            if !counts || known.said.per == Per::Request {
                continue;
            }
            known.each_name(request, route, asker, |name| match known.said.per {
                Per::Conversation => {
                    let label = |(label, _): &&(String, String)| label == CONVERSATION;
                    if let Some((_, value)) = request.labels.iter().find(label) {
                        let whose =
                            format!("{} {} {value}", known.said.name, request.caller.tenant);
                        known.apply_to(Subject::Conversation, &whose, &mut applied);
                    }
                }
                _ => known.apply_to(known.said.subject, name, &mut applied),
            });
        }
        applied
    }

    /// Those that count what is used at a candidate.
    pub fn for_candidate(&self, candidate: &Candidate) -> Vec<Applied> {
        let mut applied = Vec::new();
        for known in self.all.iter().filter(|known| known.said.per != Per::Request) {
            if let Some(name) = known.name_of(candidate) {
                known.apply_to(known.said.subject, name, &mut applied);
            }
        }
        applied
    }

    /// How much one request may use at a candidate.
    pub fn of_one<'a>(
        &'a self,
        request: &Request,
        route: &str,
        asker: Asker,
        candidate: &Candidate,
    ) -> Vec<OfOne<'a>> {
        if !self.of_one {
            return Vec::new();
        }
        let one = |known: &&Known| {
            let mut applies = known.name_of(candidate).is_some();
            known.each_name(request, route, asker, |_| applies = true);
            known.said.per == Per::Request && applies
        };
        let said = self.all.iter().filter(one).map(|known| &known.said);
        said.map(|it| OfOne { name: &it.name, measure: it.measure, most: it.most }).collect()
    }
}

impl Known {
    /// The names of a request that it is on, one after the other.
    fn each_name(&self, request: &Request, route: &str, asker: Asker, mut on: impl FnMut(&str)) {
        let caller = &request.caller;
        let pattern = &self.said.pattern;
        let clients = asker != Asker::Operator;
        match self.said.subject {
            Subject::Route if matches(pattern, route) => on(route),
            Subject::Tenant if clients => {
                let matching = caller.lineage.iter().filter(|tenant| matches(pattern, tenant));
                match pattern == EACH {
                    true => matching.for_each(|tenant| on(tenant)),
                    // Of one that is part of another which matches too, it counts once.
                    false => matching.take(1).for_each(|tenant| on(tenant)),
                }
            }
            Subject::Key if clients => {
                let Some(key) = &caller.key else { return };
                let whole = format!("{}/{key}", caller.tenant);
                if matches(pattern, &whole) || matches(pattern, key) {
                    on(&whole);
                }
            }
            Subject::Label if clients => {
                for (name, value) in &request.labels {
                    let whole = format!("{name}={value}");
                    if matches(pattern, &whole) {
                        on(&whole);
                    }
                }
            }
            _ => {}
        }
    }

    /// The name of a candidate that it is on.
    fn name_of<'a>(&self, candidate: &'a Candidate) -> Option<&'a str> {
        let name = match self.said.subject {
            Subject::Provider => candidate.profile.provider(),
            Subject::Model => &candidate.profile.id,
            _ => return None,
        };
        matches(&self.said.pattern, name).then_some(name)
    }

    fn apply_to(&self, subject: Subject, name: &str, applied: &mut Vec<Applied>) {
        let limit = self.together.clone().unwrap_or_else(|| account(&self.said, subject, name));
        let said = &self.said;
        let new = Applied {
            name: said.name.clone(),
            limit,
            per: said.per,
            warn_at: said.warn_at,
            subject: said.subject,
            for_each: self.together.is_none(),
        };
        let same = |other: &&mut Applied| other.limit.account() == new.limit.account();
        match applied.iter_mut().find(same) {
            // What is said of one by its name holds in the place of what is said of each.
            Some(other) if other.for_each && !new.for_each => *other = new,
            Some(_) => {}
            None => applied.push(new),
        }
    }
}

impl Applied {
    /// Whether it is a budget, which is gone when it is spent, and no rate, which comes again in a
    /// moment.
    pub fn is_budget(&self) -> bool {
        let money = matches!(self.limit.measure(), Measure::Nanodollars | Measure::Tokens);
        money && self.per != Per::Window(Period::Minute)
    }

    /// Whether it is told of in the headers of rates.
    pub fn is_rate(&self) -> bool {
        let rated = matches!(self.limit.measure(), Measure::Requests | Measure::Tokens);
        rated && self.per == Per::Window(Period::Minute) && self.is_tenants_own()
    }

    /// Whether a tenant may know how it stands: it is on what is their own.
    pub fn is_tenants_own(&self) -> bool {
        !matches!(self.subject, Subject::Route | Subject::Provider | Subject::Model)
    }
}

fn account(said: &config::Limit, subject: Subject, name: &str) -> Arc<Limit> {
    let period = match said.per {
        Per::Window(period) => period,
        Per::Request | Per::Conversation => Period::Total,
    };
    Arc::new(Limit::new(said.measure, period, said.zone.clone(), (subject, name), said.most))
}
