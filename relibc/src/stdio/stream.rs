//! The stream: a descriptor (or memory), a buffer that is filled by reads or by writes, never both at a time.
//!
//! Lock order: the list of streams before a stream. A stream's lock is recursive (`flockfile`).

use crate::futex::{self, Lock, Scope};
use crate::malloc::{free, malloc};
use crate::pthread::create::LIVE;
use crate::pthread::tcb;
use crate::sys::sys;
use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};

pub const BUFFER: usize = 4096;
/// Bytes before a buffer's start that `ungetc` may use.
pub const BACK: usize = 8;

/// Where bytes come from and go to.
pub enum Backend {
    File(c_int),
    /// `fmemopen` and `open_memstream`.
    Memory(*mut super::open::Memory),
    /// `fopencookie`'s functions.
    Cookie(*mut super::open::Cookie),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Buffering {
    Full,
    Line,
    None,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Idle,
    Reading,
    Writing,
}

pub struct Inner {
    pub backend: Backend,
    /// `buffer[at..end]` is read but not handed out (Reading), `buffer[..end]` is to be written (Writing).
    pub buffer: *mut u8,
    pub size: usize,
    pub at: usize,
    pub end: usize,
    pub mode: Mode,
    pub buffering: Buffering,
    pub readable: bool,
    pub writable: bool,
    pub append: bool,
    pub ended: bool,
    pub failed: bool,
    /// The buffer is this library's heap memory.
    pub own_buffer: bool,
    /// Bytes pushed back, newest last.
    pub pushed: [u8; BACK],
    pub pushed_count: usize,
    /// A child that `popen` started.
    pub child: libc::pid_t,
    /// Wide (> 0) or byte (< 0) orientation; it binds nothing, as both are UTF-8 here.
    pub orientation: c_int,
}

pub struct File {
    word: AtomicU32,
    /// The address of the holder's control block, which a fork does not change.
    owner: AtomicUsize,
    depth: UnsafeCell<u32>,
    pub next: AtomicPtr<File>,
    pub previous: AtomicPtr<File>,
    inner: UnsafeCell<Inner>,
}

// SAFETY: `inner` and `depth` are reached under the stream's lock only.
unsafe impl Sync for File {}

const fn standard(fd: c_int, buffer: *mut u8, size: usize, buffering: Buffering) -> File {
    File {
        word: AtomicU32::new(0),
        owner: AtomicUsize::new(0),
        depth: UnsafeCell::new(0),
        next: AtomicPtr::new(ptr::null_mut()),
        previous: AtomicPtr::new(ptr::null_mut()),
        inner: UnsafeCell::new(Inner {
            backend: Backend::File(fd),
            buffer,
            size,
            readable: fd == 0,
            writable: fd != 0,
            buffering,
            ..EMPTY
        }),
    }
}

pub const EMPTY: Inner = Inner {
    backend: Backend::File(-1),
    buffer: ptr::null_mut(),
    size: 0,
    at: 0,
    end: 0,
    mode: Mode::Idle,
    buffering: Buffering::Full,
    readable: false,
    writable: false,
    append: false,
    ended: false,
    failed: false,
    own_buffer: false,
    pushed: [0; BACK],
    pushed_count: 0,
    child: 0,
    orientation: 0,
};

static mut INPUT_BUFFER: [u8; BUFFER] = [0; BUFFER];
static mut OUTPUT_BUFFER: [u8; BUFFER] = [0; BUFFER];

static INPUT: File = standard(0, (&raw mut INPUT_BUFFER).cast(), BUFFER, Buffering::Full);
static OUTPUT: File = standard(1, (&raw mut OUTPUT_BUFFER).cast(), BUFFER, Buffering::Line);
static ERROR: File = standard(2, ptr::null_mut(), 0, Buffering::None);

/// A stream's address as C sees it.
#[repr(transparent)]
pub struct Handle(pub *const File);
// SAFETY: an address of a static.
unsafe impl Sync for Handle {}

#[unsafe(no_mangle)]
pub static stdin: Handle = Handle(&INPUT);
#[unsafe(no_mangle)]
pub static stdout: Handle = Handle(&OUTPUT);
#[unsafe(no_mangle)]
pub static stderr: Handle = Handle(&ERROR);

/// Whether standard output was found to be no terminal, and is then fully buffered.
static OUTPUT_ASKED: AtomicU32 = AtomicU32::new(0);

/// Open streams besides the three.
static OPEN: Lock<Streams> = Lock::new(Streams(ptr::null_mut()));

struct Streams(*mut File);
// SAFETY: the list is changed under its lock.
unsafe impl Send for Streams {}

pub unsafe fn create(inner: Inner) -> *mut File {
    let file = malloc(size_of::<File>()).cast::<File>();
    if file.is_null() {
        return file;
    }
    file.write(File {
        word: AtomicU32::new(0),
        owner: AtomicUsize::new(0),
        depth: UnsafeCell::new(0),
        next: AtomicPtr::new(ptr::null_mut()),
        previous: AtomicPtr::new(ptr::null_mut()),
        inner: UnsafeCell::new(inner),
    });
    let mut open = OPEN.lock();
    (*file).next.store(open.0, Ordering::Relaxed);
    if !open.0.is_null() {
        (*open.0).previous.store(file, Ordering::Relaxed);
    }
    open.0 = file;
    file
}

/// Takes a closed stream off the list and frees it; the standard ones only become unusable.
pub unsafe fn destroy(file: *mut File) {
    if is_standard(file) {
        return;
    }
    let mut open = OPEN.lock();
    let (next, previous) = (
        (*file).next.load(Ordering::Relaxed),
        (*file).previous.load(Ordering::Relaxed),
    );
    if !next.is_null() {
        (*next).previous.store(previous, Ordering::Relaxed);
    }
    if previous.is_null() {
        open.0 = next;
    } else {
        (*previous).next.store(next, Ordering::Relaxed);
    }
    free(file.cast());
}

pub fn is_standard(file: *const File) -> bool {
    ptr::eq(file, &INPUT) || ptr::eq(file, &OUTPUT) || ptr::eq(file, &ERROR)
}

/// A locked stream.
pub struct Locked<'a>(&'a File);

