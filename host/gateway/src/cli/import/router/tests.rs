//! The example of the project's founding documents, and files that are made up to be wrong or to
//! say what has no place.

use super::*;
use crate::config::{self, Environment};

const EXAMPLE: &str = include_str!("example.json");

fn imported(json: &str) -> Imported {
    import("folder/router.config.json", json).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A file with one provider beside `more`.
fn file(provider: &str, more: &str) -> String {
    format!(r#"{{"providers": {{"house": {provider}}}{more}}}"#)
}

const HOUSE: &str = r#"{"baseURL": "http://127.0.0.1:9/v1/", "models": {"fast": "m"}}"#;

/// What the gateway makes of the configuration.
fn loaded(toml: &str, variables: &[&str]) -> config::Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portcullis.toml");
    std::fs::write(&path, toml).unwrap();
    let variables = variables.iter().map(|name| (*name, "k"));
    config::load(&path, &Environment::from_iter(variables))
        .unwrap_or_else(|problems| panic!("{problems}\n{toml}"))
}

#[test]
fn the_example_becomes_a_configuration() {
    let imported = imported(EXAMPLE);
    let toml = imported.toml();
    let expected = r#"
[providers.anthropic]
preset = "anthropic"
models = [
  { id = "claude-3-haiku-20240307", tags = ["fast"] },
  { id = "claude-3-5-sonnet-20241022", tags = ["balanced"] },
  { id = "claude-3-opus-20240229", tags = ["powerful"] },
  "claude-3-opus",
]

[providers.openrouter]
preset = "openrouter"
models = [
  { id = "meta-llama/llama-3.1-8b-instruct", tags = ["fast"] },
  { id = "deepseek/deepseek-coder-33b-instruct", tags = ["coding"] },
  { id = "google/gemini-pro-1.5", tags = ["balanced"] },
  { id = "openai/gpt-4-turbo", tags = ["powerful"] },
]

[policies.rules]
plugin = "rules"

[policies.rules.settings]
then = "others"
retries = 3
# `task_type`, `complexity`: clients say it in x-portcullis-label-task, x-portcullis-label-complexity, or a policy before this one labels requests, such as `classifier`, in words of its own.

# [[policies.rules.settings.rules]]
# if = "token_count < 500"
# to = ["onnx/phi-3-mini"]
# reason = "Fast local inference for simple tasks"

[[policies.rules.settings.rules]]
if = "task_type == 'coding'"
to = ["openrouter/deepseek/deepseek-coder-33b-instruct"]
reason = "Specialized coding model"

[[policies.rules.settings.rules]]
if = "complexity == 'high'"
to = ["anthropic/claude-3-opus"]
reason = "Complex reasoning required"

[[policies.rules.settings.rules]]
if = "default"
to = ["openrouter/meta-llama/llama-3.1-8b-instruct"]
reason = "Balanced cost/performance"

[policies.cost-optimized]
plugin = "cost-optimized"
settings = { retries = 3 }

[routes.default]
policies = ["rules", "cost-optimized"]
candidates = [
  "openrouter/meta-llama/llama-3.1-8b-instruct",
  "anthropic/claude-3-5-sonnet-20241022",
  "openrouter/deepseek/deepseek-coder-33b-instruct",
  "anthropic/claude-3-opus",
]

# Not taken over:
"#;
    let (head, rest) = toml.split_once('\n').unwrap();
    assert!(head.starts_with("# From router.config.json."), "{head}");
    assert!(rest.starts_with(expected), "{toml}");
    let config = loaded(&toml, &["ANTHROPIC_API_KEY", "OPENROUTER_API_KEY"]);
    let ids: Vec<_> = config.candidates.iter().map(|candidate| candidate.id.as_str()).collect();
    let route: Vec<_> = config.routes[0].candidates.iter().map(|index| ids[*index]).collect();
    assert_eq!(route, imported.candidates);
}

#[test]
fn what_has_no_place_is_named() {
    let imported = imported(EXAMPLE);
    let (toml, report) = (imported.toml(), imported.report());
    assert!(report.starts_with("2 providers, 3 of 4 rules, 4 candidates\n"), "{report}");
    assert!(report.contains("\nnote: `task_type`, `complexity`: clients say it in "), "{report}");
    for (path, place, why) in [
        ("providers.onnx", "23:13", "it has no `baseURL`, and no preset has its name; a server"),
        ("routing.rules[0]", "34:7", "the rule is left out: `onnx` is left out"),
        ("fallback.chain[0]", "63:7", "`onnx` is left out"),
        ("fallback.backoffMs", "68:18", "the gateway chooses its pauses, and heeds `retry-after`"),
        ("optimization.onnx", "71:13", "models do not run in the gateway's own process"),
        ("optimization.caching", "76:16", "answers are kept where the table [cache] says so"),
        ("costOptimization.maxCostPerRequest", "84:26", "the cost of one request has no bound"),
        ("costOptimization.preferredProviders", "85:27", "who goes first is said by the rules"),
        ("costOptimization.budgetLimits", "86:21", "there are no budgets here yet"),
    ] {
        let warning = format!(
            "\nwarning: folder/router.config.json:{place}: `{path}` is not taken over: {why}"
        );
        assert!(report.contains(&warning), "{warning:?} is not in {report}");
        let (line, _) = place.split_once(':').unwrap();
        let comment = format!("\n# line {line}, {path}: {why}");
        assert!(toml.contains(&comment), "{comment:?} is not in {toml}");
    }
    assert_eq!(imported.left.len(), 9, "{report}");
}

#[test]
fn a_provider_without_a_preset_is_written_out() {
    let toml = imported(&file(HOUSE, "")).toml();
    let expected = r#"
[providers.house]
plugin = "openai"  # assumed: the file names no protocol
base_url = "http://127.0.0.1:9/v1"
models = [
  { id = "m", tags = ["fast"] },
]

[policies.ordered]
plugin = "ordered"

[routes.default]
policies = ["ordered"]
candidates = [
  "house/*",
]
"#;
    assert!(toml.ends_with(expected), "{toml}");
    assert_eq!(loaded(&toml, &[]).candidates[0].id, "house/m");
}

#[test]
fn an_address_is_written_where_it_is_not_the_presets() {
    let of = |url: &str| {
        let json = format!(
            r#"{{"providers": {{"mistral": {{"baseURL": "{url}", "models": {{"a": "m"}}}}}}}}"#
        );
        imported(&json).providers.remove(0).base_url
    };
    // The version in the path is the preset's to know.
    assert_eq!(of("https://api.mistral.ai"), None);
    assert_eq!(of("https://api.mistral.ai/v1/"), None);
    assert_eq!(of("https://api.mistral.a"), Some("https://api.mistral.a".to_owned()));
    assert_eq!(of("http://127.0.0.1:9/v1"), Some("http://127.0.0.1:9/v1".to_owned()));
}

#[test]
fn keys_are_named_and_never_written() {
    let check = |name: &str, key: &str, written: Option<&str>, left: Option<&str>| {
        let json = format!(
            r#"{{"providers": {{"{name}": {{"apiKey": "{key}", "baseURL": "http://127.0.0.1:9",
            "models": {{"a": "m"}}}}}}}}"#
        );
        let imported = imported(&json);
        assert_eq!(imported.providers[0].key.as_deref(), written, "{name}, {key}");
        let (toml, report) = (imported.toml(), imported.report());
        let line = written.map(|name| format!("\ncredential = {{ env = \"{name}\" }}\n"));
        assert!(line.is_none_or(|line| toml.contains(&line)), "{toml}");
        assert!(!(toml + &report).contains("sk-hidden"), "{report}");
        assert_eq!(imported.left.first().map(|(_, why)| why.as_str()), left);
    };
    check("groq", "${GROQ_API_KEY}", None, None);
    check("groq", "${OTHER}", Some("OTHER"), None);
    check("my.own", "${OTHER}", Some("OTHER"), None);
    let into = "a secret does not stand in a file; put it into ";
    check("groq", "sk-hidden", None, Some(&format!("{into}GROQ_API_KEY")));
    check("my.own", "sk-hidden", Some("MY_OWN_API_KEY"), Some(&format!("{into}MY_OWN_API_KEY")));
    check(
        "my.own",
        "${A}-sk-hidden${B}",
        Some("MY_OWN_API_KEY"),
        Some(&format!("{into}MY_OWN_API_KEY")),
    );
}

