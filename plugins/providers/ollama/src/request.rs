//! What is sent in place of the sender's body. Values are passed on as they were written: a
//! schema, for one, has its properties in the order in which the model is to fill them in.

use crate::settings::Api;
use crate::{Ollama, message, prompt};
use portcullis_sdk::prelude::*;

/// Parameters of the draw, which have a place of their own and keep their names.
const OPTIONS: [&str; 8] = [
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "repeat_penalty",
];

impl Ollama {
    /// Writes a chat.
    pub(crate) fn write_chat<'a>(&'a self, draft: &mut Draft<'a>) -> Result<(), Failure> {
        let generates = self.settings.api == Api::Generate;
        draft.refuse(&["n", "modalities"])?;
        let messages = message::translated(draft)?;
        let tools = draft.take("tools").something();
        // What may not be called need not be offered.
        let tools = tools.filter(|_| !draft.says("tool_choice", "none"));
        if generates && !tools.is_null() {
            return Err(Failure::unsupported("tools", "/api/generate has no tools"));
        }
        functions(tools.clone(), &[])?;
        draft.set("tools", tools);
        let format = match Form::read(draft.take("response_format"))? {
            Form::Text => Json::Null,
            Form::Object => "json".into(),
            Form::Schema(schema) => schema,
        };
        draft.set("format", format);
        let effort = draft.take_text("reasoning_effort")?;
        draft.set("think", effort.map(|effort| self.think(effort)));
        if generates {
            draft.pass(&[("suffix", "suffix")]);
            prompt::write(draft, messages);
        } else {
            draft.set("messages", Json::List(messages).something());
        }
        self.write_options(draft);
        Ok(())
    }

    /// Writes texts to embed.
    pub(crate) fn write_texts<'a>(&'a self, draft: &mut Draft<'a>) -> Result<(), Failure> {
        draft.pass(&[("input", "input"), ("dimensions", "dimensions")]);
        self.write_options(draft);
        Ok(())
    }

    fn write_options<'a>(&'a self, draft: &mut Draft<'a>) {
        let settings = &self.settings;
        draft.set("keep_alive", settings.keep_alive.as_ref().map(|time| Json::raw(time.get())));
        draft.set("truncate", settings.truncate);
        let mut options = object! { "num_ctx": settings.num_ctx };
        if draft.sent["input"].is_null() {
            let older = draft.take("max_tokens");
            options.set("num_predict", draft.take("max_completion_tokens").or(older));
            options.set("stop", Json::List(draft.take("stop").into_items()).something());
            OPTIONS.iter().for_each(|name| options.set(*name, draft.take(name)));
        }
        draft.set("options", options.something());
    }

    /// At either end OpenAI has more words than Ollama for how much to reason.
    fn think(&self, effort: String) -> Json<'static> {
        match effort.as_str() {
            "none" => false.into(),
            _ if self.settings.think_switch => true.into(),
            "minimal" => "low".into(),
            "xhigh" => "max".into(),
            _ => effort.into(),
        }
    }
}
