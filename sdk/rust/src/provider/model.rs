//! What is known of a model.

use super::{Failure, Model, read_body};
use crate::json::{Tape, View};

/// The names of what is there.
fn named<const N: usize>(names: [(&str, bool); N]) -> impl Iterator<Item = String> {
    names.into_iter().filter(|(_, there)| *there).map(|(name, _)| name.to_owned())
}

/// The models of the upstream's list, which stands in this field.
pub fn read_list(
    body: &[u8],
    field: &str,
    listed: impl FnMut(View<'_>) -> Option<Model>,
) -> Result<Vec<Model>, Failure> {
    let mut tape = Tape::default();
    let list = read_body(body, &mut tape).get(field);
    if !list.is_list() {
        return Err(Failure::malformed("the upstream's list of models is not one"));
    }
    Ok(list.items().filter_map(listed).collect())
}

impl Model {
    /// A model of this name, of which no more is known.
    pub fn named(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            context_tokens: None,
            max_output_tokens: None,
            operations: Vec::new(),
            features: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// With those of these operations that it serves.
    #[must_use]
    pub fn serving<const N: usize>(mut self, operations: [(&str, bool); N]) -> Self {
        self.operations.extend(named(operations));
        self
    }

    /// With those of these features that it has.
    #[must_use]
    pub fn with<const N: usize>(mut self, features: [(&str, bool); N]) -> Self {
        self.features.extend(named(features));
        self
    }
}
