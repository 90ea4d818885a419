//! Presets: what is known of a vendor, as data. The files lie in `plugins/presets` and are
//! compiled into the program, so that a first configuration is one line.

use super::credential::SecretFrom;
use super::problem::{Place, Problem, Problems};
use super::read;
use super::resolve::provider::{Known, candidate};
use super::resolved::Candidate;
use super::said;

/// Each preset's name and text, sorted; written by the build script.
static TEXTS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/presets.rs"));

/// What is known of a vendor.
pub(crate) struct Preset {
    /// The vendor, as it writes itself.
    pub(crate) title: String,
    /// What a provider takes from it.
    pub(crate) provider: said::Provider,
}

/// The names of all presets, sorted.
pub(crate) fn names() -> Vec<&'static str> {
    TEXTS.iter().map(|(name, _)| *name).collect()
}

/// The preset of a name, and what is wrong with it; everything in it stands where `place` is,
/// because that is what the operator can change.
pub(crate) fn find(name: &str, place: &Place) -> Option<Result<(Preset, Vec<Problem>), Problems>> {
    let (name, text) = TEXTS.iter().find(|(known, _)| *known == name)?;
    Some(read::document(name, text, Some(place), |table| {
        if table.string("name").is_none_or(|said| said.value != *name) {
            table.problem(&format!("the preset `{name}` does not bear its file's name"));
        }
        // Read by people who look at the file, so it has to be there.
        if table.string("docs").is_none_or(|docs| !docs.value.starts_with("https://")) {
            table.problem(&format!("the preset `{name}` does not link to its protocol in `docs`"));
        }
        Preset {
            title: table.string("title").map_or_else(|| (*name).to_owned(), |title| title.value),
            provider: said::Provider::read(table),
        }
    }))
}

/// The preset of a name, where there is one.
pub(crate) fn known(name: &str) -> Option<Preset> {
    let (preset, _) = find(name, &Place::outside(name))?.ok()?;
    Some(preset)
}

/// The names of those for servers of the operator's own.
pub(crate) fn local() -> Vec<&'static str> {
    let is_local = |name: &str| known(name).is_some_and(|it| it.provider.local == Some(true));
    names().into_iter().filter(|name| is_local(name)).collect()
}

impl Preset {
    /// Where it is asked, unless that is the operator's to say.
    pub(crate) fn base_url(&self) -> Option<&str> {
        Some(&self.provider.base_url.as_ref()?.value)
    }

    /// Whether it is known how to reach it.
    pub(crate) fn can_be_asked(&self) -> bool {
        self.provider.base_url.is_some() || !self.provider.commands.is_empty()
    }

    /// Whether it says which models there are.
    pub(crate) fn lists_models(&self) -> bool {
        self.provider.models.as_ref().is_some_and(|models| !models.is_empty())
    }

    /// Whether it takes models that it does not list.
    pub(crate) fn takes_any(&self) -> bool {
        self.provider.open_models == Some(true)
    }

    /// The variable of the environment in which its key is looked for.
    pub(crate) fn key_variable(&self) -> Option<&str> {
        match self.provider.credential.as_ref()?.value.secret()? {
            SecretFrom::Env(name) => Some(&name.value),
            SecretFrom::File(_) => None,
        }
    }
}

/// Every model that a preset knows, as "preset/model".
pub(crate) fn models() -> Vec<Candidate> {
    let of = |name: &'static str| {
        let provider = known(name).map(|preset| preset.provider).unwrap_or_default();
        let local = provider.local.unwrap_or(false);
        let known = Known { name: name.to_owned(), local, ..Known::default() };
        let models = provider.models.unwrap_or_default().into_iter();
        models.map(move |model| candidate(&known, model.value))
    };
    names().into_iter().flat_map(of).collect()
}

/// A preset whose key can be in the environment.
pub(crate) struct Keyed {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) variable: String,
}

/// Every preset whose key can be in the environment.
pub(crate) fn keyed() -> Vec<Keyed> {
    let keyed = |name: &'static str| {
        let preset = known(name)?;
        // One whose address is the operator's own to say cannot be used by its key alone.
        preset.provider.base_url.as_ref()?;
        let variable = preset.key_variable()?.to_owned();
        Some(Keyed { name, title: preset.title, variable })
    };
    names().into_iter().filter_map(keyed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::credential::Credential;

    #[test]
    fn every_preset_can_be_read_and_is_complete() {
        assert!(names().len() >= 9, "the build script found {:?}", names());
        for name in names() {
            let (preset, problems) = find(name, &Place::outside(name)).unwrap().unwrap();
            assert_eq!(problems, [], "{name}");
            assert!(preset.provider.plugin.is_some(), "{name} names its plugin");
            // A program has its own way to log in.
            if !preset.provider.commands.is_empty() {
                assert!(preset.provider.local.is_none() && preset.provider.base_url.is_none());
                continue;
            }
            if preset.provider.base_url.is_none() {
                assert!(!keyed().iter().any(|keyed| keyed.name == name), "{name} has no address");
                continue;
            }
            // What it costs nothing to reach needs no key, and what has a key is not local.
            let local = preset.provider.local == Some(true);
            assert_eq!(local, preset.provider.credential.is_none(), "{name}");
            let secret = match preset.provider.credential.map(|credential| credential.value) {
                None => continue,
                Some(Credential::Bearer(secret) | Credential::Header { secret, .. }) => secret,
                Some(Credential::OAuth2(oauth2)) => oauth2.refresh_token.unwrap(),
                Some(_) => panic!("{name} has another form of credential"),
            };
            assert!(matches!(secret, SecretFrom::Env(_)), "{name}");
        }
    }

    #[test]
    fn models_of_presets_are_listed_once_and_priced_whole() {
        for name in names() {
            let (preset, _) = find(name, &Place::outside(name)).unwrap().unwrap();
            let models = preset.provider.models.unwrap_or_default();
            for (index, model) in models.iter().enumerate() {
                let model = &model.value;
                let twice = models[..index].iter().any(|other| other.value.id == model.id);
                assert!(!twice, "{name}/{} is listed twice", model.id);
                let prices = &model.prices;
                let (input, output) = (prices.base.input.is_some(), prices.base.output.is_some());
                assert_eq!(input, output, "{name}/{} has half a price", model.id);
                let dated = prices.source.is_some() && prices.as_of.is_some();
                assert!(
                    dated || !input,
                    "{name}/{} does not say where its price is from",
                    model.id
                );
            }
        }
    }
}
