//! What each bundled provider adds to a request where it translates: its call, each chunk of a
//! stream beside the same chunk passed on, and an image of five megabytes inside of a request.

use crate::gateway::Ground;
use crate::process::Memory;
use crate::rounds::{self, ROUNDS};
use crate::sandbox::plugged::request;
use crate::table::{Table, figure, median};
use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::{Bytes, BytesMut};
use portcullis::config::{self, Environment};
use portcullis::contract::providers::Framing;
use portcullis::exchange::Exchange;
use portcullis::frame::Framer;
use portcullis::gateway::Gateway;
use portcullis::load;
use portcullis::request::{Lent, Request};
use portcullis::wire::dialect::Dialect;
use portcullis::wire::sse::{self, Decoder, MAX_EVENT};
use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Calls a round.
const CALLS: u32 = 5_000;
/// Chunks of a stream, and how many of them come in one read.
const CHUNKS: usize = 400;
const AT_ONCE: usize = 8;
/// Streams a round.
const STREAMS: usize = 25;
/// Bytes of an image in base64.
const IMAGE: usize = 5 << 20;

/// A provider, and how its vendor streams: what comes before the text, and a piece of text.
struct Vendor {
    plugin: &'static str,
    settings: &'static str,
    /// As what its stream is passed on. One of a vendor whose dialect no client speaks is, for
    /// the comparison, looked at as if it were of the canonical one.
    dialect: Dialect,
    before: &'static [(&'static str, &'static str)],
    chunk: (&'static str, &'static str),
}

/// Chunks are those of the vendors' published pages, which their plugins' fixtures name.
const VENDORS: [Vendor; 5] = [
    Vendor {
        plugin: "openai",
        settings: "passthrough = false",
        dialect: Dialect::CANONICAL,
        before: &[],
        chunk: ("", crate::mock::CHUNK),
    },
    Vendor {
        plugin: "anthropic",
        settings: "",
        dialect: Dialect::Messages,
        before: &[
            (
                "message_start",
                r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"m","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"output_tokens":1}}}"#,
            ),
            (
                "content_block_start",
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            ),
        ],
        chunk: (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" word of it"}}"#,
        ),
    },
    Vendor {
        plugin: "gemini",
        settings: "",
        dialect: Dialect::CANONICAL,
        before: &[],
        chunk: (
            "",
            r#"{"candidates":[{"content":{"parts":[{"text":" word of it"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":3,"totalTokenCount":11},"modelVersion":"m","responseId":"r"}"#,
        ),
    },
    Vendor {
        plugin: "ollama",
        settings: "",
        dialect: Dialect::CANONICAL,
        before: &[],
        chunk: (
            "line",
            r#"{"model":"m","created_at":"2026-11-01T08:52:19.385406455Z","message":{"role":"assistant","content":" word of it"},"done":false}"#,
        ),
    },
    Vendor {
        plugin: "huggingface",
        settings: "",
        dialect: Dialect::CANONICAL,
        before: &[],
        chunk: ("", crate::mock::CHUNK),
    },
];

impl Vendor {
    fn framing(&self) -> Framing {
        if self.chunk.0 == "line" { Framing::Lines } else { Framing::Sse }
    }

    /// So many bytes of it as come in one read.
    fn read(&self) -> Bytes {
        written([self.chunk; AT_ONCE])
    }

    /// One round of streams that are passed on: microseconds of one chunk.
    fn passed_on(&self) -> Result<f64> {
        // What comes in lines is passed on by nobody, and here as if it were events.
        let name = self.chunk.0.trim_start_matches("line");
        let read = written([(name, self.chunk.1); AT_ONCE]);
        let began = Instant::now();
        for _ in 0..STREAMS {
            let mut decoder = Decoder::new(MAX_EVENT);
            for _ in 0..CHUNKS / AT_ONCE {
                let mut out = BytesMut::new();
                decoder.push(black_box(&read).clone());
                while let Some(event) = decoder.next()? {
                    let glance = said(self.dialect.glance(&event, false, None))?;
                    ensure!(glance.content && !glance.finished, "the chunk is no text");
                    out.extend_from_slice(&event.raw);
                }
                ensure!(black_box(out).len() == read.len(), "not all was passed on");
            }
        }
        Ok(microseconds(began.elapsed()))
    }
}

/// Chunks as they come over the network.
fn written<'a>(chunks: impl IntoIterator<Item = (&'a str, &'a str)>) -> Bytes {
    let mut out = BytesMut::new();
    for (name, data) in chunks {
        match name {
            "line" => out.extend_from_slice(format!("{data}\n").as_bytes()),
            name => sse::encode(&mut out, Some(name).filter(|name| !name.is_empty()), data),
        }
    }
    out.freeze()
}

/// Microseconds of one chunk of a round.
fn microseconds(spent: Duration) -> f64 {
    spent.as_secs_f64() * 1e6 / (STREAMS * CHUNKS) as f64
}

