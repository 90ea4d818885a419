//! What a request may use at most is reserved before anybody is asked.
//!
//! Candidates that do not fit into what is left are taken out of its plan, so that a small rest of
//! a budget still buys a cheap answer. Where nothing fits, the request is refused, or goes to
//! candidates that cost nothing, as its route says.

use super::headers::time;
use super::{Applied, Asker, Estimate, Limits, OfOne};
use crate::candidate::Candidate;
use crate::config::{OverBudget, Per};
use crate::failure::{Failure, Limited};
use crate::meter::Meter;
use crate::plan::{Plan, Planned};
use crate::record::Entry;
use crate::request::Request;
use crate::route::Target;
use portcullis_ledger::{Account, Claim, Denied, Measure, Standing};
use std::sync::Arc;
use std::time::Duration;

/// When it is worth asking again for what is held by others for a moment.
const A_MOMENT: Duration = Duration::from_secs(1);
/// Candidates that take over are tried once more, as those of a route's own order.
const RETRIES: u32 = 1;

/// Reserves what the request may use, and leaves in its plan what it can pay.
///
/// # Errors
///
/// Which limit is used up, and when that is over; or that nobody can say at present.
pub async fn admit(
    limits: &Arc<Limits>,
    request: &Request,
    target: &Target,
    asker: Asker,
    plan: &mut Plan,
    entry: &mut Entry,
) -> Result<(), Failure> {
    let Some(accounting) = entry.accounting().cloned() else { return Ok(()) };
    let applied = limits.for_request(request, &target.route, asker);
    let mut admission = Admission { limits, request, target, asker, applied, waived: Vec::new() };
    admission.keep_those_that_fit(plan, entry)?;
    loop {
        let (claims, estimate) = admission.claims(&plan.attempts);
        let about = entry.about(estimate);
        match accounting.purse.reserve(&claims, about).await {
            Ok(reservation) => {
                let Admission { applied, .. } = admission;
                let meter = Meter::new(accounting, limits.clone(), applied, reservation);
                meter.look(request, entry);
                entry.explanation.plan =
                    plan.attempts.iter().map(|planned| planned.candidate.clone()).collect();
                entry.meter = Some(Box::new(meter));
                return Ok(());
            }
            Err(denied) => {
                if let Err(failure) = admission.go_on_without(denied, plan, entry) {
                    entry.limits = accounting.headers(&admission.applied, request);
                    return Err(failure);
                }
            }
        }
    }
}

struct Admission<'a> {
    limits: &'a Arc<Limits>,
    request: &'a Request,
    target: &'a Target,
    asker: Asker,
    applied: Vec<Applied>,
    /// Budgets that are spent, and of which what is asked now needs nothing.
    waived: Vec<Account>,
}

