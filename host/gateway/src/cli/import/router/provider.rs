//! From a provider that the file names to one that a configuration can have: by the preset of its
//! name, where there is one, or else written out.

use super::json::{Found, Text};
use super::{Model, Provider, said};
use crate::config::{Preset, known_preset, local_presets};
use url::Url;

/// A provider, and what rules and chains need to know of it.
pub(super) struct Known {
    pub(super) provider: Provider,
    /// What the file calls its models.
    aliases: Vec<(String, String)>,
    /// The model that is meant where none is named.
    default: Option<String>,
    /// Its preset lists models.
    preset_lists: bool,
    /// They hold, and others by being named, because the file lists none.
    preset_holds: bool,
}

impl Known {
    /// A provider that the file describes; `None` where there can be none, which is said.
    pub(super) fn described(said: said::Provider, found: &mut Found) -> Option<Self> {
        if said.disabled {
            found.leave(&said.name.at, "it is not enabled");
            return None;
        }
        let preset = known_preset(&said.name.value);
        let base_url = said.base_url.as_ref().and_then(|text| address(text, found));
        let addressed = preset.as_ref().is_some_and(Preset::can_be_asked);
        if said.base_url.is_none() && !addressed {
            found.leave(&said.name.at, without_address(preset.is_some()));
            return None;
        }
        for at in &said.embedded {
            found.leave(at, said::WITHIN);
        }
        let key = said.api_key.as_ref().and_then(|text| key(&said, preset.as_ref(), text, found));
        let base_url = base_url.filter(|said| {
            let known = preset.as_ref().and_then(Preset::base_url);
            known.is_none_or(|known| !is_within(known, said))
        });
        let provider = Provider {
            name: said.name.value,
            preset: preset.is_some(),
            base_url,
            key,
            models: Vec::new(),
        };
        let mut known = Self::of(provider, preset.as_ref(), said.models.is_empty());
        for (alias, model) in said.models {
            known.model(&model.value).tags.push(alias.clone());
            known.aliases.push((alias, model.value));
        }
        known.default = said.default.map(|text| known.named(&text.value));
        Some(known)
    }

    /// A provider that the file names and does not describe, where its preset is enough.
    pub(super) fn by_preset(name: &str) -> Option<Self> {
        let preset = known_preset(name).filter(Preset::can_be_asked)?;
        let name = name.to_owned();
        let provider =
            Provider { name, preset: true, base_url: None, key: None, models: Vec::new() };
        Some(Self::of(provider, Some(&preset), true))
    }

    fn of(provider: Provider, preset: Option<&Preset>, lists_none: bool) -> Self {
        Self {
            provider,
            aliases: Vec::new(),
            default: None,
            preset_lists: preset.is_some_and(Preset::lists_models),
            preset_holds: lists_none && preset.is_some_and(Preset::takes_any),
        }
    }

    /// As it will be written, when every model of it has been named.
    pub(super) fn into_provider(self) -> Provider {
        let mut provider = self.provider;
        // Who writes models out means these and no others.
        if self.preset_lists && self.preset_holds {
            provider.models.clear();
        }
        provider
    }

    /// The model of that name, or that the file calls so; from now on it is listed.
    pub(super) fn named(&mut self, name: &str) -> String {
        let meant = self.aliases.iter().find(|(alias, _)| alias == name);
        let id = meant.map_or_else(|| name.to_owned(), |(_, id)| id.clone());
        self.model(&id);
        id
    }

    /// Its candidate where no model is named: its default, or all that are listed. `None` where
    /// nobody lists any.
    pub(super) fn by_default(&self) -> Option<String> {
        let name = &self.provider.name;
        match &self.default {
            Some(model) => Some(format!("{name}/{model}")),
            None if self.preset_lists || !self.provider.models.is_empty() => {
                Some(format!("{name}/*"))
            }
            None => None,
        }
    }

    fn model(&mut self, id: &str) -> &mut Model {
        let models = &mut self.provider.models;
        let index = models.iter().position(|model| model.id == id).unwrap_or_else(|| {
            models.push(Model { id: id.to_owned(), tags: Vec::new() });
            models.len() - 1
        });
        &mut models[index]
    }
}

fn without_address(preset: bool) -> String {
    if preset {
        return "only you know its address; say it in `baseURL`".to_owned();
    }
    format!(
        "it has no `baseURL`, and no preset has its name; a server of your own can stand for it, \
         by one of the presets {}",
        local_presets().join(", ")
    )
}

/// Where it is, without the `/` at its end. The text is not repeated in a problem: there may be a
/// password in it.
fn address(said: &Text, found: &mut Found) -> Option<String> {
    let url = Url::parse(&said.value).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && (url.username(), url.password()) == ("", None)
            && (url.query(), url.fragment()) == (None, None)
    });
    if url.is_none() {
        let text = "is not the address of a provider; expected such as \"https://api.example/v1\"";
        found.problem(&said.at, text);
    }
    url.map(|_| said.value.trim_end_matches('/').to_owned())
}

/// Whether a preset's address is this one, or below it: the version of the protocol in its path is
/// the preset's to know.
fn is_within(preset: &str, said: &str) -> bool {
    let rest = preset.trim_end_matches('/').strip_prefix(said);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The variable that holds the key, unless it is the preset's. A key that stands in the file stays
/// there: a configuration only says where secrets come from.
fn key(
    said: &said::Provider,
    preset: Option<&Preset>,
    text: &Text,
    found: &mut Found,
) -> Option<String> {
    let presets = preset.and_then(Preset::key_variable);
    let named = text.value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let Some(name) = named.filter(|name| !name.is_empty() && name.chars().all(plain)) {
        return (presets != Some(name)).then(|| name.to_owned());
    }
    let own = || {
        let upper = |c: char| if plain(c) { c.to_ascii_uppercase() } else { '_' };
        format!("{}_API_KEY", said.name.value.chars().map(upper).collect::<String>())
    };
    let variable = presets.map_or_else(own, str::to_owned);
    found.leave(&text.at, format!("a secret does not stand in a file; put it into {variable}"));
    (presets != Some(&variable)).then_some(variable)
}