/// Measures all of them.
pub(crate) fn measure() -> Result<Table> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut table = Table::new(
            "Providers that translate",
            &[
                "one thread, in process",
                "a request, µs",
                "target",
                "a chunk, µs",
                "passed on",
                "added",
                "target",
                "5 MB image, ms",
                "target",
                "copies of it",
                "target",
            ],
        );
        for vendor in &VENDORS {
            let house = House::open(vendor).await.with_context(|| vendor.plugin.to_owned())?;
            let measured = async {
                let request = rounds::of(async || house.requests().await).await?;
                let passed_on = async || vendor.passed_on();
                let chunk = rounds::beside(async || house.chunks(vendor).await, passed_on).await?;
                let (image, copies) = house.image().await?;
                anyhow::Ok((request, chunk, image, copies))
            };
            let measured = measured.await.with_context(|| vendor.plugin.to_owned())?;
            let (request, (chunk, passed_on), image, copies) = measured;
            table.row(&[
                vendor.plugin,
                &figure(request),
                "60",
                &figure(chunk),
                &figure(passed_on),
                &figure(chunk - passed_on),
                "1.5",
                &figure(image),
                "15",
                &figure(copies),
                "3",
            ]);
        }
        table.remark(format!(
            "A request: a fresh sandbox, the plugin's call, and the sandbox's end. A chunk: {AT_ONCE} \
             a read, from the bytes of the upstream to those for the client, without what their \
             connections cost. Passed on: the same chunks, cut into events, looked at, and copied, \
             in turn with the others; added is the difference. Fastest of {ROUNDS} rounds of {CALLS} \
             requests or {} chunks. Copies: how far the process grew beyond the request's own body, \
             by the size of the image, with that one in.",
            STREAMS * CHUNKS
        ));
        Ok(table)
    })
}

/// One provider, ready to be asked.
struct House {
    gateway: Gateway,
    _ground: Ground,
}

impl House {
    async fn open(vendor: &Vendor) -> Result<Self> {
        let ground = Ground::new()?;
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:8080\"\n[admin]\nlisten = \"127.0.0.1:8081\"\n\
             [plugins]\ncache = {:?}\n[providers.house]\nplugin = \"{}\"\n\
             base_url = \"http://127.0.0.1:9/v1\"\nmodels = [\"m\"]\nsettings = {{ {} }}\n\
             limits = {{ memory = \"128MiB\", cpu_ms = 2000, output_bytes = \"64MiB\" }}\n",
            ground.path().join("cache"),
            vendor.plugin,
            vendor.settings
        );
        let file = ground.path().join("portcullis.toml");
        fs::write(&file, text)?;
        let config = config::load(&file, &Environment::of_process())?;
        Ok(Self { gateway: load::gateway(config).await?.gateway, _ground: ground })
    }

    async fn start(&self, request: &Arc<Request>) -> Result<Box<Exchange>> {
        let deployment = self.gateway.deployment();
        let provider = deployment.providers.first().context("no provider")?;
        let lent = Lent {
            request: request.clone(),
            model: "m".into(),
            noted: Vec::new(),
            readable: true,
            dialect: Dialect::CANONICAL,
        };
        let started = Exchange::start(provider, provider.plugin.pin(), lent).await;
        let (exchange, call) = started.map_err(|failure| anyhow!("{}", failure.message()))?;
        black_box(call);
        Ok(exchange)
    }

    /// One round of requests: microseconds of one.
    async fn requests(&self) -> Result<f64> {
        let request = Arc::new(request(crate::load::body(true)));
        let began = Instant::now();
        for _ in 0..CALLS {
            self.start(&request).await?;
        }
        Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS))
    }

    /// One round of streams that are translated: microseconds of one chunk.
    async fn chunks(&self, vendor: &Vendor) -> Result<f64> {
        let request = Arc::new(request(crate::load::body(true)));
        let (before, read) = (written(vendor.before.iter().copied()), vendor.read());
        let mut spent = Duration::ZERO;
        for _ in 0..STREAMS {
            let mut exchange = self.start(&request).await?;
            let mut answer = request.dialect.answer(&request, "m");
            let mut framer = Framer::new(vendor.framing());
            said(exchange.frames(&framer.push(before.clone())?).await)?;
            let began = Instant::now();
            for _ in 0..CHUNKS / AT_ONCE {
                let mut out = BytesMut::new();
                let frames = framer.push(black_box(&read).clone())?;
                for event in said(exchange.frames(&frames).await)? {
                    said(answer.event(event, &mut out))?;
                }
                ensure!(!black_box(out).is_empty(), "the chunks say nothing");
            }
            spent += began.elapsed();
        }
        Ok(microseconds(spent))
    }

    /// A request with a large image: milliseconds, and how often its bytes are held.
    async fn image(&self) -> Result<(f64, f64)> {
        let image = "A".repeat(IMAGE);
        let body = format!(
            r#"{{"model":"auto","messages":[{{"role":"user","content":[{{"type":"text","text":"What is it?"}},{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{image}"}}}}]}}]}}"#
        );
        drop(image);
        let request = Arc::new(request(body));
        let (mut times, mut copies) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let memory = Memory::mark()?;
            let began = Instant::now();
            self.start(&request).await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            // The request's own body is one.
            copies.push(1.0 + memory.grown()? as f64 / IMAGE as f64);
        }
        Ok((times.into_iter().fold(f64::INFINITY, f64::min), median(copies)))
    }
}

fn said<T>(result: Result<T, portcullis::failure::Failure>) -> Result<T> {
    result.map_err(|failure| anyhow!("{}", failure.message()))
}
