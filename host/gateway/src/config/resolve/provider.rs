//! Providers: presets filled in, addresses checked, models listed.

use std::time::Duration;

use url::{Host, Url};

use super::Resolver;
use super::own::Whose;
use crate::config::pattern::matches;
use crate::config::preset;
use crate::config::problem::{At, hint};
use crate::config::resolved::{Candidate, Credential, Health, Provider, Timeouts};
use crate::config::said;
use crate::upstream::http::objection;

/// What routes need to know of the providers, including those that cannot run: a route that
/// names one of them is not wrong for that.
pub(super) struct Models {
    pub(super) providers: Vec<Known>,
    pub(super) candidates: Vec<Candidate>,
}

impl Models {
    /// Whether a model of this pattern is listed, or might be asked for without being listed.
    pub(super) fn may_be_asked(&self, pattern: &str) -> bool {
        self.may_be_asked_of(pattern, |_| true)
    }

    /// The same of the providers of those to whom that applies.
    pub(super) fn may_be_asked_of(&self, pattern: &str, of: impl Fn(&Whose) -> bool) -> bool {
        let mut ids = self.candidates.iter().filter(|it| of(self.whose(it.provider())));
        // Of these any model may be asked for.
        let provider = pattern.split('/').next().unwrap_or_default();
        let mut any = self.providers.iter().filter(|it| (it.open || it.unclear) && of(&it.whose));
        ids.any(|it| matches(pattern, &it.id)) || any.any(|it| matches(provider, &it.name))
    }

    /// Whose own the provider of that name is.
    pub(super) fn whose(&self, provider: &str) -> &Whose {
        let known = self.providers.iter().find(|known| known.name == provider);
        known.map_or(&Whose::Unclear, |known| &known.whose)
    }
}

/// A provider by name.
#[derive(Clone, Default)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) whose: Whose,
    pub(crate) open: bool,
    /// Its models could not be read, so that nothing can be said about them.
    pub(crate) unclear: bool,
    pub(crate) priority: u32,
    pub(crate) local: bool,
    /// What is known of models, whether or not they are listed.
    pub(crate) catalogue: Vec<At<said::Model>>,
}

/// Programs that one provider runs at the same time where nothing else is said: each takes more of
/// the machine than thousands of connections do.
const PROGRAMS: usize = 4;

/// What a request can be about; a word of the contract.
const OPERATIONS: [&str; 6] =
    ["chat", "embeddings", "transcription", "speech", "rerank", "count-tokens"];

