//! Entries of the real list, as litellm 1.109.1 (MIT) has them, and some that are made up to be
//! wrong.

use super::*;
use crate::config::{self, Environment};

const EXCERPT: &str = include_str!("excerpt.json");

fn date() -> Date {
    jiff::civil::date(2026, 11, 21)
}

fn imported(json: &str, only: &[&str]) -> Result<Imported> {
    let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
    import(json, &only, date())
}

/// What the file says of one model.
fn of(toml: &str, id: &str) -> String {
    let parts = toml.split("\n\n").map(|part| part.split_once('\n').unwrap_or_default().1);
    let found = parts.into_iter().find(|part| part.starts_with(&format!("id = \"{id}\"\n")));
    found.unwrap_or_else(|| panic!("{id} is not in {toml}")).trim_end().to_owned()
}

#[test]
fn an_entry_becomes_a_model() {
    let toml = imported(EXCERPT, &[]).unwrap().toml();
    assert_eq!(
        of(&toml, "gpt-4o"),
        r#"id = "gpt-4o"
context_tokens = 128000
max_output_tokens = 16384
input_price = 2.5
output_price = 10
cached_input_price = 1.25
source = "https://developers.openai.com/api/docs/pricing"
as_of = "2026-11-21"
operations = ["chat"]
features = ["tools", "vision", "files", "json-schema"]"#
    );
    let tiers = "price_tiers = [{ above_tokens = 200000, input_price = 4, output_price = 18, \
                 cached_input_price = 0.4 }]";
    assert!(of(&toml, "gemini-3.1-pro-preview").contains(tiers), "{toml}");
    let written = "cache_write_price = 0.125\ncache_write_1h_price = 0.2\n\
                   price_tiers = [{ above_tokens = 100000, input_price = 0.5, output_price = 2.5, \
                   cached_input_price = 0.05, cache_write_price = 0.625, \
                   cache_write_1h_price = 1 }]";
    assert!(of(&toml, "claude-haiku-5-5").contains(written), "{toml}");
    let sound = of(&toml, "whisper-1");
    assert!(sound.contains("audio_minute_price = 0.006\nsource = \"https://dev"), "{sound}");
    let vectors = of(&toml, "mistral-embed");
    assert!(vectors.contains("output_price = 0\n"), "{vectors}");
    assert!(vectors.contains("source = \"LiteLLM's model_prices"), "{vectors}");
    assert!(toml.contains("[[models.groq]]\nid = \"openai/gpt-oss-120b\"\n"), "{toml}");
}

#[test]
fn what_has_no_place_is_named() {
    let imported = imported(EXCERPT, &[]).unwrap();
    let (toml, report) = (imported.toml(), imported.report());
    assert!(!toml.contains("sample_spec") && !report.contains("sample_spec"), "{report}");
    for expected in [
        "8 models of 6 providers\n",
        "left out: 1 (its mode is image_generation): gpt-image-1\n",
        "taken over in part: 1 (it is priced by `tiered_pricing`, which has no place here): \
         dashscope/qwen3-max\n",
        "keys that have no place here: ",
        "supports_tool_choice (",
    ] {
        assert!(report.contains(expected), "{expected:?} is not in {report}");
    }
    assert!(
        toml.contains("\n# Left out:\n# gpt-image-1: its mode is image_generation\n"),
        "{toml}"
    );
    assert!(!of(&toml, "qwen3-max").contains("price"), "{toml}");
}

