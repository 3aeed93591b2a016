//! The thread control block: what `fs:0` points at, above the thread's TLS block (ELF TLS, variant II).

use crate::malloc::Heap;
use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicPtr, AtomicU32};

pub const KEYS: usize = 128;

/// How a thread ends, and who frees it.
pub mod state {
    pub const JOINABLE: u32 = 0;
    pub const DETACHED: u32 = 1;
    /// Past its last destructor, still joinable.
    pub const EXITED: u32 = 2;
}

/// Only the thread itself touches its block, but for the atomics and what `pthread_create` fills in before it runs.
#[repr(C, align(64))]
pub struct Thread {
    /// The ABI's words: `fs:0` itself, the TLS vector, and at `fs:0x28` the stack protector's canary.
    itself: *mut Thread,
    dtv: [usize; 4],
    canary: usize,
    pub errno: c_int,
    /// The kernel's thread number; 0 until it is asked for (main thread), and again once the kernel is done with it.
    pub tid: AtomicU32,
    pub state: AtomicU32,
    /// Deferred cancellation: requested, and whether it is acted on.
    pub cancel_requested: AtomicU32,
    pub cancel_disabled: bool,
    pub cleanup: *mut super::cancel::Cleanup,
    /// `__cxa_thread_atexit_impl`'s list, newest first.
    pub destructors: *mut super::exit::Destructor,
    pub keys_used: bool,
    pub result: *mut c_void,
    pub entry: Option<extern "C" fn(*mut c_void) -> *mut c_void>,
    pub argument: *mut c_void,
    /// The mapping that holds guard, stack, TLS and this block; null for the main thread.
    pub mapping: *mut u8,
    pub mapping_size: usize,
    pub guard_size: usize,
    pub tls: *mut u8,
    /// Next in the stack cache.
    pub next_cached: AtomicPtr<Thread>,
    pub sigmask: u64,
    /// Null until the thread allocates.
    pub heap: *mut Heap,
    pub keys: [*mut c_void; KEYS],
}

impl Thread {
    pub const fn new() -> Thread {
        Thread {
            itself: core::ptr::null_mut(),
            dtv: [0; 4],
            canary: 0,
            errno: 0,
            tid: AtomicU32::new(0),
            state: AtomicU32::new(state::JOINABLE),
            cancel_requested: AtomicU32::new(0),
            cancel_disabled: false,
            cleanup: core::ptr::null_mut(),
            destructors: core::ptr::null_mut(),
            keys_used: false,
            result: core::ptr::null_mut(),
            entry: None,
            argument: core::ptr::null_mut(),
            mapping: core::ptr::null_mut(),
            mapping_size: 0,
            guard_size: 0,
            tls: core::ptr::null_mut(),
            next_cached: AtomicPtr::new(core::ptr::null_mut()),
            sigmask: 0,
            heap: core::ptr::null_mut(),
            keys: [core::ptr::null_mut(); KEYS],
        }
    }

    /// Makes the block fit for `fs`.
    pub fn anchor(&mut self, canary: usize) {
        self.itself = self;
        self.canary = canary;
    }

    pub fn canary(&self) -> usize {
        self.canary
    }
}

/// The calling thread's block.
#[inline(always)]
pub fn current() -> *mut Thread {
    let block;
    // SAFETY: `fs:0` holds the block's address from before the first constructor on.
    unsafe {
        core::arch::asm!("mov {}, fs:0", out(reg) block, options(nostack, readonly, preserves_flags, pure));
    }
    block
}

/// A cell that only its own thread reaches.
#[repr(transparent)]
pub struct Own<T>(pub UnsafeCell<T>);

// SAFETY: used for the main thread's block, which other threads reach only by its atomics.
unsafe impl<T> Sync for Own<T> {}
