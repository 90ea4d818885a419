//! From the order that a policy prefers to a plan: who is unwell or unable goes last, and the
//! reason says so.

use super::{Attempt, Candidates, Needed, Plan, Setback};
use std::fmt::Write as _;

/// Candidates named in a reason that were put last; a reason is one line.
const NAMED: usize = 3;

/// Candidates in the order in which they are to be tried: those that are well and able as their
/// policy prefers them, behind them those that are unwell, and last those that cannot serve the
/// request as far as is known.
pub struct Ranking<'a> {
    candidates: &'a Candidates,
    ranked: Vec<(Option<Setback>, u32)>,
}

impl<'a> Ranking<'a> {
    /// Ranks candidates that come in the order in which they are preferred, each once.
    pub fn of(
        candidates: &'a Candidates,
        needed: &Needed,
        preferred: impl IntoIterator<Item = u32>,
    ) -> Self {
        let setback = |index| needed.unmet(candidates, index).or_else(|| candidates.unwell(index));
        let mut ranked: Vec<_> =
            preferred.into_iter().map(|index| (setback(index), index)).collect();
        // Stable: among those that are equally well the preference holds.
        ranked.sort_by_key(|(setback, _)| setback.map(|setback| !setback.is_passing()));
        Self { candidates, ranked }
    }

    /// Whom the plan tries first.
    pub fn first(&self) -> Option<u32> {
        self.ranked.first().map(|&(_, index)| index)
    }

    /// Those that nothing speaks against, in the order of the plan.
    pub fn well(&self) -> impl Iterator<Item = u32> {
        self.ranked.iter().take_while(|(setback, _)| setback.is_none()).map(|&(_, index)| index)
    }

    /// Puts one of them before all others, whatever speaks against it.
    #[must_use]
    pub fn beginning_with(mut self, index: u32) -> Self {
        // Stable: the others keep their order.
        self.ranked.sort_by_key(|&(_, other)| other != index);
        self
    }

    /// All of them, in the order of the plan.
    pub fn order(&self) -> impl Iterator<Item = u32> {
        self.ranked.iter().map(|&(_, index)| index)
    }

    /// A plan that tries them one after the other. `why` completes the reason: "a/x first " and
    /// then "by priority", say.
    pub fn plan(&self, retries: u32, why: &str) -> Plan {
        let attempts = self.order().map(|index| Attempt::of(index).retries(retries)).collect();
        Plan::new(attempts, self.reason(why))
    }

    /// "a/x first by priority, 2 behind it; last: b/y (circuit open)".
    fn reason(&self, why: &str) -> String {
        let Some(first) = self.first() else { return "no candidates".to_owned() };
        let behind = self.ranked.len() - 1;
        let mut line = format!("{} first {why}, {behind} behind it", self.candidates.id(first));
        let last: Vec<_> =
            self.ranked.iter().filter_map(|&(setback, index)| Some((setback?, index))).collect();
        // Writing to a string does not fail.
        for (place, &(setback, index)) in last.iter().take(NAMED).enumerate() {
            let separator = if place == 0 { "; last: " } else { ", " };
            let _ = write!(line, "{separator}{} ({setback})", self.candidates.id(index));
        }
        if last.len() > NAMED {
            let _ = write!(line, " and {} more", last.len() - NAMED);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::Ranking;
    use crate::policy::{Candidate, Candidates, Circuit, Needed};
    use crate::{Recording, Request};

    fn well(id: &str) -> Candidate {
        let mut candidate = Candidate::new(id);
        candidate.profile.features = vec!["tools".to_owned()];
        candidate
    }

    fn open(id: &str) -> Candidate {
        Candidate { circuit: Circuit::Open, ..well(id) }
    }

    fn unable(id: &str) -> Candidate {
        let mut candidate = well(id);
        candidate.profile.features = vec!["vision".to_owned()];
        candidate
    }

    fn check(candidates: Vec<Candidate>, preferred: &[u32], order: &[u32], reason: &str) {
        let candidates = Candidates::from(candidates);
        let needs = vec!["tools".to_owned()];
        let request = Request::from(Recording { needs, ..Recording::default() });
        let ranking = Ranking::of(&candidates, &Needed::of(&request), preferred.iter().copied());
        assert_eq!(ranking.order().collect::<Vec<_>>(), order);
        assert_eq!(ranking.first(), order.first().copied());
        let plan = ranking.plan(2, "by lot");
        assert_eq!(plan.reason, reason);
        assert!(plan.attempts.iter().all(|attempt| attempt.retries == 2));
        let tried: Vec<u32> = plan.attempts.iter().map(|attempt| attempt.candidate).collect();
        assert_eq!(tried, order);
    }

    #[test]
    fn the_preferred_order_holds_among_those_that_are_equally_well() {
        check(vec![well("a/x"), well("b/x")], &[1, 0], &[1, 0], "b/x first by lot, 1 behind it");
        check(vec![well("a/x"), well("b/x")], &[1], &[1], "b/x first by lot, 0 behind it");
        check(vec![well("a/x")], &[], &[], "no candidates");
    }

    #[test]
    fn who_is_unwell_goes_behind_and_who_cannot_serve_last() {
        let mut both = unable("d/x");
        both.circuit = Circuit::Open;
        check(
            vec![unable("a/x"), open("b/x"), well("c/x"), both, open("e/x")],
            &[0, 1, 2, 4],
            &[2, 1, 4, 0],
            "c/x first by lot, 3 behind it; \
             last: b/x (circuit open), e/x (circuit open), a/x (lacks tools)",
        );
    }

    #[test]
    fn one_can_be_put_before_all_others() {
        let candidates = Candidates::from(vec![well("a/x"), open("b/x"), well("c/x")]);
        let ranking = Ranking::of(&candidates, &Needed::default(), candidates.indices());
        assert_eq!(ranking.well().collect::<Vec<_>>(), [0, 2]);
        let changed = ranking.beginning_with(2);
        assert_eq!(changed.order().collect::<Vec<_>>(), [2, 0, 1]);
        assert_eq!(changed.well().collect::<Vec<_>>(), [2, 0]);
    }

    #[test]
    fn a_reason_stays_one_line() {
        let many = ["a/x", "b/x", "c/x", "d/x", "e/x"].map(open).to_vec();
        check(
            many,
            &[0, 1, 2, 3, 4],
            &[0, 1, 2, 3, 4],
            "a/x first by lot, 4 behind it; last: a/x (circuit open), b/x (circuit open), \
             c/x (circuit open) and 2 more",
        );
    }
}
