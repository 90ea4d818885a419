//! Keys: what clients show, and whose they are. Only a digest of the secret is kept; who made a key
//! is shown the secret once.

mod scopes;
pub(crate) mod secret;

pub use scopes::Scopes;
pub use secret::Secret;

use crate::admin::name;
use crate::audit::note;
use crate::clock::{at, millis, moment};
use crate::store::{Row, StoreError, Transaction, transact, values};
use crate::tenant::lineage;
use crate::{AdminError, By, Ledger, Page};
use secret::Digest;
use serde_json::json;
use std::time::{Duration, SystemTime};

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its public part: it is in logs, records and audits.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// What people call it. Of a tenant's keys that are neither revoked nor replaced, one has it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Since when there is one.
    pub made_at: SystemTime,
    /// From when on it does not work; of one that was replaced, the end of the grace time.
    pub expires_at: Option<SystemTime>,
    /// Since when it does not work.
    pub revoked_at: Option<SystemTime>,
    /// The id of the key that took its place.
    pub successor: Option<String>,
}

/// A key that is to be.
#[derive(Clone, Debug)]
pub struct NewKey<'a> {
    /// See [`Key::tenant`].
    pub tenant: &'a str,
    /// See [`Key::name`].
    pub name: &'a str,
    /// See [`Key::scopes`].
    pub scopes: Scopes,
    /// See [`Key::expires_at`].
    pub expires_at: Option<SystemTime>,
}

/// How a key is replaced.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// How much longer the old one works, unless its own time is over before.
    pub grace: Duration,
    /// How long the new one does.
    pub expires_at: Option<SystemTime>,
}

/// A key that was made, with the only copy of its secret.
#[derive(Debug)]
pub struct Made {
    /// The key.
    pub key: Key,
    /// What its client shows.
    pub secret: Secret,
}

const ONE: &str = "SELECT id, tenant, name, scopes, made_at, expires_at, revoked_at, successor \
                   FROM api_key WHERE id = $1";

impl Ledger {
    /// Makes a key. It works in every process within a second.
    ///
    /// # Errors
    ///
    /// If there is no such tenant, it has a key of this name, or the store does not answer.
    pub async fn make_key(&self, by: By<'_>, new: NewKey<'_>) -> Result<Made, AdminError> {
        name(new.name)?;
        let (secret, id) = Secret::make();
        let key = fresh(by, id, &new);
        transact!(self.store, |transaction| make(transaction, by, &key, &secret))?;
        Ok(Made { key, secret })
    }

    /// Makes a key of the same tenant, name and scopes that takes the place of this one, which
    /// works a little longer.
    ///
    /// # Errors
    ///
    /// If there is no such key, it is revoked, replaced or over its time, or the store does not
    /// answer.
    pub async fn rotate_key(
        &self,
        by: By<'_>,
        key: &str,
        rotation: Rotation,
    ) -> Result<Made, AdminError> {
        let (secret, id) = Secret::make();
        let key = transact!(self.store, |transaction| rotate(
            transaction,
            by,
            key,
            rotation,
            (&id, &secret)
        ))?;
        Ok(Made { key, secret })
    }

    /// Ends a key, now and for good. Its successor, if it has one, works on. One that is revoked
    /// already stays so.
    ///
    /// # Errors
    ///
    /// If there is no such key, or the store does not answer.
    pub async fn revoke_key(&self, by: By<'_>, key: &str) -> Result<(), AdminError> {
        const REVOKE: &str = "UPDATE api_key SET revoked_at = COALESCE(revoked_at, $1), \
                              changed = $2 WHERE id = $3 RETURNING id";
        let now = Some(at(by.at));
        transact!(self.store, |transaction| end(transaction, by, key, ("revoke-key", REVOKE, now)))
    }

    /// Lets a key work until then, or for good.
    ///
    /// # Errors
    ///
    /// If there is no such key, or the store does not answer.
    pub async fn expire_key(
        &self,
        by: By<'_>,
        key: &str,
        expires_at: Option<SystemTime>,
    ) -> Result<(), AdminError> {
        const EXPIRE: &str =
            "UPDATE api_key SET expires_at = $1, changed = $2 WHERE id = $3 RETURNING id";
        let then = expires_at.map(at);
        transact!(self.store, |transaction| end(transaction, by, key, ("expire-key", EXPIRE, then)))
    }

    /// A key by its id.
    ///
    /// # Errors
    ///
    /// If there is no such key, or the store does not answer.
    pub async fn key(&self, key: &str) -> Result<Key, AdminError> {
        let rows = self.store.read(ONE, values![key]).await?;
        let row = rows.first().ok_or_else(|| AdminError::UnknownKey(key.to_owned()))?;
        Ok(read(row)?)
    }

