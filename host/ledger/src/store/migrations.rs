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

/// The first is number 1.
const STEPS: [Step; 1] = [Step {
    name: "kv",
    sqlite: include_str!("../../migrations/sqlite/0001_kv.sql"),
    postgres: include_str!("../../migrations/postgres/0001_kv.sql"),
}];

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
