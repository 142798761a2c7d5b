//! Memory set aside for libraries that allocate for every frame.
//!
//! A JPEG decoder that makes its rows of blocks anew for each picture would call the
//! system's allocator millions of times a day, for years. Inside of [`within`] they are
//! served from a fixed piece of memory instead, in constant time, by TLSF (Masmano et al., "TLSF: a new
//! dynamic memory allocator for real-time systems", ECRTS 2004). Where that is used up,
//! the system's allocator takes over, and [`usage`] counts it.
//!
//! It works in programs that name it as their allocator, and costs the others nothing:
//!
//! ```
//! use std::alloc::System;
//! use unmask_arena::Arena;
//!
//! #[global_allocator]
//! static ALLOCATOR: Arena<System> = Arena::new(System);
//!
//! let squares: Vec<u32> = unmask_arena::within(|| (0..100).map(|x| x * x).collect());
//! assert!(unmask_arena::usage().bytes >= 400);
//! // What leaves the closure may live as long as it likes, and end in any thread.
//! std::thread::spawn(move || drop(squares)).join().unwrap();
//! assert_eq!(unmask_arena::usage().bytes, 0);
//! ```

// On a device each of these is a crash.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo)]

mod pool;

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr::{self, NonNull};

use pool::POOL;
pub use pool::{BYTES, Usage};

thread_local! {
    /// How many calls of [`within`] this thread is inside of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Serves the allocations that `work` makes on this thread from the memory set aside.
///
/// Its result may hold such memory, also for ever; that leaves less for others.
pub fn within<T>(work: impl FnOnce() -> T) -> T {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            DEPTH.with(|depth| depth.set(depth.get() - 1));
        }
    }
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    // Also when it panics.
    let _leave = Leave;
    work()
}

/// What of the memory set aside is in use, and whether it sufficed.
pub fn usage() -> Usage {
    POOL.usage()
}

fn inside() -> bool {
    // A panic's message and trace are no frame's business, and some of them stay for ever.
    DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(false) && !std::thread::panicking()
}

/// An allocator that passes everything to `A` except for what is allocated inside of
/// [`within`].
#[derive(Debug)]
pub struct Arena<A>(A);

impl<A> Arena<A> {
    /// In front of the allocator that a program would have otherwise.
    pub const fn new(inner: A) -> Self {
        Self(inner)
    }
}

// SAFETY: each method hands a block to the allocator that it came from, which `POOL.holds`
// tells by the address, and passes the caller's promises on unchanged. Nothing panics.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Arena<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if inside()
            && let Some(block) = POOL.allocate(layout)
        {
            return block.as_ptr();
        }
        // SAFETY: the caller's promises.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if inside()
            && let Some(block) = POOL.allocate(layout)
        {
            // SAFETY: the block is ours, and as large as the layout says.
            unsafe { block.as_ptr().write_bytes(0, layout.size()) };
            return block.as_ptr();
        }
        // SAFETY: the caller's promises.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match NonNull::new(block).filter(|block| POOL.holds(*block)) {
            // SAFETY: only `POOL.allocate` gives blocks from there, and the caller promises
            // that this is one of ours with this layout.
            Some(block) => unsafe { POOL.release(block, layout) },
            // SAFETY: the caller's promises.
            None => unsafe { self.0.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !NonNull::new(block).is_some_and(|block| POOL.holds(block)) {
            // SAFETY: the caller's promises.
            return unsafe { self.0.realloc(block, layout, size) };
        }
        // SAFETY: the caller promises that the size, rounded up to the alignment, does not
        // overflow.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the caller promises a size above zero.
        let grown = unsafe { self.alloc(wanted) };
        if !grown.is_null() {
            // SAFETY: both blocks hold so many bytes, and the new one was not in use.
            unsafe { ptr::copy_nonoverlapping(block, grown, layout.size().min(size)) };
            // SAFETY: the caller's promises.
            unsafe { self.dealloc(block, layout) };
        }
        grown
    }
}
