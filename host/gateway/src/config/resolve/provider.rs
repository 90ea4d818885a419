//! Providers: presets filled in, addresses checked, secrets read, models listed.

use http::{HeaderName, HeaderValue};
use url::{Host, Url};

use super::Resolver;
use crate::config::credential::{Credential as SaidCredential, SecretFrom};
use crate::config::preset;
use crate::config::problem::{At, hint};
use crate::config::resolved::{Candidate, Credential, Provider, Timeouts};
use crate::config::said::{self, HeaderFrom};
use crate::config::secret::{Secret, SecretSource};

/// What routes need to know of the providers, including those that cannot run: a route that
/// names one of them is not wrong for that.
pub(super) struct Models {
    pub(super) providers: Vec<Known>,
    pub(super) candidates: Vec<Candidate>,
}

/// A provider by name.
pub(super) struct Known {
    pub(super) name: String,
    pub(super) open: bool,
    /// Its models could not be read, so that nothing can be said about them.
    pub(super) unclear: bool,
    pub(super) priority: u32,
    pub(super) local: bool,
}

/// What a request can be about; a word of the contract.
const OPERATIONS: [&str; 6] = [
    "chat",
    "embeddings",
    "transcription",
    "speech",
    "rerank",
    "count-tokens",
];

impl Resolver<'_> {
    pub(super) fn providers(
        &mut self,
        said: Vec<(At<String>, said::Provider)>,
    ) -> (Vec<Provider>, Models) {
        let mut models = Models {
            providers: Vec::new(),
            candidates: Vec::new(),
        };
        let mut providers = Vec::new();
        for (name, said) in said {
            self.name("provider", &name);
            providers.extend(self.provider(name, said, &mut models));
        }
        (providers, models)
    }

    /// `None` only beside a problem.
    fn provider(
        &mut self,
        name: At<String>,
        said: said::Provider,
        models: &mut Models,
    ) -> Option<Provider> {
        let table = format!("providers.{}", name.value);
        let (said_local, moved) = (said.local, said.base_url.is_some());
        let (said, unclear) = self.with_preset(&table, said);
        for (key, missing, expected) in [
            (
                "plugin",
                said.plugin.is_none(),
                "the name of a bundled plugin, or a preset",
            ),
            (
                "base_url",
                said.base_url.is_none(),
                "such as \"http://127.0.0.1:8000/v1\"",
            ),
        ] {
            if missing && !unclear {
                self.report(
                    &name.place,
                    format!("[{table}] has no `{key}`; expected {expected}"),
                );
            }
        }
        let plugin = said.plugin.map(|plugin| self.plugin(&table, plugin.value));
        let base_url = said
            .base_url
            .and_then(|base_url| self.base_url(&table, &base_url));
        let written_out = base_url.as_ref().is_some_and(names_an_address);
        // A preset speaks for the address that it knows. Whether another host may be shown what
        // is private is for the operator to say.
        let preset_local =
            said.local == Some(true) && (!moved || base_url.as_ref().is_some_and(is_loopback));
        let known = Known {
            open: said
                .open_models
                .unwrap_or(said.models.as_ref().is_none_or(Vec::is_empty)),
            unclear,
            priority: said.priority.unwrap_or(100),
            local: said_local.unwrap_or(preset_local),
            name: name.value,
        };
        self.models(&known, said.models.unwrap_or_default(), models);
        let (local, open_models, priority) = (known.local, known.open, known.priority);
        let provider_name = known.name.clone();
        models.providers.push(known);
        let credential = match said.credential {
            Some(said) => self.credential(&table, said),
            None => Some(Credential::None),
        };
        let headers = said
            .headers
            .into_iter()
            .filter_map(|header| self.header(&table, header))
            .collect();
        let timeouts = Timeouts::default();
        let provider = Provider {
            name: provider_name,
            plugin: plugin?,
            base_url: base_url?,
            credential: credential?,
            headers,
            local,
            private_addresses: said.private_addresses.unwrap_or(false) || written_out,
            ca: said.ca.map(|ca| self.file(&table, "ca", &ca)),
            priority,
            settings: said.settings.into(),
            grants: said.grants.unwrap_or_default(),
            limits: said.limits,
            concurrency: said.concurrency,
            timeouts: Timeouts {
                connect: said.timeouts.connect.unwrap_or(timeouts.connect),
                first_byte: said.timeouts.first_byte.unwrap_or(timeouts.first_byte),
                between_chunks: said
                    .timeouts
                    .between_chunks
                    .unwrap_or(timeouts.between_chunks),
                whole: said.timeouts.whole.unwrap_or(timeouts.whole),
            },
            rate_limits: said.rate_limits,
            open_models,
        };
        Some(provider)
    }

    /// What is said, over what its preset says; and whether something in it is missing.
    fn with_preset(&mut self, table: &str, said: said::Provider) -> (said::Provider, bool) {
        let Some(At { value: name, place }) = &said.preset else {
            let broken = said.broken;
            return (said, broken);
        };
        match preset::find(name, place) {
            Some(Ok((preset, problems))) => {
                self.problems.extend(problems);
                let broken = said.broken;
                (said.over(preset.provider), broken)
            }
            Some(Err(problems)) => {
                self.problems.extend(problems.into_vec());
                (said, true)
            }
            None => {
                let hint = hint(name, "presets", &preset::names());
                let text = format!("[{table}] there is no preset `{name}`{hint}");
                self.report(place, text);
                (said, true)
            }
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

    fn models(&mut self, known: &Known, said: Vec<At<said::Model>>, models: &mut Models) {
        let provider = models.providers.len();
        for At { value: said, place } in said {
            let candidate = candidate(provider, known, said);
            if models
                .candidates
                .iter()
                .any(|other| other.id == candidate.id)
            {
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
            for operation in candidate
                .operations
                .iter()
                .filter(|said| !OPERATIONS.contains(&said.as_str()))
            {
                let hint = hint(operation, "operations", &OPERATIONS);
                let text = format!(
                    "[providers.{}] unknown operation `{operation}`{hint}",
                    known.name
                );
                self.report(&place, text);
            }
            models.candidates.push(candidate);
        }
    }

    fn credential(&mut self, table: &str, said: At<SaidCredential>) -> Option<Credential> {
        let secret = match said.value.secret() {
            Some(from) => self.secret(table, from)?,
            None => return Some(Credential::None),
        };
        if secret.expose().chars().any(char::is_control) {
            let text = format!(
                "[{table}] the secret from {} holds a line break or another control character",
                secret.source()
            );
            self.report(&said.place, text);
            return None;
        }
        Some(match said.value {
            SaidCredential::None => Credential::None,
            SaidCredential::Short(_) | SaidCredential::Bearer(_) => Credential::Bearer(secret),
            SaidCredential::Header { name, .. } => Credential::Header { name, secret },
            SaidCredential::Query { name, .. } => Credential::Query { name, secret },
            SaidCredential::Basic { username, .. } => {
                if username.contains(':') {
                    self.report(
                        &said.place,
                        format!("[{table}] `username` holds a colon, which basic has no form for"),
                    );
                }
                Credential::Basic { username, secret }
            }
        })
    }

    fn secret(&mut self, table: &str, from: &SecretFrom) -> Option<Secret> {
        match from {
            SecretFrom::Env(At { value: name, place }) => {
                if let Some(text) = self.environment.get(name) {
                    return Some(Secret::new(
                        text.to_owned(),
                        SecretSource::Env(name.clone()),
                    ));
                }
                let text = format!(
                    "[{table}] environment variable {name} is not set, or empty; set it, or name another source in `credential`"
                );
                self.report(place, text);
                None
            }
            SecretFrom::File(At { value: said, place }) => {
                let path = self.path(said);
                let wrong = match std::fs::read_to_string(&path) {
                    Err(error) => format!("cannot be read: {error}"),
                    Ok(text) => match text
                        .strip_suffix('\n')
                        .map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line))
                    {
                        "" => "is empty".to_owned(),
                        secret => {
                            self.sources.push(path.clone());
                            return Some(Secret::new(secret.to_owned(), SecretSource::File(path)));
                        }
                    },
                };
                self.report(
                    place,
                    format!("[{table}] the secret's file {} {wrong}", path.display()),
                );
                None
            }
        }
    }

    /// A header whose variable is not set is left out: it is optional by being said that way.
    fn header(
        &mut self,
        table: &str,
        (name, from): (HeaderName, HeaderFrom),
    ) -> Option<(HeaderName, HeaderValue)> {
        let variable = match from {
            HeaderFrom::Text(value) => return Some((name, value)),
            HeaderFrom::Env(variable) => variable,
        };
        let text = self.environment.get(&variable.value)?;
        match HeaderValue::from_str(text) {
            Ok(mut value) => {
                value.set_sensitive(true);
                Some((name, value))
            }
            Err(_) => {
                let text = format!(
                    "[{table}] environment variable {} holds what the header `{name}` cannot carry",
                    variable.value
                );
                self.report(&variable.place, text);
                None
            }
        }
    }
}

/// A candidate of a model.
pub(super) fn candidate(provider: usize, known: &Known, said: said::Model) -> Candidate {
    Candidate {
        id: format!("{}/{}", known.name, said.id),
        provider,
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
        input_price: said.input_price,
        output_price: said.output_price,
    }
}

/// The operator wrote an address, or the one name that stands for one.
fn names_an_address(url: &Url) -> bool {
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
