//! A conversation as one text that a model goes on with, by the operator's template.

use crate::settings::Settings;
use portcullis_sdk::prelude::*;

pub(crate) fn of(messages: Vec<Message<'_>>, settings: &Settings) -> Result<String, Failure> {
    let mut prompt = String::new();
    for message in messages {
        // In this order: what a message says is not looked at for holes to fill.
        let line = settings.template.replace("{role}", message.role.word());
        prompt += &line.replace("{text}", &message.text()?);
    }
    Ok(prompt + &settings.template_end)
}
