//! A day in front of the device, in seconds: verdicts, alarm, serial line and event
//! log on simulated time, with people who come and go and faults of everything.
//!
//! `world` drives the outputs alone, with faults of pins, ports and disk; `whole` the
//! whole of `run`, with faults of the camera. The network is made up: a person's frames
//! give logits around a mean; in `whole`, so are the faces. An hour is simulated at each
//! run of the tests, and the whole day with
//!
//! ```text
//! cargo test --release --workspace --test day -- --ignored --nocapture
//! ```

#[path = "../common/mod.rs"]
mod common;

mod chance;
mod crowd;
mod hardware;
mod kiosk;
mod path;
mod people;
mod report;
mod rig;
mod steady;
mod storage;
mod whole;
mod world;

use std::sync::Mutex;

use alloc_tracker::Allocator;
use unmask_arena::Arena;
use world::World;

/// The program's own, around one that counts what reaches the system.
#[global_allocator]
static ALLOCATOR: Arena<Allocator<std::alloc::System>> = Arena::new(Allocator::system());

/// What is measured of the whole process is measured by one test at a time, while no other
/// one allocates.
static ALONE: Mutex<()> = Mutex::new(());

const FRAMES_PER_HOUR: u64 = 30 * 3600;

/// A number of /proc/self/status.
fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(key));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|number| number.parse().ok()).expect(key)
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux").count()
}

/// Lives through so many frames after a warm-up, and checks that nothing grows.
fn live(seed: u64, warm_up: u64, frames: u64) {
    let _alone = ALONE.lock();
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::new(seed, folder.path());
    for _ in 0..warm_up {
        world.frame();
    }
    let (memory_kb, threads) = (status("VmRSS:"), status("Threads:"));
    let open = descriptors();
    let start = std::time::Instant::now();
    for _ in 0..frames {
        world.frame();
    }
    let seconds = start.elapsed().as_secs_f64();
    let grown_kb = status("VmRSS:").saturating_sub(memory_kb);
    println!("{frames} frames in {seconds:.1} s, {grown_kb} kB more memory");
    assert!(grown_kb <= 1024, "{grown_kb} kB more after the warm-up");
    assert_eq!(status("Threads:"), threads, "threads");
    // The log may just have closed its file after a fault.
    assert!(descriptors().abs_diff(open) <= 1, "descriptors");
    let report = world.end();
    println!("{report:#?}");
    report.check();
}

#[test]
fn an_hour_of_faults() {
    live(1, FRAMES_PER_HOUR / 4, FRAMES_PER_HOUR);
}

#[test]
#[ignore = "the whole day"]
fn a_day_of_faults() {
    live(2, FRAMES_PER_HOUR, 24 * FRAMES_PER_HOUR);
}
