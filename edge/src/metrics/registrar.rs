//! Puts metrics into the registry.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry, Unit};

/// A number that counts up.
pub type Count = Counter<u64, AtomicU64>;
/// A number that goes up and down.
pub type GaugeF64 = Gauge<f64, AtomicU64>;

/// Names a metric, says what it is, and registers it.
pub(super) struct Registrar<'a>(pub(super) &'a mut Registry);

impl Registrar<'_> {
    pub(super) fn add<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.0.register(name, help, metric.clone());
        metric
    }

    pub(super) fn unit<M: Metric + Clone>(
        &mut self,
        name: &str,
        help: &str,
        unit: Unit,
        metric: M,
    ) -> M {
        self.0.register_with_unit(name, help, unit, metric.clone());
        metric
    }
}

/// Brings a counter up to a number that is counted elsewhere; it never goes back.
pub(super) fn raise(counter: &Count, value: u64) {
    counter.inner().fetch_max(value, Ordering::Relaxed);
}
