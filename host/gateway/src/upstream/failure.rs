//! How a call to an upstream can fail, and how a client of one can not be made.
//!
//! The messages may be shown to clients of the gateway: they hold names and addresses of hosts,
//! but never a credential, a path or a query. What a peer or a plugin wrote is shortened and
//! its control characters are made visible.

use std::error::Error;
use std::fmt::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How much of what others wrote a message repeats, in characters.
const SHOWN: usize = 200;

/// What the plugin asked for and may not have: always the plugin's fault, and nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// A header that only the host may set.
    #[error("the header `{name}` is the host's to set")]
    Header {
        /// In lower case.
        name: String,
    },
    /// Not a name that a header can have.
    #[error("`{name}` is not the name of a header")]
    HeaderName {
        /// As the plugin gave it, shortened.
        name: String,
    },
    /// A value with a line end or another control character.
    #[error("the value of the header `{name}` holds characters that a header may not")]
    HeaderValue {
        /// In lower case.
        name: String,
    },
    /// More headers, or longer ones, than any upstream takes.
    #[error("there are more than {most} headers or {bytes} bytes of them")]
    Headers {
        /// How many are allowed.
        most: usize,
        /// How many bytes of names and values are allowed.
        bytes: usize,
    },
    /// Another method than GET, POST, PUT, PATCH and DELETE.
    #[error("the method `{method}` is not one of GET, POST, PUT, PATCH and DELETE")]
    Method {
        /// As the plugin gave it, shortened.
        method: String,
    },
    /// A path that could lead elsewhere than below the base address.
    #[error("the path {why}")]
    Path {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A command that the operator did not write.
    #[error("no command `{name}` is written out in the provider's `commands`")]
    Command {
        /// As the plugin gave it, shortened.
        name: String,
    },
    /// Something that does not fit a command's holes.
    #[error("the parameter `{hole}` of the command `{command}` {why}")]
    Hole {
        /// The command.
        command: String,
        /// As the plugin gave it, shortened.
        hole: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A query that sets the parameter in which the credential travels.
    #[error("the query parameter `{name}` is the host's to set")]
    Parameter {
        /// The name that the operator configured.
        name: String,
    },
}

/// Why there is no reply, or no more of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The plugin asked for something that it may not have.
    #[error("the plugin may not make this call: {what}")]
    Denied {
        /// What it asked for.
        what: Denied,
    },
    /// The host's name has no address.
    #[error("{host} has no address: {why}")]
    Resolve {
        /// The name.
        host: String,
        /// What the system's resolver says.
        why: String,
    },
    /// The host's name has addresses, but none that may be called.
    #[error("{host} has the address {address}, which may not be called")]
    AddressRefused {
        /// The name.
        host: String,
        /// The first of its addresses.
        address: IpAddr,
    },
    /// There is no access token to make the call with, or no new one in place of one that was
    /// rejected.
    #[error("no access token from {from}: {why}")]
    Token {
        /// The token server: its name and port.
        from: String,
        /// What is known, without any secret.
        why: String,
    },
    /// Nobody took the connection.
    #[error("no connection to {to}: {why}")]
    Connect {
        /// Name and port.
        to: String,
        /// What the system says.
        why: String,
    },
    /// Resolving, connecting and the TLS handshake together took too long.
    #[error("no connection to {to} within {after:?}")]
    ConnectTimedOut {
        /// Name and port.
        to: String,
        /// The time-out.
        after: Duration,
    },
    /// The TLS handshake failed, most often for a certificate that is not trusted.
    #[error("no TLS connection to {to}: {why}")]
    Tls {
        /// Name and port.
        to: String,
        /// What is wrong.
        why: String,
    },
    /// The head of the reply did not come in time.
    #[error("no reply within {after:?}")]
    FirstByteTimedOut {
        /// The time-out.
        after: Duration,
    },
    /// The next chunk of the reply did not come in time.
    #[error("the reply paused for more than {after:?}")]
    ChunkTimedOut {
        /// The time-out.
        after: Duration,
    },
    /// The connection broke, or what came is not HTTP. The upstream may have done what it was
    /// asked to.
    #[error("the connection broke: {why}")]
    Broken {
        /// What is known.
        why: String,
    },
    /// A program is not there, or cannot be run.
    #[error("the program {program} cannot be started: {why}")]
    Start {
        /// As the operator wrote it.
        program: String,
        /// What the system says.
        why: String,
    },
    /// A program ended as one that failed, after a part of its output was handed over.
    #[error("the program ended {end}: {said}")]
    Exited {
        /// Its exit status, or the signal.
        end: String,
        /// The beginning of what it complained of, without secrets.
        said: String,
    },
    /// A program was not over in time.
    #[error("the program ran for more than {after:?}")]
    RanTooLong {
        /// The time-out.
        after: Duration,
    },
    /// A reply that should have been read whole is longer than allowed.
    #[error("the reply is longer than {limit} bytes")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
}

impl From<Denied> for SendError {
    fn from(what: Denied) -> SendError {
        SendError::Denied { what }
    }
}

impl SendError {
    /// The failure that our own connector found and that has come through the libraries above
    /// it, or else a connection that broke.
    pub(super) fn of(error: &(dyn Error + 'static)) -> SendError {
        let mut next = Some(error);
        while let Some(cause) = next {
            if let Some(known) = cause.downcast_ref::<SendError>() {
                return known.clone();
            }
            next = cause.source();
        }
        // The outermost only says in which part of the library it happened.
        SendError::Broken { why: chain(error.source().unwrap_or(error)) }
    }
}

/// Why a configured provider cannot be called at all: always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Neither `http` nor `https`, or no host.
    #[error("the base address has to begin with http:// or https:// and name a host")]
    Address,
    /// A user, a query or a fragment, none of which can be kept when a path is appended.
    #[error("the base address must not have {part}")]
    Part {
        /// Which of them.
        part: &'static str,
    },
    /// An address at which a cloud hands out its own credentials, or that is nobody's.
    #[error("{address} is never called: it is reserved, or hands out a machine's credentials")]
    AddressRefused {
        /// The address.
        address: IpAddr,
    },
    /// A header that only the host may set.
    #[error("the header `{name}` cannot be configured")]
    Header {
        /// Its name.
        name: String,
    },
    /// The credential's name or secret cannot be sent as it is.
    #[error("the credential cannot be sent: {why}")]
    Credential {
        /// What is wrong, without the secret.
        why: &'static str,
    },
    /// The file of further certificate authorities is not one.
    #[error("{}: {why}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing could vouch for the upstream.
    #[error("the system has no certificate authorities, and no file of them is configured")]
    NoAuthorities,
    /// The TLS library cannot be set up.
    #[error("TLS cannot be set up: {why}")]
    Tls {
        /// What it says.
        why: String,
    },
}

/// An error and its causes, as one line.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_says = cause.to_string();
        if !line.ends_with(&cause_says) {
            // Writing to a string cannot fail.
            let _ = write!(line, ": {cause_says}");
        }
        next = cause.source();
    }
    shown(&line)
}

/// What somebody else wrote, fit for a message.
pub(super) fn shown(text: &str) -> String {
    let mut line: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        line.push('…');
    }
    line
}