impl Admission<'_> {
    /// Takes out what no request may use, and what nobody knows the price of where it is counted.
    fn keep_those_that_fit(&self, plan: &mut Plan, entry: &mut Entry) -> Result<(), Failure> {
        if self.limits.is_empty() {
            return Ok(());
        }
        let mut first = None;
        plan.attempts.retain(|planned| match self.fits(&planned.candidate) {
            Ok(()) => true,
            Err(limited) => {
                entry.remarks.push(format!("left out: {}", limited.message));
                first.get_or_insert(limited);
                false
            }
        });
        match first.filter(|_| plan.attempts.is_empty()) {
            Some(limited) => Err(Failure::Limited(Box::new(limited))),
            None => Ok(()),
        }
    }

    fn fits(&self, candidate: &Candidate) -> Result<(), Limited> {
        let id = &candidate.profile.id;
        let estimate = Estimate::of(self.request, candidate);
        let of_one = self.limits.of_one(self.request, &self.target.route, self.asker, candidate);
        for OfOne { name, measure, most } in of_one {
            let needs = match measure {
                Measure::Nanodollars => estimate.nanodollars.unwrap_or(0),
                _ => estimate.tokens,
            };
            if needs > most {
                let (needs, most) = (amount(measure, needs), amount(measure, most));
                return Err(Limited::budget(
                    format!(
                        "A request may use {most} (limit `{name}`), and at {id} this one may use \
                         {needs}; ask for fewer tokens of output, or for another model."
                    ),
                    None,
                ));
            }
        }
        if estimate.nanodollars.is_some() {
            return Ok(());
        }
        let there = self.limits.for_candidate(candidate);
        let mut counted = self.applied.iter().chain(&there);
        match counted.find(|it| it.limit.measure() == Measure::Nanodollars) {
            Some(limit) => Err(Limited::budget(
                format!(
                    "Nobody knows what {id} costs, and limit `{}` counts money; whoever runs this \
                     gateway can give the model its prices.",
                    limit.name
                ),
                None,
            )),
            None => Ok(()),
        }
    }

    /// What these attempts may use together, and what that may cost: the dearest answer, and the
    /// question to each of the others.
    fn claims(&self, attempts: &[Planned]) -> (Vec<Claim>, i64) {
        let estimates: Vec<Estimate> =
            attempts.iter().map(|planned| Estimate::of(self.request, &planned.candidate)).collect();
        let together = |whole: fn(&Estimate) -> i64, question: fn(&Estimate) -> i64| {
            let questions: i64 = estimates.iter().map(question).fold(0, i64::saturating_add);
            let more = |it| whole(it).saturating_sub(question(it));
            let dearest = estimates.iter().map(more).max().unwrap_or(0);
            questions.saturating_add(dearest)
        };
        let tokens = together(|it| it.tokens, |it| it.input);
        let cost = together(|it| it.nanodollars.unwrap_or(0), |it| it.nanodollars_of_input);
        let claim = |it: &Applied| {
            let amount = match it.limit.measure() {
                _ if self.waived.contains(it.limit.account()) => 0,
                Measure::Nanodollars => cost,
                Measure::Tokens => tokens,
                Measure::Requests | Measure::Concurrent => 1,
            };
            Claim { limit: it.limit.clone(), amount }
        };
        (self.applied.iter().map(claim).collect(), cost)
    }

    /// Makes the plan smaller after something was denied.
    fn go_on_without(
        &mut self,
        denied: Denied,
        plan: &mut Plan,
        entry: &mut Entry,
    ) -> Result<(), Failure> {
        let standing = match denied {
            Denied::Spent(standing) => standing,
            other => return Err(unavailable(&other)),
        };
        let spent = self.applied.iter().find(|it| *it.limit.account() == standing.account).cloned();
        let Some(limit) = spent else { return Err(unavailable(&Denied::Spent(standing))) };
        let needs = |planned: &Planned| {
            let estimate = Estimate::of(self.request, &planned.candidate);
            match limit.limit.measure() {
                Measure::Nanodollars => estimate.nanodollars.unwrap_or(0),
                Measure::Tokens => estimate.tokens,
                Measure::Requests | Measure::Concurrent => 1,
            }
        };
        let least = plan.attempts.iter().map(needs).min().unwrap_or(0);
        if limit.is_budget() && plan.attempts.len() > 1 {
            let left = standing.remaining();
            if least <= left {
                let gone = plan.attempts.extract_if(.., |planned| needs(planned) > left);
                let mut gone: Vec<Planned> = gone.collect();
                if gone.is_empty() {
                    gone.extend(plan.attempts.pop());
                }
                for Planned { candidate, .. } in gone {
                    let id = &candidate.profile.id;
                    let why = format!("left out {id}: limit `{}` has no room for it", limit.name);
                    entry.remarks.push(why);
                }
                return Ok(());
            }
        }
        let refused = || Failure::Limited(Box::new(words(&limit, &standing, least)));
        if !limit.is_budget() || self.waived.contains(limit.limit.account()) {
            return Err(refused());
        }
        let may: fn(&Candidate, &Request) -> bool = match self.target.over_budget {
            OverBudget::Refuse => return Err(refused()),
            OverBudget::Free => |it, request| Estimate::of(request, it).is_free(),
            OverBudget::Local => |it, _| it.profile.local,
        };
        self.take_over(may, plan).ok_or_else(refused)?;
        self.waived.push(limit.limit.account().clone());
        let word = if self.target.over_budget == OverBudget::Free { "free" } else { "local" };
        entry.remarks.push(format!("limit `{}` is used up: {word} candidates only", limit.name));
        Ok(())
    }

    /// Leaves those of the plan that may, and adds the route's others that may.
    fn take_over(&self, may: fn(&Candidate, &Request) -> bool, plan: &mut Plan) -> Option<()> {
        plan.attempts.retain(|planned| may(&planned.candidate, self.request));
        for candidate in &*self.target.candidates {
            let planned = |it: &Planned| Arc::ptr_eq(&it.candidate, candidate);
            if may(candidate, self.request)
                && !plan.attempts.iter().any(planned)
                && self.fits(candidate).is_ok()
            {
                plan.attempts.push(Planned {
                    candidate: candidate.clone(),
                    start_after: Duration::ZERO,
                    retries: RETRIES,
                    timeout: None,
                });
            }
        }
        (!plan.attempts.is_empty()).then_some(())
    }
}

/// That nobody can say what is left, and nothing is spent that may not be.
pub fn unavailable(why: &Denied) -> Failure {
    let message = match why {
        Denied::Spent(_) | Denied::Unavailable => {
            "What is left of a limit cannot be found out at present."
        }
        Denied::Journal(_) => "What requests use cannot be written down at present.",
    };
    Failure::Limited(Box::new(Limited::unavailable(message.to_owned(), A_MOMENT)))
}

/// What a client is told of a limit that is used up.
pub fn words(limit: &Applied, standing: &Standing, needs: i64) -> Limited {
    let measure = limit.limit.measure();
    let name = &limit.name;
    let resets = standing.resets_at;
    let anew =
        resets.and_then(time).map(|at| format!(" It begins anew at {at}.")).unwrap_or_default();
    let after = resets.map(|at| {
        let left = at.saturating_sub(jiff::Timestamp::now().as_millisecond());
        Duration::from_millis(u64::try_from(left).unwrap_or(0))
    });
    let per = match limit.per {
        Per::Window(period) if period.name() == "total" => " in all".to_owned(),
        per => format!(" a {}", per.word()),
    };
    if limit.is_budget() {
        let stands = match limit.is_tenants_own() {
            true => format!(
                "{} of {}{per} are used or held, and this request may use {}",
                amount(measure, standing.spent),
                amount(measure, standing.most),
                amount(measure, needs)
            ),
            false => "what is left of it is less than this request may use".to_owned(),
        };
        return Limited::budget(format!("The budget `{name}` is used up: {stands}.{anew}"), after);
    }
    match measure {
        Measure::Concurrent => {
            let message = format!(
                "The limit `{name}` is reached: {} requests are under way at once at most.",
                standing.most
            );
            Limited::rate(message, Some(A_MOMENT))
        }
        _ => {
            let most = amount(measure, standing.most);
            Limited::rate(format!("The limit `{name}` is reached: {most}{per}.{anew}"), after)
        }
    }
}

/// An amount with its unit.
pub fn amount(measure: Measure, amount: i64) -> String {
    match measure {
        Measure::Nanodollars => format!("${:.4}", amount as f64 / 1e9),
        Measure::Tokens => format!("{amount} tokens"),
        Measure::Requests | Measure::Concurrent => format!("{amount} requests"),
    }
}
