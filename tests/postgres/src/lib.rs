//! A PostgreSQL server of their own for the tests of one program, which ends with them.
//!
//! It is on a free port of this machine, has its data in a temporary folder, waits for no disk,
//! and trusts whoever connects.

use anyhow::{Context as _, Result, bail, ensure};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// What to do where there is none.
pub const MISSING: &str = "the tests need PostgreSQL 13 or later: install it with the system's \
     package manager (Debian and Ubuntu: apt install postgresql; macOS: brew install postgresql)";

/// Nothing waits for a disk, and transactions that wait for each other are found out at once.
const OPTIONS: &str = "-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \
     -c full_page_writes=off -c shared_buffers=32MB -c max_connections=200 -c autovacuum=off \
     -c deadlock_timeout=20ms";

/// A server. Dropping it, or the end of this process in whatever way, ends it and removes its
/// data.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    /// The script that runs the server; `None` while it is killed.
    running: Mutex<Option<Child>>,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// [`MISSING`], where it is; what it says, where it does not start.
    pub fn start() -> Result<Self> {
        let programs = programs().context(MISSING)?;
        let folder = tempfile::Builder::new().prefix("portcullis-postgres-").tempdir()?;
        if let Some((user, group)) = somebody()? {
            chown(folder.path(), Some(user), Some(group))?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = Self {
            programs,
            // The script removes it.
            folder: folder.keep(),
            port,
            running: Mutex::default(),
            databases: AtomicU32::new(0),
        };
        server.restart()?;
        Ok(server)
    }

    /// The URL of a new and empty database.
    ///
    /// # Errors
    ///
    /// What the server says where it does not make one.
    pub fn database(&self) -> Result<String> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.tell("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(format!("postgres://portcullis@127.0.0.1:{}/{name}", self.port))
    }

    /// Runs statements in a database, as an operator would: `pg_terminate_backend`, say.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub fn tell(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-h", "127.0.0.1", "-U", "portcullis", "-d", database, "-p"]);
        psql.arg(self.port.to_string());
        psql.args(["--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-qtAc", sql]);
        let output = psql.output().context(MISSING)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{sql}: {said}");
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Ends it as a power failure would; connections break.
    ///
    /// # Errors
    ///
    /// If it is not running.
    pub fn kill(&self) -> Result<()> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut script = running.context("the server is not running")?;
        let mut input = script.stdin.take().context("it has no input")?;
        input.write_all(b"keep\n")?;
        drop(input);
        script.wait()?;
        Ok(())
    }

    /// Starts it again after [`Postgres::kill`], on the same port and with the same data.
    ///
    /// # Errors
    ///
    /// What it says, where it does not start.
    pub fn restart(&self) -> Result<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(running.is_none(), "the server is running");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", include_str!("server.sh"), "server.sh"]);
        command.arg(self.programs.join("pg_ctl")).arg(&self.folder);
        command.arg(format!("{OPTIONS} -c port={}", self.port));
        command.current_dir(&self.folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        // What interrupts the tests is not for the script: it ends the server in its own time.
        command.stderr(Stdio::piped()).process_group(0);
        if let Some((user, group)) = somebody()? {
            command.uid(user).gid(group);
        }
        let mut script = command.spawn()?;
        let output = script.stdout.take().context("it has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if line != "ready\n" {
            let said = script.wait_with_output()?.stderr;
            bail!("PostgreSQL does not start: {}", String::from_utf8_lossy(&said));
        }
        *running = Some(script);
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        match running {
            Some(mut script) => {
                drop(script.stdin.take());
                let _ = script.wait();
            }
            None => drop(fs::remove_dir_all(&self.folder)),
        }
    }
}

/// The user and group that a server runs as where we are root, which it refuses to be: the one
/// that its package made, or nobody in particular.
fn somebody() -> Result<Option<(u32, u32)>> {
    if fs::metadata("/proc/self").map_or(1, |process| process.uid()) != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let ids = |name: &str| {
        let user = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let mut fields = user.split(':').skip(1).map_while(|field| field.parse().ok());
        Some((fields.next()?, fields.next()?))
    };
    let found = ids("postgres").or_else(|| ids("nobody"));
    found.context("there is no user that PostgreSQL could run as").map(Some)
}

/// Where its programs are: on the path, or where Debian puts those of each version.
fn programs() -> Option<PathBuf> {
    // A link on the path may stand alone; the others are beside what it leads to.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let linked = std::env::split_paths(&path).filter_map(|folder| {
        let program = folder.join("postgres").canonicalize().ok()?;
        program.parent().map(Path::to_owned)
    });
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    let newest_first = versions.into_iter().rev().map(|(_, folder)| folder);
    linked.chain(newest_first).find(|folder| {
        ["initdb", "pg_ctl", "psql"].iter().all(|program| folder.join(program).exists())
    })
}

/// Whether there is one to start.
///
/// # Errors
///
/// [`MISSING`], where there is none.
pub fn check() -> Result<()> {
    programs().context(MISSING).map(drop)
}

#[cfg(test)]
mod tests {
    use super::Postgres;

    #[test]
    fn what_was_committed_outlives_the_server_and_nothing_outlives_the_tests() {
        let server = Postgres::start().unwrap();
        let url = server.database().unwrap();
        let database = url.rsplit_once('/').unwrap().1;
        assert_ne!(server.database().unwrap(), url);
        server.tell(database, "CREATE TABLE t AS SELECT 7 AS n").unwrap();
        server.kill().unwrap();
        assert!(server.tell(database, "SELECT 1").is_err());
        server.restart().unwrap();
        assert_eq!(server.tell(database, "SELECT n FROM t").unwrap(), "7");
        let folder = server.folder.clone();
        assert!(folder.exists());
        drop(server);
        assert!(!folder.exists());
    }
}
