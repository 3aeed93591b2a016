//! Error numbers, as Linux chooses them.

use core::fmt;
use linux_raw_sys::errno as raw;

/// A Linux error number, between 1 and 4095.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(u16);

/// What a kernel operation returns.
pub type Result<T = (), E = Errno> = core::result::Result<T, E>;

macro_rules! errnos {
    ($($name:ident)*) => {
        impl Errno {
            $(pub const $name: Errno = Errno(raw::$name as u16);)*

            /// The symbolic name, where this kernel uses the number.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Errno::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT
    ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG
    ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY
    ELOOP ENODATA ETIME EPROTO EBADMSG EOVERFLOW EILSEQ EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE
    EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT
    EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS
    EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH
    EALREADY EINPROGRESS ESTALE EDQUOT ELIBBAD ECANCELED EOWNERDEAD ENOTRECOVERABLE
    ENOMSG EIDRM EBADFD
}

impl Errno {
    /// Ends a system call that a signal interrupted: the signal code turns it into a restart of
    /// the call (SA_RESTART, or no handler ran) or into EINTR. Never reaches user space.
    pub const RESTART: Errno = Errno(512);
    /// As [`Errno::RESTART`], for calls that restart only when no handler ran (Linux's
    /// ERESTARTNOHAND): poll, select, epoll_wait, pause, sigsuspend, nanosleep.
    pub const RESTART_NO_HANDLER: Errno = Errno(514);
    /// As [`Errno::RESTART`], for calls that restart whatever ran (Linux's ERESTARTNOINTR): those
    /// that wait to be given a lock.
    pub const RESTART_ALWAYS: Errno = Errno(513);

    /// An error number a server sent; anything outside Linux's range becomes EIO.
    #[must_use]
    pub fn from_server(raw: i64) -> Errno {
        match u16::try_from(raw) {
            Ok(n @ 1..=511) => Errno(n),
            _ => Errno::EIO,
        }
    }

    /// What the system call returns in its result register: −errno.
    #[must_use]
    pub fn to_ret(self) -> usize {
        -(self.0 as isize) as usize
    }

    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl From<ochre_hal::uaccess::Fault> for Errno {
    fn from(_: ochre_hal::uaccess::Fault) -> Errno {
        Errno::EFAULT
    }
}

impl From<ochre_hal::frame::OutOfMemory> for Errno {
    fn from(_: ochre_hal::frame::OutOfMemory) -> Errno {
        Errno::ENOMEM
    }
}

impl From<alloc::collections::TryReserveError> for Errno {
    fn from(_: alloc::collections::TryReserveError) -> Errno {
        Errno::ENOMEM
    }
}
