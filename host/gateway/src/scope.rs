//! What clients may decide of where their requests go: the names that they may ask for, what they
//! may have done, and the labels that they may set.
//!
//! That a request is private may always be said: to keep somebody from asking for less is no
//! protection of anything.

use crate::config::{Naming, Scope, matches};
use crate::refusal::Refusal;
use crate::request::{Operation, is_private};

impl Scope {
    /// Whether they may ask by a name of that kind.
    pub fn may_name(&self, kind: Naming) -> bool {
        self.may_name.contains(&kind)
    }

    /// Whether they may ask for the route of that name.
    pub fn may_take(&self, route: &str) -> bool {
        self.routes.as_ref().is_none_or(|routes| routes.iter().any(|known| known == route))
    }

    /// Whether the candidate of that id may serve them.
    pub fn may_use(&self, candidate: &str) -> bool {
        let one = |patterns: &Vec<String>| patterns.iter().any(|it| matches(it, candidate));
        self.models.iter().all(one)
    }

    /// Whether they may have that done. Who may have a conversation answered may have it counted.
    ///
    /// # Errors
    ///
    /// 403 where they may not.
    pub fn may_do(&self, operation: Operation) -> Result<(), Refusal> {
        match &self.operations {
            Some(few) if ![operation, operation.needed()].iter().any(|it| few.contains(it)) => {
                Err(Refusal::forbidden_operation(operation, few))
            }
            _ => Ok(()),
        }
    }

    /// The labels of a request: those of its headers, and what in its body can be one. The body
    /// has strings of its own, of which those that are no labels here mean nothing.
    ///
    /// # Errors
    ///
    /// 403 where a header sets one that clients may not set.
    pub fn labels(
        &self,
        of_headers: Vec<(String, String)>,
        of_body: Vec<(String, String)>,
    ) -> Result<Vec<(String, String)>, Refusal> {
        let Some(allowed) = &self.labels else {
            return Ok(of_headers.into_iter().chain(of_body).collect());
        };
        let may = |label: &(String, String)| {
            allowed.contains(&label.0) || is_private(std::slice::from_ref(label))
        };
        if let Some((name, _)) = of_headers.iter().find(|label| !may(label)) {
            return Err(Refusal::forbidden_label(name, allowed));
        }
        Ok(of_headers.into_iter().chain(of_body.into_iter().filter(may)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[(&str, &str)]) -> Vec<(String, String)> {
        names.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn a_label_that_nobody_may_set_is_refused_in_a_header_and_none_in_a_body() {
        let some = Scope { labels: Some(vec!["task".into()]), ..Scope::default() };
        let (task, team) = (labels(&[("task", "a")]), labels(&[("team", "b")]));
        let kept = some.labels(task.clone(), [team.clone(), task.clone()].concat());
        assert_eq!(kept, Ok([task.clone(), task].concat()));
        let refused = some.labels(team, Vec::new()).expect_err("it may not");
        assert!(refused.message.contains("`team`") && refused.message.contains("`task`"));
    }

    #[test]
    fn a_candidate_has_to_match_one_of_each_list() {
        let models = [["house/*", "groq/*"], ["*/m1", "house/m2"]];
        let models = models.map(|list| list.map(str::to_owned).to_vec()).to_vec();
        let scope = Scope { models, ..Scope::default() };
        let may = ["house/m1", "groq/m1", "house/m2", "groq/m2", "other/m1"];
        assert_eq!(may.map(|id| scope.may_use(id)), [true, true, true, false, false]);
        assert!(Scope::default().may_use("anything"));
        let nothing = Scope { models: vec![Vec::new()], ..Scope::default() };
        assert!(!nothing.may_use("house/m1"));
    }

    #[test]
    fn whoever_may_chat_may_count() {
        let may = |few: &[Operation]| {
            let scope = Scope { operations: Some(few.to_vec()), ..Scope::default() };
            Operation::ALL.map(|operation| scope.may_do(operation).is_ok())
        };
        assert_eq!(may(&[Operation::Chat]), [true, false, true, false]);
        assert_eq!(may(&[Operation::CountTokens]), [false, false, true, false]);
        assert_eq!(may(&[]), [false; 4]);
    }

    #[test]
    fn that_it_is_private_may_always_be_said_and_nothing_else_of_that_name() {
        let none = Scope { labels: Some(Vec::new()), ..Scope::default() };
        let private = labels(&[("privacy", "private")]);
        assert_eq!(none.labels(private.clone(), private.clone()).map(|it| it.len()), Ok(2));
        assert!(none.labels(labels(&[("privacy", "public")]), Vec::new()).is_err());
        assert_eq!(none.labels(Vec::new(), labels(&[("privacy", "public")])), Ok(Vec::new()));
    }
}
