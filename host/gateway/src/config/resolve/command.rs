//! Commands: what is missing is said, variables and secrets are read. Whether the program is
//! there is not asked here: it may come, and others can answer until it does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Resolver;
use crate::config::credential::SecretFrom;
use crate::config::problem::At;
use crate::config::said::command::{Command as Said, VariableFrom};
use crate::config::secret::Secret;
use crate::upstream::command::Command;

/// Bytes that a command may print where nothing else is said.
const MAX_OUTPUT: usize = 16 << 20;

impl Resolver<'_> {
    pub(super) fn commands(
        &mut self,
        provider: &str,
        said: Vec<(At<String>, Said)>,
        timeout: Duration,
    ) -> Vec<Command> {
        let commands = said.into_iter();
        commands.filter_map(|(name, said)| self.command(provider, name, said, timeout)).collect()
    }

    /// `None` only beside a problem.
    fn command(
        &mut self,
        provider: &str,
        name: At<String>,
        said: Said,
        timeout: Duration,
    ) -> Option<Command> {
        self.name("command", &name);
        let table = format!("{provider}.commands.{}", name.value);
        let directory = said.directory.map(|said| self.folder(&table, &said));
        let environment = said.environment.into_iter();
        let environment = environment.filter_map(|(name, from)| self.variable(name.value, from));
        let environment = environment.collect();
        let secrets = said.secrets.into_iter();
        let secrets = secrets.filter_map(|(name, from)| self.hidden(&table, name.value, &from));
        let secrets = secrets.collect();
        let Some(program) = said.program else {
            let expected = "expected a path, or the name of a program in the PATH";
            self.report(&name.place, format!("[{table}] has no `program`; {expected}"));
            return None;
        };
        let written = PathBuf::from(&program.value);
        if !written.is_absolute() && program.value.contains('/') {
            let text = format!(
                "[{table}] `program` = \"{}\" is a path that depends on where the gateway is \
                 started; expected an absolute one, or a name",
                program.value
            );
            self.report(&program.place, text);
        }
        let path = self.environment.get("PATH").unwrap_or_default();
        // A relative folder would mean another one each time that the gateway is started.
        let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect();
        Some(Command {
            name: name.value,
            program: written,
            folders,
            arguments: said.arguments.unwrap_or_default(),
            environment,
            secrets,
            directory,
            timeout: said.timeout.unwrap_or(timeout),
            max_output: said.max_output.unwrap_or(MAX_OUTPUT),
        })
    }

    /// A variable that is not set is left out: it is optional by being said that way.
    fn variable(&self, name: String, from: VariableFrom) -> Option<(String, String)> {
        match from {
            VariableFrom::Text(text) => Some((name, text)),
            VariableFrom::Env(variable) => {
                Some((name, self.environment.get(&variable.value)?.to_owned()))
            }
        }
    }

    /// The same holds of a secret: programs have other ways to log in.
    fn hidden(&mut self, table: &str, name: String, from: &SecretFrom) -> Option<(String, Secret)> {
        if let SecretFrom::Env(variable) = from {
            self.environment.get(&variable.value)?;
        }
        Some((name, self.secret_of(table, from)?))
    }

    fn folder(&mut self, table: &str, said: &At<String>) -> PathBuf {
        let path = self.path(&said.value);
        let path = std::path::absolute(&path).unwrap_or(path);
        if !Path::is_dir(&path) {
            let text = format!("[{table}] `directory`: there is no folder {}", path.display());
            self.report(&said.place, text);
        }
        path
    }
}
