//! Other programs: run to their end, or kept in the background until they are dropped.

use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Runs cargo in the repository, and shows what it runs.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    println!("$ cargo {}", arguments.join(" "));
    // The cargo that runs this; its path is in the environment that it gives its children.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root);
    // What cargo tells this program about itself is not meant for the programs that it builds:
    // build scripts that look at it would run again after every build by hand.
    for (name, _) in std::env::vars_os() {
        let about_this = |prefix| name.to_string_lossy().starts_with(prefix);
        if about_this("CARGO_PKG_") || about_this("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    finish(&mut command)
}

/// Runs a program to its end.
pub(crate) fn run(program: &Path, arguments: &[&str]) -> Result<()> {
    finish(Command::new(program).args(arguments))
}

fn finish(command: &mut Command) -> Result<()> {
    let program = Path::new(command.get_program()).display().to_string();
    let status = command.status().with_context(|| format!("{program} cannot be run"))?;
    if !status.success() {
        bail!("{program} ended with {status}");
    }
    Ok(())
}

/// A program in the background. Dropping it ends it.
pub(crate) struct Background(Child);

impl Background {
    /// Starts a program and waits until a line of its output says what was waited for.
    pub(crate) fn start<T: Send + 'static>(
        mut command: Command,
        wanted: impl Fn(&str) -> Option<T>,
    ) -> Result<(Self, T)> {
        let program = Path::new(command.get_program()).to_owned();
        // One of the two has the line; which, depends on the program.
        let (reader, writer) = std::io::pipe()?;
        command.stdout(Stdio::from(writer.try_clone()?)).stderr(Stdio::from(writer));
        let child =
            command.spawn().with_context(|| format!("{} cannot be run", program.display()))?;
        // The ends that this process holds would keep the pipe open after the program ended.
        drop(command);
        let background = Self(child);
        let mut lines = BufReader::new(reader).lines();
        let mut said = Vec::new();
        for line in lines.by_ref() {
            let line = line?;
            if let Some(found) = wanted(&line) {
                // Nobody may be blocked by a pipe that is not read.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok((background, found));
            }
            said.push(line);
        }
        bail!("{} ended before it was ready:\n{}", program.display(), said.join("\n"));
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
