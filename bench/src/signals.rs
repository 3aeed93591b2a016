//! Signals: asking for them, getting them, and faults that become them.

use crate::measure::{Row, each};
use anyhow::{Result, ensure};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

pub const ROWS: &[Row] = &[
    Row {
        name: "signal-install",
        measure: install,
    },
    Row {
        name: "signal-catch",
        measure: catch,
    },
    Row {
        name: "signal-fault",
        measure: fault,
    },
];

const PAGE: usize = 4096;
/// The page that [`fault`] writes to.
static GUARDED: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

type Handler = extern "C" fn(i32);

/// Has `handler` called for a signal, or nobody.
fn handle(signal: i32, handler: Option<Handler>) -> Result<()> {
    let handler = handler.map_or(libc::SIG_DFL, |handler| handler as libc::sighandler_t);
    // SAFETY: the structure is zeroed, which is valid, and whole; the handlers here call nothing but
    // what may be called at any time.
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        libc::sigaction(signal, &raw const action, ptr::null_mut())
    };
    ensure!(result == 0, "sigaction: {}", io::Error::last_os_error());
    Ok(())
}

extern "C" fn nothing(_signal: i32) {}

fn install() -> Result<f64> {
    each(|count| (0..count).try_for_each(|_| handle(libc::SIGUSR1, Some(nothing))))
}

/// Sends itself a signal, whose handler does nothing.
fn catch() -> Result<f64> {
    handle(libc::SIGUSR1, Some(nothing))?;
    let result = each(|count| {
        for _ in 0..count {
            rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::USR1,
            )?;
        }
        Ok(())
    });
    handle(libc::SIGUSR1, None)?;
    result
}

extern "C" fn open_page(_signal: i32) {
    let page = GUARDED.load(Ordering::Relaxed);
    // SAFETY: the page is `fault`'s, which alone writes there. If this fails, the write faults for
    // ever, which the row's user sees.
    let _ = unsafe { mprotect(page, PAGE, MprotectFlags::READ | MprotectFlags::WRITE) };
}

/// Writes to a page that may only be read: the handler opens it. Then it is closed again.
fn fault() -> Result<f64> {
    let (protection, flags) = (ProtFlags::READ, MapFlags::PRIVATE);
    // SAFETY: new memory at a place that the kernel chooses.
    let page = unsafe { mmap_anonymous(ptr::null_mut(), PAGE, protection, flags)? };
    GUARDED.store(page, Ordering::Relaxed);
    handle(libc::SIGSEGV, Some(open_page))?;
    let result = each(|count| {
        for _ in 0..count {
            // SAFETY: the page is this function's own, and mapped.
            unsafe {
                page.cast::<u8>().write_volatile(1);
                mprotect(page, PAGE, MprotectFlags::READ)?;
            }
        }
        Ok(())
    });
    handle(libc::SIGSEGV, None)?;
    // SAFETY: nothing points there any more.
    unsafe { munmap(page, PAGE)? };
    result
}
