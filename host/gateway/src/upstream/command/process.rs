//! A program that runs, from its start until nothing of it is left.
//!
//! Each has a task that looks after it: feeds it, reads what it prints, and ends it when it is
//! over, out of time, too loud, or when nobody waits for its output any more. The program leads a
//! process group, so that what it started ends with it; and the task waits for it, so that no
//! zombie is left. A process that leaves the group on purpose is not found again.
#![allow(clippy::disallowed_types, reason = "this is where programs are started")]

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::sync::mpsc;

use super::Command;
use crate::upstream::failure::{SendError, shown};
use crate::upstream::redact::redact;

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;
/// Pieces that are kept for who reads them; a program that is faster waits, as at any pipe.
const AHEAD: usize = 4;
/// Bytes that are kept of what a program complains of.
const COMPLAINT: usize = 8 << 10;

/// How a program ended, and what it complained of.
#[derive(Debug, Clone)]
pub struct End {
    status: ExitStatus,
    /// The beginning of its standard error; secrets may be in it.
    pub(super) complaint: Bytes,
}

impl End {
    pub(super) fn is_success(&self) -> bool {
        self.status.success()
    }

    /// As a header: `exit-status`, or `exit-signal` where it was killed.
    pub fn header(&self) -> (&'static str, i32) {
        match (self.status.code(), self.status.signal()) {
            (Some(status), _) => ("exit-status", status),
            (None, signal) => ("exit-signal", signal.unwrap_or_default()),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.header() {
            ("exit-status", status) => write!(f, "with the exit status {status}"),
            (_, signal) => write!(f, "by the signal {signal}"),
        }
    }
}

/// What comes of a program.
#[derive(Debug)]
pub(super) enum Printed {
    /// Something on its standard output.
    Piece(Bytes),
    /// The last.
    End(End),
}

/// What a program prints, as it comes. Dropping it ends the program.
#[derive(Debug)]
pub struct Output {
    ahead: Option<Bytes>,
    /// `None` where all was read.
    rest: Option<mpsc::Receiver<Result<Printed, SendError>>>,
    /// For the message of one that breaks off.
    secrets: Vec<String>,
}

impl Output {
    /// The output of a program that is over.
    pub(super) fn over(all: Bytes) -> Self {
        Self { ahead: Some(all), rest: None, secrets: Vec::new() }
    }

    /// The rest, with a piece before it that was read already.
    pub(super) fn behind(self, piece: Bytes) -> Self {
        Self { ahead: Some(piece), ..self }
    }

    pub(super) async fn next(&mut self) -> Result<Printed, SendError> {
        match &mut self.rest {
            Some(rest) => rest.recv().await.unwrap_or_else(|| Err(lost())),
            None => Err(lost()),
        }
    }