#[test]
fn rules_name_models_by_what_the_file_calls_them() {
    let more = r#", "routing": {"rules": [
        {"condition": "needs('tools')", "provider": "house", "model": "fast"},
        {"condition": "hour < 7", "provider": "house", "model": "other"},
        {"condition": "default", "provider": "house"}]}"#;
    let imported = imported(&file(HOUSE, more));
    let to: Vec<_> = imported.rules.iter().map(|rule| rule.to.as_str()).collect();
    assert_eq!(to, ["house/m", "house/other", "house/*"]);
    assert!(imported.left.is_empty() && !imported.report().contains("note:"));
    let toml = imported.toml();
    // Nothing is said of fallbacks: then there are none.
    assert!(toml.contains("\nthen = \"nothing\"\notherwise = \"route\"\n"), "{toml}");
    assert!(toml.contains("  { id = \"m\", tags = [\"fast\"] },\n  \"other\",\n]"), "{toml}");
    loaded(&toml, &[]);
}

#[test]
fn a_preset_is_enough_for_a_provider_that_is_only_named() {
    let json = r#"{"routing": {"rules": [
        {"condition": "hour < 7", "provider": "groq", "model": "new"},
        {"condition": "true", "provider": "vllm"},
        {"condition": "default", "provider": "nobody", "model": "m"}],
        "fallbackChain": ["groq", "vllm", "someone"]}}"#;
    let imported = imported(json);
    assert_eq!(imported.candidates, ["groq/*", "groq/new"]);
    let whys: Vec<_> =
        imported.left.iter().map(|(at, why)| format!("{}: {why}", at.path)).collect();
    assert_eq!(
        whys,
        [
            "routing.rules[1]: the rule is left out: nobody says which model of `vllm` is meant",
            "routing.rules[2]: the rule is left out: there is no provider `nobody`, and no preset \
             of that name",
            "routing.fallbackChain[1]: nobody says which model of `vllm` is meant",
            "routing.fallbackChain[2]: there is no provider `someone`, and no preset of that name",
        ]
    );
    let toml = imported.toml();
    assert!(toml.contains("[providers.groq]\npreset = \"groq\"\n\n"), "the preset's list holds");
    loaded(&toml, &["GROQ_API_KEY"]);
}

