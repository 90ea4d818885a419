//! What the operator said, laid over what a preset says: field by field, header by header,
//! setting by setting, and model by model where both know one.

use super::{Command, Model, Provider, Timeouts};
use crate::config::credential::Credential;
use crate::config::problem::At;

impl Provider {
    /// What is said here, and for the rest what the preset says.
    pub(crate) fn over(self, preset: Provider) -> Self {
        let mut headers = self.headers;
        for (name, value) in preset.headers {
            if headers.iter().all(|(said, _)| *said != name) {
                headers.push((name, value));
            }
        }
        let mut settings = preset.settings;
        settings.extend(self.settings);
        Self {
            whose: self.whose,
            preset: self.preset,
            plugin: self.plugin.or(preset.plugin),
            base_url: self.base_url.or(preset.base_url),
            credential: Credential::over(self.credential, preset.credential),
            headers,
            commands: Command::all_over(self.commands, preset.commands),
            priority: self.priority.or(preset.priority),
            local: self.local.or(preset.local),
            private_addresses: self.private_addresses.or(preset.private_addresses),
            ca: self.ca.or(preset.ca),
            open_models: match self.models {
                // Who writes the models out means these and no others.
                Some(_) => self.open_models.or(Some(false)),
                None => self.open_models.or(preset.open_models),
            },
            remember: self.remember.or(preset.remember),
            // Of models that both list, the operator's already hold what the preset knows.
            models: self.models.or(preset.models),
            models_from: self.models_from.or(preset.models_from),
            settings,
            grants: self.grants.or(preset.grants),
            limits: self.limits.over(preset.limits),
            concurrency: self.concurrency.or(preset.concurrency),
            timeouts: Timeouts {
                connect: self.timeouts.connect.or(preset.timeouts.connect),
                first_byte: self.timeouts.first_byte.or(preset.timeouts.first_byte),
                between_chunks: self.timeouts.between_chunks.or(preset.timeouts.between_chunks),
                whole: self.timeouts.whole.or(preset.timeouts.whole),
            },
            rate_limits: self.rate_limits.or(preset.rate_limits),
            health: self.health.or(preset.health),
            unclear: self.unclear,
        }
    }
}

impl Model {
    /// Each of a list, with what else is known of it.
    pub(crate) fn each_over(said: &[At<Self>], known: &[At<Self>]) -> Vec<At<Self>> {
        said.iter().map(|model| model.over_one_of(known)).collect()
    }

    /// What a file says, over what a preset says; models that only one of them has included.
    pub(crate) fn together(file: &[At<Self>], preset: &[At<Self>]) -> Vec<At<Self>> {
        let only = preset.iter().filter(|model| find(file, &model.value.id).is_none());
        let mut all = Self::each_over(file, preset);
        all.extend(only.cloned());
        all
    }
}

impl At<Model> {
    fn over_one_of(&self, known: &[Self]) -> Self {
        let At { value: said, place } = self.clone();
        let known = find(known, &said.id).cloned().unwrap_or_default();
        At::new(said.over(known), place)
    }
}

/// The model of that name.
pub(crate) fn find<'m>(models: &'m [At<Model>], id: &str) -> Option<&'m Model> {
    models.iter().map(|model| &model.value).find(|model| model.id == id)
}
