//! `[clients]` and `[tenants.NAME]`: what is left of everybody's scope for each tenant, and for
//! each of its keys.

use super::super::problem::{At, Place, hint};
use super::super::resolved::{Key, Ledger, Narrowing, Route, Scope, Tenant};
use super::super::said;
use super::Resolver;
use super::own::Whose;
use super::provider::Models;

/// What scopes refer to.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) routes: &'a [Route],
    pub(super) models: &'a Models,
    /// The tenant in whose scope they are named; `None`: in everybody's.
    pub(super) scope_of: Option<&'a str>,
}

/// Where it says that they may upload.
fn uploading(said: &said::Scope) -> Option<&Place> {
    said.uploads.as_ref().filter(|said| said.value).map(|said| &said.place)
}

impl Resolver<'_> {
    /// The tenants, each of which stands behind the one that it is part of: so nobody can be part
    /// of themselves, however far round.
    pub(super) fn tenants(
        &mut self,
        said: Vec<(At<String>, said::Tenant)>,
        clients: &Scope,
        names: Names<'_>,
        ledger: &Ledger,
    ) -> Vec<Tenant> {
        let first = said.first().map(|(name, _)| name.place.clone());
        let mut tenants: Vec<Tenant> = Vec::new();
        for (name, said) in said {
            self.name("tenant", &name);
            let table = format!("tenants.{}", name.value);
            let names = Names { scope_of: Some(&name.value), ..names };
            let parent = said.parent.and_then(|parent| self.parent(&table, &parent, &tenants));
            let around = parent.map_or(clients, |index| &tenants[index].scope);
            if let Some(place) = uploading(&said.scope).filter(|_| ledger.at.is_none()) {
                let text = format!(
                    "[{table}] `uploads`: there is nowhere to keep what is uploaded; expected a \
                     [ledger] with such as url = \"sqlite:portcullis.db\""
                );
                self.report(place, text);
            }
            let scope = self.narrower(&table, around, said.scope, names);
            let keys = self.keys(&table, said.keys, &scope, names, &tenants);
            let parent = parent.map(|index| tenants[index].name.clone());
            tenants.push(Tenant { name: name.value.into(), parent, scope, keys });
        }
        // A key that could not be read was reported already; a ledger may have keys by now, or will.
        let keyless = tenants.iter().all(|it| it.keys.is_empty()) && ledger.at.is_none();
        if let Some(place) = first.filter(|_| keyless && self.problems.is_empty()) {
            let text = "no tenant has a key, so that nobody could ask for anything; expected such \
                        as [tenants.NAME] keys = [{ id = \"ci\", digest = \"sha256:…\" }], or a \
                        [ledger], in which keys can be made";
            self.report(&place, text);
        }
        tenants
    }

    fn parent(&mut self, table: &str, said: &At<String>, before: &[Tenant]) -> Option<usize> {
        let found = before.iter().position(|tenant| *tenant.name == *said.value);
        if found.is_none() {
            let names: Vec<&str> = before.iter().map(|tenant| &*tenant.name).collect();
            let text = format!(
                "[{table}] `parent`: no tenant `{}` stands before it{}",
                said.value,
                hint(&said.value, "those before it", &names)
            );
            self.report(&said.place, text);
        }
        found
    }

    fn keys(
        &mut self,
        table: &str,
        said: Vec<said::Key>,
        around: &Scope,
        names: Names<'_>,
        tenants: &[Tenant],
    ) -> Vec<Key> {
        let mut keys: Vec<Key> = Vec::new();
        for said in said {
            self.name("key", &said.id);
            if keys.iter().any(|key| *key.id == *said.id.value) {
                let text = format!("[{table}] has two keys of the id `{}`", said.id.value);
                self.report(&said.id.place, text);
            }
            let all = tenants.iter().flat_map(|tenant| &tenant.keys).chain(&keys);
            if all.map(|key| key.digest).any(|digest| digest == said.digest.value) {
                let text = format!("[{table}] `{}` has the digest of another key", said.id.value);
                self.report(&said.digest.place, text);
            }
            let place = format!("{table}.keys");
            let scope = self.narrower(&place, around, said.scope, names);
            let (id, digest, expires) = (said.id.value.into(), said.digest.value, said.expires);
            keys.push(Key { id, digest, expires, scope });
        }
        keys
    }

    /// What is left of a scope, within it.
    pub(super) fn narrower(
        &mut self,
        table: &str,
        around: &Scope,
        said: said::Scope,
        names: Names<'_>,
    ) -> Scope {
        let may_name = said.may_name;
        let kinds = may_name.as_ref().map(|kinds| kinds.value.clone());
        if let Some(routes) = &said.routes {
            self.known_routes(table, routes, names);
        }
        if let Some(patterns) = &said.models {
            self.known_models(table, patterns, names);
        }
        let above = said.uploads.as_ref().filter(|said| said.value && !around.uploads);
        if let Some(At { place, .. }) = above {
            let text = format!(
                "[{table}] `uploads`: it is within one that may not, and may no more than that"
            );
            self.report(place, text);
        }
        let texts = |said: Vec<At<String>>| said.into_iter().map(|said| said.value).collect();
        let scope = around.narrowed(Narrowing {
            may_name: kinds,
            routes: said.routes.map(texts),
            models: said.models.map(texts),
            operations: said.operations,
            labels: said.labels,
            private: said.private.unwrap_or_default(),
            uploads: said.uploads.map_or(names.scope_of.is_none(), |said| said.value),
        });
        // That none is said was reported where it was read.
        let emptied = may_name.filter(|kinds| !kinds.value.is_empty() && scope.may_name.is_empty());
        if let Some(At { place, .. }) = emptied {
            let words: Vec<&str> = around.may_name.iter().map(|kind| kind.word()).collect();
            let text = format!(
                "[{table}] `may_name` leaves no name to ask by; around it may be named: {}",
                words.join(", ")
            );
            self.report(&place, text);
        }
        scope
    }

    fn known_routes(&mut self, table: &str, said: &[At<String>], known: Names<'_>) {
        let may = |route: &&Route| self.owners.may_name(known.scope_of, route.tenant.as_ref());
        let routes = known.routes.iter().filter(may);
        let names: Vec<&str> = routes.map(|route| route.name.as_str()).collect();
        for route in said.iter().filter(|route| !names.contains(&route.value.as_str())) {
            let hint = hint(&route.value, "routes", &names);
            let text = format!("[{table}] `routes`: there is no route `{}`{hint}", route.value);
            self.report(&route.place, text);
        }
    }

    fn known_models(&mut self, table: &str, said: &[At<String>], known: Names<'_>) {
        for pattern in said {
            let may = |whose: &Whose| self.owners.may_name(known.scope_of, whose.tenant().as_ref());
            if !known.models.may_be_asked_of(&pattern.value, may) {
                let text = format!(
                    "[{table}] `models`: `{}` matches no model; expected such as \
                     \"provider/model\" or \"provider/*\"",
                    pattern.value
                );
                self.report(&pattern.place, text);
            }
        }
    }
}
