//! A WASI with nothing in it, for guests whose language brings its own runtime.
//!
//! No files, no sockets, no environment, no arguments, no standard input: what a runtime asks
//! for at its start answers, and what a program would do with it fails. Standard output and
//! error go nowhere but the plugin's log.

use super::log::LONGEST;
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
    /// The beginning of a line: a runtime may write one in pieces, and the budget counts lines.
    begun: Vec<u8>,
}

impl ToLog {
    fn new(identity: &Arc<Identity>, limit: u32, stream: &'static str) -> Self {
        Self { identity: identity.clone(), stream, limit, begun: Vec::new() }
    }

    fn write(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let room = LONGEST.saturating_sub(self.begun.len());
            self.begun.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.begun);
        let line = String::from_utf8_lossy(line.trim_ascii_end());
        if !line.is_empty() && self.identity.lines.take(self.limit) {
            let (plugin, stream) = (self.identity.name.as_str(), self.stream);
            tracing::info!(target: "plugin", plugin, stream, "{line}");
        }
    }
}

/// What a program says last may be a line without an end.
impl Drop for ToLog {
    fn drop(&mut self) {
        self.end_line();
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
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
