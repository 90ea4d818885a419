//! A conversation as one text that a model goes on with, by the operator's template.

use crate::settings::Settings;
use crate::unsupported;
use portcullis_sdk::provider::Failure;
use serde_json::Value;

pub(crate) fn of(messages: &[Value], settings: &Settings) -> Result<String, Failure> {
    let mut prompt = String::new();
    for message in messages {
        let role = match message["role"].as_str().unwrap_or("user") {
            "developer" => "system",
            role => role,
        };
        let mut text = message["content"].as_str().unwrap_or_default().to_owned();
        for part in message["content"].as_array().into_iter().flatten() {
            match part["type"].as_str().unwrap_or_default() {
                "text" => text += part["text"].as_str().unwrap_or_default(),
                other => return unsupported(format!("text generation takes no {other:?}")),
            }
        }
        // In this order: what a message says is not looked at for holes to fill.
        prompt += &settings.template.replace("{role}", role).replace("{text}", &text);
    }
    Ok(prompt + &settings.template_end)
}
