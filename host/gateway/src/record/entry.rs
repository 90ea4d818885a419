//! What of a record the ledger keeps.

use super::{End, Record};
use crate::limits::nanodollars;
use crate::meter::Charge;
use portcullis_ledger::Usage;
use serde_json::Value;

/// The entry of a record that came at that time and was asked for with these labels.
pub(super) fn of(record: &Record, came: i64, asked: &[(String, String)]) -> Usage {
    let tokens = |counted: Option<u64>| counted.and_then(|it| i64::try_from(it).ok()).unwrap_or(0);
    let (provider, model) = record.candidate.as_deref().map(parts).unwrap_or_default();
    let end = match record.end {
        Some(End::Finished) => "finished",
        Some(End::Failed) => "failed",
        Some(End::Abandoned) => Usage::ABANDONED,
        None => Usage::UNKNOWN,
    };
    let kind = match (record.shadow, &record.parent) {
        (true, _) => Usage::SHADOW,
        (false, Some(_)) => Usage::COMPLETION,
        (false, None) => Usage::REQUEST,
    };
    let labels = asked.iter().chain(&record.labels);
    let labels = labels.map(|(name, value)| (name.clone(), value.as_str().into()));
    Usage {
        at: came,
        kind: kind.to_owned(),
        request: record.request.to_string(),
        tenant: record.tenant.to_string(),
        key: record.key.as_deref().unwrap_or_default().to_owned(),
        route: record.route.clone(),
        policy: record.policy.clone().unwrap_or_default(),
        reason: record.reason.clone(),
        candidate: record.candidate.clone().unwrap_or_default(),
        provider: provider.to_owned(),
        model: model.to_owned(),
        operation: record.operation.to_owned(),
        end: end.to_owned(),
        tokens_in: tokens(record.input_tokens),
        tokens_out: tokens(record.output_tokens),
        tokens_cached: tokens(record.cached_input_tokens),
        tokens_cache_write: tokens(record.cache_write_tokens),
        tokens_cache_write_1h: tokens(record.cache_write_1h_tokens),
        tokens_reasoning: tokens(record.reasoning_tokens),
        audio_ms: record.audio_seconds.map_or(0, |seconds| (seconds * 1e3).round() as i64),
        nanodollars: record.cost_usd.map_or(0, nanodollars),
        estimated: record.estimated,
        price_version: record.price_version.as_deref().unwrap_or_default().to_owned(),
        took_ms: record.total_ms.round() as i64,
        attempts: serde_json::to_string(&record.tried).unwrap_or_default(),
        labels: Value::Object(labels.collect()).to_string(),
    }
}

/// The entry of what a vendor may charge for beside the answer.
pub(super) fn of_charge(request: &Usage, charge: &Charge) -> Usage {
    let (provider, model) = parts(&charge.candidate);
    Usage {
        at: request.at,
        kind: Usage::ATTEMPT.to_owned(),
        request: request.request.clone(),
        tenant: request.tenant.clone(),
        key: request.key.clone(),
        route: request.route.clone(),
        policy: request.policy.clone(),
        candidate: charge.candidate.clone(),
        provider: provider.to_owned(),
        model: model.to_owned(),
        operation: request.operation.clone(),
        end: "unanswered".to_owned(),
        tokens_in: charge.tokens_in,
        tokens_out: charge.tokens_out,
        nanodollars: charge.nanodollars,
        estimated: true,
        price_version: charge.price_version.clone(),
        labels: request.labels.clone(),
        ..Usage::default()
    }
}

/// The provider and the model of a candidate.
fn parts(id: &str) -> (&str, &str) {
    id.split_once('/').unwrap_or((id, ""))
}
