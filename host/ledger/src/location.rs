//! Where a ledger is, as an operator writes it.

use crate::LedgerError;
use sqlx::postgres::PgConnectOptions;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;

/// `sqlite:` and a path, or the URL of a database of PostgreSQL's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file of SQLite's, which is made where there is none.
    Sqlite(PathBuf),
    /// A database of a server, which is there already.
    Postgres(ServerUrl),
}

/// The URL of a database of PostgreSQL's. There may be a password in it, so that it is shown
/// without its user, its password and its parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

/// A text that is no location. It does not say which: there may be a password in it.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "expected \"sqlite:\" and the path of a file, which is made where there is none, or \
     \"postgres://USER@HOST/DATABASE\""
)]
pub struct NoLocation;

impl Location {
    /// Reads what an operator wrote. Nothing is opened, and a relative path stays one.
    ///
    /// # Errors
    ///
    /// If it is neither of the two.
    pub fn parse(text: &str) -> Result<Self, NoLocation> {
        if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(NoLocation);
        }
        let url = ServerUrl(text.to_owned());
        url.options().map_err(|_| NoLocation)?;
        Ok(Self::Postgres(url))
    }
}

impl ServerUrl {
    fn options(&self) -> Result<PgConnectOptions, sqlx::Error> {
        PgConnectOptions::from_str(&self.0)
    }

    /// What to connect with.
    pub(crate) fn connect_with(&self) -> Result<PgConnectOptions, LedgerError> {
        self.options().map_err(|why| LedgerError::Open { at: self.to_string(), why })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        // A password that is not written as a URL wants it may have any of these in it; what is
        // behind the last `@` is none of it.
        let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        write!(formatter, "postgres://{rest}")
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::{Location, NoLocation};
    use std::path::PathBuf;

    #[test]
    fn what_an_operator_writes_is_a_file_or_a_server() {
        for (text, expected) in [
            ("sqlite:kept.db", "Sqlite(\"kept.db\")"),
            ("sqlite:/var/lib/kept.db", "Sqlite(\"/var/lib/kept.db\")"),
            ("postgres://localhost/kept", "Postgres(postgres://localhost/kept)"),
            ("postgresql://me@[::1]:5433/kept", "Postgres(postgres://[::1]:5433/kept)"),
        ] {
            assert_eq!(format!("{:?}", Location::parse(text).unwrap()), expected, "{text}");
        }
        for text in ["", "sqlite:", "kept.db", "mysql://h/d", "postgres:kept", "postgres://[/kept"]
        {
            assert_eq!(Location::parse(text), Err(NoLocation), "{text}");
        }
        assert_eq!(Location::parse("sqlite:a b.db"), Ok(Location::Sqlite(PathBuf::from("a b.db"))));
    }

    #[test]
    fn a_password_is_not_shown() {
        for text in [
            "postgres://me:hunter2@db.example/kept",
            "postgres://me:hunter2%40@db.example/kept",
            "postgres://me@db.example/kept?password=hunter2&sslmode=require",
            "postgres://db.example/kept?user=me&password=hunter2@x",
        ] {
            let shown = format!("{:?}", Location::parse(text).unwrap());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert!(!NoLocation.to_string().contains("hunter2"));
    }
}
