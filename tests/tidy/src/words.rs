//! Which words a crate may use. Words are where knowledge shows first: a crate that names a
//! thing will soon depend on it.

use crate::check;
use crate::files::{File, numbered, under, words};

/// The words of the trade that the sandbox is used in.
const TRADE: [&str; 20] = [
    "model",
    "models",
    "token",
    "tokens",
    "prompt",
    "prompts",
    "tenant",
    "tenants",
    "provider",
    "providers",
    "policy",
    "policies",
    "vendor",
    "vendors",
    "completion",
    "completions",
    "embedding",
    "embeddings",
    "llm",
    "chat",
];

/// Who serves models. The English word "together" is one of them, so it counts with its ending.
const VENDORS: [&str; 17] = [
    "anthropic",
    "azure",
    "bedrock",
    "claude",
    "cohere",
    "deepseek",
    "gemini",
    "groq",
    "huggingface",
    "mistral",
    "ollama",
    "openai",
    "openrouter",
    "vertex",
    "vllm",
    "xai",
    "togetherai",
];

#[test]
fn the_sandbox_has_no_word_of_the_trade() {
    let files = [".rs", ".toml"].map(|ending| under("host/sandbox", ending));
    let mut problems = Vec::new();
    for file in files.iter().flatten() {
        for (number, line) in numbered(&file.text) {
            for word in words(line).iter().filter(|word| TRADE.contains(&word.as_str())) {
                problems.push(format!("{}:{number}: {word:?}", file.path));
            }
        }
    }
    check(
        &problems,
        "Somebody with another kind of plugin can use host/sandbox as it is. Say it without the \
         word, or move it to host/gateway and reach it through the trait `World`.",
    );
}

#[test]
fn the_gateway_names_no_vendor() {
    let mut problems = Vec::new();
    for file in under("host/gateway", ".rs") {
        // A dialect bears its inventor's name; tests are data.
        if file.is_tests() || file.path.starts_with("host/gateway/src/wire") {
            continue;
        }
        vendors_in(&file, &mut problems);
    }
    check(
        &problems,
        "Vendors are plugins and presets: move what is special about one into its plugin, its \
         preset in plugins/presets, or a setting. The dialect is called by its path, \
         `wire::openai`, or \"the OpenAI dialect\".",
    );
}

fn vendors_in(file: &File, problems: &mut Vec<String>) {
    for (number, line) in numbered(file.without_tests()) {
        let line = line.replace("wire::openai", "").replace("OpenAI dialect", "");
        let joined = line.to_lowercase().replace("together.ai", "togetherai");
        let joined =
            joined.replace("together_ai", "togetherai").replace("hugging face", "huggingface");
        for word in words(&joined).iter().filter(|word| VENDORS.contains(&word.as_str())) {
            problems.push(format!("{}:{number}: {word:?}", file.path));
        }
    }
}
