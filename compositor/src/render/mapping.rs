//! Clients' memory, mapped to be read, for what does not come as a pool of `wl_shm`.
//!
//! A client can truncate the file behind it, or leave no memory for one of its pages: touching that
//! raises SIGBUS. For pools Smithay's guard catches it; for the mappings here [`caught`] does: it puts
//! zero pages under the access, the read goes on, and its end tells. Any other access is for the
//! handler before, which may be Smithay's: it is set with the first read of a pool, so before each read here it
//! is looked which one is set.

#![allow(unsafe_code)] // raw pointers into clients' memory become slices here, as in `shm`

use std::{
    cell::Cell,
    ffi::{c_int, c_void},
    mem,
    os::fd::AsFd,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use rustix::{
    mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap},
    param::page_size,
};

/// Bytes of a file from some page on.
#[derive(Debug)]
pub struct Mapping {
    start: *mut c_void,
    length: usize,
}

/// What a thread reads.
#[derive(Debug, Clone, Copy)]
struct Reading {
    start: usize,
    length: usize,
    /// A page could not be had.
    broken: bool,
}

thread_local! {
    static READING: Cell<Option<Reading>> = const { Cell::new(None) };
    /// The signal has been handed on, and came back.
    static HANDED_ON: Cell<bool> = const { Cell::new(false) };
}

/// What was set before [`caught`].
static BEFORE: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

impl Mapping {
    /// Maps whole pages, of which `length` bytes are read; `offset` is a page's.
    pub fn new(file: impl AsFd, offset: u64, length: usize) -> Option<Self> {
        let length = length.checked_next_multiple_of(page_size())?;
        // SAFETY: a mapping at a place of the kernel's choice touches no other.
        let start = unsafe {
            mmap(
                ptr::null_mut(),
                length,
                ProtFlags::READ,
                MapFlags::SHARED,
                file,
                offset,
            )
        };
        start.ok().map(|start| Self { start, length })
    }

    /// Lets `read` see the words. They may change while it looks. None if a page could not be had: what
    /// was read then was zero in part, and everything is from now on.
    pub fn read<T>(&self, read: impl FnOnce(&[u32]) -> T) -> Option<T> {
        catch();
        let reading = Reading {
            start: self.start as usize,
            length: self.length,
            broken: false,
        };
        let _outer = Outer(READING.replace(Some(reading)));
        // SAFETY: these are whole pages, mapped as long as `self` lives, and remain so if zero pages
        // take their place. The client may write meanwhile: readers take each value once and decide
        // nothing by it.
        let words = unsafe { std::slice::from_raw_parts(self.start.cast(), self.length / 4) };
        let seen = read(words);
        let broken = READING.get().is_some_and(|reading| reading.broken);
        (!broken).then_some(seen)
    }
}

/// What was read before something within it, and is read again after that, also when that panics.
struct Outer(Option<Reading>);

impl Drop for Outer {
    fn drop(&mut self) {
        READING.set(self.0);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it is this mapping's, and what `read` lent of it is gone.
        let _ = unsafe { munmap(self.start, self.length) };
    }
}

/// Sets the handler, if another one is set.
fn catch() {
    type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
    let ours = caught as Handler as usize;
    // SAFETY: all zeros is a valid `sigaction`, and each pointer is to one of this function's or null;
    // `caught` does only what a handler may.
    unsafe {
        let mut before: libc::sigaction = mem::zeroed();
        if libc::sigaction(libc::SIGBUS, ptr::null(), &raw mut before) != 0
            || before.sa_sigaction == ours
        {
            return;
        }
        // Never freed: a thread may be in it. There are two at most, with and without Smithay's.
        BEFORE.store(Box::into_raw(Box::new(before)), Ordering::Release);
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = ours;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut());
    }
}

/// The handler of SIGBUS.
extern "C" fn caught(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives a valid `info`, which has an address if an access raised the signal.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    let by_access = code > 0;
    if let Some(reading) = READING.get()
        && by_access
        && address.wrapping_sub(reading.start) < reading.length
    {
        let start = reading.start as *mut c_void;
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        // SAFETY: it takes the place of the mapping that is being read, as a whole.
        let zeros = unsafe { mmap_anonymous(start, reading.length, ProtFlags::READ, flags) };
        if zeros.is_ok() {
            READING.set(Some(Reading {
                broken: true,
                ..reading
            }));
            return;
        }
    }
    // SAFETY: what `catch` stores is never freed.
    let before = unsafe { BEFORE.load(Ordering::Acquire).as_ref() };
    let handler = before.map_or(libc::SIG_DFL, |before| before.sa_sigaction);
    // A handler that gives up puts back the one before it, which may be this one.
    let again = HANDED_ON.replace(true);
    match before {
        Some(before) if !again && handler != libc::SIG_DFL && handler != libc::SIG_IGN => {
            if before.sa_flags & libc::SA_SIGINFO == 0 {
                // SAFETY: a handler without this flag is such a function.
                let handler: extern "C" fn(c_int) = unsafe { mem::transmute(handler) };
                handler(signal);
            } else {
                // SAFETY: a handler with it is such a function.
                let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                    unsafe { mem::transmute(handler) };
                handler(signal, info, context);
            }
            HANDED_ON.set(false);
        }
        _ => {
            // SAFETY: both may be called by a handler. The access is tried again and ends the process, as
            // does what was sent.
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                if !by_access {
                    libc::raise(signal);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use rustix::fs::{MemfdFlags, memfd_create};

    use super::*;

    #[test]
    fn what_was_cut_off_reads_as_zeros_and_is_told() {
        let page = page_size();
        let file = File::from(memfd_create("mapping", MemfdFlags::CLOEXEC).unwrap());
        file.set_len(3 * page as u64).unwrap();
        rustix::io::pwrite(&file, &[7, 0, 0, 0], page as u64).unwrap();
        let mapping = Mapping::new(&file, page as u64, page + 1).unwrap();
        let ends = |words: &[u32]| (words.len(), words[0], words[words.len() - 1]);
        assert_eq!(mapping.read(ends), Some((2 * page / 4, 7, 0)));
        file.set_len(2 * page as u64).unwrap();
        assert_eq!(mapping.read(|words| words[0]), Some(7), "it is there yet");
        assert_eq!(mapping.read(|words| words[page / 4]), None);
        let other = Mapping::new(&file, page as u64, page).unwrap();
        assert_eq!(
            mapping.read(|words| words[0]),
            Some(0),
            "zeros from then on"
        );
        assert_eq!(other.read(|words| words[0]), Some(7));
        // While one is read another may be.
        let within = mapping.read(|_| other.read(|words| words[0]));
        assert_eq!(within, Some(Some(7)));
        file.set_len(0).unwrap();
        let within = other.read(|words| (mapping.read(|words| words[0]), words[0]));
        assert_eq!(within, None);
    }
}
