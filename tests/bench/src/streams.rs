//! The memory of streams that are open and silent.

use crate::gateway::{self, Ground, Setup};
use crate::load::Held;
use crate::mock::Mock;
use crate::process::{descriptors, rest};
use crate::table::{Table, figure};
use anyhow::Result;
use std::time::Duration;

/// Streams that should be open at the same time.
const STREAMS: u64 = 10_000;
/// For allocators and buffers to come to rest.
const REST: Duration = Duration::from_secs(2);

/// Measures both ways of relaying.
pub(crate) fn measure() -> Result<Table> {
    let (mock, ground) = (Mock::start()?, Ground::new()?);
    // A stream is two connections of the gateway's; some descriptors it needs for itself.
    let count = STREAMS.min(descriptors().saturating_sub(200) / 2);
    let mut table = Table::new(
        "Open streams",
        &["streams", "open", "MiB", "KiB a stream", "target KiB", "RSS KiB a stream", "opened/s"],
    );
    let upstream = format!("{}/hold/v1", mock.address);
    for (name, translated, target) in [("passed through", false, "40"), ("translated", true, "120")]
    {
        let upstream = upstream.clone();
        let setup =
            Setup { upstream, translated, streaming: true, spacious: true, ..Setup::default() };
        let server = gateway::start(&ground, &setup)?;
        let before = (server.running.proportional()?, server.running.resident()?);
        let held = Held::open(&server.url, count)?;
        rest(REST);
        let after = (server.running.proportional()?, server.running.resident()?);
        let rate = held.report.open as f64 / held.report.seconds;
        let opened = held.report.open;
        let closed = held.close()?;
        let each = |before: u64, after: u64| {
            figure(after.saturating_sub(before) as f64 / closed.open.max(1) as f64 / 1024.0)
        };
        let total = figure(after.0 as f64 / f64::from(1 << 20));
        let (real, resident) = (each(before.0, after.0), each(before.1, after.1));
        let open = closed.open.to_string();
        table.row(&[name, &open, &total, &real, target, &resident, &figure(rate)]);
        if closed.failed > 0 {
            let why = closed.failure.unwrap_or_default();
            let failed = closed.failed;
            table.remark(format!("{name}: {opened} opened, {failed} failed; the first: {why}"));
        }
    }
    table.remark(
        "Pages that several sandboxes map (their plugin's image, unwritten) are counted once (PSS); \
         the RSS counts them once a sandbox. Without the kernel's socket buffers."
            .to_owned(),
    );
    if count < STREAMS {
        let limit = descriptors();
        table.remark(format!("{limit} descriptors are allowed here: room for {count} streams."));
    }
    Ok(table)
}
