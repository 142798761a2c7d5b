//! Sees a start that hangs, before the service manager's watchdog runs.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::Builder;
use std::time::{Duration, Instant};

use crate::machine::cpu_seconds;

/// A start that gets on with nothing for so long hangs: with its time to start again it is there
/// anew within ten seconds.
const HUNG: Duration = Duration::from_secs(7);
/// It is looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Who gets less of a processor is not working: those that wait wake up now and then.
const WORK: f64 = 0.05;

const WAITING: u8 = 0;
const ALIVE: u8 = 1;
const OVER: u8 = 2;

/// Ends the program when its start hangs, until told that it is over. Time for work and for a slow
/// disk does not count.
#[derive(Debug)]
pub(super) struct StartWatch(Arc<AtomicU8>);

impl StartWatch {
    /// Watches from now on.
    pub(super) fn begin() -> io::Result<Self> {
        let sign = Arc::new(AtomicU8::new(WAITING));
        let seen = Arc::clone(&sign);
        Builder::new()
            .name("start-watch".into())
            .spawn(move || watch(&seen))?;
        Ok(Self(sign))
    }

    /// A sign of life.
    pub(super) fn alive(&self) {
        self.0.fetch_max(ALIVE, Ordering::Relaxed);
    }
}

impl Drop for StartWatch {
    fn drop(&mut self) {
        self.0.store(OVER, Ordering::Relaxed);
    }
}

fn watch(sign: &AtomicU8) {
    let mut alive_at = Instant::now();
    let mut used = cpu_seconds();
    let mut is_first = true;
    while alive_at.elapsed() < HUNG {
        std::thread::sleep(LOOK_EVERY);
        let before = used;
        used = cpu_seconds();
        let grown = used.zip(before).map_or(0.0, |(now, before)| now - before);
        // Before the first sign of life, whoever asks `ffprobe` sees to the time itself.
        let is_asking = is_first && has_children();
        let is_working = grown >= WORK * LOOK_EVERY.as_secs_f64() || is_busy() || is_asking;
        match sign.load(Ordering::Relaxed) {
            OVER => return,
            ALIVE => {
                let _ = sign.compare_exchange(ALIVE, WAITING, Ordering::Relaxed, Ordering::Relaxed);
                alive_at = Instant::now();
                is_first = false;
            }
            _ if is_working => alive_at = Instant::now(),
            _ => {}
        }
    }
    tracing::error!("the start hangs: the program ends, so that it is started again");
    // Whatever hangs may hold up an orderly end, too. The alarm is safe: it never heard of anybody.
    std::process::abort();
}

/// Whether the thread that starts the program wants a processor, or waits for a disk.
fn is_busy() -> bool {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let state = stat.rsplit_once(')').map_or("", |(_, rest)| rest.trim());
    state.starts_with(['R', 'D'])
}

fn has_children() -> bool {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten();
    let children = |task: fs::DirEntry| fs::read_to_string(task.path().join("children"));
    tasks
        .filter_map(|task| children(task.ok()?).ok())
        .any(|children| !children.trim().is_empty())
}
