//! Large buffers that are used again in the next step. Fresh ones would cost a page fault
//! for every 4 KiB, which is a tenth of a training step.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Numbers that are kept at most, half a gibibyte.
const KEPT_MAX: usize = 1 << 27;
/// Smaller buffers are left to the allocator.
const LENGTH_MIN: usize = 1 << 16;

#[derive(Debug)]
struct Store {
    /// Oldest first.
    buffers: VecDeque<Vec<f32>>,
    kept: usize,
}

static STORE: Mutex<Store> = Mutex::new(Store {
    buffers: VecDeque::new(),
    kept: 0,
});

/// A buffer of so many numbers, whichever they are.
pub fn take(length: usize) -> Vec<f32> {
    if length >= LENGTH_MIN {
        let mut store = STORE.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |buffer: &Vec<f32>| buffer.len() == length;
        if let Some(buffer) = store
            .buffers
            .iter()
            .rposition(fits)
            .and_then(|place| store.buffers.remove(place))
        {
            store.kept -= length;
            return buffer;
        }
    }
    vec![0.0; length]
}

/// Keeps a buffer for [`take`]; forgets the oldest ones where it becomes too many.
pub fn give(buffer: Vec<f32>) {
    if !(LENGTH_MIN..=KEPT_MAX).contains(&buffer.len()) {
        return;
    }
    let mut store = STORE.lock().unwrap_or_else(PoisonError::into_inner);
    store.kept += buffer.len();
    store.buffers.push_back(buffer);
    while store.kept > KEPT_MAX {
        let Some(oldest) = store.buffers.pop_front() else {
            break;
        };
        store.kept -= oldest.len();
    }
}
