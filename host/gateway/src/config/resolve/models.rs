//! A file of models: what it says of those of one provider.

use super::Resolver;
use crate::config::problem::{At, hint};
use crate::config::read;
use crate::config::said::{Model, ModelsFrom};

impl Resolver<'_> {
    /// The models of a file, of the provider that it calls as the operator says, or else `called`.
    pub(super) fn models_from(
        &mut self,
        table: &str,
        called: &str,
        from: &ModelsFrom,
    ) -> Vec<At<Model>> {
        let path = self.path(&from.file.value);
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                let text = format!("[{table}] `models_from`: {name} cannot be read: {error}");
                self.report(&from.file.place, text);
                return Vec::new();
            }
        };
        self.sources.push(path);
        let read = read::document(&name, &text, None, |document| {
            document.named("models", |value| value.list("a list of models", Model::read))
        });
        let providers = match read {
            Ok((providers, problems)) => {
                self.problems.extend(problems);
                providers
            }
            Err(problems) => {
                self.problems.extend(problems.into_vec());
                return Vec::new();
            }
        };
        let called = from.name.as_ref().map_or(called, |name| &name.value);
        let known = providers.iter().map(|(name, _)| name.value.as_str()).collect::<Vec<_>>();
        if !known.contains(&called) {
            let hint = hint(called, "it has", &known);
            let text = format!("[{table}] `models_from`: {name} has no [[models.{called}]]{hint}");
            let place = from.name.as_ref().map_or(&from.file.place, |name| &name.place);
            self.report(place, text);
        }
        let found = providers.into_iter().find(|(name, _)| name.value == called);
        found.map(|(_, models)| models.value).unwrap_or_default()
    }
}