impl File {
    /// # Safety
    /// `file` is an open stream.
    pub unsafe fn lock<'a>(file: *const File) -> Locked<'a> {
        let file = &*file;
        file.acquire();
        Locked(file)
    }

    pub fn acquire(&self) {
        let me = tcb::current() as usize;
        if self.owner.load(Ordering::Relaxed) == me {
            // SAFETY: this thread holds the lock.
            unsafe { *self.depth.get() += 1 };
            return;
        }
        futex::acquire(&self.word, Scope::Process);
        self.owner.store(me, Ordering::Relaxed);
    }

    pub fn try_acquire(&self) -> bool {
        let me = tcb::current() as usize;
        if self.owner.load(Ordering::Relaxed) == me {
            // SAFETY: this thread holds the lock.
            unsafe { *self.depth.get() += 1 };
            return true;
        }
        if futex::try_acquire(&self.word) {
            self.owner.store(me, Ordering::Relaxed);
            return true;
        }
        false
    }

    /// # Safety
    /// The calling thread holds the lock.
    pub unsafe fn release(&self) {
        let depth = self.depth.get();
        if *depth > 0 {
            *depth -= 1;
            return;
        }
        self.owner.store(0, Ordering::Relaxed);
        futex::release(&self.word, Scope::Process);
    }

    /// # Safety
    /// The calling thread holds the lock, or is the only one.
    pub unsafe fn unlocked(&self) -> &mut Inner {
        &mut *self.inner.get()
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `lock`.
        unsafe { self.0.release() };
    }
}

impl core::ops::Deref for Locked<'_> {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        // SAFETY: the lock is held.
        unsafe { &*self.0.inner.get() }
    }
}

impl core::ops::DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Inner {
        // SAFETY: the lock is held.
        unsafe { &mut *self.0.inner.get() }
    }
}

impl Inner {
    /// Reads straight from the backend.
    fn pull(&mut self, to: *mut u8, size: usize) -> isize {
        // SAFETY: the caller's buffer has the size.
        unsafe {
            match self.backend {
                Backend::File(fd) => sys!(SYS_read, fd, to, size),
                Backend::Memory(memory) => (*memory).read(to, size),
                Backend::Cookie(cookie) => (*cookie).read(to, size),
            }
        }
    }

    /// Writes all of it to the backend, or fails.
    fn push(&mut self, mut from: *const u8, mut size: usize) -> bool {
        while size > 0 {
            // SAFETY: the caller's buffer has the size.
            let written = unsafe {
                match self.backend {
                    Backend::File(fd) => sys!(SYS_write, fd, from, size),
                    Backend::Memory(memory) => (*memory).write(from, size, self.append),
                    Backend::Cookie(cookie) => (*cookie).write(from, size),
                }
            };
            if written <= 0 {
                self.failed = true;
                crate::errno::set(if written < 0 {
                    -written as c_int
                } else {
                    libc::EIO
                });
                return false;
            }
            from = from.wrapping_add(written as usize);
            size -= written as usize;
        }
        true
    }

