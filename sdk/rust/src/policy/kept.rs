//! Values in `kv` as JSON, and a change of one that loses nobody else's.
//!
//! A call of a function here is an import of the compiled plugin: its manifest has to ask for
//! "kv".

use crate::capabilities::kv::{self, KvError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How often a change is made anew because somebody else was faster.
const MOST_TRIES: usize = 16;

/// The value of a key, if it has one. The error says why not, in words.
pub fn read<T: DeserializeOwned>(key: &str) -> Result<Option<T>, String> {
    match kv::get(key) {
        Ok(Some(bytes)) => parse(key, &bytes).map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(words(key, &error)),
    }
}

/// Changes the value of a key, or the default where it has none, and returns what it is then.
/// `change` is called again where somebody else changed it in between.
pub fn update<T: DeserializeOwned + Serialize + Default>(
    key: &str,
    change: impl Fn(&mut T),
) -> Result<T, String> {
    for _ in 0..MOST_TRIES {
        let present = kv::get(key).map_err(|error| words(key, &error))?;
        let mut value = match &present {
            Some(bytes) => parse(key, bytes)?,
            None => T::default(),
        };
        change(&mut value);
        let new = serde_json::to_vec(&value).map_err(|error| format!("kv: {key}: {error}"))?;
        match kv::compare_and_set(key, present.as_deref(), &new) {
            Ok(true) => return Ok(value),
            Ok(false) => {}
            Err(error) => return Err(words(key, &error)),
        }
    }
    Err(format!("kv: {key}: somebody else was faster {MOST_TRIES} times"))
}

fn parse<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes)
        .map_err(|error| format!("kv: {key} holds something else: {error}"))
}

fn words(key: &str, error: &KvError) -> String {
    match error {
        KvError::Denied => "kv is not granted".to_owned(),
        KvError::QuotaExceeded => format!("kv: there is no room for {key}"),
        KvError::TooLarge => format!("kv: {key} is too large"),
        KvError::Unavailable => "kv does not answer".to_owned(),
        KvError::Other(why) => format!("kv: {key}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{read, update};
    use crate::capabilities::kv;

    #[test]
    fn a_value_is_read_as_it_was_written() {
        assert_eq!(read::<Vec<u32>>("k"), Ok(None));
        assert_eq!(update("k", |list: &mut Vec<u32>| list.push(1)), Ok(vec![1]));
        assert_eq!(update("k", |list: &mut Vec<u32>| list.push(2)), Ok(vec![1, 2]));
        assert_eq!(read("k"), Ok(Some(vec![1, 2])));
        let why = read::<String>("k").unwrap_err();
        assert!(why.starts_with("kv: k holds something else"), "{why}");
    }

    #[test]
    fn whoever_was_faster_loses_nothing() {
        let once = std::cell::Cell::new(true);
        let changed = update("k", |list: &mut Vec<u32>| {
            if once.take() {
                kv::set("k", b"[7]", None).unwrap();
            }
            list.push(1);
        });
        assert_eq!(changed, Ok(vec![7, 1]));
        // Somebody who is faster every time.
        let turn = std::cell::Cell::new(0);
        let changed = update("k", |_: &mut Vec<u32>| {
            turn.set(turn.get() + 1);
            kv::set("k", format!("[{}]", turn.get()).as_bytes(), None).unwrap();
        });
        assert!(changed.unwrap_err().contains("16 times"));
    }
}
