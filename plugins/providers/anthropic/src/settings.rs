//! What an operator may set; `plugin.toml` describes it to them.
//!
//! What a model takes differs from generation to generation, and a request that says too much
//! is refused. The older generations no longer change, so they are the ones that are listed;
//! whatever is not listed is treated as the newest are.

use serde::Deserialize;

/// The settings, all of them optional.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The most tokens of answer, where the sender sets no limit: this vendor insists on one.
    pub max_tokens: u32,
    /// The betas that are asked for, and no others.
    pub beta: Vec<String>,
    /// How the names begin of models that think within a budget of tokens.
    pub budget_models: Vec<String>,
    /// How the names begin of models that take `temperature`, `top_p` and `top_k`.
    pub sampling_models: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let names = |families: &[&str], version: &str| {
            families.iter().map(|family| format!("claude-{family}-{version}")).collect::<Vec<_>>()
        };
        let budget_models = names(&["haiku", "opus", "sonnet"], "4-5");
        let sampling_models = [budget_models.clone(), names(&["opus", "sonnet"], "4-6")].concat();
        Self { max_tokens: 4096, beta: Vec::new(), budget_models, sampling_models }
    }
}

/// Whether a list of beginnings has one of this model's name.
pub(crate) fn lists(beginnings: &[String], model: &str) -> bool {
    beginnings.iter().any(|beginning| model.starts_with(beginning.as_str()))
}