    /// The next bytes, or `None` when it has ended well.
    pub(in crate::upstream) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, SendError>>> {
        if let Some(ahead) = self.ahead.take().filter(|ahead| !ahead.is_empty()) {
            return Poll::Ready(Some(Ok(ahead)));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        Poll::Ready(match ready!(rest.poll_recv(cx)).unwrap_or_else(|| Err(lost())) {
            Ok(Printed::Piece(piece)) => Some(Ok(piece)),
            Ok(Printed::End(end)) if end.is_success() => None,
            Ok(Printed::End(end)) => {
                let said = redact(&end.complaint, &self.secrets);
                let said = shown(String::from_utf8_lossy(&said).trim());
                Some(Err(SendError::Exited { end: end.to_string(), said }))
            }
            Err(error) => Some(Err(error)),
        })
    }
}

/// The task that looks after a program is gone, as when the process is being stopped.
fn lost() -> SendError {
    SendError::Broken { why: "the program is no longer looked after".to_owned() }
}

/// Starts a program, and the task that looks after it.
pub(super) fn start(
    command: &Command,
    program: &Path,
    arguments: Vec<String>,
    stdin: &str,
) -> Result<Output, SendError> {
    let failed = |error: std::io::Error| {
        let (program, why) = (command.program.display().to_string(), error.to_string());
        SendError::Start { program, why }
    };
    let own = match command.directory {
        Some(_) => None,
        None => Some(tempfile::tempdir().map_err(failed)?),
    };
    let folder = command.directory.as_deref().or(own.as_ref().map(TempDir::path));
    let secrets = command.secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose()));
    let plain = command.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let child = tokio::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(plain.chain(secrets))
        .current_dir(folder.unwrap_or(Path::new("/")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // One of its own: what it starts is ended with it.
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let process = Process { child, group: Group(group), _folder: own };
    let (sender, rest) = mpsc::channel(AHEAD);
    let (stdin, timeout, limit) = (stdin.to_owned(), command.timeout, command.max_output);
    tokio::spawn(async move {
        let mut process = process;
        let outcome = tokio::select! {
            outcome = process.converse(stdin, limit, &sender) => outcome,
            () = tokio::time::sleep(timeout) => Err(SendError::RanTooLong { after: timeout }),
            () = sender.closed() => Err(lost()),
        };
        process.stop().await;
        // Nobody may be listening any more.
        let _ = sender.send(outcome.map(Printed::End)).await;
    });
    let secrets = command.secrets().map(str::to_owned).collect();
    Ok(Output { ahead: None, rest: Some(rest), secrets })
}

/// A program, with all that ends with it.
struct Process {
    child: Child,
    group: Group,
    /// Removed last.
    _folder: Option<TempDir>,
}

impl Process {
    /// Feeds it and reads what it prints, until it is over.
    async fn converse(
        &mut self,
        stdin: String,
        limit: usize,
        to: &mpsc::Sender<Result<Printed, SendError>>,
    ) -> Result<End, SendError> {
        let (input, output) = (self.child.stdin.take(), self.child.stdout.take());
        let complaints = self.child.stderr.take();
        let meter = Meter { read: AtomicUsize::new(0), limit };
        let feed = async {
            if let Some(mut input) = input {
                // A program need not read all that there is.
                let _ = input.write_all(stdin.as_bytes()).await;
            }
            Ok(())
        };
        let print = async {
            let Some(mut output) = output else { return Ok(()) };
            while let Some(piece) = meter.read(&mut output).await? {
                if to.send(Ok(Printed::Piece(piece))).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        let complain = async {
            let mut kept = BytesMut::new();
            let Some(mut complaints) = complaints else { return Ok(kept) };
            while let Some(piece) = meter.read(&mut complaints).await? {
                kept.extend_from_slice(&piece[..piece.len().min(COMPLAINT - kept.len())]);
            }
            Ok(kept)
        };
        let (child, group) = (&mut self.child, &mut self.group);
        let end = async {
            let status = child.wait().await;
            // What it left behind would keep its output open, and read on what was not for it.
            group.kill();
            status.map_err(|error| SendError::Broken { why: error.to_string() })
        };
        let ((), (), complaint, status) = tokio::try_join!(feed, print, complain, end)?;
        Ok(End { status, complaint: complaint.freeze() })
    }

    /// Ends it, if it has not ended, and waits until it is gone.
    async fn stop(mut self) {
        self.group.kill();
        // It was ended with a signal that nothing can refuse.
        let _ = self.child.wait().await;
    }
}

/// A process group that is ended when it is dropped.
struct Group(Option<Pid>);

impl Group {
    /// Once: the number is another's as soon as the group is gone.
    fn kill(&mut self) {
        if let Some(leader) = self.0.take() {
            // Nobody may be left in it.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Counts what is printed, complaints included.
struct Meter {
    read: AtomicUsize,
    limit: usize,
}

impl Meter {
    /// The next piece, or `None` at the end.
    async fn read(&self, from: &mut (impl AsyncRead + Unpin)) -> Result<Option<Bytes>, SendError> {
        let mut piece = BytesMut::with_capacity(PIECE);
        let count = from.read_buf(&mut piece).await;
        let count = count.map_err(|error| SendError::Broken { why: error.to_string() })?;
        let before = self.read.fetch_add(count, Ordering::Relaxed);
        if before + count > self.limit {
            return Err(SendError::TooLarge { limit: self.limit });
        }
        Ok((count > 0).then(|| piece.freeze()))
    }
}
