//! Reads an answer of embeddings that are numbers.
//!
//! Not on a tape: a request of many texts has millions of numbers in its answer,
//! and each would be a value by itself.

use super::usage;
use crate::json::Tape;
use crate::provider::{Event, Failure, ReadFrame, Unread};
use serde::Deserialize;
use serde_json::value::RawValue;

/// An answer of embeddings that is being read: that of `POST /embeddings`.
#[derive(Debug, Default)]
pub struct Vectors {
    over: bool,
}

#[derive(Deserialize)]
struct Reply<'a> {
    data: Vec<Row>,
    #[serde(default)]
    model: Option<String>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    index: Option<u32>,
    embedding: Vec<f32>,
}

impl ReadFrame for Vectors {
    fn frame(&mut self, frame: Unread<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        let reply: Reply<'_> = serde_json::from_str(frame.text).map_err(|error| {
            let what = "the upstream's vectors are not lists of numbers";
            Failure::malformed(format!("{what} (column {})", error.column()))
        })?;
        events.push(Event::Started((String::new(), reply.model.unwrap_or_default())));
        for (position, row) in (0..).zip(reply.data) {
            events.push(Event::Embedding((row.index.unwrap_or(position), row.embedding)));
        }
        let mut tape = Tape::default();
        let used = tape.read(reply.usage.map_or("null", RawValue::get)).unwrap_or_default();
        events.extend(usage(used).map(Event::Usage));
        self.over = true;
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

#[cfg(test)]
mod tests {
    use super::Vectors;
    use crate::json::Tape;
    use crate::provider::{Event, ReadFrame, Unread};

    #[test]
    fn vectors_have_the_places_of_their_texts() {
        let (mut reader, mut events) = (Vectors::default(), Vec::new());
        assert!(!reader.is_over());
        let reply = r#"{"model":"m","data":[
            {"index":1,"embedding":[0.5]},{"embedding":[1,-2e-1]}]}"#;
        let mut tape = Tape::default();
        reader.frame(Unread::of(reply, &mut tape), &mut events).unwrap();
        let started = Event::Started((String::new(), "m".to_owned()));
        let [one, two] = [(1, vec![0.5]), (1, vec![1.0, -0.2])].map(Event::Embedding);
        assert_eq!(events, [started, one, two]);
        assert!(reader.is_over());
        for wrong in [r#"{"data":[{"embedding":"AAAA"}]}"#, "[]"] {
            reader.frame(Unread::of(wrong, &mut tape), &mut events).unwrap_err();
        }
    }
}
