//! Tells a message broker (MQTT 3.1.1) what is seen, for home and building
//! automation.
//!
//! A thread of its own keeps a connection, for ever: when it is lost it is made again
//! after a time that grows, give or take a half. States are retained and told anew on
//! each connection; events wait in a queue with a bound until the broker has
//! acknowledged them, each under an id that stays the same when it is sent twice.
//! `docs/mqtt.md` lists the topics.

mod config;
mod observer;
mod outbox;
mod session;
mod tls;
mod topics;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::watch;

pub use config::MqttConfig;
pub use observer::MqttObserver;
pub use outbox::Outbox;
pub use session::{INCOMING_BYTES_MAX, RETRY_MAX, RETRY_MIN, UNACKNOWLEDGED_MAX};
pub use topics::{Held, OFFLINE, ONLINE, REQUEST_BYTES_MAX, Topics};

use crate::alarm::Beacon;
use crate::metrics::Metrics;
use crate::observe::Requester;
use crate::secret::Secret;
use session::Link;

/// The thread is waited for so long at the end.
const END_WITHIN: Duration = Duration::from_secs(1);
/// Most bytes of a password.
const PASSWORD_BYTES_MAX: u64 = 1024;

/// Why no broker can be told.
#[derive(Debug, thiserror::Error)]
pub enum MqttError {
    /// The configuration contradicts itself.
    #[error("{0}")]
    Config(String),
    /// A password, certificate or key cannot be used.
    #[error("{key} {path}: {cause}")]
    File {
        /// The setting that names it.
        key: &'static str,
        /// The file.
        path: String,
        /// What the system says.
        cause: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot connect to the message broker: {0}")]
    Thread(io::Error),
}

/// A connection to a broker. Dropping it tells that the device is gone.
pub struct MqttLink {
    outbox: Arc<Outbox>,
    end: watch::Sender<bool>,
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl MqttLink {
    /// Keeps a connection to the broker of the configuration; what the pipeline must
    /// tell, it tells to the observer. `None` where there is no broker. It bears with
    /// one that is not there yet.
    ///
    /// # Errors
    /// See [`MqttError`].
    pub fn start(
        config: &MqttConfig,
        cameras: &[String],
        model: &str,
        metrics: Arc<Metrics>,
        requester: Requester,
        beacon: Arc<Beacon>,
    ) -> Result<Option<(Self, MqttObserver)>, MqttError> {
        config.check().map_err(MqttError::Config)?;
        let Some(host) = config.broker() else {
            return Ok(None);
        };
        if config.is_readable_by_others() {
            tracing::warn!(
                host,
                "name and password go over the network in the clear: encrypt it with mqtt.ca_file"
            );
        }
        let topics = Topics::new(config);
        let outbox = Arc::new(Outbox::new(config.queue_events_max as usize));
        if config.discovery {
            let all = topics.discovery(config, cameras, model);
            all.into_iter().for_each(|held| outbox.hold(held));
        }
        let observer = MqttObserver::new(
            Arc::clone(&outbox),
            topics.clone(),
            Arc::clone(&metrics),
            config.device(),
            cameras.len(),
        );
        let link = Link {
            host: host.to_owned(),
            port: config.port,
            client: format!("unmask-{}", config.device()),
            login: login(config)?,
            tls: tls::client(config)?,
            topics,
            outbox: Arc::clone(&outbox),
            metrics,
            requester,
            beacon,
        };
        let started = Self::spawn(link, outbox).map_err(MqttError::Thread)?;
        Ok(Some((started, observer)))
    }

    fn spawn(link: Link, outbox: Arc<Outbox>) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (end, over) = watch::channel(false);
        let (tell, ended) = sync_channel(1);
        let thread = Builder::new().name("mqtt".into()).spawn(move || {
            let _needed = link.beacon.needs();
            runtime.block_on(session::run(link, over));
            runtime.shutdown_background();
            // Nobody may be waiting any more.
            let _ = tell.try_send(());
        })?;
        Ok(Self {
            outbox,
            end,
            ended,
            thread: Some(thread),
        })
    }

    /// What waits for the broker.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }
}

/// Reads what the configuration names for the connection, as the service will.
///
/// # Errors
/// When a file cannot be used.
pub fn check_files(config: &MqttConfig) -> Result<(), MqttError> {
    login(config)?;
    tls::client(config).map(|_| ())
}

fn login(config: &MqttConfig) -> Result<Option<(String, Secret)>, MqttError> {
    let Some(name) = &config.username else {
        return Ok(None);
    };
    let Some(path) = &config.password_file else {
        return Ok(Some((name.clone(), Secret::default())));
    };
    let password = Secret::read(path, PASSWORD_BYTES_MAX).map_err(|cause| MqttError::File {
        key: "mqtt.password_file",
        path: path.display().to_string(),
        cause,
    })?;
    Ok(Some((name.clone(), password.without_line_end())))
}

impl Drop for MqttLink {
    fn drop(&mut self) {
        self.end.send_replace(true);
        if self.ended.recv_timeout(END_WITHIN).is_ok()
            && let Some(thread) = self.thread.take()
        {
            // It does not panic; if it did, that was told.
            let _ = thread.join();
        }
    }
}
