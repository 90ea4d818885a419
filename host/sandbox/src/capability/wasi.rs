//! A WASI with nothing in it, for guests whose language brings its own runtime.
//!
//! No files, no sockets, no environment, no arguments, no standard input: what a runtime asks
//! for at its start answers, and what a program would do with it fails. Standard output and
//! error go nowhere but the plugin's log.

use crate::store::{Identity, State, Tags};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

impl<D: Tags> WasiView for State<D> {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (identity, lines) = (&self.identity, self.meter.limits.log_lines_per_second);
        let wasi = self.wasi.get_or_insert_with(|| Box::new(empty(identity, lines)));
        WasiCtxView { ctx: wasi, table: &mut self.table }
    }
}

fn empty(identity: &Arc<Identity>, lines: u32) -> WasiCtx {
    let mut builder = WasiCtxBuilder::new();
    builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
    builder
        .stdout(ToLog::new(identity, lines, "stdout"))
        .stderr(ToLog::new(identity, lines, "stderr"));
    builder.build()
}

/// What a program prints, as lines of its plugin's log, within the plugin's budget of lines.
#[derive(Clone)]
struct ToLog {
    identity: Arc<Identity>,
    stream: &'static str,
    limit: u32,
}

impl ToLog {
    fn new(identity: &Arc<Identity>, limit: u32, stream: &'static str) -> Self {
        Self { identity: identity.clone(), stream, limit }
    }
}

impl IsTerminal for ToLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for ToLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for ToLog {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        for line in String::from_utf8_lossy(bytes).lines() {
            if !line.is_empty() && self.identity.lines.take(self.limit) {
                let (plugin, stream) = (self.identity.name.as_str(), self.stream);
                tracing::info!(target: "plugin", plugin, stream, "{line}");
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
