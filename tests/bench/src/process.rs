//! Processes that are measured: started, read in `/proc`, ended when dropped.

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

/// Descriptors that are asked for where the system gives more than its limit says.
const DESCRIPTORS: u64 = 65_536;

/// Lets this process, and those that it starts, open as many connections as the system allows.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let more = Rlimit { current: Some(DESCRIPTORS), maximum: Some(DESCRIPTORS) };
    let enough = limit.maximum.is_none_or(|maximum| maximum >= DESCRIPTORS);
    // Only a privileged process may raise what is its most; every other takes what it may.
    if enough || setrlimit(Resource::Nofile, more).is_err() {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    }
}

/// Waits; nothing of this program but its loads runs in an executor.
#[allow(clippy::disallowed_methods, reason = "there is no executor whose worker it could hold")]
pub(crate) fn rest(time: Duration) {
    std::thread::sleep(time);
}

/// How many descriptors this process may open.
pub(crate) fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// A program in the background.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let program = command.get_program().display().to_string();
        Ok(Self(command.spawn().with_context(|| format!("{program} cannot be run"))?))
    }

    /// CPU time that it, its threads and its children have used.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let id = self.0.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_ascii_whitespace().filter_map(|child| child.parse().ok());
        [id].into_iter().chain(children).map(cpu_of).sum()
    }

    /// Bytes of memory that it holds.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.kibibytes("status", "VmRSS:")
    }

    /// Bytes of memory that it holds, what is mapped several times counted once: sandboxes share
    /// the pages of their plugin that none of them has written.
    pub(crate) fn proportional(&self) -> Result<u64> {
        self.kibibytes("smaps_rollup", "Pss:")
    }

    fn kibibytes(&self, file: &str, field: &str) -> Result<u64> {
        kibibytes(&format!("/proc/{}/{file}", self.0.id()), field)
    }

    /// Asks it to stop (SIGTERM), and waits until it has.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let id = Pid::from_child(&self.0);
        kill_process(id, Signal::TERM)?;
        let status = self.0.wait()?;
        if status.success() { Ok(()) } else { bail!("it ended with {status}") }
    }

    /// An error if it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.0.try_wait()? {
            Some(status) => bail!("it ended with {status}"),
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A field of a file of `/proc`, in bytes.
fn kibibytes(file: &str, field: &str) -> Result<u64> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.with_context(|| format!("no {field}"))?.trim().trim_end_matches(" kB");
    Ok(kib.parse::<u64>()? << 10)
}

fn cpu_of(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may hold spaces; behind it `state` is the first field.
    let (_, fields) = stat.rsplit_once(") ").context("/proc/PID/stat")?;
    let ticks: u64 = fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().context("/proc/PID/stat"))
        .sum::<Result<u64>>()?;
    let second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64(ticks as f64 / second as f64))
}

/// What this process held at a moment, to tell by how much it grew after it.
pub(crate) struct Memory {
    resident: u64,
}

impl Memory {
    /// Notes what it holds, and forgets the most that it ever held.
    pub(crate) fn mark() -> Result<Self> {
        // https://www.kernel.org/doc/html/latest/filesystems/proc.html: 5 resets the peak.
        fs::write("/proc/self/clear_refs", "5")?;
        Ok(Self { resident: kibibytes("/proc/self/status", "VmRSS:")? })
    }

    /// Bytes that it held more, at most, since then.
    pub(crate) fn grown(&self) -> Result<u64> {
        Ok(kibibytes("/proc/self/status", "VmHWM:")?.saturating_sub(self.resident))
    }
}
