//! Thread-local storage of a static program: one PT_TLS segment, laid out below each thread's control block.

use super::tcb::{self, Own, Thread};
use crate::auxv;
use crate::sys::sys;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

static IMAGE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static IMAGE_SIZE: AtomicUsize = AtomicUsize::new(0);
/// From the start of the block to the thread pointer.
static OFFSET: AtomicUsize = AtomicUsize::new(0);
static ALIGN: AtomicUsize = AtomicUsize::new(64);

const ARCH_SET_FS: i32 = 0x1002;

/// The main thread's TLS, where it fits: a mapping, and a page to touch, less at each start.
const BUILT_IN: usize = 1024;

#[repr(C, align(64))]
struct MainBlock {
    tls: [u8; BUILT_IN],
    thread: Thread,
}

static MAIN: Own<MainBlock> = Own(UnsafeCell::new(MainBlock {
    tls: [0; BUILT_IN],
    thread: Thread::new(),
}));

/// # Safety
/// Called once, before any other code that may look at its thread.
pub unsafe fn init_main() {
    for header in auxv::program_headers() {
        if header.p_type == libc::PT_TLS {
            let align = (header.p_align as usize).max(1);
            let image = auxv::load_bias().wrapping_add(header.p_vaddr as usize);
            IMAGE.store(image as *mut u8, Relaxed);
            IMAGE_SIZE.store(header.p_filesz as usize, Relaxed);
            // The linker computes offsets from the block's end, rounded so that its start keeps the segment's alignment.
            let size = header.p_memsz as usize;
            let skew = header.p_vaddr as usize & (align - 1);
            OFFSET.store(((size + skew + align - 1) & !(align - 1)) - skew, Relaxed);
            ALIGN.store(align.max(64), Relaxed);
        }
    }
    let main = MAIN.0.get();
    let mut thread = &raw mut (*main).thread;
    if OFFSET.load(Relaxed) > BUILT_IN || ALIGN.load(Relaxed) > 64 {
        let size = space() + ALIGN.load(Relaxed);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let mapping = sys!(SYS_mmap, 0usize, size, prot, flags, -1i32, 0usize);
        if mapping < 0 {
            crate::exit::abort();
        }
        thread = place(mapping as usize + size);
        thread.write(Thread::new());
    }
    // AT_RANDOM: 16 bytes. The canary's lowest byte is zero, so that no string function copies it.
    let canary = auxv::get(libc::AT_RANDOM).map_or(0, |random| *(random as *const usize) & !0xff);
    (*thread).anchor(canary);
    fill(thread);
    sys!(SYS_arch_prctl, ARCH_SET_FS, thread);
}

/// Room for TLS block and control block.
pub fn space() -> usize {
    let align = ALIGN.load(Relaxed);
    ((OFFSET.load(Relaxed) + align - 1) & !(align - 1)) + size_of::<Thread>() + align
}

/// Where the control block of a mapping that ends at `end` belongs.
pub fn place(end: usize) -> *mut Thread {
    let align = ALIGN.load(Relaxed);
    ((end - size_of::<Thread>()) & !(align - 1)) as *mut Thread
}

/// Lays the initial image below `thread`. The memory is zero.
///
/// # Safety
/// [`space`] bytes up to the end of `thread` are writable.
pub unsafe fn fill(thread: *mut Thread) {
    let offset = OFFSET.load(Relaxed);
    let block = thread.cast::<u8>().wrapping_sub(offset);
    (*thread).tls = if offset == 0 { ptr::null_mut() } else { block };
    let size = IMAGE_SIZE.load(Relaxed);
    if size != 0 {
        ptr::copy_nonoverlapping(IMAGE.load(Relaxed).cast_const(), block, size);
    }
}

/// Gives a used block its initial contents again.
///
/// # Safety
/// As for [`fill`], and the thread that used it is gone.
pub unsafe fn refill(thread: *mut Thread) {
    let offset = OFFSET.load(Relaxed);
    ptr::write_bytes(thread.cast::<u8>().wrapping_sub(offset), 0, offset);
    fill(thread);
}

/// The calling thread's TLS block, null if the program has none.
pub fn block() -> *mut c_void {
    // SAFETY: the current thread's block is always valid.
    unsafe { (*tcb::current()).tls.cast() }
}

/// Compilers call it for general-dynamic accesses that the linker could not relax; there is one module.
#[unsafe(no_mangle)]
unsafe extern "C" fn __tls_get_addr(index: *const [usize; 2]) -> *mut c_void {
    block().byte_add((*index)[1])
}