    /// A page of the keys of a tenant, or of all, those included that do not work any more; the
    /// oldest first.
    ///
    /// # Errors
    ///
    /// If there is no key that it could come after, or the store does not answer.
    pub async fn keys(&self, tenant: Option<&str>, page: Page<'_>) -> Result<Vec<Key>, AdminError> {
        const PAGE: &str = "SELECT id, tenant, name, scopes, made_at, expires_at, revoked_at, \
                            successor FROM api_key \
                            WHERE (CAST($1 AS TEXT) IS NULL OR tenant = $1) \
                            AND (made_at, id) > ($2, $3) ORDER BY made_at, id LIMIT $4";
        let (made_at, id) = match page.after {
            Some(after) => (at(self.key(after).await?.made_at), after),
            None => (i64::MIN, ""),
        };
        let rows =
            self.store.read(PAGE, values![tenant, made_at, id, i64::from(page.limit)]).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }
}

/// A row that begins with a key's columns, in the order of the fields.
pub(crate) fn read(row: &Row) -> Result<Key, StoreError> {
    Ok(Key {
        id: row.get(0)?,
        tenant: row.get(1)?,
        name: row.get(2)?,
        scopes: Scopes::read(&row.get::<String>(3)?),
        made_at: moment(row.get(4)?),
        expires_at: row.get::<Option<i64>>(5)?.map(moment),
        revoked_at: row.get::<Option<i64>>(6)?.map(moment),
        successor: row.get(7)?,
    })
}

fn fresh(by: By<'_>, id: String, new: &NewKey<'_>) -> Key {
    Key {
        id,
        tenant: new.tenant.to_owned(),
        name: new.name.to_owned(),
        scopes: new.scopes.clone(),
        // As the store has them: to the millisecond.
        made_at: moment(at(by.at)),
        expires_at: new.expires_at.map(|then| moment(at(then))),
        revoked_at: None,
        successor: None,
    }
}

async fn make(
    transaction: &mut dyn Transaction,
    by: By<'_>,
    key: &Key,
    secret: &Secret,
) -> Result<(), AdminError> {
    let expires_at = key.expires_at.map(at);
    let detail = json!({
        "tenant": key.tenant, "name": key.name, "scopes": key.scopes, "expires_at": expires_at,
    });
    let act = note(transaction, by, "make-key", &key.id, &detail.to_string()).await?;
    lineage(transaction, &key.tenant).await?;
    insert(transaction, act, key, &secret.digest()).await
}

async fn insert(
    transaction: &mut dyn Transaction,
    act: i64,
    key: &Key,
    digest: &Digest,
) -> Result<(), AdminError> {
    const INSERT: &str = "INSERT INTO api_key (id, tenant, name, digest, scopes, made_at, \
                          expires_at, changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                          ON CONFLICT DO NOTHING RETURNING id";
    let values = values![
        &*key.id,
        &*key.tenant,
        &*key.name,
        digest.bytes(),
        key.scopes.stored(),
        at(key.made_at),
        key.expires_at.map(at),
        act,
    ];
    let made = transaction.run(INSERT, values).await?;
    if made.is_empty() { Err(AdminError::KeyExists(key.name.clone())) } else { Ok(()) }
}

async fn rotate(
    transaction: &mut dyn Transaction,
    by: By<'_>,
    old: &str,
    rotation: Rotation,
    (id, secret): (&str, &Secret),
) -> Result<Key, AdminError> {
    const REPLACE: &str =
        "UPDATE api_key SET successor = $1, expires_at = $2, changed = $3 WHERE id = $4";
    let detail = json!({ "successor": id, "grace_ms": millis(rotation.grace) }).to_string();
    let act = note(transaction, by, "rotate-key", old, &detail).await?;
    let rows = transaction.run(ONE, values![old]).await?;
    let row = rows.first().ok_or_else(|| AdminError::UnknownKey(old.to_owned()))?;
    let before = read(row)?;
    let now = at(by.at);
    let ends = before.expires_at.map(at);
    if before.revoked_at.is_some()
        || before.successor.is_some()
        || ends.is_some_and(|ends| ends <= now)
    {
        return Err(AdminError::KeyEnded(old.to_owned()));
    }
    let grace = now.saturating_add(millis(rotation.grace));
    let ends = ends.map_or(grace, |ends| ends.min(grace));
    transaction.run(REPLACE, values![id, ends, act, old]).await?;
    let new = NewKey {
        tenant: &before.tenant,
        name: &before.name,
        scopes: before.scopes.clone(),
        expires_at: rotation.expires_at,
    };
    let key = fresh(by, id.to_owned(), &new);
    insert(transaction, act, &key, &secret.digest()).await?;
    Ok(key)
}

async fn end(
    transaction: &mut dyn Transaction,
    by: By<'_>,
    key: &str,
    (action, sql, then): (&str, &'static str, Option<i64>),
) -> Result<(), AdminError> {
    let act = note(transaction, by, action, key, &json!({ "at": then }).to_string()).await?;
    let rows = transaction.run(sql, values![then, act, key]).await?;
    if rows.is_empty() { Err(AdminError::UnknownKey(key.to_owned())) } else { Ok(()) }
}

#[cfg(test)]
pub(crate) mod tests;
