//! Compiling components, in a process of its own where the embedder names a program for it.
//!
//! A compiler is a large program that reads what somebody else wrote. In a process of its own it
//! takes nothing down with it: whatever it does, in whatever time and memory it takes, ends as a
//! [`LoadError`]. That process is the embedder's own program, which calls [`compile`]; what it
//! wrote comes back through a pipe and is no less this program's own work than what it wrote into
//! its cache.

#![expect(clippy::disallowed_types, reason = "what is run is this program, which starts no other")]

use crate::plugin::{LoadError, MAX_COMPONENT};
use crate::{Engine, Settings, cache, engine};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use wasmtime::component::Component;

/// How long one component may take. A Python runtime of 20 MiB takes about 12 s on two cores.
const PATIENCE: Duration = Duration::from_secs(180);
/// Bytes of memory of the process.
const MEMORY: u64 = 4 << 30;
/// Bytes of what the process says of a failure that are passed on.
const MOST_WORDS: usize = 2_000;

/// A program that compiles: it calls [`compile`] with its standard input and output.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// Its file.
    pub program: PathBuf,
    /// What it is started with.
    pub arguments: Vec<OsString>,
}

/// Compiles the component that `input` holds, for engines of these settings, and writes what they
/// can load to `output`. The whole process is bounded from here on, so it should do nothing else.
///
/// # Errors
///
/// If it is no component, or cannot be read or written.
pub fn compile(
    settings: &Settings,
    input: impl Read,
    mut output: impl Write,
) -> Result<(), io::Error> {
    let bound = |most| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::Data, bound(MEMORY))?;
    setrlimit(Resource::Core, bound(0))?;
    let mut component = Vec::new();
    input.take(MAX_COMPONENT as u64 + 1).read_to_end(&mut component)?;
    let alone = Settings { instances: 1, ..settings.clone() };
    let compiled = wasmtime::Engine::new(&engine::config(&alone))
        .and_then(|engine| engine.precompile_component(&component));
    let compiled = compiled.map_err(|error| io::Error::other(format!("{error:#}")))?;
    output.write_all(&compiled)?;
    output.flush()
}

impl Engine {
    /// Compiles a component, out of the way of those who are being served.
    pub(crate) async fn compile(&self, bytes: Arc<[u8]>) -> Result<Component, LoadError> {
        let compiled = match &self.compiler {
            Some(compiler) => self.compile_apart(compiler, &bytes).await,
            None => {
                let engine = self.wasmtime.clone();
                tokio::task::spawn_blocking(move || Component::new(&engine, &bytes[..]))
                    .await
                    .map_err(|error| error.to_string())
                    .and_then(|compiled| compiled.map_err(|error| format!("{error:#}")))
            }
        };
        compiled.map_err(|why| LoadError::Compile { why })
    }

    async fn compile_apart(&self, compiler: &Compiler, bytes: &[u8]) -> Result<Component, String> {
        // Each takes every core it finds: more of them at once would only wait for each other.
        let _turn = self.compiling.acquire().await.map_err(|error| error.to_string())?;
        let failed = |error: io::Error| format!("the compiler cannot be run: {error}");
        let mut child = Command::new(&compiler.program)
            .args(&compiler.arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let mut input = child.stdin.take();
        let feeding = async {
            if let Some(mut input) = input.take() {
                // Whoever stops reading has said why on its way out.
                let _ = input.write_all(bytes).await;
            }
        };
        let both = futures_util::future::join(feeding, child.wait_with_output());
        let ended = tokio::time::timeout(PATIENCE, both).await;
        let Ok(((), ended)) = ended else {
            return Err(format!("it took the compiler longer than {} s", PATIENCE.as_secs()));
        };
        let ended = ended.map_err(failed)?;
        if !ended.status.success() {
            return Err(why(ended.status, &ended.stderr));
        }
        cache::load(&self.wasmtime, &ended.stdout)
            .ok_or_else(|| "the compiler is of another version than this program".to_owned())
    }
}

/// What a compiler that failed has to say.
fn why(status: ExitStatus, said: &[u8]) -> String {
    let said = String::from_utf8_lossy(&said[..said.len().min(MOST_WORDS)]);
    match (said.trim(), status.code()) {
        ("", _) | (_, None) => format!("the compiler ended with {status}"),
        (said, Some(_)) => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest component there is: it holds nothing.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    /// What comes of a compiler that is this shell script.
    async fn compiled_by(script: &str) -> String {
        let arguments = ["-c".into(), script.into()].to_vec();
        let compiler = Compiler { program: "/bin/sh".into(), arguments };
        let settings = Settings { instances: 1, compiler: Some(compiler), ..Settings::default() };
        let engine = Engine::new(&settings).unwrap();
        engine.compile(EMPTY.into()).await.err().unwrap().to_string()
    }

    #[tokio::test]
    async fn a_compiler_that_dies_is_a_component_that_does_not_compile() {
        let said = compiled_by("echo 'no such instruction' >&2; exit 1").await;
        assert_eq!(said, "it does not compile: no such instruction");
        assert!(compiled_by("kill -9 $$").await.contains("signal: 9"));
        assert!(compiled_by("exit 3").await.contains("exit status: 3"));
        assert!(compiled_by("cat").await.contains("another version"), "it is not compiled");
        let none = Compiler { program: "/none".into(), arguments: Vec::new() };
        let settings = Settings { instances: 1, compiler: Some(none), ..Settings::default() };
        let said = Engine::new(&settings).unwrap().compile(EMPTY.into()).await.err().unwrap();
        assert!(said.to_string().contains("the compiler cannot be run"), "{said}");
    }
}