    fn own_buffer(&mut self) -> bool {
        if self.buffer.is_null() && self.buffering != Buffering::None {
            // SAFETY: fresh memory.
            self.buffer = unsafe { malloc(BUFFER) }.cast();
            self.size = if self.buffer.is_null() { 0 } else { BUFFER };
            self.own_buffer = self.size != 0;
        }
        !self.buffer.is_null()
    }

    /// Ready to be read from; false if it cannot be.
    fn reading(&mut self) -> bool {
        if !self.readable {
            self.failed = true;
            crate::errno::set(libc::EBADF);
            return false;
        }
        if self.mode == Mode::Writing && !self.flush() {
            return false;
        }
        if self.mode != Mode::Reading {
            self.mode = Mode::Reading;
            self.at = 0;
            self.end = 0;
        }
        true
    }

    fn writing(&mut self) -> bool {
        if !self.writable {
            self.failed = true;
            crate::errno::set(libc::EBADF);
            return false;
        }
        if self.mode == Mode::Reading {
            self.drop_input();
        }
        if self.mode != Mode::Writing {
            self.mode = Mode::Writing;
            self.at = 0;
            self.end = 0;
            if let Backend::File(1) = self.backend
                && self.buffering == Buffering::Line
                && OUTPUT_ASKED.swap(1, Ordering::Relaxed) == 0
            {
                let error = crate::errno::get();
                // SAFETY: asks about a descriptor.
                if unsafe { crate::io::terminal::isatty(1) } == 0 {
                    self.buffering = Buffering::Full;
                }
                crate::errno::set(error);
            }
        }
        true
    }

    /// What was read but not handed out goes back to the file.
    pub fn drop_input(&mut self) {
        let ahead = (self.end - self.at + self.pushed_count) as i64;
        if ahead > 0 {
            self.seek(-ahead, libc::SEEK_CUR);
        }
        self.at = 0;
        self.end = 0;
        self.pushed_count = 0;
        self.mode = Mode::Idle;
    }

    pub fn seek(&mut self, offset: i64, whence: c_int) -> i64 {
        // SAFETY: no memory is involved but the backend's own.
        unsafe {
            match self.backend {
                Backend::File(fd) => sys!(SYS_lseek, fd, offset, whence) as i64,
                Backend::Memory(memory) => (*memory).seek(offset, whence),
                Backend::Cookie(cookie) => (*cookie).seek(offset, whence),
            }
        }
    }

    pub fn flush(&mut self) -> bool {
        if self.mode != Mode::Writing {
            return true;
        }
        let end = core::mem::take(&mut self.end);
        self.mode = Mode::Idle;
        end == 0 || self.push(self.buffer, end)
    }

    pub fn write(&mut self, bytes: &[u8]) -> usize {
        if !self.writing() {
            return 0;
        }
        if self.buffering == Buffering::None || !self.own_buffer() {
            return if self.push(bytes.as_ptr(), bytes.len()) {
                bytes.len()
            } else {
                0
            };
        }
        if bytes.len() >= self.size - self.end {
            let end = core::mem::take(&mut self.end);
            if end > 0 && !self.push(self.buffer, end) {
                return 0;
            }
            if bytes.len() >= self.size {
                return if self.push(bytes.as_ptr(), bytes.len()) {
                    bytes.len()
                } else {
                    0
                };
            }
        }
        // SAFETY: there is room now.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.buffer.add(self.end), bytes.len()) };
        self.end += bytes.len();
        if self.buffering == Buffering::Line && bytes.contains(&b'\n') {
            let end = core::mem::take(&mut self.end);
            if !self.push(self.buffer, end) {
                return 0;
            }
        }
        bytes.len()
    }

    /// Fills the buffer; false at the end or on an error, which are noted.
    fn fill(&mut self) -> bool {
        let (buffer, size) = if self.own_buffer() {
            (self.buffer, self.size)
        } else {
            return false;
        };
        let got = self.pull(buffer, size);
        self.at = 0;
        self.end = got.max(0) as usize;
        self.note(got)
    }

    fn note(&mut self, got: isize) -> bool {
        if got == 0 {
            self.ended = true;
        } else if got < 0 {
            self.failed = true;
            crate::errno::set(-got as c_int);
        }
        got > 0
    }

