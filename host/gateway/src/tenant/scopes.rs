//! What a key of the ledger may be used for, in the gateway's terms.
//!
//! The ledger keeps words and knows nothing of what they mean. A word that means nothing here,
//! since it was removed from the configuration or is a newer version's, allows nothing.

use crate::config::{Config, Naming, Narrowing, matches};
use crate::request::Operation;
use portcullis_ledger::Scopes;

/// What it leaves of its tenant's scope.
pub fn narrowing(scopes: &Scopes) -> Narrowing {
    Narrowing {
        may_name: known(scopes.may_name.as_ref(), Naming::of),
        routes: scopes.routes.clone(),
        models: scopes.models.clone(),
        operations: known(scopes.operations.as_ref(), Operation::of),
        labels: scopes.labels.clone(),
        private: scopes.private,
        uploads: scopes.uploads,
    }
}

fn known<T>(words: Option<&Vec<String>>, meaning: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    Some(words?.iter().filter_map(|word| meaning(word)).collect())
}

/// What in it means nothing under this configuration, for whoever makes a key.
pub fn problems(scopes: &Scopes, config: &Config) -> Vec<String> {
    const NAMES: &str = "is no kind of name; expected \"routes\", \"candidates\" or \"models\"";
    const OPERATIONS: &str =
        "is not known; expected \"chat\", \"embeddings\", \"count-tokens\" or \"transcription\"";
    const ROUTES: &str = "is no route here";
    const MODELS: &str = "matches no model; expected such as \"provider/model\" or \"provider/*\"";
    let is_route = |name: &str| config.routes.iter().any(|route| route.name == name);
    let is_model = |pattern: &str| {
        let provider = pattern.split('/').next().unwrap_or_default();
        // Of these any model may be asked for.
        let open = config.providers.iter().filter(|it| it.open_models);
        config.candidates.iter().any(|it| matches(pattern, &it.id))
            || open.map(|it| it.name.as_str()).any(|name| matches(provider, name))
    };
    let is_name = |word: &str| Naming::of(word).is_some();
    let is_operation = |word: &str| Operation::of(word).is_some();
    let problems = [
        strange("may_name", scopes.may_name.as_ref(), is_name, NAMES),
        strange("routes", scopes.routes.as_ref(), is_route, ROUTES),
        strange("models", scopes.models.as_ref(), is_model, MODELS),
        strange("operations", scopes.operations.as_ref(), is_operation, OPERATIONS),
    ];
    problems.concat()
}

/// The words of a list that mean nothing, and why.
fn strange(
    list: &str,
    words: Option<&Vec<String>>,
    means: impl Fn(&str) -> bool,
    why: &str,
) -> Vec<String> {
    let words = words.into_iter().flatten().filter(|word| !means(word));
    words.map(|word| format!("`{list}`: {word:?} {why}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Scope;

    fn words(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn what_a_key_of_the_ledger_leaves_is_never_more_than_its_tenant_has() {
        let tenant = Scope {
            may_name: vec![Naming::Routes, Naming::Models],
            routes: words(&["usual", "cheap"]),
            labels: words(&["task"]),
            private: true,
            ..Scope::default()
        };
        // Who may upload has to be said.
        let uploads = Scopes { uploads: true, ..Scopes::default() };
        assert_eq!(tenant.narrowed(narrowing(&uploads)), tenant);
        let none = Scope { uploads: false, ..tenant.clone() };
        assert_eq!(tenant.narrowed(narrowing(&Scopes::default())), none);
        assert_eq!(none.narrowed(narrowing(&uploads)), none);
        let scopes = Scopes {
            may_name: words(&["routes", "candidates", "dreams"]),
            routes: words(&["cheap", "dear"]),
            models: words(&["house/*"]),
            operations: words(&["chat", "sing"]),
            labels: words(&[]),
            private: false,
            uploads: false,
        };
        let expected = Scope {
            may_name: vec![Naming::Routes],
            routes: words(&["cheap"]),
            models: words(&["house/*"]).into_iter().collect(),
            operations: Some(vec![Operation::Chat]),
            labels: Some(Vec::new()),
            private: true,
            uploads: false,
        };
        assert_eq!(tenant.narrowed(narrowing(&scopes)), expected);
    }

    #[test]
    fn what_a_newer_version_restricted_allows_nothing() {
        let nothing = Scopes {
            may_name: words(&["dreams"]),
            operations: words(&["sing"]),
            ..Scopes::default()
        };
        let scope = Scope::default().narrowed(narrowing(&nothing));
        assert!(Naming::ALL.into_iter().all(|kind| !scope.may_name(kind)));
        assert!(Operation::ALL.into_iter().all(|operation| scope.may_do(operation).is_err()));
    }
}
