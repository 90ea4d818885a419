//! Who asks: found by the key that a request shows, before anything of its body is read.
//!
//! Keys are known by their digests alone, so nothing here can be used to ask. A key that nobody
//! has costs two digests and a look into two tables; what it was is neither kept nor logged. The
//! configuration's keys are looked through first, then the ledger's (`issued`).

mod issued;
pub mod scopes;

pub use issued::Registry;

use crate::config::{Config, Key, Scope};
use crate::refusal::Refusal;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use issued::Issued;
use portcullis_ledger::{KeyRefused, Keys};
use portcullis_sandbox::Digest;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use subtle::ConstantTimeEq as _;

/// Whose requests are served while no tenants are configured, and the command line's own.
const NOBODYS: &str = "default";
/// Where SDKs put a key, other than in `authorization`.
const X_API_KEY: &str = "x-api-key";
/// Bytes of a key at most: longer ones are not looked at.
const LONGEST: usize = 512;

/// Somebody who asks.
#[derive(Debug)]
pub struct Caller {
    /// Whose requests these are.
    pub tenant: Arc<str>,
    /// That tenant, and all that it is part of.
    pub lineage: Arc<[Arc<str>]>,
    /// The id of the key that they showed; `None` where none is needed.
    pub key: Option<Arc<str>>,
    /// What they may ask for and say.
    pub scope: Scope,
    /// Stands for all of the scope.
    pub bounds: Digest,
    digest: Option<Digest>,
    expires: Option<SystemTime>,
}

/// Everybody who may ask.
#[derive(Debug)]
pub struct Callers {
    /// Whoever it is, where no tenants are configured.
    anybody: Option<Arc<Caller>>,
    /// By the first bytes of the digests of their keys: the rest is compared in a time that says
    /// nothing of where two of them differ.
    by_digest: HashMap<[u8; 8], Vec<Arc<Caller>>>,
    issued: Issued,
}

impl Caller {
    /// Somebody who shows no key.
    pub fn unknown(tenant: &str, scope: Scope) -> Self {
        let bounds = Digest::of(format!("{scope:?}").as_bytes());
        let tenant: Arc<str> = tenant.into();
        let lineage = [tenant.clone()].into();
        let (key, digest, expires) = (None, None, None);
        Self { tenant, lineage, key, scope, bounds, digest, expires }
    }

    /// Whether there is what is some tenant's own for them as well: it is of theirs, or of one that
    /// theirs is part of.
    pub fn sees(&self, own: Option<&Arc<str>>) -> bool {
        own.is_none_or(|tenant| self.lineage.contains(tenant))
    }
}

impl Callers {
    /// Those of a configuration.
    pub fn of(config: &Config) -> Self {
        let nobodys =
            |digest| Caller { digest, ..Caller::unknown(NOBODYS, config.clients.clone()) };
        let anybody = config.tenants.is_empty().then(|| Arc::new(nobodys(None)));
        let issued = Issued::within(&config.clients, &config.tenants);
        let keys = config.tenants.iter().flat_map(|tenant| {
            let caller = |key: &Key| Caller {
                key: Some(key.id.clone()),
                digest: Some(key.digest),
                expires: key.expires,
                lineage: issued.lineage(&tenant.name),
                ..Caller::unknown(&tenant.name, key.scope.clone())
            };
            tenant.keys.iter().map(caller)
        });
        let own = config.own_key.map(|digest| nobodys(Some(digest)));
        let mut by_digest: HashMap<_, Vec<_>> = HashMap::new();
        for caller in keys.chain(own) {
            let begin = caller.digest.as_ref().map(begin).unwrap_or_default();
            by_digest.entry(begin).or_default().push(Arc::new(caller));
        }
        Self { anybody, by_digest, issued }
    }

    /// Whoever shows the key that is in these headers, one of the configuration's or of these.
    ///
    /// # Errors
    ///
    /// 401 where a key is needed and it is missing, unknown or does not work any more.
    pub fn find(&self, headers: &HeaderMap, keys: Option<&Keys>) -> Result<Arc<Caller>, Refusal> {
        self.find_at(headers, keys, SystemTime::now())
    }

    fn find_at(
        &self,
        headers: &HeaderMap,
        keys: Option<&Keys>,
        now: SystemTime,
    ) -> Result<Arc<Caller>, Refusal> {
        if let Some(anybody) = &self.anybody {
            return Ok(anybody.clone());
        }
        let secret =
            secret(headers).ok_or_else(|| Refusal::unknown_key("A key is needed here."))?;
        if secret.len() > LONGEST {
            return Err(refused(KeyRefused::Unknown));
        }
        let found = match (self.configured(secret), keys) {
            (Some(caller), _) if caller.expires.is_some_and(|expires| expires <= now) => {
                Err(KeyRefused::Expired)
            }
            // The process's own key is no tenant's.
            (Some(caller), Some(keys)) if caller.key.is_some() => {
                self.issued.check(keys, &caller.tenant).map(|()| caller.clone())
            }
            (Some(caller), _) => Ok(caller.clone()),
            (None, Some(keys)) => self.issued.find(keys, secret, now),
            (None, None) => Err(KeyRefused::Unknown),
        };
        found.map_err(refused)
    }

