//! Plugins that are swapped while requests and streams are under way.
//!
//! The provider's plugin stamps its calls and its answers, the upstream says the stamp back, and
//! the load looks at every answer: one with two stamps met two versions.

use crate::ask;
use crate::gateway::{self, Ground, Served};
use crate::load::{Report, counted};
use crate::mock::Mock;
use crate::process::rest;
use crate::table::{Table, figure};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Requests a second, and streams that are open at any time, of a second each.
const RATE: &str = "1000";
const STREAMS: &str = "200";
const CHUNKS: (u32, u32) = (20, 50);
/// Between two swaps.
const PAUSE: Duration = Duration::from_millis(100);
/// After which memory is looked at first.
const WARM: Duration = Duration::from_secs(10);
/// As it lies in the guest's component.
const STAMP: &[u8] = b"stamp:0000000000";

/// What came of the swaps.
#[derive(Default)]
struct Swaps {
    took: Vec<f64>,
    publish: Vec<f64>,
    early: u64,
    late: u64,
}

/// Measures for so many seconds.
pub(crate) fn measure(seconds: u64) -> Result<Table> {
    let (mock, ground) = (Mock::start()?, Ground::new()?);
    let packages = [stamped(&ground, "aaaaaaaaaa")?, stamped(&ground, "bbbbbbbbbb")?];
    let upstream = format!("{}/both/{}/{}/v1", mock.address, CHUNKS.0, CHUNKS.1);
    let text = |clients, admin, folder: &Path| {
        format!(
            "[server]\nlisten = \"{clients}\"\n[admin]\nlisten = \"{admin}\"\n\
             [log]\nlevel = \"warn\"\n[plugins]\ncache = {:?}\n\
             [providers.mock]\nplugin = {{ path = {:?} }}\nbase_url = \"{upstream}\"\n\
             models = [\"m0\", \"m1\"]\n[policies.way]\nplugin = \"ordered\"\n\
             [routes.default]\npolicies = [\"way\"]\ncandidates = [\"mock/m0\", \"mock/m1\"]\n",
            folder.join("cache"),
            packages[0],
        )
    };
    let server = gateway::start_with(&ground, text, false)?;
    let time = seconds.to_string();
    let (requests, streams, swaps) = thread::scope(|scope| {
        let load = |stream, shape: [&str; 5]| {
            let shape: Vec<String> = shape.iter().map(|&word| word.to_owned()).collect();
            let url = server.url.clone();
            scope.spawn(move || {
                let shape: Vec<&str> =
                    ["--stamped"].into_iter().chain(shape.iter().map(String::as_str)).collect();
                counted(&url, stream, &shape)
            })
        };
        let requests = load(false, ["open", "--rate", RATE, "--seconds", &time]);
        let streams = load(true, ["closed", "--connections", STREAMS, "--seconds", &time]);
        let swaps = swap(&server, &packages, Duration::from_secs(seconds.saturating_sub(1)));
        let joined = |load: thread::ScopedJoinHandle<'_, Result<Report>>| {
            load.join().map_err(|_| anyhow::anyhow!("a load panicked"))?
        };
        anyhow::Ok((joined(requests)?, joined(streams)?, swaps?))
    })?;
    Ok(table(seconds, &requests, &streams, swaps))
}

fn table(seconds: u64, requests: &Report, streams: &Report, mut swaps: Swaps) -> Table {
    let mut table = Table::new("Swaps under load", &["", "measured", "target"]);
    let mut row =
        |what: &str, measured: String, target: &str| table.row(&[what, &measured, target]);
    row("requests answered", figure(requests.requests as f64), "");
    row("streams answered", figure(streams.requests as f64), "");
    row("failed or mixed", (requests.failed + streams.failed).to_string(), "0");
    row("swaps, of the policy and the provider in turn", swaps.took.len().to_string(), "");
    let (median, most) = ends(&mut swaps.took);
    row("a swap, of a component in the cache: median, ms", figure(median), "100");
    row("… the longest, ms", figure(most), "100");
    let (_, most) = ends(&mut swaps.publish);
    row("to put it in place, the longest, ms", figure(most / 1e3), "1");
    let mebibytes = |bytes: u64| figure(bytes as f64 / f64::from(1 << 20));
    row("resident after 10 s, MiB", mebibytes(swaps.early), "");
    row("resident at the end, MiB", mebibytes(swaps.late), "");
    let grown = (swaps.late as f64 / swaps.early.max(1) as f64 - 1.0) * 100.0;
    row("grown, %", figure(grown), "5");
    table.remark(format!(
        "{RATE} requests a second and {STREAMS} streams of a second each, for {seconds} s, each \
         translated in a sandbox; a swap every {} ms. The longest swaps wait for a core like \
         everybody else. Load, upstream and gateway share the machine.",
        PAUSE.as_millis()
    ));
    let failures = [&requests.failure, &streams.failure].into_iter().flatten();
    for failure in failures {
        table.remark(format!("A failure: {failure}"));
    }
    table
}

/// The middle and the largest.
fn ends(values: &mut [f64]) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let middle = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
    (middle, values.last().copied().unwrap_or(f64::NAN))
}

/// Swaps both plugins in turn, for so long.
fn swap(server: &Served, packages: &[PathBuf; 2], time: Duration) -> Result<Swaps> {
    let admin = server.admin.context("the gateway has an admin address")?;
    let (began, mut swaps) = (Instant::now(), Swaps::default());
    let mut number = 0;
    while began.elapsed() < time {
        rest(PAUSE);
        number += 1;
        let turn = number / 2 % 2;
        let (path, wanted) = match number % 2 {
            0 => {
                let plugin = ["ordered", "priority"][turn];
                ("policies/way", json!({ "plugin": plugin }))
            }
            _ => ("providers/mock", json!({ "path": &packages[1 - turn] })),
        };
        let swapped = ask::post(admin, &format!("/api/v1/{path}/swap"), &wanted)?;
        let swapped: Value = serde_json::from_str(&swapped)?;
        swaps.took.push(swapped["took_ms"].as_f64().context("no time")?);
        swaps.publish.push(swapped["publish_us"].as_f64().context("no time")?);
        if swaps.early == 0 && began.elapsed() > WARM.min(time / 2) {
            swaps.early = server.running.resident()?;
        }
    }
    swaps.late = server.running.resident()?;
    Ok(swaps)
}

/// The guest that stamps, with this stamp.
fn stamped(ground: &Ground, stamp: &str) -> Result<PathBuf> {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/components/guests");
    let mut component =
        fs::read(guests.join("stamps.wasm")).context("`cargo xtask bench` builds it")?;
    let at = component.windows(STAMP.len()).position(|it| it == STAMP).context("no stamp")?;
    component[at + 6..at + STAMP.len()].copy_from_slice(stamp.as_bytes());
    let folder = ground.path().join(stamp);
    fs::create_dir_all(&folder)?;
    let manifest = "name = \"stamps\"\nversion = \"0.1.0\"\n\
                    world = \"portcullis:plugin/provider-plugin@0.1.0\"\n";
    fs::write(folder.join("plugin.toml"), manifest)?;
    fs::write(folder.join("plugin.wasm"), component)?;
    Ok(folder.join("plugin.wasm"))
}
