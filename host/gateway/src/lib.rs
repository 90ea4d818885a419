//! An AI gateway whose providers and routing policies are sandboxed WebAssembly components.
//!
//! The modules stand in the order in which a request meets them; [`gateway::Gateway::answer`]
//! is its whole path. ARCHITECTURE.md, beside the sources, says what each step may not do.

pub mod audit;
pub mod bookkeeper;
pub mod conduct;
pub mod config;
pub mod deployment;
pub mod installed;
pub mod load;
pub mod quarantine;
pub mod rehearsal;
pub mod reload;
pub mod serve;
pub mod settle;
pub mod swap;
pub mod uploads;
pub mod version;
pub mod watch;

pub mod gateway;

pub mod ingress;
pub mod request;
pub mod route;
pub mod scope;
pub mod tenant;

pub mod cache;

pub mod candidate;
pub mod catalogue;
pub mod checks;
pub mod circuit;
pub mod headroom;
pub mod signals;

pub mod completion;
pub mod keeping;
pub mod limits;
pub mod memory;
pub mod plan;
pub mod policy;
pub mod question;

pub mod attempt;
pub mod call;
pub mod context;
pub mod counting;
pub mod exchange;
pub mod execute;
pub mod frame;
pub mod meter;
pub mod parallel;
pub mod provider;
pub mod shadow;
pub mod upstream;

pub mod passthrough;
pub mod relay;
pub mod respond;
pub mod wire;

pub mod failure;
pub mod refusal;
pub mod words;

pub mod accounting;
pub mod alerts;
pub mod events;
pub mod explain;
pub mod observe;
pub mod rating;
pub mod record;

pub mod compare;
pub mod report;

pub mod admin;
pub mod bundle;
pub mod cli;
pub mod contract;
