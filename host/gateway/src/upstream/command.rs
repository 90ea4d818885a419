//! Programs that a provider's plugin may run: those that the operator wrote out, argument by
//! argument, with holes for what differs from request to request.
//!
//! The plugin names a command, fills its holes, and says what the program reads; nothing else.
//! There is no shell. The environment is empty but for what the operator lists: neither `PATH`
//! nor `HOME` is there otherwise. The program runs in the operator's folder, or else in an empty
//! one of its own that is removed after it.
//!
//! What it prints is the reply. A program that ends with another status than 0 before anything
//! of that was handed over is a refusal, which the plugin reads; one that does so later has
//! broken off.
//!
//! A program that is not there is no reason not to start: its provider fails until it is.

mod arguments;
mod process;

pub use arguments::Arguments;
pub use process::{End, Output};

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::failure::{Denied, SendError, shown};
use super::redact::redact;
use super::reply::ReplyBody;
use crate::config::Secret;
use process::Printed;

/// A command as the operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What the plugin calls it.
    pub name: String,
    /// A path, or the name of a file in one of `folders`.
    pub program: PathBuf,
    /// Where the program is looked for: the host's own `PATH`.
    pub folders: Vec<PathBuf>,
    /// With their holes.
    pub arguments: Arguments,
    /// All of its environment but the secrets.
    pub environment: Vec<(String, String)>,
    /// Variables that nobody may see.
    pub secrets: Vec<(String, Secret)>,
    /// Where it runs; `None`: in an empty folder of its own.
    pub directory: Option<PathBuf>,
    /// How long it may run.
    pub timeout: Duration,
    /// Bytes that it may print, complaints included.
    pub max_output: usize,
}

/// What a plugin wants to run.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The command's name.
    pub command: &'a str,
    /// What goes into its holes.
    pub parameters: &'a [(String, String)],
    /// What it reads.
    pub stdin: &'a str,
    /// Its output is of use only when it is over.
    pub whole: bool,
}

/// What became of a program.
pub enum Ran {
    /// It prints, or has printed, and did not complain so far.
    Printing(ReplyBody),
    /// It is over, and did not do what it should: how it ended, and what it said, without
    /// secrets.
    Refused(End, Bytes),
}

/// The commands of one provider.
pub struct Commands(Vec<Ready>);

/// A command, and its program once it was found.
struct Ready {
    command: Command,
    found: OnceLock<PathBuf>,
}

impl Commands {
    /// The commands that the operator wrote. Their programs are looked for now; those that are
    /// not there, each time that they are wanted.
    pub fn new(commands: &[Command]) -> Self {
        let ready = |command: &Command| {
            let ready = Ready { command: command.clone(), found: OnceLock::new() };
            // Whether it was found is asked again where it matters.
            let _ = ready.program();
            ready
        };
        Self(commands.iter().map(ready).collect())
    }

    /// Those that could not be started now: their names, and why.
    pub fn missing(&self) -> impl Iterator<Item = (&str, SendError)> {
        self.0.iter().filter_map(|ready| Some((&*ready.command.name, ready.program().err()?)))
    }

    /// Starts a program, and returns when the beginning of its output is here (all of it, where
    /// it is wanted whole). Dropping the future, or the output, ends the program and all that it
    /// started.
    ///
    /// # Errors
    ///
    /// If it may not or cannot be started, runs for too long, or prints too much.
    pub async fn run(&self, wanted: Wanted<'_>) -> Result<Ran, SendError> {
        let ready = self.0.iter().find(|ready| ready.command.name == wanted.command);
        let ready = ready.ok_or_else(|| Denied::Command { name: shown(wanted.command) })?;
        let arguments = ready.command.arguments.filled(wanted.command, wanted.parameters)?;
        let mut output = process::start(&ready.command, ready.program()?, arguments, wanted.stdin)?;
        let mut printed = BytesMut::new();
        let end = loop {
            match output.next().await? {
                Printed::Piece(piece) if wanted.whole => printed.extend_from_slice(&piece),
                Printed::Piece(piece) => {
                    return Ok(Ran::Printing(ReplyBody::printed(output.behind(piece))));
                }
                Printed::End(end) => break end,
            }
        };
        if end.is_success() {
            return Ok(Ran::Printing(ReplyBody::printed(Output::over(printed.freeze()))));
        }
        let said = if printed.is_empty() { &end.complaint } else { &printed.freeze() };
        let said = redact(said, ready.command.secrets());
        Ok(Ran::Refused(end.clone(), Bytes::copy_from_slice(&said)))
    }
}

impl Command {
    fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(|(_, secret)| secret.expose())
    }
}

impl Ready {
    /// The program's file. One that was found stays the same, whatever else comes to be found.
    fn program(&self) -> Result<&Path, SendError> {
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        let program = &self.command.program;
        let missing = |why: &str| SendError::Start {
            program: program.display().to_string(),
            why: why.to_owned(),
        };
        if program.is_absolute() {
            return match is_executable(program) {
                true => Ok(self.found.get_or_init(|| program.clone())),
                false => Err(missing("there is no such file that can be run")),
            };
        }
        let mut candidates = self.command.folders.iter().map(|folder| folder.join(program));
        match candidates.find(|path| is_executable(path)) {
            Some(path) => Ok(self.found.get_or_init(|| path)),
            None => {
                Err(missing("it is in no folder of the PATH that the gateway was started with"))
            }
        }
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
