//! Google's Gemini API: <https://ai.google.dev/api/generate-content>, vectors by
//! <https://ai.google.dev/api/embeddings>, counts by <https://ai.google.dev/api/tokens>, errors by
//! <https://ai.google.dev/gemini-api/docs/generate-content/api-errors>.

mod rules;

use serde_json::{Value, json};

use super::check::header;
use super::{Call, Reply, Vendor, Wanted};
use crate::answer::{Answer, End, pieces, split};
use crate::embeddings::{length, vector};
use crate::failures::{Failure, Fault, LONG};
use crate::request::{Asked, By, Choice, Said, Tool, array, strings};

pub(super) struct Gemini;

/// What a thought is known again by.
const SIGNATURE: &str = "CpcHAdHtim9+q4rstcbvQC0ic4x1";

impl Vendor for Gemini {
    fn model<'a>(&self, call: &'a Call<'_>) -> &'a str {
        named(call.path).0
    }

    fn read(&self, call: &Call<'_>) -> Result<Wanted, Failure> {
        if header(call, "x-goog-api-key").is_empty() {
            let words = "scripted: Method doesn't allow unregistered callers.";
            return Err(error(403, "PERMISSION_DENIED", words));
        }
        let (model, method) = named(call.path);
        let asked = || {
            rules::check(model, call.body)
                .map_err(|wrong| invalid(&format!("scripted: {wrong}")))?;
            let streams = method == "streamGenerateContent";
            Ok(Asked { model: model.to_owned(), streams, ..read(call.body) })
        };
        match (call.parts.method.as_str(), method, call.parts.uri.query()) {
            ("POST", "generateContent", _) => Ok(Wanted::Chat(Box::new(asked()?))),
            ("POST", "streamGenerateContent", Some("alt=sse")) => {
                Ok(Wanted::Chat(Box::new(asked()?)))
            }
            ("POST", "countTokens", _) => {
                let request = &call.body["generateContentRequest"];
                rules::counted(model, request)
                    .map_err(|wrong| invalid(&format!("scripted: {wrong}")))?;
                let tokens = json!({"totalTokens": read(request).prompt_tokens()});
                Ok(Wanted::Made(model.to_owned(), tokens))
            }
            ("POST", "embedContent", _) => {
                let vector = embed(model, call.body)?;
                let tokens = json!({"promptTokenCount": length(text_to_embed(call.body))});
                let made = json!({"embedding": vector, "usageMetadata": tokens});
                Ok(Wanted::Made(model.to_owned(), made))
            }
            ("POST", "batchEmbedContents", _) => {
                let vectors = array(&call.body["requests"]).iter();
                let vectors = vectors.map(|request| embed(model, request));
                let vectors = vectors.collect::<Result<Vec<_>, _>>()?;
                Ok(Wanted::Made(model.to_owned(), json!({"embeddings": vectors})))
            }
            _ => Err(error(404, "NOT_FOUND", "scripted: the requested URL was not found.")),
        }
    }

    fn whole(&self, reply: &Reply<'_>) -> Value {
        let Answer { reasoning, text, end, .. } = reply.answer;
        let mut parts = thoughts(reply, vec![reasoning.clone()]);
        let mut said = json!({"text": text});
        sign(&mut said, reasoning);
        parts.extend((!text.is_empty()).then_some(said));
        parts.extend(calls(reply));
        chunk(reply, parts, Some(end))
    }

    fn stream(&self, reply: &Reply<'_>) -> Vec<String> {
        let Answer { reasoning, text, end, .. } = reply.answer;
        let mut chunks = Vec::new();
        if *end != End::Refused {
            let said = split(text).into_iter().map(|text| json!({"text": text}));
            let parts = thoughts(reply, pieces(reasoning)).into_iter().chain(said);
            chunks.extend(parts.map(|part| chunk(reply, vec![part], None)));
            let calls = calls(reply);
            chunks.extend((!calls.is_empty()).then(|| chunk(reply, calls, None)));
        }
        // The last has nothing to say but that it is the last, and what was thought.
        let mut last = json!({"text": ""});
        sign(&mut last, reasoning);
        chunks.push(chunk(reply, vec![last], Some(end)));
        chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect()
    }

