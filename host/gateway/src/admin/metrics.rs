//! What the gateway counts, for whoever scrapes it: the text format of OpenMetrics
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
//!
//! It is made when it is asked for, of what is counted anyway.

use crate::gateway::Gateway;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Its media type.
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All of it.
pub(super) fn text(gateway: &Gateway) -> String {
    let mut registry = Registry::with_prefix("portcullis");
    let places = gateway.deployment().config.server.concurrency;
    let under_way = places.saturating_sub(gateway.places.available_permits());
    gauge(&mut registry, "requests_under_way", "Requests that are being served", under_way);
    if let Some(accounting) = gateway.records.accounting() {
        let purse = &accounting.purse;
        let is_away = usize::from(purse.is_away());
        gauge(&mut registry, "ledger_away", "1 while the ledger does not answer", is_away);
        let beyond: Counter = Counter::default();
        beyond.inc_by(purse.served_beyond());
        let help = "Requests that were served without knowing whether enough was left";
        registry.register("ledger_served_beyond", help, beyond);
        let warnings = Family::<Vec<(String, String)>, Counter>::default();
        for (limit, count) in accounting.alerts.counts() {
            let labels = vec![("limit".to_owned(), limit.to_string())];
            warnings.get_or_create(&labels).inc_by(count);
        }
        let help = "Windows of a limit that this process told of because they are nearly used up";
        registry.register("limit_warnings", help, warnings);
    }
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, &registry);
    text
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: usize) {
    let gauge: Gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register(name, help, gauge);
}
