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
            let gauge = ConstGauge::new(bytes as f64);
            let help = "Memory that the program holds";
            let kind = gauge.metric_type();
            gauge.encode(encoder.encode_descriptor(
                "resident_memory",
                help,
                Some(&Unit::Bytes),
                kind,
            )?)?;
        }
        if let Some(count) = machine::open_descriptors() {
            let gauge = ConstGauge::new(count as f64);
            let help = "Files and sockets that the program has open";
            let kind = gauge.metric_type();
            gauge.encode(encoder.encode_descriptor("open_descriptors", help, None, kind)?)?;
        }
        if let Some(seconds) = machine::cpu_seconds() {
            let counter = ConstCounter::new(seconds);
            let help = "Processor time that the program used";
            let kind = counter.metric_type();
            counter.encode(encoder.encode_descriptor(
                "cpu",
                help,
                Some(&Unit::Seconds),
                kind,
            )?)?;
        }
        Ok(())
    }
}
