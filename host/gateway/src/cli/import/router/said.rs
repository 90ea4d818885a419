//! What a `router.config.json` says, key by key. What has no place in a configuration is named
//! here, with the reason.

use super::json::{Found, Node, Object, Spot, Text, UNKNOWN};

/// A whole file.
#[derive(Default)]
pub(super) struct File {
    pub(super) providers: Vec<Provider>,
    pub(super) rules: Vec<Rule>,
    pub(super) strategy: Option<Text>,
    pub(super) chain: Option<Chain>,
    pub(super) attempts: Option<u64>,
}

/// Who is asked where another fails, in this order.
pub(super) struct Chain {
    at: Spot,
    pub(super) providers: Vec<Text>,
}

/// An entry of `providers`.
pub(super) struct Provider {
    pub(super) name: Text,
    pub(super) disabled: bool,
    pub(super) api_key: Option<Text>,
    pub(super) base_url: Option<Text>,
    /// What the file calls a model, and the model.
    pub(super) models: Vec<(String, Text)>,
    pub(super) default: Option<Text>,
    /// How a model within the router's own process would be run.
    pub(super) embedded: Vec<Spot>,
}

/// An item of `routing.rules`.
pub(super) struct Rule {
    pub(super) at: Spot,
    pub(super) condition: Text,
    pub(super) provider: Text,
    /// A model, or what the file calls one; where nothing is said the provider's default.
    pub(super) model: Option<Text>,
    pub(super) reason: Option<Text>,
}

/// Why a model that a router runs by itself has no place.
pub(super) const WITHIN: &str = "models do not run in the gateway's own process";

/// How a provider runs a model in the router's process.
const EMBEDDED: [&str; 4] = ["modelPath", "executionProvider", "threads", "cache"];

/// Keys that are known and have no place, in `costOptimization`.
const COSTS: [(&str, &str); 3] = [
    ("maxCostPerRequest", "the cost of one request has no bound here"),
    ("budgetLimits", "there are no budgets here yet"),
    ("preferredProviders", "who goes first is said by the rules and the order of the fallbacks"),
];

impl Chain {
    fn is_like(&self, other: &Self) -> bool {
        let names = |chain: &Self| -> Vec<String> {
            chain.providers.iter().map(|text| text.value.clone()).collect()
        };
        names(self) == names(other)
    }
}

/// Reads a whole file.
pub(super) fn read(root: &Node, found: &mut Found) -> File {
    let mut file = File::default();
    root.object("an object with `providers` and `routing`", found, |object, found| {
        if let Some(node) = object.get("providers") {
            let expected = "an object with a key for each provider";
            let entries = node.entries(expected, found).iter();
            file.providers = entries.filter_map(|(key, node)| provider(key, node, found)).collect();
        }
        if let Some(node) = object.get("routing") {
            routing(node, &mut file, found);
        }
        if let Some(node) = object.get("fallback") {
            fallback(node, &mut file, found);
        }
        if let Some(node) = object.get("costOptimization") {
            node.object("an object", found, costs);
        }
        if let Some(node) = object.get("optimization") {
            optimization(node, &file, found);
        }
    });
    file
}

fn provider(name: &str, node: &Node, found: &mut Found) -> Option<Provider> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(plain) {
        found.problem(&node.at, "cannot name a provider; expected letters, digits, `-`, `_`, `.`");
        return None;
    }
    node.object("an object with `apiKey`, `baseURL` and `models`", found, |object, found| {
        let enabled = object.get("enabled").and_then(|node| node.truth(found));
        let models = object.get("models").map(|node| models(node, found));
        let embedded = EMBEDDED.into_iter().filter_map(|key| object.get(key));
        let embedded = embedded.map(|node| node.at.clone()).collect();
        Provider {
            name: Text { value: name.to_owned(), at: node.at.clone() },
            disabled: enabled == Some(false),
            api_key: object.text("apiKey", "such as \"${API_KEY}\"", found),
            base_url: object.text("baseURL", "such as \"https://api.example/v1\"", found),
            models: models.unwrap_or_default(),
            default: object.text("defaultModel", "the name of a model", found),
            embedded,
        }
    })
}

