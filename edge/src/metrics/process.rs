//! What is looked up whenever somebody asks.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::machine;

#[derive(Debug)]
struct Machine;

pub(super) fn register(registry: &mut Registry) {
    registry.register_collector(Box::new(Machine));
}

impl Collector for Machine {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let temperatures = machine::temperatures();
        if !temperatures.is_empty() {
            let celsius = Unit::Celsius;
            let help = "Temperature of a part of the machine";
            let gauge = ConstGauge::new(0.0);
            let kind = gauge.metric_type();
            let mut family =
                encoder.encode_descriptor("temperature", help, Some(&celsius), kind)?;
            for temperature in temperatures {
                let labels = [("zone", temperature.zone)];
                let gauge = ConstGauge::new(temperature.celsius);
                gauge.encode(family.encode_family(&labels)?)?;
            }
        }
        if let Some(bytes) = machine::resident_bytes() {
            let help = "Memory that the program holds";
            let gauge = ConstGauge::new(bytes as f64);
            single(
                &mut encoder,
                "resident_memory",
                help,
                Some(&Unit::Bytes),
                &gauge,
            )?;
        }
        if let Some(count) = machine::open_descriptors() {
            let help = "Files and sockets that the program has open";
            let gauge = ConstGauge::new(count as f64);
            single(&mut encoder, "open_descriptors", help, None, &gauge)?;
        }
        if let Some(seconds) = machine::cpu_seconds() {
            let help = "Processor time that the program used";
            let counter = ConstCounter::new(seconds);
            single(&mut encoder, "cpu", help, Some(&Unit::Seconds), &counter)?;
        }
        let help = "Allocations for frames that did not fit into the memory set aside for them";
        let spilled = ConstCounter::new(unmask_arena::usage().spilled);
        single(&mut encoder, "arena_spilled", help, None, &spilled)
    }
}

/// A metric without labels.
fn single(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metric: &impl EncodeMetric,
) -> Result<(), std::fmt::Error> {
    metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
}