impl Resolver<'_> {
    pub(super) fn providers(
        &mut self,
        said: Vec<(At<String>, said::Provider)>,
    ) -> (Vec<Provider>, Models) {
        let mut models = Models { providers: Vec::new(), candidates: Vec::new() };
        let mut providers = Vec::new();
        for (name, said) in said {
            self.name("provider", &name);
            providers.extend(self.provider(name, said, &mut models));
        }
        (providers, models)
    }

    /// `None` only beside a problem. Everything is looked at before anything is given up.
    fn provider(
        &mut self,
        name: At<String>,
        said: said::Provider,
        models: &mut Models,
    ) -> Option<Provider> {
        let table = format!("providers.{}", name.value);
        let (local, moved) = (said.local, said.base_url.is_some());
        let (said, catalogue, preset_unclear) = self.with_preset(&table, &name.value, said);
        self.missing(&name, &said, preset_unclear);
        let plugin = said.plugin.map(|plugin| self.plugin(&table, plugin.value));
        let whose = self.whose(&table, said.whose);
        let grants = said.grants.unwrap_or_default();
        let limits = self.bounded(&name, &table, &whose, said.limits, &grants);
        let base_url = said.base_url.and_then(|url| self.base_url(&table, &url));
        let private_addresses = said.private_addresses.unwrap_or(false);
        let credential = match said.credential {
            Some(said) => self.credential(&table, said, private_addresses),
            None => Some(Credential::None),
        };
        let headers = said.headers.into_iter();
        let headers = headers.filter_map(|header| self.header(&table, header)).collect();
        let ca = said.ca.map(|ca| self.file(&table, "ca", &ca));
        let timeouts = timeouts(&said.timeouts);
        let runs = !said.commands.is_empty();
        let health =
            said.health.and_then(|said| self.health(&table, said, base_url.is_some(), runs));
        let commands = self.commands(&table, said.commands, timeouts.whole);
        // A preset speaks for the address that it knows. Whether another host may be shown what
        // is private is for the operator to say.
        let stayed = !moved || base_url.as_ref().is_some_and(is_loopback);
        let known = Known {
            local: local.unwrap_or(said.local == Some(true) && stayed),
            open: said.open_models.unwrap_or(said.models.as_ref().is_none_or(Vec::is_empty)),
            unclear: preset_unclear || said.unclear.models,
            priority: said.priority.unwrap_or(100),
            catalogue,
            name: name.value,
            whose,
        };
        self.models(&known, said.models.unwrap_or_default(), models);
        models.providers.push(known.clone());
        let written_out = base_url.as_ref().is_some_and(names_an_address);
        let catalogue = known.unlisted(models);
        Some(Provider {
            tenant: known.whose.tenant(),
            name: known.name,
            plugin: plugin?,
            base_url,
            credential: credential?,
            headers,
            commands,
            local: known.local,
            private_addresses: private_addresses || written_out,
            ca,
            priority: known.priority,
            settings: said.settings.into(),
            grants,
            limits,
            concurrency: said.concurrency.or(runs.then_some(PROGRAMS)),
            timeouts,
            rate_limits: said.rate_limits,
            open_models: known.open,
            catalogue,
            remember: said.remember.unwrap_or(true),
            health,
        })
    }

    /// What is said, over what its preset says; what is known of models; and whether the preset
    /// could not be had.
    fn with_preset(
        &mut self,
        table: &str,
        name: &str,
        mut said: said::Provider,
    ) -> (said::Provider, Vec<At<said::Model>>, bool) {
        let (mut preset, unclear) = self.preset(table, &said);
        let called = said.preset.as_ref().map_or(name, |preset| &preset.value);
        let file = match said.models_from.as_ref().or(preset.models_from.as_ref()) {
            Some(from) => self.models_from(table, called, from),
            None => Vec::new(),
        };
        let of_preset = preset.models.take().unwrap_or_default();
        let catalogue = said::Model::together(&file, &of_preset);
        // A file tells of models; it lists none.
        let known = |At { value, place }: At<said::Model>| {
            let known = said::find(&catalogue, &value.id).cloned();
            At::new(known.unwrap_or(value), place)
        };
        let listed: Vec<_> = of_preset.into_iter().map(known).collect();
        preset.models = (!listed.is_empty()).then_some(listed);
        let models = said.models.take();
        said.models = models.map(|models| said::Model::each_over(&models, &catalogue));
        let said = if said.preset.is_some() { said.over(preset) } else { said };
        (said, catalogue, unclear)
    }

    /// What the preset says, which is nothing where there is none; and whether it could not be had.
    fn preset(&mut self, table: &str, said: &said::Provider) -> (said::Provider, bool) {
        let Some(At { value: name, place }) = &said.preset else {
            return (said::Provider::default(), said.unclear.preset);
        };
        match preset::find(name, place) {
            Some(Ok((preset, problems))) => {
                self.problems.extend(problems);
                (preset.provider, false)
            }
            Some(Err(problems)) => {
                self.problems.extend(problems.into_vec());
                (said::Provider::default(), true)
            }
            None => {
                let hint = hint(name, "presets", &preset::names());
                let text = format!("[{table}] there is no preset `{name}`{hint}");
                self.report(place, text);
                (said::Provider::default(), true)
            }
        }
    }

    fn missing(&mut self, name: &At<String>, said: &said::Provider, preset_unclear: bool) {
        if preset_unclear {
            return;
        }
        let mut missing = |key: &str, expected: &str| {
            let text = format!("[providers.{}] has no `{key}`; expected {expected}", name.value);
            self.report(&name.place, text);
        };
        if said.plugin.is_none() && !said.unclear.plugin {
            missing("plugin", "the name of a bundled plugin, or a preset");
        }
        if said.base_url.is_none() && said.commands.is_empty() && !said.unclear.base_url {
            missing("base_url", "such as \"http://127.0.0.1:8000/v1\"");
        }
    }

    /// The text is not repeated in a problem: there may be a password in it.
    fn base_url(&mut self, table: &str, said: &At<String>) -> Option<Url> {
        let wrong = match Url::parse(&said.value) {
            Err(error) => format!("is not an address ({error})"),
            Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                format!("has the scheme `{}`", url.scheme())
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                "holds a user or a password, which belong into `credential`".into()
            }
            Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                "has a query or a fragment, which calls cannot be appended to".into()
            }
            Ok(url) => return Some(url),
        };
        let text =
            format!("[{table}] `base_url` {wrong}; expected such as \"http://127.0.0.1:8000/v1\"");
        self.report(&said.place, text);
        None
    }

    fn health(
        &mut self,
        table: &str,
        At { value: said, place }: At<said::Health>,
        has_address: bool,
        runs: bool,
    ) -> Option<Health> {
        if !has_address && !runs {
            // That there is none was said already.
            return None;
        }
        if !has_address {
            let text = "`health` is asked for at `base_url`, of which there is none; remove it";
            self.report(&place, format!("[{table}] {text}"));
            return None;
        }
        if let Some(why) = objection(&said.path.value) {
            let text = format!("[{table}.health] `path` {why}; expected such as \"/models\"");
            self.report(&said.path.place, text);
            return None;
        }
        Some(Health {
            path: said.path.value,
            every: said.every.unwrap_or(Duration::from_secs(30)),
            timeout: said.timeout.unwrap_or(Duration::from_secs(5)),
        })
    }

    fn models(&mut self, known: &Known, said: Vec<At<said::Model>>, models: &mut Models) {
        for At { value: said, place } in said {
            let candidate = candidate(known, said);
            if models.candidates.iter().any(|other| other.id == candidate.id) {
                self.report(
                    &place,
                    format!(
                        "[providers.{}] model `{}` is listed twice",
                        known.name,
                        candidate.bare()
                    ),
                );
                continue;
            }
            for operation in
                candidate.operations.iter().filter(|said| !OPERATIONS.contains(&said.as_str()))
            {
                let hint = hint(operation, "operations", &OPERATIONS);
                let text =
                    format!("[providers.{}] unknown operation `{operation}`{hint}", known.name);
                self.report(&place, text);
            }
            models.candidates.push(candidate);
        }
    }
}