#[test]
fn odd_entries_are_told_and_not_believed() {
    let check = |entry: &str, expected: &str| {
        let json = format!("{{\"p/m\": {entry}}}");
        let imported = imported(&json, &[]).unwrap();
        let (toml, report) = (imported.toml(), imported.report());
        assert!(report.contains(expected), "{expected:?} is not in {report}");
        assert!(toml.contains("# p/m: "), "{toml}");
    };
    let with = |more: &str| format!("{{\"litellm_provider\": \"p\", \"mode\": \"chat\"{more}}}");
    check("3", "left out: 1 (it is no object): p/m");
    check("{\"mode\": \"chat\"}", "left out: 1 (it names no provider): p/m");
    check("{\"litellm_provider\": \"p\"}", "left out: 1 (it has no mode): p/m");
    check(&with(""), "taken over in part: 1 (it has no price): p/m");
    check(&with(", \"max_input_tokens\": \"many\""), "(`max_input_tokens` is \"many\"): p/m");
    check(&with(", \"max_output_tokens\": -1"), "(`max_output_tokens` is -1): p/m");
    check(&with(", \"max_output_tokens\": 1.5"), "(`max_output_tokens` is 1.5): p/m");
    let image = ", \"output_cost_per_image\": 0.1";
    check(&with(image), "(it is priced by `output_cost_per_image` and not by the token): p/m");
    check(
        &with(", \"input_cost_per_token\": -0.1, \"output_cost_per_token\": 1"),
        "(`input_cost_per_token` is -0.1): p/m",
    );
    let priced = ", \"input_cost_per_token\": \"1e-6\", \"output_cost_per_token\": 2e-6";
    check(
        &with(&format!("{priced}, \"input_cost_per_token_above_128k_tokens\": 2e-6")),
        "(its price above 128000 tokens is not whole): p/m",
    );
    let twice = format!("{{\"p/m\": {0}, \"m\": {0}}}", with(priced));
    let report = imported(&twice, &[]).unwrap().report();
    assert!(report.contains("left out: 1 (p has another entry for m): "), "{report}");
}

#[test]
fn providers_can_be_chosen_and_what_is_no_list_is_refused() {
    let chosen = imported(EXCERPT, &["groq"]).unwrap();
    assert_eq!(chosen.report().lines().next(), Some("1 models of 1 providers"));
    let error = |json: &str, only: &[&str]| {
        format!("{:#}", imported(json, only).err().expect("it is refused"))
    };
    let unknown = error(EXCERPT, &["grok"]);
    assert!(unknown.starts_with("it has no models of \"grok\"; it has those of: anthropic, "));
    assert!(error("[]", &[]).starts_with("it is not a JSON object with a key for each model: "));
    assert_eq!(error("{}", &[]), "it has no models");
}

#[test]
fn a_configuration_takes_over_what_a_file_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("models.toml", &imported(EXCERPT, &[]).unwrap().toml());
    file(
        "portcullis.toml",
        r#"
[providers.groq]
plugin = "x"
base_url = "http://[::1]/"
models_from = "models.toml"
models = ["openai/gpt-oss-120b", "another"]
[providers.house]
plugin = "x"
base_url = "http://[::1]/"
models_from = { file = "models.toml", name = "gemini" }
open_models = true
models = [{ id = "gemini-3.1-pro-preview", input_price = 1, output_price = 1 }]
[providers.open]
plugin = "x"
base_url = "http://[::1]/"
models_from = { file = "models.toml", name = "openai" }
[routes.default]
candidates = ["groq/*", "open/gpt-4o", "open/unheard-of"]
"#,
    );
    let path = folder.path().join("portcullis.toml");
    let config = config::load(&path, &Environment::default()).unwrap();
    let candidate = |id: &str| config.candidates.iter().find(|it| it.id == id).unwrap();
    let known = candidate("groq/openai/gpt-oss-120b");
    assert_eq!((known.context_tokens, known.prices.base.input), (Some(131_072), Some(0.15)));
    assert_eq!(candidate("groq/another").context_tokens, None);
    // The operator's own price is the whole price; the rest is the file's.
    let own = candidate("house/gemini-3.1-pro-preview");
    assert_eq!((own.context_tokens, own.prices.at(300_000).input), (Some(1_048_576), Some(1.0)));
    assert_eq!((own.prices.base.cached_input, own.prices.source.as_deref()), (None, None));
    // What a route names is known, and what clients may name.
    assert_eq!(candidate("open/gpt-4o").prices.base.output, Some(10.0));
    assert_eq!(candidate("open/unheard-of").prices.base.output, None);
    let open = &config.providers[2].catalogue;
    assert!(open.iter().any(|it| it.id == "open/whisper-1"), "{open:?}");
    assert!(config.providers[0].catalogue.is_empty(), "it takes none but those that it lists");
    assert_eq!(config.sources.len(), 4);
}
