//! What clients may decide of where their requests go: the names that they may ask for, and the
//! labels that they may set.
//!
//! That a request is private may always be said: to keep somebody from asking for less is no
//! protection of anything.

use crate::config::{Clients, Naming};
use crate::refusal::Refusal;
use crate::request::is_private;

impl Clients {
    /// Whether they may ask by a name of that kind.
    pub fn may_name(&self, kind: Naming) -> bool {
        self.may_name.contains(&kind)
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
        let some = Clients { labels: Some(vec!["task".into()]), ..Clients::default() };
        let (task, team) = (labels(&[("task", "a")]), labels(&[("team", "b")]));
        let kept = some.labels(task.clone(), [team.clone(), task.clone()].concat());
        assert_eq!(kept, Ok([task.clone(), task].concat()));
        let refused = some.labels(team, Vec::new()).expect_err("it may not");
        assert!(refused.message.contains("`team`") && refused.message.contains("`task`"));
    }

    #[test]
    fn that_it_is_private_may_always_be_said_and_nothing_else_of_that_name() {
        let none = Clients { labels: Some(Vec::new()), ..Clients::default() };
        let private = labels(&[("privacy", "private")]);
        assert_eq!(none.labels(private.clone(), private.clone()).map(|it| it.len()), Ok(2));
        assert!(none.labels(labels(&[("privacy", "public")]), Vec::new()).is_err());
        assert_eq!(none.labels(Vec::new(), labels(&[("privacy", "public")])), Ok(Vec::new()));
    }
}
