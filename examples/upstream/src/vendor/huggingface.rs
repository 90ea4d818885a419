//! Hugging Face's router: vectors by
//! <https://huggingface.co/docs/inference-providers/tasks/feature-extraction>, chats by
//! <https://huggingface.co/docs/inference-providers/tasks/chat-completion>, which are in OpenAI's
//! dialect, and generated text by
//! <https://huggingface.co/docs/inference-providers/tasks/text-generation>. Errors are those of
//! text-generation-inference, <https://huggingface.github.io/text-generation-inference>.

mod generation;

pub(super) use generation::Generation;

use serde_json::{Value, json};

use super::check::{Checked, ensure, header, knows};
use super::{Call, Reply, Vendor, Wanted};
use crate::answer::End;
use crate::embeddings::vector;
use crate::failures::{Failure, Fault, LONG};
use crate::{chat, sse};

/// Chats.
pub(super) struct HuggingFace;

impl Vendor for HuggingFace {
    fn model<'a>(&self, call: &'a Call<'_>) -> &'a str {
        to_embed(call.path).or_else(|| call.body["model"].as_str()).unwrap_or_default()
    }

    fn read(&self, call: &Call<'_>) -> Result<Wanted, Failure> {
        authenticated(call)?;
        if let Some(model) = to_embed(call.path) {
            return vectors(model, call.body);
        }
        match (call.parts.method.as_str(), call.path) {
            ("POST", "/v1/chat/completions") => {
                check(call.body).map_err(|wrong| invalid(&wrong))?;
                Ok(Wanted::Chat(Box::new(chat::read(call.body))))
            }
            (_, path) => Err(Failure::unknown_path(path)),
        }
    }

    fn whole(&self, reply: &Reply<'_>) -> Value {
        let mut completion = chat::completion(reply.id, reply.asked, reply.answer);
        trim(&mut completion);
        completion
    }

    fn stream(&self, reply: &Reply<'_>) -> Vec<String> {
        let mut chunks = sse::chunks(reply.id, reply.asked, reply.answer);
        chunks.iter_mut().for_each(trim);
        let done = "data: [DONE]\n\n".to_owned();
        chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).chain([done]).collect()
    }

    fn broken(&self) -> String {
        let words = "Request failed during generation: scripted: CUDA out of memory";
        format!("data: {}\n\n", json!({"error": {"message": words, "http_status_code": 422}}))
    }

    fn ends(&self, end: &End) -> bool {
        !matches!(end, End::Refused | End::Filtered)
    }

    fn failure(&self, fault: Fault) -> Option<Failure> {
        failure(fault)
    }

    fn headers(&self, id: u64) -> Vec<(&'static str, String)> {
        vec![("x-request-id", format!("req_{id}"))]
    }
}

fn authenticated(call: &Call<'_>) -> Result<(), Failure> {
    let keyed = header(call, "authorization").starts_with("Bearer ");
    if keyed { Ok(()) } else { Err(error(401, "Invalid username or password.", None)) }
}

/// What stands before the name of a model that the hub itself serves.
const PATH: &str = "/hf-inference/models/";

/// The model that is to make vectors, if one is.
fn to_embed(path: &str) -> Option<&str> {
    path.strip_prefix(PATH)?.strip_suffix("/pipeline/feature-extraction")
}

/// The vectors of a list of texts, in their order.
fn vectors(model: &str, body: &Value) -> Result<Wanted, Failure> {
    knows(
        body,
        "body",
        &["inputs", "normalize", "prompt_name", "truncate", "truncation_direction"],
    )
    .map_err(|wrong| invalid(&wrong))?;
    let texts = body["inputs"].as_array().filter(|texts| texts.iter().all(Value::is_string));
    let texts = texts.ok_or_else(|| invalid("`inputs`: expected a list of texts"))?;
    let vectors: Vec<_> = texts.iter().map(|text| vector(text, &Value::Null)).collect();
    Ok(Wanted::Made(model.to_owned(), json!(vectors)))
}

fn invalid(wrong: &str) -> Failure {
    let words = format!("Input validation error: scripted: {wrong}");
    error(422, &words, Some("validation"))
}

/// How either of them fails.
fn failure(fault: Fault) -> Option<Failure> {
    Some(match fault {
        Fault::InvalidRequest => {
            let words = "Input validation error: `temperature` must be strictly positive";
            error(422, words, Some("validation"))
        }
        Fault::Authentication => error(401, "Invalid username or password.", None),
        Fault::Permission => {
            let words = "This authentication method does not have sufficient permissions to \
                         call Inference Providers on behalf of user u";
            error(403, words, None)
        }
        Fault::NotFound => error(404, "Model org/m does not exist", None),
        Fault::ContextTooLong => {
            let words = "Input validation error: `inputs` tokens + `max_new_tokens` must be \
                         <= 4096. Given: 4000 `inputs` tokens and 1024 `max_new_tokens`";
            error(422, words, Some("validation"))
        }
        Fault::RateLimited => {
            let words = "Rate limit reached. Please log in or use a HF access token";
            error(429, words, None).header("retry-after", LONG)
        }
        Fault::QuotaExhausted => {
            let words = "You have exceeded your monthly included credits for Inference \
                         Providers. Subscribe to PRO to get 20x more monthly included credits.";
            error(402, words, None)
        }
        Fault::Overloaded => {
            error(429, "Model is overloaded", Some("overloaded")).header("retry-after", LONG)
        }
        Fault::Loading => {
            let words = "Model bigscience/bloom is currently loading";
            Failure::new(503, json!({"error": words, "estimated_time": 20.25}))
        }
        Fault::Upstream => error(500, "Incomplete generation", Some("incomplete_generation")),
        Fault::TimedOut => {
            let words = "Model too busy, unable to get response in less than 60 second(s)";
            error(504, words, None)
        }
        Fault::NoVision => {
            let words = "Input validation error: image modality is not supported";
            error(422, words, Some("validation"))
        }
        Fault::NoTools | Fault::ContentRefused => return None,
    })
}

fn error(status: u16, message: &str, kind: Option<&str>) -> Failure {
    let mut body = json!({"error": message});
    if let Some(kind) = kind {
        body["error_type"] = kind.into();
    }
    Failure::new(status, body)
}

/// What servers behind the router insist on.
fn check(body: &Value) -> Checked {
    let list = body.get("stop").is_none_or(Value::is_array);
    ensure(list, || "`stop`: expected a sequence".to_owned())?;
    ensure(body["messages"].is_array(), || "`messages` is missing".to_owned())
}

/// Takes away what only OpenAI says.
fn trim(said: &mut Value) {
    for choice in said["choices"].as_array_mut().into_iter().flatten() {
        for form in ["message", "delta"] {
            if let Some(said) = choice.get_mut(form).and_then(Value::as_object_mut) {
                said.retain(|name, _| name != "refusal" && name != "annotations");
            }
        }
    }
}
