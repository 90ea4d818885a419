//! The price of a sandbox: what plugins do for one request, in fresh sandboxes and, by the same
//! Rust source, natively behind the same traits.
//!
//! Both sides are called in turn and within each round, on one thread: what disturbs the machine
//! disturbs both.

mod native;
pub(crate) mod plugged;

use crate::rounds::{self, ROUNDS, beside};
use crate::table::{Table, figure};
use anyhow::{Result, ensure};
use portcullis::contract::providers::Frame;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Calls a round; at least 20,000 say something about microseconds.
const CALLS: u32 = 20_000;
/// Frames a round.
const FRAMES: usize = 60_000;

/// A policy that decides where a request goes.
trait Decider {
    /// Decides about one request; says how many attempts it plans.
    async fn decide(&self) -> Result<usize>;
}

/// A provider that says which call to make.
trait Provider {
    /// What reads the answer.
    type Exchange: Reader;

    /// Begins one exchange.
    async fn start(&self) -> Result<Self::Exchange>;
}

/// What reads an answer.
trait Reader {
    /// Reads the frames of one read; says how many events they make.
    async fn frames(&mut self, frames: &[Frame]) -> Result<usize>;
}

/// Measures all of it.
pub(crate) fn measure() -> Result<Table> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let sandboxed = plugged::Plugins::load().await?;
        let mut table = Table::new(
            "Sandboxes",
            &[
                "one thread, in process",
                "sandboxed µs",
                "native µs",
                "ratio",
                "target µs",
                "per second",
            ],
        );
        let bare = rounds::of(async || calls(async || sandboxed.bare().await).await).await?;
        table.row(&[
            "a fresh sandbox, made and ended",
            &figure(bare),
            "",
            "",
            "",
            &figure(1e6 / bare),
        ]);

        let (plugin, twin) = (sandboxed.provider(true), native::Provider::new(true)?);
        let pair = beside(
            async || calls(async || plugin.start().await.map(drop)).await,
            async || calls(async || twin.start().await.map(drop)).await,
        );
        row(&mut table, "fresh sandbox + configured provider + `start`", pair.await?, "20");

        let (plugin, twin) = (sandboxed.policy(false)?, native::Policy::ordered()?);
        ensure!(plugin.decide().await? == twin.decide().await?, "the policies plan differently");
        let pair = beside(
            async || calls(async || plugin.decide().await.map(drop)).await,
            async || calls(async || twin.decide().await.map(drop)).await,
        );
        row(&mut table, "fresh sandbox + decision over 10 candidates", pair.await?, "18");

        let (plugin, twin) = (sandboxed.rules()?, native::Policy::rules()?);
        ensure!(plugin.decide().await? == twin.decide().await?, "the rules plan differently");
        let pair = beside(
            async || calls(async || plugin.decide().await.map(drop)).await,
            async || calls(async || twin.decide().await.map(drop)).await,
        );
        row(&mut table, "fresh sandbox + 100 rules over 50 candidates", pair.await?, "60");

        let row_of = sandboxed.classifier()?;
        let labelled =
            rounds::of(async || calls(async || row_of.labels().await.map(drop)).await).await?;
        let (each, rate) = (figure(labelled), figure(1e6 / labelled));
        table.row(&[
            "fresh sandbox + what the classifier's rules find",
            &each,
            "",
            "",
            "30",
            &rate,
        ]);

        let recalled =
            rounds::of(async || calls(async || sandboxed.recalled().await).await).await?;
        let row_of = sandboxed.policy(true)?;
        let decided =
            rounds::of(async || calls(async || row_of.decide().await.map(drop)).await).await?;
        for (name, each) in [
            ("`start`, remembered", recalled),
            ("decision over 10 candidates, remembered", decided),
        ] {
            table.row(&[name, &figure(each), "", "", "", &figure(1e6 / each)]);
        }

        let (plugin, twin) = (sandboxed.provider(false), native::Provider::new(false)?);
        ensure!(events(&plugin).await? == events(&twin).await?, "the providers read differently");
        for (length, at_once) in [(51, 1), (51, 8), (501, 1), (501, 8)] {
            let pair = beside(
                async || frames(&plugin, length, at_once).await,
                async || frames(&twin, length, at_once).await,
            );
            let name = format!("SSE frame translated, {length} a stream, {at_once} a call");
            row(&mut table, &name, pair.await?, "1.2");
        }
        table.remark(format!(
            "Fastest of {ROUNDS} rounds of {CALLS} calls or {FRAMES} frames. The native twin is the \
             plugin's own Rust source, called behind the same trait; a translated frame is without \
             the stream's `start`."
        ));
        Ok(table)
    })
}

fn row(table: &mut Table, name: &str, (sandboxed, native): (f64, f64), target: &str) {
    let ratio = format!("{:.1}×", sandboxed / native);
    let (each, twin) = (figure(sandboxed), figure(native));
    table.row(&[name, &each, &twin, &ratio, target, &figure(1e6 / sandboxed)]);
}

/// One round of calls: microseconds of one.
async fn calls(call: impl AsyncFn() -> Result<()>) -> Result<f64> {
    let began = Instant::now();
    for _ in 0..CALLS {
        call().await?;
    }
    Ok(micros(began.elapsed(), CALLS as usize))
}

/// How many events a few frames make.
async fn events(provider: &impl Provider) -> Result<usize> {
    provider.start().await?.frames(&vec![frame(); 8]).await
}

fn frame() -> Frame {
    Frame::Sse((None, crate::mock::CHUNK.to_owned()))
}

/// One round of streams: microseconds of one frame.
async fn frames(provider: &impl Provider, length: usize, at_once: usize) -> Result<f64> {
    let stream = vec![frame(); length];
    let (mut spent, streams) = (Duration::ZERO, FRAMES / length);
    for _ in 0..streams {
        let mut exchange = provider.start().await?;
        let began = Instant::now();
        for read in stream.chunks(at_once) {
            black_box(exchange.frames(black_box(read)).await?);
        }
        spent += began.elapsed();
    }
    Ok(micros(spent, streams * length))
}

fn micros(duration: Duration, count: usize) -> f64 {
    duration.as_secs_f64() * 1e6 / count as f64
}
