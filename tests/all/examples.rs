//! The examples that authors begin with do what they say, in the gateway: a protocol that is not
//! the gateway's own, a policy with a mind of its own, and the plugin that speaks for both.

use crate::caller::Http;
use crate::house::{House, chat, provider, text_of};
use anyhow::{Context, Result, ensure};
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};

/// An example's component, its manifest beside it.
fn example(name: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/components/examples");
    format!("plugin = {{ path = \"{root}/{name}/plugin.wasm\" }}\n")
}

#[test]
fn hello_provider_speaks_a_protocol_of_lines() -> Result<()> {
    on_two_workers(async {
        let plugin = example("hello-provider");
        let provider = format!(
            "[providers.hello]\n{plugin}base_url = \"UPSTREAM\"\nmodels = [\"any\"]\n\
             settings = {{ greeting = \"Hello! \" }}\n"
        );
        let house = House::open(&provider).await?;
        let streamed = house.chat("hello/any", true).await?;
        let text = text_of(&streamed.events()?)?;
        ensure!(text.starts_with("You said: Hello! "), "{text}");
        let whole = house.chat("hello/any", false).await?.json()?;
        ensure!(whole["choices"][0]["message"]["content"] == text, "{whole}");
        ensure!(whole["choices"][0]["finish_reason"] == "stop", "{whole}");
        let words = text.split_whitespace().count();
        ensure!(whole["usage"]["completion_tokens"] == words, "{whole}");
        house.settled().await
    })
}

#[test]
fn hello_policy_sends_what_is_short_to_the_cheapest() -> Result<()> {
    on_two_workers(async {
        let policy = example("hello-policy");
        let models = "models = [{ id = \"echo-dear\", input_price = 9.0, output_price = 9.0 }, \
                      { id = \"echo-cheap\", input_price = 0.1, output_price = 0.1 }]\n";
        let house = House::open(&format!(
            "{}[policies.hello]\n{policy}\n[routes.default]\npolicies = [\"hello\"]\n\
             candidates = [\"house/echo-dear\", \"house/echo-cheap\"]\n",
            provider("house", models).replace("open_models = true\n", ""),
        ))
        .await?;
        let mut caller = house.caller(Http::One).await?;
        let short = caller.chat(&chat("auto", false)).await?;
        ensure!(short.header("x-portcullis-candidate") == "house/echo-cheap", "{short:?}");
        let text = "word ".repeat(400);
        let long = json!({ "model": "auto", "messages": [{ "role": "user", "content": text }] });
        let long = caller.chat(&long).await?;
        ensure!(long.header("x-portcullis-candidate") == "house/echo-dear", "{long:?}");
        let record = house.running.gateway.records.newest().into_iter().next();
        let record = record.context("there is no record")?;
        ensure!(record.policy.as_deref() == Some("hello"), "{record:?}");
        ensure!(record.reason.starts_with("long ("), "{}", record.reason);
        Ok(())
    })
}

#[test]
fn the_operator_sees_which_version_of_which_plugin_serves() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&provider("house", "models = [\"echo\"]")).await?;
        let plugins = house.admin("/api/v1/plugins").await?.json()?;
        let plugins = plugins.as_array().context("it is no list")?;
        let find = |name: &str| plugins.iter().find(|plugin| plugin["name"] == name);
        let provider = find("providers.house").context("the provider is missing")?;
        ensure!(provider["plugin"] == "openai", "{provider}");
        ensure!(provider["generation"] == 1, "{provider}");
        let digest = provider["digest"].as_str().unwrap_or_default();
        ensure!(digest.starts_with("sha256:") && digest.len() == 71, "{provider}");
        let policy = find("policies.priority").context("the policy is missing")?;
        ensure!(policy["metrics"] == Value::Object(serde_json::Map::new()), "{policy}");
        Ok(())
    })
}
