//! What tenants put in places that are theirs, so that every process of the ledger has the same
//! there, now and after it is started again. One file a place, with its description; it is there
//! until another comes or it is taken away.

use crate::audit::note;
use crate::store::{Row, StoreError, Transaction, transact, values};
use crate::{AdminError, By, Ledger};

/// A file that is to be in a place, or to be no longer.
#[derive(Clone, Copy, Debug)]
pub struct NewUpload<'a> {
    /// What the gateway calls the place.
    pub place: &'a str,
    /// Whose place it is.
    pub tenant: &'a str,
    /// What goes with the file.
    pub description: &'a str,
    /// The file.
    pub content: &'a [u8],
    /// For the audit log, as JSON.
    pub detail: &'a str,
}

/// That there is a file in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// What the gateway calls the place.
    pub place: String,
    /// Whose place it was when it was put there.
    pub tenant: String,
    /// The act that put it there: another file is another act.
    pub act: i64,
}

/// A file that is in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// Which.
    pub upload: Upload,
    /// What goes with it.
    pub description: String,
    /// It.
    pub content: Vec<u8>,
}

impl Ledger {
    /// Puts a file in a place, instead of the one that is there; returns the number of the act.
    ///
    /// # Errors
    ///
    /// If the store does not answer, or has no such text (one with a NUL).
    pub async fn upload(&self, by: By<'_>, new: NewUpload<'_>) -> Result<i64, AdminError> {
        transact!(self.store, |transaction| put(transaction, by, new)).map_err(AdminError::from)
    }

    /// Takes the file of a tenant's out of a place. `detail` is JSON, for the audit log.
    ///
    /// # Errors
    ///
    /// If there is none, or the store does not answer.
    pub async fn remove_upload(
        &self,
        by: By<'_>,
        tenant: &str,
        place: &str,
        detail: &str,
    ) -> Result<(), AdminError> {
        transact!(self.store, |transaction| remove(transaction, by, tenant, place, detail))
    }

    /// The places in which there is a file, by the bytes of their names.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn uploads(&self) -> Result<Vec<Upload>, AdminError> {
        const ALL: &str = "SELECT place, tenant, act FROM upload ORDER BY place COLLATE \"C\"";
        let rows = self.store.read(ALL, values![]).await?;
        Ok(rows.iter().map(upload).collect::<Result<_, _>>()?)
    }

    /// The file that is in a place.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn uploaded(&self, place: &str) -> Result<Option<Uploaded>, AdminError> {
        const ONE: &str =
            "SELECT place, tenant, act, description, content FROM upload WHERE place = $1";
        let rows = self.store.read(ONE, values![place]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (description, content) = (row.get(3)?, row.get(4)?);
        Ok(Some(Uploaded { upload: upload(row)?, description, content }))
    }
}

fn upload(row: &Row) -> Result<Upload, StoreError> {
    Ok(Upload { place: row.get(0)?, tenant: row.get(1)?, act: row.get(2)? })
}

async fn put(
    transaction: &mut dyn Transaction,
    by: By<'_>,
    new: NewUpload<'_>,
) -> Result<i64, StoreError> {
    const PUT: &str = "INSERT INTO upload (place, tenant, description, content, act) \
                       VALUES ($1, $2, $3, $4, $5) \
                       ON CONFLICT (place) DO UPDATE SET tenant = excluded.tenant, \
                       description = excluded.description, content = excluded.content, \
                       act = excluded.act";
    let act = note(transaction, by, "upload-plugin", new.place, new.detail).await?;
    let values = values![new.place, new.tenant, new.description, new.content, act];
    transaction.run(PUT, values).await?;
    Ok(act)
}

async fn remove(
    transaction: &mut dyn Transaction,
    by: By<'_>,
    tenant: &str,
    place: &str,
    detail: &str,
) -> Result<(), AdminError> {
    const REMOVE: &str = "DELETE FROM upload WHERE place = $1 AND tenant = $2 RETURNING place";
    note(transaction, by, "remove-plugin", place, detail).await?;
    let removed = transaction.run(REMOVE, values![place, tenant]).await?;
    if removed.is_empty() { Err(AdminError::NoUpload(place.to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
