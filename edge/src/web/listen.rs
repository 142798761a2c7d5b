//! The stream of server-sent events that the page lives on.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};
use unmask_shared::bundle::Bundle;

use super::Site;
use super::fan_out::Told;
use crate::machine;
use crate::metrics::signal_name;

/// Most browsers that listen at once.
const WATCHERS_MAX: usize = 32;
/// The page is told at least so often that the device lives.
const TICK: Duration = Duration::from_millis(500);
/// The temperature is read anew after so many ticks.
const WARM_TICKS: u64 = 10;

/// What a browser is told first.
#[derive(Debug, Serialize)]
pub(super) struct Hello {
    version: &'static str,
    model: String,
    release: u32,
    /// SHA-256 of the bundle's checksums.
    sha256: String,
    streams: Vec<String>,
    /// Evidence in nats at which a face is genuine, and manipulated.
    bounds: [f32; 2],
    has_log: bool,
}

impl Hello {
    pub(super) fn new(bundle: &Bundle, streams: &[String]) -> Self {
        let (genuine, manipulated) = bundle.manifest.verdict.bounds();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            model: bundle.manifest.name.as_str().to_owned(),
            release: bundle.manifest.release,
            sha256: bundle.sha256.clone(),
            streams: streams.to_vec(),
            bounds: [genuine, manipulated],
            has_log: false,
        }
    }

    pub(super) fn with_log(mut self, has_log: bool) -> Self {
        self.has_log = has_log;
        self
    }
}

/// That the device lives, and what it shows: also when the pipeline hangs.
#[derive(Debug, Serialize)]
struct Tick {
    signal: &'static str,
    celsius: Option<f64>,
}

/// A browser that listens.
struct Watcher {
    site: Arc<Site>,
    before: std::vec::IntoIter<Told>,
    receiver: Receiver<Told>,
    tick_at: Instant,
    ticks: u64,
    celsius: Option<f64>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.site.live.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Watcher {
    /// The next thing to tell; `None` when the pipeline has ended.
    async fn next(&mut self) -> Option<Event> {
        if let Some(told) = self.before.next() {
            return Some(event(&told));
        }
        loop {
            match timeout_at(self.tick_at, self.receiver.recv()).await {
                Err(_) => {
                    self.tick_at = Instant::now() + TICK;
                    return Some(self.tick());
                }
                Ok(Ok(told)) => return Some(event(&told)),
                Ok(Err(RecvError::Lagged(missed))) => {
                    MISSED.fetch_add(missed, Ordering::Relaxed);
                    let dropped = MISSED.load(Ordering::Relaxed);
                    self.site.metrics.device.dropped_so_far("web", dropped);
                }
                Ok(Err(RecvError::Closed)) => return None,
            }
        }
    }

    fn tick(&mut self) -> Event {
        if self.ticks.is_multiple_of(WARM_TICKS) {
            self.celsius = machine::warmest();
        }
        self.ticks += 1;
        let tick = Tick {
            signal: signal_name(self.site.beacon.look().signal),
            celsius: self.celsius,
        };
        let data = serde_json::to_string(&tick).unwrap_or_default();
        Event::default().event("tick").data(data)
    }
}

/// Messages that slow browsers missed.
static MISSED: AtomicU64 = AtomicU64::new(0);

fn event(told: &Told) -> Event {
    Event::default().event(told.name).data(&*told.data)
}

/// Everything that happens, from now on.
pub(super) async fn live(State(site): State<Arc<Site>>) -> Response {
    let watchers = site.live.watchers.fetch_add(1, Ordering::Relaxed);
    let (mut before, receiver) = site.hub.listen();
    let hello = serde_json::to_string(&site.hello).unwrap_or_default();
    before.insert(
        0,
        Told {
            name: "hello",
            data: hello.into(),
        },
    );
    let watcher = Watcher {
        site,
        before: before.into_iter(),
        receiver,
        tick_at: Instant::now(),
        ticks: 0,
        celsius: None,
    };
    if watchers >= WATCHERS_MAX {
        watcher.site.metrics.device.refused("watchers");
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many people watch already\n",
        )
            .into_response();
    }
    Sse::new(events(watcher)).into_response()
}

fn events(watcher: Watcher) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok(event), watcher))
    })
}
