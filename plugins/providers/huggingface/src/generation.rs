//! Text generation: a prompt, and parameters by TGI's names.

use crate::answer::Answer;
use crate::chat::grammar;
use crate::prompt;
use crate::settings::{Server, Settings};
use portcullis_sdk::prelude::*;

pub(crate) fn call(settings: &Settings, request: &Request) -> Result<(Answer, HttpCall), Failure> {
    let body = request.body();
    let mut draft = Draft::of(&body)?;
    if draft.says("tool_choice", "none") {
        // What may not be called need not be offered.
        draft.take("tools");
    }
    draft.refuse(&["n", "tools", "modalities"])?;
    let inputs = prompt::of(draft.take_messages(&[])?, settings)?;
    let mut stops = settings.stop.clone();
    stops.extend(draft.take_texts("stop")?);
    let [older, newer] = ["max_tokens", "max_completion_tokens"].map(|name| draft.take(name));
    // It has to be over 0; `do_sample` says what 0 does.
    let temperature = draft.take("temperature");
    let drawn = temperature.as_f64() != Some(0.0);
    let mut parameters = object! {
        "details": true,
        "return_full_text": false,
        "do_sample": drawn,
        "temperature": temperature.filter(|_| drawn),
        // It has to be under 1, which is the same as nothing.
        "top_p": draft.take("top_p").filter(|it| it.as_f64() != Some(1.0)),
        "max_new_tokens": newer.or(older),
        "grammar": grammar(draft.take("response_format"))?,
        "stop": stops.clone(),
    };
    for name in ["top_k", "typical_p", "seed", "frequency_penalty", "repetition_penalty"] {
        parameters.set(name, draft.take(name));
    }
    let streaming = request.streaming();
    draft.set("stream", (settings.server == Server::Hub).then_some(streaming));
    draft.set("inputs", inputs);
    draft.set("parameters", parameters);
    let (path, framing) = match streaming {
        true => ("/generate_stream", Framing::Sse),
        false => ("/generate", Framing::Whole),
    };
    let call = draft.post(settings.path(request, path, "")?, framing);
    Ok((Answer::to(request, stops, None), call))
}
