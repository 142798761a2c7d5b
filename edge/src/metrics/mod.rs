//! Metrics in the text form of Prometheus (OpenMetrics).
//!
//! Base units, counters end in `_total`, and labels have few values: cameras,
//! kinds of faults, verdicts. `docs/metrics.md` lists them; a test holds the list,
//! the dashboard and the alert rules of `edge/ops/` to what is registered here.

mod observer;
mod process;
mod set;

use std::fmt;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use unmask_shared::bundle::Bundle;

pub use observer::{MetricsObserver, reason_name, signal_name, verdict_name};
pub use set::{LATENCY_BUCKETS_S, MetricSet};

/// What a scraper must be told that this is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every metric of a running service.
pub struct Metrics {
    registry: Registry,
    /// The metrics, to be changed by whoever knows.
    pub set: MetricSet,
}

impl Metrics {
    /// Everything at zero, for this model and these streams.
    pub fn new(bundle: &Bundle, streams: &[String]) -> Self {
        let mut registry = Registry::with_prefix("unmask");
        let set = MetricSet::register(&mut registry, bundle, streams);
        process::register(&mut registry);
        Self { registry, set }
    }

    /// Everything as text.
    ///
    /// # Errors
    /// Never, unless memory is short.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(16 << 10);
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
