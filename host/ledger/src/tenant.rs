//! Tenants: whom keys belong to. A tenant may be within another, as teams and projects are; whoever
//! is suspended is so with all who are within.

use crate::admin::{id, name};
use crate::audit::note;
use crate::clock::{at, moment};
use crate::store::{Row, StoreError, Transaction, transact, values};
use crate::{AdminError, By, Ledger, Page};
use serde_json::json;
use std::time::SystemTime;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// What the operator calls it, for good: up to 64 letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// The tenant that it is within.
    pub parent: Option<String>,
    /// What people read.
    pub name: String,
    /// Since when there is one.
    pub made_at: SystemTime,
    /// Since when no key of it or within it works.
    pub suspended_at: Option<SystemTime>,
}

/// A tenant that is to be.
#[derive(Clone, Copy, Debug)]
pub struct NewTenant<'a> {
    /// See [`Tenant::id`].
    pub id: &'a str,
    /// See [`Tenant::parent`]; it is there already.
    pub parent: Option<&'a str>,
    /// See [`Tenant::name`].
    pub name: &'a str,
}

impl Ledger {
    /// Makes a tenant.
    ///
    /// # Errors
    ///
    /// If there is one of this id, there is no such parent, or the store does not answer.
    pub async fn make_tenant(&self, by: By<'_>, new: NewTenant<'_>) -> Result<(), AdminError> {
        id(new.id)?;
        name(new.name)?;
        transact!(self.store, |transaction| make(transaction, by, new))
    }

    /// Puts a tenant within another, or within none.
    ///
    /// # Errors
    ///
    /// If there is no such tenant, it would be within itself, or the store does not answer.
    pub async fn move_tenant(
        &self,
        by: By<'_>,
        tenant: &str,
        parent: Option<&str>,
    ) -> Result<(), AdminError> {
        transact!(self.store, |transaction| place(transaction, by, tenant, parent))
    }

    /// Lets no key of a tenant or within it work until it is resumed.
    ///
    /// # Errors
    ///
    /// If there is no such tenant, or the store does not answer.
    pub async fn suspend_tenant(&self, by: By<'_>, tenant: &str) -> Result<(), AdminError> {
        let since = Some(at(by.at));
        transact!(self.store, |transaction| suspend(transaction, by, tenant, since))
    }

    /// Lets keys work again.
    ///
    /// # Errors
    ///
    /// If there is no such tenant, or the store does not answer.
    pub async fn resume_tenant(&self, by: By<'_>, tenant: &str) -> Result<(), AdminError> {
        transact!(self.store, |transaction| suspend(transaction, by, tenant, None))
    }

    /// A tenant by its id.
    ///
    /// # Errors
    ///
    /// If there is no such tenant, or the store does not answer.
    pub async fn tenant(&self, tenant: &str) -> Result<Tenant, AdminError> {
        const ONE: &str =
            "SELECT id, parent, name, made_at, suspended_at FROM tenant WHERE id = $1";
        let rows = self.store.read(ONE, values![tenant]).await?;
        let row = rows.first().ok_or_else(|| AdminError::UnknownTenant(tenant.to_owned()))?;
        Ok(read(row)?)
    }

    /// A page of all tenants, by the bytes of their ids. The one that it comes after need not be
    /// there.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn tenants(&self, page: Page<'_>) -> Result<Vec<Tenant>, AdminError> {
        const PAGE: &str = "SELECT id, parent, name, made_at, suspended_at FROM tenant \
                            WHERE id COLLATE \"C\" > $1 ORDER BY id COLLATE \"C\" LIMIT $2";
        let values = values![page.after.unwrap_or_default(), i64::from(page.limit)];
        let rows = self.store.read(PAGE, values).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }
}

/// A row that begins with a tenant's columns: id, parent, name, made_at, suspended_at.
pub(crate) fn read(row: &Row) -> Result<Tenant, StoreError> {
    Ok(Tenant {
        id: row.get(0)?,
        parent: row.get(1)?,
        name: row.get(2)?,
        made_at: moment(row.get(3)?),
        suspended_at: row.get::<Option<i64>>(4)?.map(moment),
    })
}

async fn make(
    transaction: &mut dyn Transaction,
    by: By<'_>,
    new: NewTenant<'_>,
) -> Result<(), AdminError> {
    const MAKE: &str = "INSERT INTO tenant (id, parent, name, made_at, changed) \
                        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id";
    let detail = json!({ "parent": new.parent, "name": new.name }).to_string();
    let act = note(transaction, by, "make-tenant", new.id, &detail).await?;
    if let Some(parent) = new.parent {
        lineage(transaction, parent).await?;
    }
    let values = values![new.id, new.parent, new.name, at(by.at), act];
    let made = transaction.run(MAKE, values).await?;
    if made.is_empty() { Err(AdminError::TenantExists(new.id.to_owned())) } else { Ok(()) }
}

async fn place(
    transaction: &mut dyn Transaction,
    by: By<'_>,
    tenant: &str,
    parent: Option<&str>,
) -> Result<(), AdminError> {
    const PLACE: &str = "UPDATE tenant SET parent = $1, changed = $2 WHERE id = $3 RETURNING id";
    let detail = json!({ "parent": parent }).to_string();
    let act = note(transaction, by, "move-tenant", tenant, &detail).await?;
    if let Some(parent) = parent
        && lineage(transaction, parent).await?.iter().any(|above| above == tenant)
    {
        return Err(AdminError::Cycle(tenant.to_owned()));
    }
    found(tenant, &transaction.run(PLACE, values![parent, act, tenant]).await?)
}

async fn suspend(
    transaction: &mut dyn Transaction,
    by: By<'_>,
    tenant: &str,
    since: Option<i64>,
) -> Result<(), AdminError> {
    const SUSPEND: &str =
        "UPDATE tenant SET suspended_at = $1, changed = $2 WHERE id = $3 RETURNING id";
    let action = if since.is_some() { "suspend-tenant" } else { "resume-tenant" };
    let act = note(transaction, by, action, tenant, "{}").await?;
    found(tenant, &transaction.run(SUSPEND, values![since, act, tenant]).await?)
}

/// A tenant and all that it is within, in no order.
pub(crate) async fn lineage(
    transaction: &mut dyn Transaction,
    tenant: &str,
) -> Result<Vec<String>, AdminError> {
    const UP: &str = "WITH RECURSIVE up (id, parent) AS (\
                          SELECT id, parent FROM tenant WHERE id = $1 \
                          UNION SELECT t.id, t.parent FROM tenant t JOIN up ON t.id = up.parent\
                      ) SELECT id FROM up";
    let rows = transaction.run(UP, values![tenant]).await?;
    found(tenant, &rows)?;
    Ok(rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?)
}

fn found(tenant: &str, rows: &[Row]) -> Result<(), AdminError> {
    if rows.is_empty() { Err(AdminError::UnknownTenant(tenant.to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
