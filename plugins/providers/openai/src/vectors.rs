//! Reads an embeddings answer. Not through the dialect's own type, whose vectors may have two
//! encodings: what was asked for here are numbers, and they are many.

use crate::answer::Reader;
use crate::malformed;
use portcullis_sdk::openai::Usage;
use portcullis_sdk::provider::{Event, Failure};
use serde::Deserialize;

/// Whether it was read.
#[derive(Default)]
pub(crate) struct Vectors {
    over: bool,
}

#[derive(Deserialize)]
struct Reply {
    data: Vec<Row>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    index: Option<u32>,
    embedding: Vec<f32>,
}

impl Reader for Vectors {
    fn frame(&mut self, text: &str, events: &mut Vec<Event>) -> Result<(), Failure> {
        let reply: Reply = serde_json::from_str(text).map_err(|error| {
            let place = error.column();
            malformed(format!("the upstream's vectors are not lists of numbers (column {place})"))
        })?;
        events.push(Event::Started((String::new(), reply.model.unwrap_or_default())));
        for (position, row) in (0..).zip(reply.data) {
            events.push(Event::Embedding((row.index.unwrap_or(position), row.embedding)));
        }
        events.extend(reply.usage.map(|usage| Event::Usage(usage.into())));
        self.over = true;
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over
    }
}