    fn broken(&self) -> String {
        let words = "scripted: The model is overloaded.";
        format!("data: {}\r\n\r\n", error(503, "UNAVAILABLE", words).body)
    }

    fn ends(&self, _: &End) -> bool {
        true
    }

    fn failure(&self, fault: Fault) -> Option<Failure> {
        let said =
            |status, word, words: &str| Some(error(status, word, &format!("scripted: {words}")));
        match fault {
            Fault::InvalidRequest => Some(invalid("scripted: Invalid value at generation_config.")),
            Fault::Authentication => {
                let info = json!({
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com",
                });
                let mut failure = invalid("API key not valid. Please pass a valid API key.");
                failure.body["error"]["details"] = json!([info]);
                Some(failure)
            }
            Fault::Permission => {
                said(403, "PERMISSION_DENIED", "the API has not been used in this project.")
            }
            Fault::NotFound => said(404, "NOT_FOUND", "models/gemini-9 is not found."),
            Fault::ContextTooLong => Some(invalid(
                "The input token count (1300000) exceeds the maximum number of tokens allowed \
                 (1048576).",
            )),
            Fault::RateLimited => Some(exhausted()),
            Fault::QuotaExhausted => {
                said(402, "RESOURCE_EXHAUSTED", "Your prepay credits are depleted.")
            }
            Fault::Overloaded => said(503, "UNAVAILABLE", "The model is overloaded.")
                .map(|failure| failure.header("retry-after", LONG)),
            Fault::Upstream => said(500, "INTERNAL", "An internal error has occurred."),
            Fault::TimedOut => {
                said(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")
            }
            // What it does not want to answer is an answer that was blocked.
            Fault::ContentRefused | Fault::Loading | Fault::NoTools | Fault::NoVision => None,
        }
    }

    fn headers(&self, _: u64) -> Vec<(&'static str, String)> {
        vec![("x-gemini-service-tier", "standard".to_owned())]
    }
}

/// A model and a method: `/v1beta/models/NAME:METHOD`.
fn named(path: &str) -> (&str, &str) {
    let named = path.strip_prefix("/v1beta/models/").and_then(|rest| rest.rsplit_once(':'));
    named.unwrap_or_default()
}

fn error(status: u16, word: &str, message: &str) -> Failure {
    let error = json!({"code": status, "message": message, "status": word});
    Failure::new(status, json!({"error": error}))
}

fn invalid(message: &str) -> Failure {
    error(400, "INVALID_ARGUMENT", message)
}

/// Too much in a minute, with what was too much and when to come again.
fn exhausted() -> Failure {
    let violation = json!({"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"});
    let mut failure = error(429, "RESOURCE_EXHAUSTED", "scripted: Quota exceeded.");
    failure.body["error"]["details"] = json!([
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{LONG}s")},
    ]);
    failure
}

/// The vector of one request.
fn embed(model: &str, request: &Value) -> Result<Value, Failure> {
    rules::embedded(model, request).map_err(|wrong| invalid(&format!("scripted: {wrong}")))?;
    Ok(json!({"values": vector(text_to_embed(request), &request["outputDimensionality"])}))
}

fn text_to_embed(request: &Value) -> &Value {
    &request["content"]["parts"][0]["text"]
}

/// What a request asks for, but for what its path says.
fn read(body: &Value) -> Asked {
    let contents = array(&body["contents"]);
    let mut all = vec![Said { by: By::Other, text: text_of(&body["systemInstruction"]) }];
    all.extend(contents.iter().map(said));
    let parts = contents.iter().flat_map(|content| array(&content["parts"]));
    let declared =
        array(&body["tools"]).iter().flat_map(|tool| array(&tool["functionDeclarations"]));
    let tools = declared.filter_map(|function| {
        let schema = function.get("parametersJsonSchema").unwrap_or(&function["parameters"]);
        Some(Tool { name: function["name"].as_str()?.to_owned(), parameters: schema.clone() })
    });
    let calling = &body["toolConfig"]["functionCallingConfig"];
    let config = &body["generationConfig"];
    Asked {
        includes_usage: true,
        said: all,
        images: parts.filter_map(image).collect(),
        tools: tools.collect(),
        choice: match calling["allowedFunctionNames"][0].as_str() {
            Some(name) => Choice::One(name.to_owned()),
            None if calling["mode"] == "NONE" => Choice::None,
            None => Choice::Any,
        },
        schema: config.get("responseJsonSchema").or_else(|| config.get("responseSchema")).cloned(),
        limit: config["maxOutputTokens"].as_u64().map(|limit| limit as usize),
        stop: strings(&config["stopSequences"]),
        shows_thoughts: config["thinkingConfig"]["includeThoughts"] == true,
        ..Asked::default()
    }
}

fn said(content: &Value) -> Said {
    let responses = array(&content["parts"]).iter().filter_map(|it| it.get("functionResponse"));
    // A text that is no object of its own stands under `output`.
    let text = |response: &Value| match &response["response"]["output"] {
        Value::String(text) => text.clone(),
        _ => response["response"].to_string(),
    };
    let results: Vec<String> = responses.map(text).collect();
    let by = if content["role"] == "model" { By::Other } else { By::User };
    match results.is_empty() {
        true => Said { by, text: text_of(content) },
        false => Said { by: By::Tool, text: results.join(" ") },
    }
}

fn text_of(content: &Value) -> String {
    let texts = array(&content["parts"]).iter().filter_map(|part| part["text"].as_str());
    texts.collect::<Vec<_>>().join(" ")
}

fn image(part: &Value) -> Option<String> {
    let inline = part["inlineData"]["mimeType"].as_str();
    let linked = part.get("fileData").map(|_| "url");
    inline.or(linked).map(str::to_owned)
}

/// The parts of what was thought, as far as that is shown.
fn thoughts(reply: &Reply<'_>, pieces: Vec<String>) -> Vec<Value> {
    let shown = pieces.into_iter().filter(|text| reply.asked.shows_thoughts && !text.is_empty());
    shown.map(|text| json!({"text": text, "thought": true})).collect()
}

/// Signs a part for what was thought before it, if there was anything.
fn sign(part: &mut Value, reasoning: &str) {
    if !reasoning.is_empty() {
        part["thoughtSignature"] = SIGNATURE.into();
    }
}

/// The parts of all calls, the first of them signed.
fn calls(reply: &Reply<'_>) -> Vec<Value> {
    let call = |(index, call): (usize, &crate::answer::Call)| {
        let args: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        let id = format!("fc_{}_{index}", reply.id);
        let mut part = json!({"functionCall": {"id": id, "name": call.name, "args": args}});
        if index == 0 {
            part["thoughtSignature"] = SIGNATURE.into();
        }
        part
    };
    reply.answer.calls.iter().enumerate().map(call).collect()
}

/// A response: all of an answer, or a piece of it.
fn chunk(reply: &Reply<'_>, parts: Vec<Value>, end: Option<&End>) -> Value {
    let usage = reply.answer.usage(reply.asked);
    let mut chunk = json!({
        "usageMetadata": {
            "promptTokenCount": usage.prompt,
            "candidatesTokenCount": usage.said - usage.reasoning,
            "thoughtsTokenCount": usage.reasoning,
            "totalTokenCount": usage.prompt + usage.said,
        },
        "modelVersion": reply.asked.model,
        "responseId": format!("resp_{}", reply.id),
    });
    if usage.cached > 0 {
        chunk["usageMetadata"]["cachedContentTokenCount"] = usage.cached.into();
    }
    let rating = |probability: &str| json!([{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": probability}]);
    let finish = match end {
        None => None,
        Some(End::Refused) => {
            let ratings = rating("HIGH");
            chunk["promptFeedback"] =
                json!({"blockReason": "PROHIBITED_CONTENT", "safetyRatings": ratings});
            return chunk;
        }
        Some(End::Stop | End::StopAt(_) | End::Calls) => Some("STOP"),
        Some(End::Length) => Some("MAX_TOKENS"),
        Some(End::Filtered) => Some("SAFETY"),
    };
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = finish.into();
    }
    if end == Some(&End::Filtered) {
        candidate["safetyRatings"] = rating("HIGH");
    }
    chunk["candidates"] = json!([candidate]);
    chunk
}
