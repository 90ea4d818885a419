//! Tests of the whole gateway, from outside: everything that a client, an upstream or a plugin
//! can do to it.

#[path = "all/caller.rs"]
mod caller;
#[path = "all/house.rs"]
mod house;

#[path = "all/audit.rs"]
mod audit;
#[path = "all/bandit.rs"]
mod bandit;
#[path = "all/budgets.rs"]
mod budgets;
#[path = "all/cache.rs"]
mod cache;
#[path = "all/charges.rs"]
mod charges;
#[path = "all/clients.rs"]
mod clients;
#[path = "all/commands.rs"]
mod commands;
#[path = "all/completions.rs"]
mod completions;
#[path = "all/credentials.rs"]
mod credentials;
#[path = "all/dialects.rs"]
mod dialects;
#[path = "all/examples.rs"]
mod examples;
#[path = "all/execution.rs"]
mod execution;
#[path = "all/explain.rs"]
mod explain;
#[path = "all/health.rs"]
mod health;
#[path = "all/hedges.rs"]
mod hedges;
#[path = "all/hostile.rs"]
mod hostile;
#[path = "all/input.rs"]
mod input;
#[path = "all/keeping.rs"]
mod keeping;
#[path = "all/keys.rs"]
mod keys;
#[path = "all/languages.rs"]
mod languages;
#[path = "all/lifecycle.rs"]
mod lifecycle;
#[path = "all/limits.rs"]
mod limits;
#[path = "all/matrix.rs"]
mod matrix;
#[path = "all/memory.rs"]
mod memory;
#[path = "all/models.rs"]
mod models;
#[path = "all/money.rs"]
mod money;
#[path = "all/names.rs"]
mod names;
#[path = "all/observe.rs"]
mod observe;
#[path = "all/own.rs"]
mod own;
#[path = "all/policies.rs"]
mod policies;
#[path = "all/records.rs"]
mod records;
#[path = "all/reload.rs"]
mod reload;
#[path = "all/secrets.rs"]
mod secrets;
#[path = "all/streams.rs"]
mod streams;

#[path = "all/swap.rs"]
mod swap;
#[path = "all/tasks.rs"]
mod tasks;
#[path = "all/tenants.rs"]
mod tenants;
#[path = "all/uploads.rs"]
mod uploads;
