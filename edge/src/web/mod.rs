//! The live page: what the device sees and says, in a browser.
//!
//! It is served by a thread of its own with a runtime of its own. The pipeline hands
//! frames and events over through queues with a bound ([`LiveObserver`]) and never
//! waits; a picture is copied and encoded only while somebody watches.
//!
//! The page is not served unless it is asked for, on a loopback address without a
//! token, on any other with one. Nothing that can be asked for changes how people are
//! judged, writes configuration, or runs programs: what staff may do is to acknowledge
//! an alarm, to try the lamp, and to write a review into the event log. `docs/live.md` tells
//! more.

mod assets;
mod config;
mod fan_out;
mod guard;
mod listen;
mod live;
mod login;
mod picture;
mod rate;
mod reviews;
mod routes;
mod serve;
mod token;
mod view;
mod write_timeout;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::watch;
use unmask_shared::bundle::Bundle;

pub use config::{DEFAULT_ADDRESS, WebConfig};
pub use live::LiveObserver;
pub use reviews::Finding;
pub use routes::BODY_BYTES_MAX;
pub use token::{TOKEN_BYTES_MIN, Token, TokenError};
pub use view::kind_name;

use crate::alarm::Beacon;
use crate::metrics::Metrics;
use crate::observe::Requester;
use crate::review::Timecode;
use fan_out::{Hub, encode_pictures, fan_out};
use live::{Live, Message};
use rate::RateLimit;

/// The thread is waited for so long at the end.
const END_WITHIN: Duration = Duration::from_millis(500);
/// Wrong attempts to show the token, by whichever door: a second in the long run, and at once.
const LOGINS: (f64, f64) = (0.1, 5.0);
/// Requests at once, in seconds of the long run.
const BURST_S: f64 = 4.0;

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The configuration contradicts itself.
    #[error("{0}")]
    Config(String),
    /// The token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Nobody may listen at the address.
    #[error(
        "cannot serve the live page at {address}: {cause}; name another one with --web ADDRESS:PORT"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot serve the live page: {0}")]
    Thread(io::Error),
}

/// What every request can look up.
struct Site {
    live: Arc<Live>,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    beacon: Arc<Beacon>,
    requester: Requester,
    token: Option<Token>,
    hosts: Vec<String>,
    proxies: Vec<IpAddr>,
    requests: RateLimit,
    logins: RateLimit,
    hello: listen::Hello,
    /// The event log's folder.
    log: Option<PathBuf>,
    rate_hz: f64,
    /// Timecode of the stream's first frame.
    start_timecode: Option<Timecode>,
    reviews: reviews::Cache,
}

/// What the page is about.
pub struct WebInput<'a> {
    /// The model that judges.
    pub bundle: &'a Bundle,
    /// The streams' names.
    pub streams: &'a [String],
    /// Frames per second of the streams, for timecodes.
    pub rate_hz: f64,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What is shown.
    pub beacon: Arc<Beacon>,
    /// Where requests are handed in.
    pub requester: Requester,
    /// The event log's folder.
    pub log: Option<PathBuf>,
}

/// The live page. Dropping it closes every connection.
pub struct WebServer {
    address: SocketAddr,
    end: watch::Sender<bool>,
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl WebServer {
    /// Serves the page where the configuration says so; what the pipeline must tell,
    /// it tells to the observer. `None` where nothing is to be served.
    ///
    /// # Errors
    /// See [`WebError`].
    pub fn start(
        config: &WebConfig,
        input: WebInput<'_>,
    ) -> Result<Option<(Self, LiveObserver)>, WebError> {
        config.check().map_err(WebError::Config)?;
        let Some(address) = config.listen().map_err(WebError::Config)? else {
            return Ok(None);
        };
        let token = config.token_file.as_deref().map(Token::read).transpose()?;
        let failed = |cause| WebError::Listen { address, cause };
        let socket = std::net::TcpListener::bind(address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let live = Live::new(input.streams.len());
        let px_max = config.picture_px_max as usize;
        let (observer, messages) =
            LiveObserver::new(Arc::clone(&live), config.picture_every(), px_max);
        let hertz = f64::from(config.requests_hz_max);
        let site = Arc::new(Site {
            hello: listen::Hello::new(input.bundle, input.streams).with_log(input.log.is_some()),
            live,
            hub: Hub::new(),
            metrics: input.metrics,
            beacon: input.beacon,
            requester: input.requester,
            token,
            hosts: config.hosts.clone(),
            proxies: config.proxies.clone(),
            requests: RateLimit::new(hertz, BURST_S * hertz),
            logins: RateLimit::new(LOGINS.0, LOGINS.1),
            log: input.log,
            rate_hz: input.rate_hz,
            start_timecode: config.start_timecode().map_err(WebError::Config)?,
            reviews: reviews::Cache::default(),
        });
        let connections = config.connections_max as usize;
        let server = Self::spawn(socket, address, site, messages, connections);
        let server = server.map_err(WebError::Thread)?;
        tracing::info!(%address, "the live page is served");
        Ok(Some((server, observer)))
    }

    fn spawn(
        socket: std::net::TcpListener,
        address: SocketAddr,
        site: Arc<Site>,
        messages: tokio::sync::mpsc::Receiver<Message>,
        connections_max: usize,
    ) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(2)
            .build()?;
        let (end, over) = watch::channel(false);
        let (tell, ended) = sync_channel(1);
        let thread = Builder::new().name("web".into()).spawn(move || {
            let _needed = site.beacon.needs();
            let mut is_over = over.clone();
            let served = runtime.block_on(async {
                let listener = TcpListener::from_std(socket)?;
                tokio::spawn(fan_out(messages, Arc::clone(&site.hub)));
                for stream in 0..site.live.pictures.len() {
                    tokio::spawn(encode_pictures(Arc::clone(&site.live), stream));
                }
                let router = routes::router(&site);
                let serving = serve::serve(listener, router, site, connections_max, over);
                tokio::select! {
                    never = serving => match never {},
                    _ = is_over.wait_for(|is_over| *is_over) => io::Result::Ok(()),
                }
            });
            if let Err(error) = served {
                tracing::error!(%error, "the live page is not served");
            }
            runtime.shutdown_background();
            // Nobody may be waiting any more.
            let _ = tell.try_send(());
        })?;
        Ok(Self {
            address,
            end,
            ended,
            thread: Some(thread),
        })
    }

    /// Where it is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for WebServer {
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
