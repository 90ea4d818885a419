//! What an operator may set; `plugin.toml` describes it to them.

use serde::Deserialize;

/// The settings, all of them optional.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How a chat request is asked.
    pub route: Route,
    /// Who answers.
    pub server: Server,
    /// Where the hub's models are, one by one.
    pub models_path: String,
    /// Hand a chat's answer on as it is.
    pub passthrough: bool,
    /// What stands for a message in a prompt: `{role}` says what `{text}`.
    pub template: String,
    /// What the model goes on from, behind all messages.
    pub template_end: String,
    /// Where it has to stop, beside where the sender says.
    pub stop: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let [models_path, template, template_end, stop] =
            ["/hf-inference/models", "{role}: {text}\n", "assistant:", "\nuser:"]
                .map(str::to_owned);
        let (route, server, stop) = (Route::Chat, Server::Hub, vec![stop]);
        Self { route, server, models_path, passthrough: true, template, template_end, stop }
    }
}

/// How a chat request is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// In OpenAI's dialect.
    Chat,
    /// As a text to go on with.
    TextGeneration,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    /// The hub's router: a call names its model.
    Hub,
    /// A server of one model: TGI for text, TEI for vectors.
    Dedicated,
}
