//! Everybody who looks on: metrics, the live page, the message broker.

use std::sync::Arc;

use unmask_shared::bundle::Bundle;

use super::config::ServiceConfig;
use crate::alarm::Beacon;
use crate::metrics::{Metrics, MetricsObserver};
use crate::mqtt::{MqttError, MqttLink};
use crate::observe::{Observer, Observers, desk};
use crate::source::WatchedSource;
use crate::web::{WebError, WebInput, WebServer};

/// Why somebody cannot look on.
#[derive(Debug, thiserror::Error)]
pub enum ObserversError {
    /// The live page cannot be served.
    #[error(transparent)]
    Web(#[from] WebError),
    /// No message broker can be told.
    #[error(transparent)]
    Mqtt(#[from] MqttError),
}

/// The threads of everybody who looks on. Dropping it ends them.
#[derive(Default)]
pub struct ObserverThreads {
    web: Option<WebServer>,
    mqtt: Option<MqttLink>,
}

impl ObserverThreads {
    /// Starts whoever is configured; the pipeline is to tell the observers.
    ///
    /// # Errors
    /// When the live page cannot be served, or the broker's password not be read.
    pub fn start(
        config: &ServiceConfig,
        bundle: &Bundle,
        source: &dyn WatchedSource,
        beacon: &Arc<Beacon>,
    ) -> Result<(Self, Observers), ObserversError> {
        let streams = source.streams();
        let metrics = Arc::new(Metrics::new(bundle, &streams));
        let (requester, desk) = desk();
        let input = WebInput {
            bundle,
            streams: &streams,
            rate_hz: source.rate_hz(),
            metrics: Arc::clone(&metrics),
            beacon: Arc::clone(beacon),
            requester: requester.clone(),
            log: config.log.folder.clone(),
        };
        let mut all: Vec<Box<dyn Observer>> = Vec::new();
        let mut observer_threads = Self::default();
        if let Some((web, observer)) = WebServer::start(&config.web, input)? {
            all.push(Box::new(observer));
            observer_threads.web = Some(web);
        }
        let name = bundle.manifest.name.as_str();
        let link = MqttLink::start(
            &config.mqtt,
            &streams,
            name,
            Arc::clone(&metrics),
            requester,
            Arc::clone(beacon),
        )?;
        if let Some((mqtt, observer)) = link {
            all.push(Box::new(observer));
            observer_threads.mqtt = Some(mqtt);
        }
        if all.is_empty() {
            return Ok((observer_threads, Observers::default()));
        }
        all.push(Box::new(MetricsObserver::new(&metrics, &streams)));
        Ok((observer_threads, Observers::new(all, Some(desk))))
    }

    /// The connection to the message broker, where there is one.
    pub fn mqtt(&self) -> Option<&MqttLink> {
        self.mqtt.as_ref()
    }

    /// The live page, where it is served.
    pub fn web(&self) -> Option<&WebServer> {
        self.web.as_ref()
    }
}
