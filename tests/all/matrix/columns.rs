//! The providers of the matrix, each with a vendor of its own behind it.

/// What the vendors take for a key.
pub(super) const KEY: &str = "the-key-of-the-matrix";

/// A provider.
pub(super) struct Column {
    /// Its name, in files and on the page.
    pub(super) name: &'static str,
    /// What people call it.
    pub(super) title: &'static str,
    /// A model of the vendor's, whose ways it has.
    pub(super) model: &'static str,
    /// Its configuration, but for its name. VENDOR is where the vendors are.
    pub(super) lines: &'static str,
}

pub(super) const COLUMNS: [Column; 8] = [
    Column {
        name: "openai",
        title: "OpenAI",
        model: "gpt-4.1",
        lines: r#"
            plugin = "openai"
            base_url = "VENDOR/openai/v1"
            credential = { bearer = { env = "KEY" } }"#,
    },
    Column {
        name: "openai-translated",
        title: "OpenAI, read and written anew",
        model: "gpt-4.1",
        lines: r#"
            plugin = "openai"
            base_url = "VENDOR/openai/v1"
            credential = { bearer = { env = "KEY" } }
            settings = { passthrough = false }"#,
    },
    Column {
        name: "openai-reasoning",
        title: "OpenAI, a model that reasons",
        model: "gpt-5",
        lines: r#"
            plugin = "openai"
            base_url = "VENDOR/openai/v1"
            credential = { bearer = { env = "KEY" } }
            settings = { max_tokens_field = "max_completion_tokens" }"#,
    },
    Column {
        name: "anthropic",
        title: "Anthropic",
        model: "claude-sonnet-5-5",
        lines: r#"
            plugin = "anthropic"
            base_url = "VENDOR/anthropic/v1"
            credential = { header = { name = "x-api-key", env = "KEY" } }"#,
    },
    Column {
        name: "gemini",
        title: "Gemini",
        model: "gemini-3.8-flash",
        lines: r#"
            plugin = "gemini"
            base_url = "VENDOR/gemini/v1beta"
            credential = { header = { name = "x-goog-api-key", env = "KEY" } }"#,
    },
    Column {
        name: "ollama",
        title: "Ollama",
        model: "qwen3",
        lines: r#"
            plugin = "ollama"
            base_url = "VENDOR/ollama""#,
    },
    Column {
        name: "huggingface",
        title: "Hugging Face, chat",
        model: "org/model",
        lines: r#"
            plugin = "huggingface"
            base_url = "VENDOR/huggingface"
            credential = { bearer = { env = "KEY" } }"#,
    },
    Column {
        name: "huggingface-generation",
        title: "Hugging Face, text generation",
        model: "org/base",
        lines: r#"
            plugin = "huggingface"
            base_url = "VENDOR/huggingface-generation"
            credential = { bearer = { env = "KEY" } }
            settings = { route = "text-generation" }"#,
    },
];

impl Column {
    /// The provider's part of the gateway's configuration.
    pub(super) fn configuration(&self, vendor: &str) -> String {
        let lines = self.lines.replace("VENDOR", vendor);
        format!("[providers.{}]\nopen_models = true{lines}\n", self.name)
    }

    /// The name by which a client asks for the model that follows this script.
    pub(super) fn model_of(&self, script: &str) -> String {
        format!("{}/{}--{script}", self.name, self.model)
    }
}