#[test]
fn what_is_switched_off_is_left_out() {
    let off = r#"{"enabled": false, "baseURL": "http://127.0.0.1:9", "models": {"a": "m"}}"#;
    let more = r#", "routing": {"fallbackChain": ["house"]}, "fallback": {"enabled": false}}"#;
    let json = format!(r#"{{"providers": {{"house": {HOUSE}, "off": {off}}}{more}"#);
    let imported = imported(&json);
    assert!(!imported.fallback);
    assert_eq!((imported.providers.len(), imported.candidates.len()), (1, 1));
    let whys: Vec<_> = imported.left.iter().map(|(_, why)| why.as_str()).collect();
    assert_eq!(whys, ["it is not enabled", "fallbacks are not enabled"]);
}

#[test]
fn of_two_chains_one_holds() {
    let more = r#", "routing": {"fallbackChain": ["groq", "house"]}, "fallback": {"chain": ["house"],
        "retryAttempts": 9}"#;
    let imported = imported(&file(HOUSE, more));
    assert_eq!(imported.candidates, ["house/*"]);
    assert_eq!(imported.left[0].1, "`fallback.chain` says otherwise, and holds");
    // Policies try nobody more often.
    assert!(imported.toml().contains("settings = { retries = 5 }"));
}

#[test]
fn what_is_not_known_is_a_warning_with_its_path() {
    let check = |json: &str, expected: &str| {
        let imported = imported(json);
        let report = imported.report();
        assert!(report.contains(expected), "{expected:?} is not in {report}");
        loaded(&imported.toml(), &[]);
    };
    let place = "warning: folder/router.config.json:";
    let unknown = |at: &str, path: &str| {
        format!("{place}{at}: `{path}` is not taken over: it is not known\n")
    };
    check(&file(HOUSE, ",\n \"learn\": {}"), &unknown("2:11", "learn"));
    check(&file(HOUSE, ",\n \"x y\": 1"), &unknown("2:9", "[\"x y\"]"));
    check(&file(HOUSE, ",\n\"routing\": {\"mode\": 1}"), &unknown("2:21", "routing.mode"));
    check(&file(HOUSE, ",\n\"optimization\": {\"x\": 1}"), &unknown("2:23", "optimization.x"));
    let rule = r#"{"condition": "default", "provider": "house", "weight": 1}"#;
    let rules = format!(",\n\"routing\": {{\"rules\": [{rule}]}}");
    check(&file(HOUSE, &rules), &unknown("2:79", "routing.rules[0].weight"));
    let embedded = HOUSE.replace("\"models\"", "\"threads\": 4, \"models\"");
    let why = "`providers.house.threads` is not taken over: models do not run in the gateway's own";
    check(&file(&embedded, ""), why);
    let strategy = ",\n\"routing\": {\"strategy\": \"clever\"}";
    let why = "2:25: `routing.strategy` is not taken over: no policy has that name; there are: ";
    check(&file(HOUSE, strategy), why);
    // What only labels requests sends none anywhere, and the rules have their own place.
    check(&file(HOUSE, &strategy.replace("clever", "classifier")), why);
    check(&file(HOUSE, &strategy.replace("clever", "rules")), why);
}