    fn configured(&self, secret: &[u8]) -> Option<&Arc<Caller>> {
        let digest = Digest::of(secret);
        let is_it = |caller: &&Arc<Caller>| {
            let known = caller.digest.as_ref().map(|known| known.bytes().ct_eq(digest.bytes()));
            known.is_some_and(bool::from)
        };
        self.by_digest.get(&begin(&digest)).and_then(|few| few.iter().find(is_it))
    }
}

/// In words for whoever showed it.
fn refused(why: KeyRefused) -> Refusal {
    Refusal::unknown_key(match why {
        KeyRefused::Unknown => "The key is not known here.",
        KeyRefused::Revoked => "The key was revoked.",
        KeyRefused::Expired => "The key is over its time.",
        KeyRefused::Replaced => "The key was replaced by another one.",
        KeyRefused::Suspended => "The key is of a tenant that is suspended.",
    })
}

/// Requests of nobody's, which are counted and not logged one by one: whoever tries keys is not to
/// fill the log.
#[derive(Debug, Default)]
pub struct Strangers(Mutex<(Option<Instant>, u64)>);

impl Strangers {
    /// Counts one more. Once a second it says how many there were.
    pub fn note(&self, now: Instant) -> Option<u64> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (said, count) = &mut *noted;
        *count += 1;
        if said.is_some_and(|said| now.duration_since(said) < Duration::from_secs(1)) {
            return None;
        }
        *said = Some(now);
        Some(std::mem::take(count))
    }
}

/// The key that a request shows.
fn secret(headers: &HeaderMap) -> Option<&[u8]> {
    let authorization = headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes);
    let bearer = authorization.and_then(|said| match said.split_at_checked(7) {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case(b"bearer ") => Some(key.trim_ascii()),
        _ => None,
    });
    let own = || Some(headers.get(X_API_KEY)?.as_bytes().trim_ascii());
    bearer.filter(|key| !key.is_empty()).or_else(|| own().filter(|key| !key.is_empty()))
}

fn begin(digest: &Digest) -> [u8; 8] {
    digest.bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(said: &[(&'static str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &str)| {
            let value = value.parse().expect("a header's value");
            (http::HeaderName::from_static(name), value)
        };
        said.iter().map(header).collect()
    }

    #[test]
    fn a_key_is_found_where_sdks_put_it() {
        for (said, expected) in [
            (&[("authorization", "Bearer k1")][..], Some("k1")),
            (&[("authorization", "bearer  k1 ")], Some("k1")),
            (&[("x-api-key", "k2")], Some("k2")),
            (&[("authorization", "Bearer k1"), ("x-api-key", "k2")], Some("k1")),
            (&[("authorization", "Basic k1"), ("x-api-key", "k2")], Some("k2")),
            (&[("authorization", "Bearer "), ("x-api-key", "k2")], Some("k2")),
            (&[("authorization", "Bear")], None),
            (&[("x-api-key", "")], None),
            (&[], None),
        ] {
            assert_eq!(secret(&headers(said)), expected.map(str::as_bytes), "{said:?}");
        }
    }

    fn known(expires: Option<SystemTime>) -> Callers {
        let digest = Digest::of(b"pk-1");
        let nobodys = Caller::unknown("acme", Scope::default());
        let caller = Caller { digest: Some(digest), expires, ..nobodys };
        let by_digest = [(begin(&digest), vec![Arc::new(caller)])].into();
        let issued = Issued::within(&Scope::default(), &[]);
        Callers { anybody: None, by_digest, issued }
    }

    #[test]
    fn whoever_shows_no_key_or_another_is_nobody() {
        let (callers, long) = (known(None), "k".repeat(LONGEST + 1));
        let find = |key: &str| {
            let said = format!("Bearer {key}");
            let found = callers.find(&headers(&[("authorization", &said)]), None);
            found.map(|caller| caller.tenant.to_string()).map_err(|refusal| refusal.message)
        };
        assert_eq!(find("pk-1").as_deref(), Ok("acme"));
        for wrong in ["pk-2", "PK-1", "pk-1x", &long] {
            assert!(
                find(wrong).is_err_and(|why| why.starts_with("The key is not known")),
                "{wrong}"
            );
        }
        let none = callers.find(&headers(&[]), None).expect_err("a key is needed");
        assert_eq!((none.status.as_u16(), none.code.as_str()), (401, "invalid_api_key"));
    }

    #[test]
    fn strangers_are_told_of_once_a_second() {
        let (strangers, begin) = (Strangers::default(), Instant::now());
        let at = |ms| strangers.note(begin + Duration::from_millis(ms));
        assert_eq!(
            [0, 1, 999, 1_000, 1_500, 9_000].map(at),
            [Some(1), None, None, Some(3), None, Some(2)]
        );
    }

    #[test]
    fn a_key_that_is_over_its_time_is_nobodys() {
        let over = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let (callers, said) = (known(Some(over)), headers(&[("x-api-key", "pk-1")]));
        assert!(callers.find_at(&said, None, over - Duration::from_millis(1)).is_ok());
        let refused = callers.find_at(&said, None, over).expect_err("it is over");
        assert!(refused.message.starts_with("The key is over its time."), "{}", refused.message);
    }
}
