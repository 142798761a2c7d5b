//! The allocator under a whole program; also under Miri, which sees every wrong access:
//! `MIRIFLAGS=-Zmiri-disable-stacked-borrows cargo +nightly miri test -p unmask-arena`. (Rules of
//! borrowing are left out: no allocator that keeps its lists in free memory obeys them.)

use std::alloc::System;
use std::panic::catch_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloc_tracker::{Allocator, Session};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use unmask_arena::{Arena, BYTES, usage, within};

#[global_allocator]
static ALLOCATOR: Arena<Allocator<System>> = Arena::new(Allocator::system());

/// One test at a time: the memory set aside is one for all.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls of the system's allocator by this thread during `work`.
fn system_calls(work: impl FnOnce()) -> u64 {
    let session = Session::new().no_stdout().no_file();
    let operation = session.operation("work");
    {
        let _span = operation.measure_thread().iterations(1);
        work();
    }
    let report = session.to_report();
    let (_, work) = report.operations().next().unwrap();
    work.total_allocations_count()
}

#[test]
fn what_is_inside_never_calls_the_system() {
    let _alone = alone();
    let before = usage();
    let mut sum = 0;
    let lists = || {
        (1..50_usize)
            .map(|size| vec![size; size])
            .collect::<Vec<_>>()
    };
    let outside = system_calls(|| sum += lists().len());
    let inside = system_calls(|| within(|| sum += lists().len()));
    assert_eq!(sum, 98);
    assert!(outside >= 50, "{outside}: the system is counted");
    assert_eq!(inside, 0);
    assert_eq!(usage().bytes, 0);
    assert_eq!(usage().served, before.served + 50);
    assert_eq!(usage().spilled, before.spilled);
}

#[test]
fn only_the_thread_inside_is_served() {
    let _alone = alone();
    let before = usage().served;
    within(|| {
        let other = std::thread::spawn(|| system_calls(|| drop(vec![1_u8; 4096])));
        assert_eq!(other.join().unwrap(), 1);
    });
    // The thread's own start took some.
    let served = usage().served;
    assert!(served > before);
    assert_eq!(system_calls(|| drop(vec![1_u8; 4096])), 1);
    assert_eq!(usage().served, served);
}

#[test]
fn what_leaves_lives_on_and_may_grow_outside() {
    let _alone = alone();
    let mut list = within(|| (0..1000_u32).collect::<Vec<_>>());
    assert!(usage().bytes >= 4000);
    list.extend(1000..100_000);
    assert_eq!(usage().bytes, 0, "it moved");
    assert!(list.iter().copied().eq(0..100_000));

    let mut outside: Vec<u32> = (0..10).collect();
    within(|| outside.extend(10..5000));
    assert!(outside.into_iter().eq(0..5000));
    assert_eq!(usage().bytes, 0);
}

#[test]
fn a_panic_and_a_nested_call_leave_in_order() {
    let _alone = alone();
    let caught = catch_unwind(|| within(|| within(|| panic!("on purpose"))));
    drop(caught);
    assert_eq!(system_calls(|| drop(vec![0_u8; 100])), 1);
    within(|| {
        within(|| ());
        assert_eq!(system_calls(|| drop(vec![0_u8; 100])), 0);
    });
}

#[test]
fn memory_that_is_used_again_can_be_zeroed() {
    let _alone = alone();
    within(|| {
        drop(vec![0xff_u8; 100_000]);
        assert!(vec![0_u8; 100_000].iter().all(|byte| *byte == 0));
    });
}

#[test]
fn alignment_is_kept() {
    #[repr(align(4096))]
    struct Page([u8; 4096]);
    let _alone = alone();
    within(|| {
        let small = Box::new(1_u8);
        let pages: Vec<Box<Page>> = (0..4).map(|n| Box::new(Page([n; 4096]))).collect();
        for (n, page) in (0_u8..).zip(&pages) {
            assert_eq!((&raw const **page).addr() % 4096, 0);
            assert!(page.0.iter().all(|byte| *byte == n));
        }
        assert_eq!(*small, 1);
    });
    assert_eq!(usage().bytes, 0);
}

#[test]
fn what_does_not_fit_goes_to_the_system() {
    let _alone = alone();
    let before = usage().spilled;
    within(|| {
        let half: Vec<u8> = Vec::with_capacity(BYTES / 2);
        let mut grown: Vec<u8> = Vec::with_capacity(BYTES / 4);
        grown.extend([7; 1000]);
        let calls = system_calls(|| grown.reserve_exact(2 * BYTES));
        assert_eq!(calls, 1);
        assert!(grown.iter().all(|byte| *byte == 7));
        // What is in the system's memory stays there.
        grown.shrink_to_fit();
        assert_eq!(grown.len(), 1000);
        drop(half);
    });
    assert_eq!(usage().spilled, before + 1);
    assert_eq!(usage().bytes, 0);
    assert!(usage().peak >= BYTES / 2 && usage().peak <= BYTES);
}

/// Blocks of all sizes come, grow, shrink, change their thread and go, and keep what was
/// written into them.
#[test]
fn a_long_life_with_many_threads_mixes_nothing_up() {
    let _alone = alone();
    let turns = if cfg!(miri) { 300 } else { 200_000 };
    let shared: Mutex<Vec<Vec<u8>>> = Mutex::default();
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let shared = &shared;
            scope.spawn(move || live(seed, turns, shared));
        }
    });
    let left = shared.into_inner().unwrap();
    left.iter().for_each(|block| check(block));
    drop(left);
    assert_eq!(usage().bytes, 0);
    println!("{:?}", usage());
}

/// All bytes of a block are the same.
fn check(block: &[u8]) {
    if let Some(first) = block.first() {
        assert!(block.iter().all(|byte| byte == first));
    }
}

fn live(seed: u64, turns: u32, shared: &Mutex<Vec<Vec<u8>>>) {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut own: Vec<Vec<u8>> = Vec::with_capacity(64);
    for _ in 0..turns {
        let size = 1 << chance.random_range(0..14);
        let size = chance.random_range(1..=size);
        match chance.random_range(0..5) {
            0 | 1 if own.len() < 64 => own.push(within(|| vec![chance.random(); size])),
            2 if !own.is_empty() => {
                let at = chance.random_range(0..own.len());
                let block = &mut own[at];
                let fill = block[0];
                let mut change = || {
                    block.resize(size, fill);
                    block.shrink_to_fit();
                };
                if chance.random() {
                    within(change)
                } else {
                    change()
                }
            }
            3 if !own.is_empty() => {
                let at = chance.random_range(0..own.len());
                let block = own.swap_remove(at);
                check(&block);
                let mut shared = shared.lock().unwrap();
                shared.push(block);
                if shared.len() > 32 {
                    let other = shared.swap_remove(0);
                    check(&other);
                }
            }
            _ => own.truncate(chance.random_range(0..=own.len())),
        }
    }
    own.iter().for_each(|block| check(block));
}