#[test]
fn texts_cannot_leave_their_place() {
    let rule = r#"{"condition": "model == '\"\n'", "provider": "nobody", "model": "a\nb = 1",
                  "reason": "\n[server]\nlisten = 1"}"#;
    let rules =
        format!(r#", "routing": {{"rules": [{rule}, {}]}}"#, rule.replace("nobody", "house"));
    let imported = imported(&file(HOUSE, &rules));
    assert_eq!(imported.rules.len(), 2);
    let config = loaded(&imported.toml(), &[]);
    let settings = &config.policies[0].settings;
    assert_eq!(settings["rules"].as_array().unwrap().len(), 1);
    assert_eq!(settings["rules"][0]["if"], "model == '\"\n'");
    assert_eq!(settings["rules"][0]["reason"], "\n[server]\nlisten = 1");
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_all_at_once() {
    let check = |json: &str, expected: &[&str]| {
        let problems = import("r.json", json).err().expect("it is refused");
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told, expected, "{json}");
    };
    check("{\n  \"providers\": {,", &["r.json:2:17: not JSON: key must be a string"]);
    check("", &["r.json:1:0: not JSON: EOF while parsing a value"]);
    check(
        "[]",
        &["r.json:1:1: `the file` is a list; expected an object with `providers` and \
                   `routing`"],
    );
    check(r#"{"a": 1, "a": 2}"#, &["r.json:1:15: `a` is said twice; keep one"]);
    check(r#"{"a": "\ud800"}"#, &["r.json:1:7: not JSON: unexpected end of hex escape"]);
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(40), "]".repeat(40));
    check(&deep, &["r.json:1:39: this is nested too deep"]);
    check(
        "{}",
        &["r.json:1:1: `the file` leaves nobody to ask; expected a provider with a preset \
                   or a `baseURL`, and with `models`"],
    );
    check(
        r#"{"providers": {
            "a b": {},
            "x": {"enabled": "yes", "apiKey": 3, "baseURL": "ftp://me:sk-hidden@host", "models": []},
            "y": []},
          "routing": {"strategy": "", "fallbackChain": [1], "rules": [
            {"provider": "x", "model": {}, "reason": null},
            {"condition": {"complexity": "high"}},
            3]},
          "fallback": {"enabled": true, "retryAttempts": -1, "chain": "x"}}"#,
        &[
            "r.json:2:20: `providers[\"a b\"]` cannot name a provider; expected letters, digits, \
             `-`, `_`, `.`",
            "r.json:3:30: `providers.x.enabled` is a string; expected true or false",
            "r.json:3:47: `providers.x.apiKey` is a number; expected such as \"${API_KEY}\"",
            "r.json:3:61: `providers.x.baseURL` is not the address of a provider; expected such \
             as \"https://api.example/v1\"",
            "r.json:3:98: `providers.x.models` is a list; expected an object such as \
             {\"fast\": \"MODEL\"}",
            "r.json:4:18: `providers.y` is a list; expected an object with `apiKey`, `baseURL` \
             and `models`",
            "r.json:5:35: `routing.strategy` is an empty string; expected such as \
             \"cost-optimized\"",
            "r.json:5:57: `routing.fallbackChain[0]` is a number; expected a list of providers' \
             names",
            "r.json:6:13: `routing.rules[0]` has no `condition`; expected such as \"token_count < \
             500\", or \"default\"",
            "r.json:6:40: `routing.rules[0].model` is an object; expected the name of a model",
            "r.json:7:13: `routing.rules[1]` has no `provider`; expected the name of a provider",
            "r.json:7:27: `routing.rules[1].condition` is an object; expected such as \
             \"token_count < 500\", or \"default\"",
            "r.json:8:13: `routing.rules[2]` is a number; expected an object with `condition` and \
             `provider`",
            "r.json:9:58: `fallback.retryAttempts` is a number; expected a whole number such as 3",
            "r.json:9:71: `fallback.chain` is a string; expected a list of providers' names",
        ],
    );
}
