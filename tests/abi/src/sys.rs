//! System calls as they are: no C library in between that would check, retry or translate.

use std::arch::asm;
use std::ffi::CStr;
use std::fmt;
use std::sync::atomic::AtomicU32;

/// What a call returned: a value, or an error's negative number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ret(pub isize);

impl Ret {
    /// The value as a descriptor, process number or the like; −1 for an error.
    pub fn value(self) -> i32 {
        self.0.max(-1) as i32
    }

    pub fn failed(self) -> bool {
        self.0 < 0
    }

    /// "ok" for any success: where the value differs from run to run.
    pub fn outcome(self) -> String {
        if self.failed() {
            self.to_string()
        } else {
            "ok".to_owned()
        }
    }
}

macro_rules! names {
    ($($name:ident)*) => {
        fn name(number: i32) -> Option<&'static str> {
            match number {
                $(libc::$name => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

names! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT
    EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC
    ESPIPE EROFS EMLINK EPIPE ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP ENODATA
    EOVERFLOW ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT
    ESOCKTNOSUPPORT EOPNOTSUPP EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETUNREACH EHOSTUNREACH EDOM ECONNRESET ENOBUFS EISCONN ENOTCONN
    ETIMEDOUT ECONNREFUSED EALREADY EINPROGRESS EOWNERDEAD ENOTRECOVERABLE ECANCELED ENOMSG
    EIDRM
}

impl fmt::Display for Ret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.failed() {
            let number = self.0.unsigned_abs() as i32;
            match name(number) {
                Some(name) => out.write_str(name),
                None => write!(out, "error {number}"),
            }
        } else {
            write!(out, "{}", self.0)
        }
    }
}

/// Anything that is passed in a register.
pub trait Word {
    fn word(self) -> usize;
}

macro_rules! words {
    ($($ty:ty)*) => {
        $(impl Word for $ty {
            fn word(self) -> usize {
                self as usize
            }
        })*
    };
}

words! { i32 u32 i64 u64 usize isize }

impl<T> Word for *const T {
    fn word(self) -> usize {
        self as usize
    }
}

impl<T> Word for *mut T {
    fn word(self) -> usize {
        self as usize
    }
}

impl Word for &CStr {
    fn word(self) -> usize {
        self.as_ptr() as usize
    }
}

impl Word for Ret {
    fn word(self) -> usize {
        self.0 as usize
    }
}

/// One call. Tests pass pointers to their own memory, or wrong ones on purpose: what a call does to
/// the process that makes it is what these programs are there to show.
pub fn call(number: i64, arguments: &[usize]) -> Ret {
    let mut a = [0; 6];
    a[..arguments.len()].copy_from_slice(arguments);
    let result;
    // SAFETY: the kernel keeps all registers but rax, rcx and r11; memory is the tests' own.
    unsafe {
        asm!(
            "syscall",
            inout("rax") number as isize => result,
            in("rdi") a[0],
            in("rsi") a[1],
            in("rdx") a[2],
            in("r10") a[3],
            in("r8") a[4],
            in("r9") a[5],
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    Ret(result)
}

/// Closes descriptors, whatever comes of it.
pub fn close_all(descriptors: &[i32]) {
    for &fd in descriptors {
        crate::sys!(SYS_close, fd);
    }
}

/// `sys!(openat, AT_FDCWD, c"name", O_RDONLY)`
#[macro_export]
macro_rules! sys {
    ($name:ident $(, $argument:expr)* $(,)?) => {
        $crate::sys::call(
            libc::$name,
            &[$($crate::sys::Word::word($argument)),*],
        )
    };
}

/// `show!("what is done", value)`: one check's line.
#[macro_export]
macro_rules! show {
    // Before the values: a form may name all that it shows.
    ($name:expr, $form:literal) => {
        println!("{}: {}", $name, format_args!($form))
    };
    ($name:expr, $value:expr) => {
        println!("{}: {}", $name, $value)
    };
    ($name:expr, $form:literal, $($value:expr),+) => {
        println!("{}: {}", $name, format_args!($form, $($value),+))
    };
}

extern "C" fn nothing(_: i32) {}

/// Has SIGUSR1 run a handler: calls are restarted after it (SA_RESTART), or not.
pub fn handle(flags: i32) {
    // SAFETY: the handler does nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(i32) as usize;
        action.sa_flags = flags;
        libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut());
    }
}

/// Words in memory that children share, 0 at first.
pub fn shared_words<const N: usize>() -> [&'static AtomicU32; N] {
    let memory = sys!(
        SYS_mmap,
        0,
        4096,
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        -1,
        0
    );
    assert!(!memory.failed() && N <= 1024);
    let first = memory.0 as *mut u32;
    // SAFETY: words of the new page, which stays.
    std::array::from_fn(|index| unsafe { AtomicU32::from_ptr(first.add(index)) })
}
