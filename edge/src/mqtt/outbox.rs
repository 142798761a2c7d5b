//! What waits for the broker: bounded, and with the newest state of each topic.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::topics::Held;

/// An event that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// In which order it happened.
    pub(super) number: u64,
    /// JSON.
    pub(super) payload: String,
}

#[derive(Debug, Default)]
struct Inside {
    /// What each retained topic must hold, and whether the broker must be told.
    held: BTreeMap<String, (String, bool)>,
    events: VecDeque<Waiting>,
    next: u64,
    dropped: u64,
}

/// What waits for the broker.
#[derive(Debug)]
pub struct Outbox {
    inside: Mutex<Inside>,
    events_max: usize,
    /// Something waits.
    pub(super) fresh: Notify,
}

impl Outbox {
    /// With room for so many events.
    pub fn new(events_max: usize) -> Self {
        Self {
            inside: Mutex::default(),
            events_max,
            fresh: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A topic holds this from now on.
    pub fn hold(&self, held: Held) {
        let mut inside = self.lock();
        match inside.held.get(&held.topic) {
            Some((payload, _)) if *payload == held.payload => return,
            _ => inside.held.insert(held.topic, (held.payload, true)),
        };
        drop(inside);
        self.fresh.notify_one();
    }

    /// An event happened. When there is no room, the oldest is dropped.
    pub fn push(&self, payload: String) {
        let mut inside = self.lock();
        let number = inside.next;
        inside.next += 1;
        inside.events.push_back(Waiting { number, payload });
        inside.shed(self.events_max);
        drop(inside);
        self.fresh.notify_one();
    }

    /// Events that were dropped.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Events that wait.
    pub fn waiting(&self) -> usize {
        self.lock().events.len()
    }

    /// The broker knows nothing: all that topics hold must be told.
    pub(super) fn tell_all(&self) {
        self.lock()
            .held
            .values_mut()
            .for_each(|(_, is_fresh)| *is_fresh = true);
    }

    /// The next topic whose news the broker does not have.
    pub(super) fn next_held(&self) -> Option<Held> {
        let mut inside = self.lock();
        let fresh = inside.held.iter_mut().find(|(_, (_, is_fresh))| *is_fresh);
        fresh.map(|(topic, (payload, is_fresh))| {
            *is_fresh = false;
            Held {
                topic: topic.clone(),
                payload: payload.clone(),
            }
        })
    }

    /// The broker was not told of a topic after all.
    pub(super) fn retry(&self, topic: &str) {
        if let Some((_, is_fresh)) = self.lock().held.get_mut(topic) {
            *is_fresh = true;
        }
    }

    /// The oldest event.
    pub(super) fn next_event(&self) -> Option<Waiting> {
        self.lock().events.pop_front()
    }

    /// Events that the broker did not acknowledge; they come first again.
    pub(super) fn give_back(&self, mut events: Vec<Waiting>) {
        events.sort_by_key(|event| event.number);
        let mut inside = self.lock();
        for event in events.into_iter().rev() {
            inside.events.push_front(event);
        }
        inside.shed(self.events_max);
    }
}

impl Inside {
    fn shed(&mut self, most: usize) {
        while self.events.len() > most {
            self.events.pop_front();
            self.dropped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(topic: &str, payload: &str) -> Held {
        Held {
            topic: topic.into(),
            payload: payload.into(),
        }
    }

    #[test]
    fn of_a_topic_the_newest_state_is_told_once() {
        let outbox = Outbox::new(4);
        outbox.hold(held("a", "1"));
        outbox.hold(held("a", "2"));
        assert_eq!(outbox.next_held(), Some(held("a", "2")));
        outbox.hold(held("a", "2"));
        assert_eq!(outbox.next_held(), None);
        outbox.retry("a");
        assert_eq!(outbox.next_held(), Some(held("a", "2")));
        outbox.tell_all();
        assert_eq!(outbox.next_held(), Some(held("a", "2")));
    }

    #[test]
    fn events_keep_their_order_and_the_oldest_are_dropped() {
        let outbox = Outbox::new(3);
        for number in 0..5 {
            outbox.push(number.to_string());
        }
        assert_eq!((outbox.waiting(), outbox.dropped()), (3, 2));
        let (first, second) = (outbox.next_event().unwrap(), outbox.next_event().unwrap());
        outbox.give_back(vec![second, first]);
        let order: Vec<String> = std::iter::from_fn(|| outbox.next_event())
            .map(|e| e.payload)
            .collect();
        assert_eq!(order, ["2", "3", "4"]);
    }
}