    pub fn byte(&mut self) -> Option<u8> {
        if self.pushed_count > 0 {
            self.pushed_count -= 1;
            return Some(self.pushed[self.pushed_count]);
        }
        if self.mode != Mode::Reading && !self.reading() {
            return None;
        }
        if self.at == self.end {
            if self.buffering == Buffering::None {
                let mut byte = 0u8;
                let got = self.pull(&raw mut byte, 1);
                return if self.note(got) { Some(byte) } else { None };
            }
            if !self.fill() {
                return None;
            }
        }
        // SAFETY: `at` is below `end`.
        let byte = unsafe { *self.buffer.add(self.at) };
        self.at += 1;
        Some(byte)
    }

    /// Bytes that can be taken without reading more; reads some if there are none.
    pub fn available(&mut self) -> &[u8] {
        if self.mode != Mode::Reading && !self.reading() || self.at == self.end && !self.fill() {
            return &[];
        }
        // SAFETY: that part of the buffer is filled.
        unsafe { core::slice::from_raw_parts(self.buffer.add(self.at), self.end - self.at) }
    }

    pub fn read(&mut self, mut to: *mut u8, size: usize) -> usize {
        let mut left = size;
        while left > 0 && self.pushed_count > 0 {
            self.pushed_count -= 1;
            // SAFETY: the caller's buffer has room for `left`.
            unsafe { *to = self.pushed[self.pushed_count] };
            to = to.wrapping_add(1);
            left -= 1;
        }
        if left > 0 && self.mode != Mode::Reading && !self.reading() {
            return size - left;
        }
        while left > 0 {
            if self.at == self.end {
                // What is larger than the buffer goes straight to the caller.
                if left >= self.size.max(1) || self.buffering == Buffering::None {
                    let got = self.pull(to, left);
                    if !self.note(got) {
                        break;
                    }
                    to = to.wrapping_add(got as usize);
                    left -= got as usize;
                    continue;
                }
                if !self.fill() {
                    break;
                }
            }
            let part = left.min(self.end - self.at);
            // SAFETY: both ranges are as long.
            unsafe { ptr::copy_nonoverlapping(self.buffer.add(self.at), to, part) };
            self.at += part;
            to = to.wrapping_add(part);
            left -= part;
        }
        size - left
    }

    pub fn unread(&mut self, byte: u8) -> bool {
        if !self.readable || self.pushed_count == BACK {
            return false;
        }
        self.pushed[self.pushed_count] = byte;
        self.pushed_count += 1;
        self.ended = false;
        true
    }

    /// Gives the buffer back; the stream is about to go.
    pub fn free_buffer(&mut self) {
        if self.own_buffer {
            // SAFETY: its own heap memory.
            unsafe { free(self.buffer.cast::<c_void>()) };
        }
        self.buffer = ptr::null_mut();
        self.own_buffer = false;
    }
}

/// Runs for every open stream under its lock.
pub fn each(mut visit: impl FnMut(&mut Inner)) {
    for file in [&OUTPUT, &ERROR, &INPUT] {
        // SAFETY: a static stream.
        visit(&mut *unsafe { File::lock(file) });
    }
    let open = OPEN.lock();
    let mut file = open.0;
    while !file.is_null() {
        // SAFETY: streams leave the list before they are freed, under the list's lock.
        unsafe {
            visit(&mut *File::lock(file));
            file = (*file).next.load(Ordering::Relaxed);
        }
    }
}

/// At exit: a stream that another thread holds for good must not stop the process.
pub fn flush_all() {
    let finish = |file: &File| {
        if file.try_acquire() {
            // SAFETY: the lock is held.
            unsafe {
                let inner = file.unlocked();
                inner.flush();
                if inner.mode == Mode::Reading {
                    inner.drop_input();
                }
                file.release();
            }
        }
    };
    for file in [&OUTPUT, &ERROR, &INPUT] {
        finish(file);
    }
    let open = OPEN.lock();
    let mut file = open.0;
    while !file.is_null() {
        // SAFETY: as in `each`.
        unsafe {
            finish(&*file);
            file = (*file).next.load(Ordering::Relaxed);
        }
    }
}

static FORK_LOCKED: AtomicBool = AtomicBool::new(false);

/// For a fork: no stream is in the middle of a change when memory is copied.
pub fn lock_all() {
    OPEN.acquire();
    let threads = LIVE.load(Ordering::Relaxed) > 1;
    FORK_LOCKED.store(threads, Ordering::Relaxed);
    if threads {
        for file in [&OUTPUT, &ERROR, &INPUT] {
            file.acquire();
        }
    }
}

/// # Safety
/// After [`lock_all`], by the same thread or its fork's child.
pub unsafe fn unlock_all() {
    if FORK_LOCKED.load(Ordering::Relaxed) {
        for file in [&OUTPUT, &ERROR, &INPUT] {
            file.release();
        }
    }
    OPEN.release();
}
