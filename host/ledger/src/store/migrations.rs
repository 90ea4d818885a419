//! What is done to a database of an earlier version, in order.
//!
//! A migration that was released is never changed: databases remember its digest. Where both
//! databases take the same text there is one, in `migrations`; else one each, in a folder of its
//! own.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

struct Step {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// A step of one text for both.
macro_rules! shared {
    ($file:literal) => {
        Step {
            name: $file,
            sqlite: include_str!(concat!("../../migrations/", $file, ".sql")),
            postgres: include_str!(concat!("../../migrations/", $file, ".sql")),
        }
    };
}

/// A step of a text for each.
macro_rules! each {
    ($file:literal) => {
        Step {
            name: $file,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $file, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $file, ".sql")),
        }
    };
}

/// In order; the first is number 1.
const STEPS: [Step; 8] = [
    each!("0001_kv"),
    shared!("0002_tenants_and_keys"),
    each!("0003_audit_is_kept"),
    shared!("0004_accounts"),
    shared!("0005_usage_kinds"),
    shared!("0006_warnings"),
    shared!("0007_usage_hour_cache_1h"),
    shared!("0008_uploads"),
];

pub(super) fn sqlite() -> Migrator {
    migrator(|step| step.sqlite)
}

pub(super) fn postgres() -> Migrator {
    migrator(|step| step.postgres)
}

fn migrator(text: fn(&Step) -> &'static str) -> Migrator {
    let migrations = STEPS.iter().zip(1..).map(|(step, number)| {
        let text = text(step).into_sql_str();
        Migration::new(number, step.name.into(), MigrationType::Simple, text, false)
    });
    Migrator::with_migrations(migrations.collect())
}
