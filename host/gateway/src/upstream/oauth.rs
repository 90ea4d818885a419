//! Access tokens of one upstream: fetched from a token server (RFC 6749), kept while they last,
//! and sent as bearers (RFC 6750).
//!
//! **One fetch at a time.** Whoever needs a token while one is being fetched waits for that one.
//! The fetch is a task of its own: a client that goes away must not break it off, for where
//! refresh tokens are rotated the new one would be lost, and with it the session.
//!
//! **Ahead of its end.** A token that is about to expire is still sent, while the next one is
//! fetched behind the request's back. What fails then is logged, and matters to nobody until the
//! old one has expired.
//!
//! A rotated refresh token lives in memory, and in its file where the operator says so. Without
//! that, a process that starts anew begins with the one that is configured.

mod grant;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use http::HeaderValue;
use tokio::time::Instant;
use url::Position;

use super::address::Lookup;
use super::authorize::sensitive;
use super::failure::{ClientError, SendError, shown};
use super::http::{Client, Outgoing, Target};
use super::redact::redact;
use crate::config::{OAuth2, Secret, SecretSource};
use crate::events::{TokenFailed, TokenRenewed};
use grant::Issued;

/// How long a token server may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of its answer at most.
const LONGEST: usize = 64 << 10;
/// How long after a failure nobody asks again: a server that refuses a client does not change
/// its mind within a request, and counts how often it is asked.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How long a new token is believed where the upstream rejects it: it will reject the next one
/// too, and each is a fetch.
const BETWEEN_REPLACEMENTS: Duration = Duration::from_secs(10);
/// How long before its end a token is renewed, at most; it is a fifth of its life.
const AHEAD: Duration = Duration::from_secs(300);

/// The tokens of one upstream.
pub(super) struct Tokens {
    oauth2: OAuth2,
    /// The token server.
    server: Client,
    /// Its name and port, for messages.
    from: String,
    path: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    /// The one before, which refusals that are still being read may repeat.
    previous: Option<Arc<Token>>,
    refresh_token: Option<Secret>,
    fetch: Option<Fetch>,
    failed: Option<(Instant, SendError)>,
    replaced: Option<Instant>,
}

type Fetched = Result<Arc<Token>, SendError>;
/// A fetch under way, for as many as wait for it.
type Fetch = Shared<BoxFuture<'static, Fetched>>;

/// One access token.
pub(super) struct Token {
    bearer: HeaderValue,
    text: String,
    renewed_at: Option<Instant>,
    expires_at: Option<Instant>,
}

impl Token {
    /// The value of the header `authorization`.
    pub(super) fn bearer(&self) -> HeaderValue {
        self.bearer.clone()
    }

    /// `None` if it cannot stand in a header. `asked`: its life began then at the earliest.
    fn new(text: String, lasts: Option<Duration>, asked: Instant) -> Option<Token> {
        let bearer = sensitive(format!("Bearer {text}")).filter(|_| !text.is_empty())?;
        let ahead = |lasts: Duration| lasts - (lasts / 5).min(AHEAD);
        Some(Token {
            bearer,
            text,
            renewed_at: lasts.map(|lasts| asked + ahead(lasts)),
            expires_at: lasts.map(|lasts| asked + lasts),
        })
    }

    fn is_due(&self, now: Instant) -> bool {
        self.renewed_at.is_some_and(|at| at <= now)
    }

    fn has_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

impl Tokens {
    /// `target` is the upstream for which they are.
    pub(super) fn new(
        oauth2: &OAuth2,
        target: &Target,
        lookup: Lookup,
    ) -> Result<Arc<Tokens>, ClientError> {
        let url = &oauth2.token_url;
        let mut base_url = url.clone();
        base_url.set_path("");
        base_url.set_query(None);
        let patience = target.first_byte_timeout.min(PATIENCE);
        let server = Target {
            base_url,
            credential: grant::header(oauth2),
            headers: Vec::new(),
            private_addresses: oauth2.private_addresses,
            ca: target.ca.clone(),
            connect_timeout: target.connect_timeout,
            first_byte_timeout: patience,
            between_chunks_timeout: patience,
        };
        let refresh_token = oauth2.refresh_token.clone();
        Ok(Arc::new(Tokens {
            oauth2: oauth2.clone(),
            server: Client::resolving(server, lookup)?,
            from: url.authority().to_owned(),
            path: url[Position::BeforePath..Position::AfterQuery].to_owned(),
            state: Mutex::new(State { refresh_token, ..State::default() }),
        }))
    }

    /// A token that has not expired.
    pub(super) async fn get(self: &Arc<Self>) -> Fetched {
        let fetch = {
            let mut state = self.lock();
            let now = Instant::now();
            let kept = state.token.clone().filter(|token| !token.has_expired(now));
            let due = kept.as_ref().is_none_or(|token| token.is_due(now));
            match (kept, due) {
                (Some(token), false) => return Ok(token),
                (Some(token), true) => {
                    // Its failure is logged, and no concern of who has a token.
                    let _ = self.fetch(&mut state, now);
                    return Ok(token);
                }
                (None, _) => self.fetch(&mut state, now)?,
            }
        };
        fetch.await
    }

