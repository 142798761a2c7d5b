//! Metrics in the text form of Prometheus (OpenMetrics).
//!
//! Base units, counters end in `_total`, and labels have few values: cameras,
//! kinds of faults, verdicts. `docs/metrics.md` lists them; a test holds the list,
//! the dashboard and the alert rules of `edge/ops/` to what is registered here.

mod device;
mod labels;
mod observer;
mod process;
mod registrar;
mod stream;

use std::fmt;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use registrar::{Registrar, raise};
use unmask_shared::bundle::Bundle;
use unmask_shared::signal::Signal;

use crate::alarm::Beacon;
pub use device::DeviceMetrics;
pub use labels::{CameraKind, CameraLabel, CameraVerdict, StateLabel, Which, Why};
pub use observer::{MetricsObserver, reason_name, signal_name, verdict_name};
pub use registrar::{Count, GaugeF64};

pub use stream::{LATENCY_BUCKETS_S, StreamMetrics};

/// What a scraper must be told that this is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every metric of a running service.
pub struct Metrics {
    registry: Registry,
    /// Frames, cameras and people.
    pub stream: StreamMetrics,
    /// Alarm, event log, broker and page.
    pub device: DeviceMetrics,
    streams: Vec<String>,
}

impl Metrics {
    /// Everything at zero, for this model and these streams.
    pub fn new(bundle: &Bundle, streams: &[String]) -> Self {
        let mut registry = Registry::with_prefix("unmask");
        let manifest = &bundle.manifest;
        let model = vec![
            ("name", manifest.name.as_str().to_owned()),
            ("release", manifest.release.to_string()),
            ("sha256", bundle.sha256.clone()),
        ];
        registry.register("model", "The model that judges", Info::new(model));
        let build = vec![("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "The program", Info::new(build));
        let mut registrar = Registrar(&mut registry);
        let stream = StreamMetrics::register(&mut registrar, streams);
        let device = DeviceMetrics::register(&mut registrar);
        process::register(&mut registry);
        Self {
            registry,
            stream,
            device,
            streams: streams.to_vec(),
        }
    }

    /// Says so where the pipeline hangs, which cannot: nothing is shown, and no camera is watched.
    pub fn watch(&self, beacon: &Beacon) {
        let is_hung = beacon.is_hung();
        self.device.hung.set(f64::from(u8::from(is_hung)));
        raise(&self.device.stalls, beacon.stalls());
        if is_hung {
            self.device.show(Signal::Safe);
            for camera in &self.streams {
                let camera = CameraLabel {
                    camera: camera.clone(),
                };
                self.stream.camera_up.get_or_create(&camera).set(0.0);
                self.stream.rate.get_or_create(&camera).set(0.0);
            }
        }
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
