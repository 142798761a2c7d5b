//! The memory itself, behind a lock.

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rlsf::Tlsf;

/// Size of the memory set aside. Decoding a picture takes some hundred KiB of it, a search for
/// faces as much, each at a time. Pages that were never used take no memory.
pub const BYTES: usize = if cfg!(miri) { 256 << 10 } else { 16 << 20 };

/// Lists of free blocks: one for each power of two, in 16 steps each.
type Lists = Tlsf<'static, u32, u16, 20, 16>;

/// What of the memory set aside is in use, and whether it sufficed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in use now.
    pub bytes: usize,
    /// Most bytes that were in use at once, at most [`BYTES`].
    pub peak: usize,
    /// Allocations served.
    pub served: u64,
    /// Allocations that did not fit, and went to the system's allocator.
    pub spilled: u64,
}

pub(crate) struct Pool {
    memory: UnsafeCell<MaybeUninit<[u8; BYTES]>>,
    state: Mutex<State>,
}

struct State {
    lists: Lists,
    filled: bool,
    usage: Usage,
}

// SAFETY: the memory is touched through the lists alone, which are behind the lock, and by
// the owners of the blocks that they handed out.
unsafe impl Sync for Pool {}

pub(crate) static POOL: Pool = Pool {
    memory: UnsafeCell::new(MaybeUninit::uninit()),
    state: Mutex::new(State {
        lists: Tlsf::new(),
        filled: false,
        usage: Usage {
            bytes: 0,
            peak: 0,
            served: 0,
            spilled: 0,
        },
    }),
};

impl Pool {
    fn start(&self) -> *mut u8 {
        self.memory.get().cast()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.filled {
            state.filled = true;
            let memory = ptr::slice_from_raw_parts_mut(self.start(), BYTES);
            if let Some(memory) = NonNull::new(memory) {
                // SAFETY: the memory is static, and nobody else knows it.
                unsafe { state.lists.insert_free_block_ptr(memory) };
            }
        }
        state
    }

    /// Whether a block lies in the memory set aside.
    pub(crate) fn holds(&self, block: NonNull<u8>) -> bool {
        let offset = block.addr().get().wrapping_sub(self.start().addr());
        offset < BYTES
    }

    /// A block of uninitialised memory, if there is one.
    pub(crate) fn allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
        let mut state = self.lock();
        let block = state.lists.allocate(layout);
        let usage = &mut state.usage;
        if block.is_some() {
            usage.bytes += layout.size();
            usage.peak = usage.peak.max(usage.bytes);
            usage.served += 1;
        } else {
            usage.spilled += 1;
        }
        block
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// It was given by [`allocate`](Self::allocate) for this layout, and is not in use.
    pub(crate) unsafe fn release(&self, block: NonNull<u8>, layout: Layout) {
        let mut state = self.lock();
        // The pointer may be allowed to touch the block alone, and not the list's header in
        // front of it.
        let offset = block.addr().get() - self.start().addr();
        // SAFETY: the block lies in the memory.
        let block = unsafe { self.start().add(offset) };
        if let Some(block) = NonNull::new(block) {
            // SAFETY: the caller's promise.
            unsafe { state.lists.deallocate(block, layout.align()) };
            state.usage.bytes -= layout.size();
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.lock().usage
    }
}