    /// Another token than one that the upstream rejected. `None`: one was replaced a moment ago,
    /// so that it is not the token that is wrong.
    pub(super) async fn instead_of(
        self: &Arc<Self>,
        rejected: &Arc<Token>,
    ) -> Result<Option<Arc<Token>>, SendError> {
        let fetch = {
            let mut state = self.lock();
            let now = Instant::now();
            match (&state.token, &state.fetch) {
                // Somebody else was faster.
                (Some(token), _) if !Arc::ptr_eq(token, rejected) => {
                    return Ok(Some(token.clone()));
                }
                (_, Some(fetch)) => fetch.clone(),
                _ => {
                    let recent = |at| now - at < BETWEEN_REPLACEMENTS;
                    if state.replaced.is_some_and(recent) {
                        return Ok(None);
                    }
                    state.replaced = Some(now);
                    state.previous = state.token.take();
                    self.fetch(&mut state, now)?
                }
            }
        };
        fetch.await.map(Some)
    }

    /// What nobody may see of what was fetched. Secrets that were configured and replaced since
    /// are known to who configured them.
    pub(super) fn secrets(&self) -> Vec<String> {
        let state = self.lock();
        let tokens = [&state.token, &state.previous].into_iter().flatten();
        let tokens = tokens.map(|token| token.text.clone());
        tokens.chain(state.refresh_token.iter().map(|token| token.expose().to_owned())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fetch that is under way, or a new one; an error where the last one has only just
    /// failed.
    fn fetch(self: &Arc<Self>, state: &mut State, now: Instant) -> Result<Fetch, SendError> {
        if let Some(fetch) = &state.fetch {
            return Ok(fetch.clone());
        }
        if let Some((at, error)) = &state.failed
            && now - *at < AFTER_FAILURE
        {
            return Err(error.clone());
        }
        let task = tokio::spawn(self.clone().renew());
        let from = self.from.clone();
        let fetched = task.map(|done| {
            let why = "the gateway is stopping".to_owned();
            done.unwrap_or(Err(SendError::Token { from, why }))
        });
        let fetch = fetched.boxed().shared();
        state.fetch = Some(fetch.clone());
        Ok(fetch)
    }

    /// Fetches a token and keeps it.
    async fn renew(self: Arc<Self>) -> Fetched {
        let asked = Instant::now();
        let outcome = self.ask().await.and_then(|issued| {
            let lasts = issued.lasts;
            let token = Token::new(issued.access_token, lasts, asked);
            let token = token.ok_or("its token cannot stand in a header")?;
            Ok((Arc::new(token), lasts, issued.refresh_token))
        });
        let kept = match outcome {
            Ok((token, lasts, refresh_token)) => {
                TokenRenewed { from: &self.from, lasts }.emit();
                if let Some(rotated) = refresh_token {
                    self.rotate(rotated).await;
                }
                Ok(token)
            }
            Err(why) => {
                let secrets = self.oauth2_secrets();
                let why = shown(&String::from_utf8_lossy(&redact(why.as_bytes(), secrets)));
                TokenFailed { from: &self.from, why: &why }.emit();
                Err(SendError::Token { from: self.from.clone(), why })
            }
        };
        let mut state = self.lock();
        state.fetch = None;
        match &kept {
            Ok(token) => {
                if let Some(old) = state.token.replace(token.clone()) {
                    state.previous = Some(old);
                }
                state.failed = None;
            }
            Err(error) => state.failed = Some((Instant::now(), error.clone())),
        }
        kept
    }

    async fn ask(&self) -> Result<Issued, String> {
        let refresh_token = self.lock().refresh_token.clone();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            // Without it, a few answer in the form of a form.
            ("accept", "application/json"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let outgoing = Outgoing {
            method: "POST",
            path_and_query: &self.path,
            headers: &headers,
            body: grant::form(&self.oauth2, refresh_token.as_ref()),
        };
        let reply = self.server.send(outgoing).await.map_err(|error| error.to_string())?;
        let status = reply.status;
        let body = reply.body.collect(LONGEST).await.map_err(|error| error.to_string())?;
        grant::read(status, &body)
    }

    /// Keeps a new refresh token in place of the old one, which most servers take no more.
    async fn rotate(&self, rotated: String) {
        let Some(old) = self.lock().refresh_token.clone() else { return };
        let source = old.source().clone();
        if rotated == old.expose() {
            return;
        }
        self.lock().refresh_token = Some(Secret::new(rotated.clone(), source.clone()));
        if let SecretSource::File(path) = source
            && self.oauth2.write_back
            && let Err(error) = write_back(path.clone(), rotated).await
        {
            let why = format!("the new refresh token cannot be written to {path:?}: {error}");
            TokenFailed { from: &self.from, why: &why }.emit();
        }
    }

    /// All that a token server could repeat.
    fn oauth2_secrets(&self) -> Vec<String> {
        let configured = [&self.oauth2.client_secret, &self.oauth2.refresh_token];
        let configured = configured.into_iter().flatten().map(|it| it.expose().to_owned());
        configured.chain(self.secrets()).collect()
    }
}

/// Replaces the file as a whole, so that it never holds half a token, and nobody but its owner can
/// read it.
async fn write_back(path: PathBuf, token: String) -> std::io::Result<()> {
    let writing = tokio::task::spawn_blocking(move || {
        use std::io::Write as _;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(".".as_ref()))?;
        writeln!(file, "{token}")?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(())
    });
    writing.await.map_err(std::io::Error::other)?
}

#[cfg(test)]
mod tests;
