//! `[limits.NAME]`: that whom they name is there, and that somebody counts.

use super::super::pattern::matches;
use super::super::problem::{At, hint};
use super::super::resolved::{Ledger, Limit, Per};
use super::super::said;
use super::Resolver;
use super::tenant::Names;
use jiff::tz::TimeZone;
use portcullis_ledger::{Measure, Subject};

impl Resolver<'_> {
    pub(super) fn limits(
        &mut self,
        said: Vec<(At<String>, said::Limit)>,
        names: Names<'_>,
        ledger: &Ledger,
        ledger_said: bool,
    ) -> Vec<Limit> {
        if let Some((name, _)) = said.first()
            && ledger.at.is_none()
            && !ledger_said
        {
            let text = "limits are counted in a ledger, or else a restart would forget what is \
                        spent; expected such as [ledger] url = \"sqlite:portcullis.db\"";
            self.report(&name.place, text);
        }
        let mut limits: Vec<Limit> = Vec::new();
        for (name, said) in said {
            let place = name.place.clone();
            let Some(limit) = self.limit(name, said, names) else { continue };
            // Their account is one, and only one of them could hold.
            if let Some(other) = limits.iter().find(|other| counts_the_same(other, &limit)) {
                let text = format!(
                    "[limits.{}] counts what [limits.{}] counts; keep one of them",
                    limit.name, other.name
                );
                self.report(&place, text);
            }
            limits.push(limit);
        }
        limits
    }

    fn limit(&mut self, name: At<String>, said: said::Limit, names: Names<'_>) -> Option<Limit> {
        self.name("limit", &name);
        let table = format!("limits.{}", name.value);
        let At { value: of, place } = said.of;
        if let Err(why) = known(&of, names) {
            self.report(&place, format!("[{table}] {why}"));
        }
        let after_routing = matches!(of.subject, Subject::Provider | Subject::Model);
        let misfit = match (said.measure, said.per) {
            (Measure::Concurrent, _) if after_routing => Some(
                "counts the requests under way at a provider or model; \
                 set its `concurrency` instead",
            ),
            (_, Per::Conversation) if after_routing => {
                Some("counts a conversation, which goes to any model; put it on a tenant or a key")
            }
            (Measure::Requests, Per::Request) => Some("counts the requests of a request"),
            _ => None,
        };
        if let Some(why) = misfit {
            self.report(&name.place, format!("[{table}] {why}"));
            return None;
        }
        Some(Limit {
            name: name.value.into(),
            subject: of.subject,
            pattern: of.pattern,
            measure: said.measure,
            most: said.most,
            per: said.per,
            zone: said.time_zone.unwrap_or(TimeZone::UTC),
            warn_at: said.warn_at,
        })
    }
}

fn counts_the_same(one: &Limit, other: &Limit) -> bool {
    let what = |it: &Limit| (it.subject, it.measure, it.per);
    what(one) == what(other) && one.pattern == other.pattern && one.per != Per::Conversation
}

/// Whether there is what it is on. Tenants and keys may be made while the gateway runs.
fn known(of: &said::Of, names: Names<'_>) -> Result<(), String> {
    let pattern = &of.pattern;
    let one_of = |what: &str, known: &[&str]| {
        let found = known.iter().any(|name| matches(pattern, name));
        let hint = || hint(pattern, &format!("{what}s"), known);
        if found { Ok(()) } else { Err(format!("there is no {what} `{pattern}`{}", hint())) }
    };
    match of.subject {
        Subject::Route => {
            let routes: Vec<&str> = names.routes.iter().map(|route| route.name.as_str()).collect();
            one_of("route", &routes)
        }
        Subject::Provider => {
            let known: Vec<&str> =
                names.models.providers.iter().map(|known| known.name.as_str()).collect();
            one_of("provider", &known)
        }
        Subject::Model if !names.models.may_be_asked(pattern) => Err(format!(
            "`model`: `{pattern}` matches no model; expected such as \"provider/model\" or \
             \"provider/*\""
        )),
        Subject::Label if !pattern.contains('=') => {
            Err(format!("`label` = \"{pattern}\"; expected \"NAME=VALUE\" or \"NAME=*\""))
        }
        _ => Ok(()),
    }
}