impl Known {
    /// Candidates of models that are known and not listed, where clients may name them.
    fn unlisted(&self, models: &Models) -> Vec<Candidate> {
        let known = self.catalogue.iter().filter(|_| self.open);
        let candidates = known.map(|model| candidate(self, model.value.clone()));
        let listed =
            |candidate: &Candidate| models.candidates.iter().any(|it| it.id == candidate.id);
        candidates.filter(|candidate| !listed(candidate)).collect()
    }

    /// What is known of the model of that name.
    pub(super) fn model(&self, id: String) -> said::Model {
        let known = said::find(&self.catalogue, &id).cloned();
        known.unwrap_or(said::Model { id, ..said::Model::default() })
    }
}

/// A candidate of a model.
pub(crate) fn candidate(known: &Known, said: said::Model) -> Candidate {
    Candidate {
        id: format!("{}/{}", known.name, said.id),
        tenant: known.whose.tenant(),
        model: said.name.unwrap_or(said.id),
        priority: known.priority,
        operations: said
            .operations
            .filter(|said| !said.is_empty())
            .unwrap_or_else(|| vec!["chat".into()]),
        features: said.features.unwrap_or_default(),
        tags: said.tags.unwrap_or_default(),
        local: known.local,
        context_tokens: said.context_tokens,
        max_output_tokens: said.max_output_tokens,
        concurrency: said.concurrency,
        prices: said.prices,
    }
}

fn timeouts(said: &said::Timeouts) -> Timeouts {
    let default = Timeouts::default();
    Timeouts {
        connect: said.connect.unwrap_or(default.connect),
        first_byte: said.first_byte.unwrap_or(default.first_byte),
        between_chunks: said.between_chunks.unwrap_or(default.between_chunks),
        whole: said.whole.unwrap_or(default.whole),
    }
}

/// The operator wrote an address, or the one name that stands for one.
pub(super) fn names_an_address(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
