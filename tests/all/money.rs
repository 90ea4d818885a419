//! What a request costs, where its upstream counts something else than tokens, or tells tokens
//! apart.

use crate::caller::{Http, JSON};
use crate::house::{House, kinds};
use anyhow::{Result, ensure};
use http::Method;
use portcullis::record::Record;
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};
use std::sync::Arc;

fn near(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() < 1e-12,
        (found, expected) => found == expected,
    }
}

/// The record of a transcript of a sound that the upstream hears nine words in, which take half a
/// second each.
async fn transcribed(house: &House, fields: &[(&str, &str)]) -> Result<Arc<Record>> {
    let mut form = String::new();
    for (name, value) in [("model", "house/echo")].iter().chain(fields) {
        form +=
            &format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    form += "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
             content-type: audio/wav\r\n\r\nRIFF\r\n--x--\r\n";
    let kind = ("content-type", "multipart/form-data; boundary=x");
    let mut caller = house.caller(Http::One).await?;
    let request = caller.request(Method::POST, "/v1/audio/transcriptions", &[kind], form)?;
    let answer = caller.ask(request).await?;
    ensure!(answer.status == 200, "{answer:?}");
    house.settled().await?;
    house.record("house/echo").await
}

#[test]
fn a_transcript_costs_its_minutes() -> Result<()> {
    on_two_workers(async {
        let models = "models = [{ id = \"echo\", operations = [\"transcription\"], \
                      audio_minute_price = 0.006 }]";
        for (lines, reads_all) in kinds(models).into_iter().zip([false, true]) {
            // The object has its usage rounded to whole seconds, the longer one beside the time.
            for format in ["json", "verbose_json"] {
                let house = House::open(&lines).await?;
                let record = transcribed(&house, &[("response_format", format)]).await?;
                ensure!(record.audio_seconds == Some(5.0), "{record:?}");
                ensure!(near(record.cost_usd, Some(5.0 / 60.0 * 0.006)), "{record:?}");
            }
            // A text says nothing of its length, so nobody knows what it cost, unless it was made
            // of an object.
            let house = House::open(&lines).await?;
            let record = transcribed(&house, &[("response_format", "text")]).await?;
            ensure!(record.cost_usd.is_some() == reads_all, "{record:?}");
            // What is streamed counts tokens, which have no price here.
            let house = House::open(&lines).await?;
            let record = transcribed(&house, &[("stream", "true")]).await?;
            ensure!(record.cost_usd.is_none(), "{record:?}");
        }
        Ok(())
    })
}

#[test]
fn a_transcript_that_is_priced_by_tokens_costs_its_tokens() -> Result<()> {
    on_two_workers(async {
        let models = "models = [{ id = \"echo\", operations = [\"transcription\"], \
                      input_price = 2.5, output_price = 10 }]";
        for lines in kinds(models) {
            let house = House::open(&lines).await?;
            let record = transcribed(&house, &[("stream", "true")]).await?;
            ensure!((record.input_tokens, record.output_tokens) == (Some(10), Some(9)));
            ensure!(near(record.cost_usd, Some((10.0 * 2.5 + 9.0 * 10.0) / 1e6)), "{record:?}");
            // Counted by the second and priced by the token.
            let house = House::open(&lines).await?;
            let record = transcribed(&house, &[("response_format", "json")]).await?;
            ensure!(record.cost_usd.is_none(), "{record:?}");
        }
        Ok(())
    })
}

/// A provider of Anthropic's protocol, with prices.
const PRICED: &str = r#"
[providers.house]
plugin = "anthropic"
base_url = "UPSTREAM/anthropic/v1"
headers = { x-api-key = "k" }

[[providers.house.models]]
id = "claude-sonnet-5-5--cached"
input_price = 2.00
output_price = 10.00
cached_input_price = 0.10
cache_write_price = 2.50
cache_write_1h_price = 4.00
"#;

/// A request whose prompt is kept in a cache for so long.
fn cached(ttl: &str, streaming: bool) -> Value {
    let kept = json!({ "type": "ephemeral", "ttl": ttl });
    let content = json!([{ "type": "text", "text": "Say hello.", "cache_control": kept }]);
    json!({
        "model": "house/claude-sonnet-5-5--cached",
        "max_tokens": 100,
        "stream": streaming,
        "messages": [{ "role": "user", "content": content }],
    })
}

#[test]
fn what_stays_in_a_cache_for_an_hour_costs_more() -> Result<()> {
    // The dialect's own path is passed on, the other is translated.
    const PATHS: [&str; 2] = ["/v1/messages", "/v1/chat/completions"];
    on_two_workers(async {
        for (ttl, price, for_an_hour) in [("5m", 2.5, None), ("1h", 4.0, Some(256))] {
            for (path, streaming) in PATHS.into_iter().flat_map(|it| [(it, false), (it, true)]) {
                let house = House::open(PRICED).await?;
                let mut caller = house.caller(Http::One).await?;
                let body = cached(ttl, streaming).to_string();
                let request = caller.request(Method::POST, path, &[JSON], body)?;
                let answer = caller.ask(request).await?;
                ensure!(answer.status == 200, "{answer:?}");
                house.settled().await?;
                let record = house.record("house/claude-sonnet-5-5--cached").await?;
                let (input, output) = (record.input_tokens, record.output_tokens);
                let (Some(input), Some(output)) = (input, output) else {
                    anyhow::bail!("{record:?}");
                };
                ensure!(record.cached_input_tokens == Some(1024), "{record:?}");
                ensure!(record.cache_write_tokens == Some(256), "{record:?}");
                ensure!(record.cache_write_1h_tokens == for_an_hour, "{path} {ttl}: {record:?}");
                let fresh = (input - 1024 - 256) as f64;
                let dollars = fresh * 2.0 + 1024.0 * 0.1 + 256.0 * price + output as f64 * 10.0;
                ensure!(near(record.cost_usd, Some(dollars / 1e6)), "{path} {ttl}: {record:?}");
            }
        }
        Ok(())
    })
}
