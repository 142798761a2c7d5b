//! Brings what the pipeline tells to every browser that listens.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::broadcast;
use tokio::sync::mpsc::Receiver;

use super::live::{Live, Message};
use super::picture::encode;

/// Events that a browser is told of when it comes.
const HISTORY: usize = 100;
/// Messages that wait for a browser that is slow; then it misses some.
const BEHIND_MAX: usize = 64;

/// One message for browsers.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// Its name in the stream of events.
    pub(super) name: &'static str,
    /// JSON.
    pub(super) data: Arc<str>,
}

/// What a browser that comes now must know.
#[derive(Debug, Default)]
struct Latest {
    status: Option<Arc<str>>,
    events: VecDeque<Arc<str>>,
}

/// Where browsers listen.
pub(super) struct Hub {
    told: broadcast::Sender<Told>,
    latest: Mutex<Latest>,
}

impl Hub {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            told: broadcast::Sender::new(BEHIND_MAX),
            latest: Mutex::default(),
        })
    }

    /// What was told before, and what will be told.
    pub(super) fn listen(&self) -> (Vec<Told>, broadcast::Receiver<Told>) {
        let latest = self.latest();
        let receiver = self.told.subscribe();
        let status = latest.status.iter().map(|data| ("status", data));
        let events = latest.events.iter().map(|data| ("event", data));
        let before = status.chain(events).map(|(name, data)| Told {
            name,
            data: Arc::clone(data),
        });
        (before.collect(), receiver)
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, message: &Message) {
        let told = match message {
            Message::Frame(frame) => json("frame", frame),
            Message::Event(event) => json("event", event),
            Message::Status(status) => json("status", status),
        };
        let Some(told) = told else {
            return;
        };
        let mut latest = self.latest();
        match message {
            Message::Frame(_) => {}
            Message::Event(_) => {
                if latest.events.len() >= HISTORY {
                    latest.events.pop_front();
                }
                latest.events.push_back(Arc::clone(&told.data));
            }
            Message::Status(_) => latest.status = Some(Arc::clone(&told.data)),
        }
        // Nobody may be listening.
        let _ = self.told.send(told);
    }
}

fn json(name: &'static str, value: &impl Serialize) -> Option<Told> {
    let data = serde_json::to_string(value).ok()?.into();
    Some(Told { name, data })
}

/// Passes messages on until the pipeline ends.
pub(super) async fn fan_out(mut messages: Receiver<Message>, hub: Arc<Hub>) {
    while let Some(message) = messages.recv().await {
        hub.tell(&message);
    }
}

/// Encodes the pictures of a stream, for ever.
pub(super) async fn encode_pictures(live: Arc<Live>, stream: usize) {
    while let Some(slot) = live.pictures.get(stream) {
        slot.fresh.notified().await;
        let Some(raw) = slot.take() else {
            continue;
        };
        let work = tokio::task::spawn_blocking(move || {
            let bytes = encode(&raw);
            (raw, bytes)
        });
        match work.await {
            Ok((raw, bytes)) => slot.give_back(raw, bytes),
            Err(_) => break,
        }
    }
}
