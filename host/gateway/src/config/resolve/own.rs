//! What is a tenant's own: whose a provider, a policy or a route is, who may build on it, and what
//! its sandboxes may have.

use std::sync::Arc;

use super::super::problem::{At, hint};
use super::super::resolved::LimitOverrides;
use super::super::said;
use super::Resolver;

/// Whose own something is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Whose {
    #[default]
    Everybodys,
    Tenants(Arc<str>),
    /// Nobody can say, and why was reported: it is in nobody's way.
    Unclear,
}

impl Whose {
    /// The tenant whose own it is.
    pub(crate) fn tenant(&self) -> Option<Arc<str>> {
        match self {
            Self::Tenants(name) => Some(name.clone()),
            Self::Everybodys | Self::Unclear => None,
        }
    }
}

/// The tenants of a configuration, as far as it has to be known whose its parts are.
#[derive(Default)]
pub(super) struct Owners(Vec<Owner>);

#[derive(Clone)]
struct Owner {
    name: Arc<str>,
    /// Itself, and all that it is part of.
    lineage: Vec<Arc<str>>,
    /// What sandboxes of its own plugins have at most.
    limits: LimitOverrides,
    /// What its own plugins may be granted.
    grants: Vec<String>,
}

impl Owners {
    fn find(&self, name: &str) -> Option<&Owner> {
        self.0.iter().find(|owner| *owner.name == *name)
    }

    /// Whether what is `one`'s may refer to what is `other`'s: to everybody's, its own, and that of
    /// those that it is part of.
    pub(super) fn sees(&self, one: &Whose, other: &Whose) -> bool {
        match (one, other) {
            (_, Whose::Everybodys | Whose::Unclear) | (Whose::Unclear, _) => true,
            (Whose::Everybodys, Whose::Tenants(_)) => false,
            (Whose::Tenants(one), Whose::Tenants(other)) => self.is_part(one, other),
        }
    }

    /// Whether a tenant is another, or part of it.
    fn is_part(&self, one: &str, of: &Arc<str>) -> bool {
        self.find(one).is_some_and(|owner| owner.lineage.contains(of))
    }

    /// Whether the scope of a tenant may name what is that tenant's own: those that it is part of
    /// have theirs, and so have those that are part of it, whose scopes lie within its own. The
    /// scope of everybody is around all of them.
    pub(super) fn may_name(&self, scope_of: Option<&str>, whose: Option<&Arc<str>>) -> bool {
        let (Some(tenant), Some(owner)) = (scope_of, whose) else { return true };
        let around = self.find(owner).is_some_and(|it| it.lineage.iter().any(|it| **it == *tenant));
        around || self.is_part(tenant, owner)
    }
}

impl Resolver<'_> {
    /// Who may have something of their own. None has more than those that it is part of.
    pub(super) fn owners(&mut self, said: &[(At<String>, said::Tenant)]) -> Owners {
        let mut owners = Owners::default();
        for (name, said) in said {
            let table = format!("tenants.{}", name.value);
            // One that is not there is reported with the tenants.
            let parent = said.parent.as_ref().and_then(|parent| owners.find(&parent.value));
            let parent = parent.cloned();
            let grants = self.plugin_grants(&table, said.plugin_grants.as_ref(), parent.as_ref());
            let name_of: Arc<str> = name.value.as_str().into();
            let mut owner =
                Owner { name: name_of, lineage: Vec::new(), limits: said.limits.clone(), grants };
            owner.lineage.push(owner.name.clone());
            if let Some(parent) = parent {
                for limit in owner.limits.above(&parent.limits.limits()) {
                    let text = format!(
                        "[{table}.limits] `{limit}` is above what plugins of `{}` may have, which \
                         it is part of",
                        parent.name
                    );
                    self.report(&name.place, text);
                }
                owner.limits = owner.limits.over(parent.limits);
                owner.lineage.extend(parent.lineage);
            }
            owners.0.push(owner);
        }
        owners
    }

    fn plugin_grants(
        &mut self,
        table: &str,
        said: Option<&At<Vec<At<String>>>>,
        parent: Option<&Owner>,
    ) -> Vec<String> {
        let said = said.map(|said| said.value.as_slice()).unwrap_or_default();
        for grant in said {
            let above = parent.filter(|parent| !parent.grants.contains(&grant.value));
            if let Some(parent) = above {
                let text = format!(
                    "[{table}] `plugin_grants`: `{}` is not among those of `{}`, which it is part \
                     of",
                    grant.value, parent.name
                );
                self.report(&grant.place, text);
            }
        }
        said.iter().map(|grant| grant.value.clone()).collect()
    }

    /// Whose own a provider, a policy or a route is.
    pub(super) fn whose(&mut self, table: &str, said: said::Whose) -> Whose {
        match said {
            said::Whose::Everybodys => Whose::Everybodys,
            said::Whose::Unclear => Whose::Unclear,
            said::Whose::Tenants(said) => match self.owners.find(&said.value) {
                Some(owner) => Whose::Tenants(owner.name.clone()),
                None => {
                    let names: Vec<&str> = self.owners.0.iter().map(|it| &*it.name).collect();
                    let hint = hint(&said.value, "tenants", &names);
                    let text = format!(
                        "[{table}] `tenant`: there is no [tenants.{}] in the configuration{hint}",
                        said.value
                    );
                    self.report(&said.place, text);
                    Whose::Unclear
                }
            },
        }
    }

    /// What sandboxes of a plugin have: of a tenant's own what the operator lets that tenant's
    /// have, or less.
    pub(super) fn bounded(
        &mut self,
        name: &At<String>,
        table: &str,
        whose: &Whose,
        limits: LimitOverrides,
        grants: &[String],
    ) -> LimitOverrides {
        let Whose::Tenants(tenant) = whose else { return limits };
        let Some(owner) = self.owners.find(tenant).cloned() else { return limits };
        for limit in limits.above(&owner.limits.limits()) {
            let text = format!(
                "[{table}.limits] `{limit}` is above what plugins of `{tenant}` may have; see \
                 [tenants.{tenant}.limits]"
            );
            self.report(&name.place, text);
        }
        for grant in grants.iter().filter(|grant| !owner.grants.contains(grant)) {
            let text = format!(
                "[{table}] `grants`: `{grant}` is not among what plugins of `{tenant}` may be \
                 granted; see `plugin_grants` of [tenants.{tenant}]"
            );
            self.report(&name.place, text);
        }
        limits.over(owner.limits)
    }

    /// Something that everybody's requests go by is a tenant's own.
    pub(super) fn everybodys(
        &mut self,
        name: &At<String>,
        table: &str,
        whose: Whose,
        why: &str,
    ) -> Whose {
        if let Whose::Tenants(_) = whose {
            self.report(&name.place, format!("[{table}] cannot be a tenant's own: {why}"));
            return Whose::Unclear;
        }
        whose
    }
}
