//! The capabilities that only policies have, outside a sandbox.

/// Figures for the operator's dashboards. Here they go nowhere.
pub mod metrics {
    /// Adds to a counter.
    pub fn count(_name: &str, _by: u64) {}

    /// Adds one observation to a histogram.
    pub fn sample(_name: &str, _value: f64) {}
}

/// Small durable state. Here it lasts as long as the thread, which is as long as a test.
pub mod kv {
    pub use crate::bindings::policy::portcullis::host::kv::KvError;
    use std::cell::RefCell;
    use std::collections::HashMap;

    thread_local! {
        static KEPT: RefCell<HashMap<String, Vec<u8>>> = RefCell::default();
    }

    /// The value of a key.
    pub fn get(key: &str) -> Result<Option<Vec<u8>>, KvError> {
        Ok(KEPT.with_borrow(|kept| kept.get(key).cloned()))
    }

    /// Stores a value; here always for good.
    pub fn set(key: &str, value: &[u8], _ttl_ms: Option<u64>) -> Result<(), KvError> {
        KEPT.with_borrow_mut(|kept| kept.insert(key.to_owned(), value.to_owned()));
        Ok(())
    }

    /// Removes a key; removing what is not there is no error.
    pub fn delete(key: &str) -> Result<(), KvError> {
        KEPT.with_borrow_mut(|kept| kept.remove(key));
        Ok(())
    }

    /// Adds and returns the new value. A counter is kept as eight bytes, little-endian.
    pub fn increment(key: &str, by: i64, ttl_ms: Option<u64>) -> Result<i64, KvError> {
        let present = match get(key)? {
            None => 0,
            Some(bytes) => i64::from_le_bytes(
                bytes.try_into().map_err(|_| KvError::Other(format!("{key} is not a counter")))?,
            ),
        };
        let sum = present.saturating_add(by);
        set(key, &sum.to_le_bytes(), ttl_ms)?;
        Ok(sum)
    }

    /// Stores `new` only where the present value equals `expected`.
    pub fn compare_and_set(
        key: &str,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<bool, KvError> {
        if get(key)?.as_deref() != expected {
            return Ok(false);
        }
        set(key, new, None)?;
        Ok(true)
    }
}

/// Native inference. Here there are no models, which a policy has to survive anyway.
pub mod inference {
    pub use crate::bindings::policy::portcullis::host::inference::{
        ElementType, InferenceError, Label, RunStats, Tensor, TensorInfo,
    };

    /// What the model's graph takes.
    pub fn inputs(_model: &str) -> Result<Vec<TensorInfo>, InferenceError> {
        Err(InferenceError::NoSuchModel)
    }

    /// What the model's graph gives.
    pub fn outputs(_model: &str) -> Result<Vec<TensorInfo>, InferenceError> {
        Err(InferenceError::NoSuchModel)
    }

    /// Runs the graph as it is.
    pub fn run(
        _model: &str,
        _inputs: &[Tensor],
        _deadline_ms: Option<u32>,
    ) -> Result<(Vec<Tensor>, RunStats), InferenceError> {
        Err(InferenceError::NoSuchModel)
    }

    /// One vector a text.
    pub fn embed(
        _model: &str,
        _texts: &[String],
        _deadline_ms: Option<u32>,
    ) -> Result<(Vec<Vec<f32>>, RunStats), InferenceError> {
        Err(InferenceError::NoSuchModel)
    }

    /// Labels by falling score.
    pub fn classify(
        _model: &str,
        _text: &str,
        _deadline_ms: Option<u32>,
    ) -> Result<(Vec<Label>, RunStats), InferenceError> {
        Err(InferenceError::NoSuchModel)
    }

    /// One relevance score a document.
    pub fn rerank(
        _model: &str,
        _query: &str,
        _documents: &[String],
        _deadline_ms: Option<u32>,
    ) -> Result<(Vec<f32>, RunStats), InferenceError> {
        Err(InferenceError::NoSuchModel)
    }

    /// The length of a text in the model's own tokens.
    pub fn count_tokens(_model: &str, _text: &str) -> Result<u32, InferenceError> {
        Err(InferenceError::NoSuchModel)
    }
}

/// A short answer from a route of the gateway's own. Here there are no routes.
pub mod completions {
    use crate::policy::{Failure, FailureKind};

    /// Asks `route` and waits for the whole text.
    pub fn complete(
        route: &str,
        _instructions: Option<&str>,
        _prompt: &str,
        _max_tokens: u32,
        _json_schema: Option<&str>,
        _deadline_ms: Option<u32>,
    ) -> Result<String, Failure> {
        Err(Failure::new(FailureKind::NotFound, format!("there is no route {route}")))
    }
}
