//! What the operator said, laid over what a preset says: field by field, header by header,
//! setting by setting, and model by model where both know one.

use super::{Model, Provider, Timeouts};
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
            preset: self.preset,
            plugin: self.plugin.or(preset.plugin),
            base_url: self.base_url.or(preset.base_url),
            credential: Credential::over(self.credential, preset.credential),
            headers,
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
            models: Model::list_over(self.models, preset.models),
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
            unclear: self.unclear,
        }
    }
}

impl Model {
    /// The operator's list, with what the preset knows of the models in it.
    fn list_over(said: Option<Vec<At<Self>>>, preset: Option<Vec<At<Self>>>) -> Option<Vec<At<Self>>> {
        let (Some(said), Some(preset)) = (&said, &preset) else {
            return said.or(preset);
        };
        let known = |id: &str| preset.iter().map(|model| &model.value).find(|model| model.id == id);
        let merge = |model: &At<Self>| {
            let At { value: said, place } = model.clone();
            let known = known(&said.id).cloned().unwrap_or_default();
            At::new(said.over(known), place)
        };
        Some(said.iter().map(merge).collect())
    }
}