fn models(node: &Node, found: &mut Found) -> Vec<(String, Text)> {
    let entries = node.entries("an object such as {\"fast\": \"MODEL\"}", found).iter();
    let model = |(alias, node): &(String, Node)| {
        Some((alias.clone(), node.text("the name of a model", found)?))
    };
    entries.filter_map(model).collect()
}

fn routing(node: &Node, file: &mut File, found: &mut Found) {
    node.object("an object with `rules`", found, |object, found| {
        file.strategy = object.text("strategy", "such as \"cost-optimized\"", found);
        file.chain = chain(object, "fallbackChain", found);
        if let Some(node) = object.get("rules") {
            let rules = node.list("a list of rules", found).iter();
            file.rules = rules.filter_map(|node| rule(node, found)).collect();
        }
    });
}

fn chain(object: &mut Object<'_>, key: &'static str, found: &mut Found) -> Option<Chain> {
    let node = object.get(key)?;
    let providers = node.texts("a list of providers' names", found);
    Some(Chain { at: node.at.clone(), providers })
}

fn rule(node: &Node, found: &mut Found) -> Option<Rule> {
    const CONDITION: &str = "such as \"token_count < 500\", or \"default\"";
    node.object("an object with `condition` and `provider`", found, |object, found| {
        let mut required = |key, expected: &str| {
            let node_of = object.get(key);
            if node_of.is_none() {
                found.problem(&node.at, &format!("has no `{key}`; expected {expected}"));
            }
            node_of?.text(expected, found)
        };
        let condition = required("condition", CONDITION);
        let provider = required("provider", "the name of a provider");
        let model = object.text("model", "the name of a model", found);
        let reason = object.text("reason", "why, in a sentence", found);
        Some(Rule {
            at: node.at.clone(),
            condition: condition?,
            provider: provider?,
            model,
            reason,
        })
    })?
}

fn fallback(node: &Node, file: &mut File, found: &mut Found) {
    node.object("an object with `chain`", found, |object, found| {
        let enabled = object.get("enabled").and_then(|node| node.truth(found));
        let own = chain(object, "chain", found);
        file.attempts = object
            .get("retryAttempts")
            .and_then(|node| node.count("a whole number such as 3", found));
        if let Some(node) = object.get("backoffMs") {
            found.leave(&node.at, "the gateway chooses its pauses, and heeds `retry-after`");
        }
        let off = enabled == Some(false);
        let mut stands = |chain: &Chain, why: &str| found.leave(&chain.at, why);
        match (file.chain.take(), own) {
            (routing, own) if off => {
                let why = "fallbacks are not enabled";
                routing.iter().chain(&own).for_each(|chain| stands(chain, why));
            }
            (Some(routing), Some(own)) => {
                if !routing.is_like(&own) {
                    stands(&routing, "`fallback.chain` says otherwise, and holds");
                }
                file.chain = Some(own);
            }
            (routing, own) => file.chain = own.or(routing),
        }
    });
}

/// Of answers, and of the models of this or that provider.
fn optimization(node: &Node, file: &File, found: &mut Found) {
    for (key, node) in node.entries("an object", found) {
        let of_provider = file.providers.iter().any(|provider| provider.name.value == *key);
        let why = match key.as_str() {
            "caching" => "answers are kept where the table [cache] says so",
            _ if of_provider => WITHIN,
            _ => UNKNOWN,
        };
        found.leave(&node.at, why);
    }
}

fn costs(object: &mut Object<'_>, found: &mut Found) {
    // Whether it is on makes no difference to what has no place.
    object.get("enabled");
    for (key, why) in COSTS {
        if let Some(node) = object.get(key) {
            found.leave(&node.at, why);
        }
    }
}
