//! Signals: what is asked of a process or thread out of turn.
//!
//! A signal is pending for a process (any thread may take it) or for one thread. Sending decides at
//! once what needs no thread (ignored signals vanish; SIGCONT and stop signals cancel each other);
//! the rest waits until a thread that does not block it returns to user mode ([`deliver`]), or is
//! taken by sigtimedwait or a signalfd.
//!
//! Locks: the process's signal state, then the thread's. Both are held briefly and never while user
//! memory is touched.

pub mod action;
pub mod calls;
pub mod deliver;
pub mod frame;
pub mod info;
pub mod pending;
pub mod send;

pub use info::SigInfo;
pub use send::{send_to_process, send_to_thread};

use bitflags::bitflags;

pub type Signal = u32;

macro_rules! signals {
    ($($name:ident = $number:literal),* $(,)?) => {
        $(pub const $name: Signal = $number;)*
    };
}

signals! {
    SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGBUS = 7,
    SIGFPE = 8, SIGKILL = 9, SIGUSR1 = 10, SIGSEGV = 11, SIGUSR2 = 12, SIGPIPE = 13, SIGALRM = 14,
    SIGTERM = 15, SIGSTKFLT = 16, SIGCHLD = 17, SIGCONT = 18, SIGSTOP = 19, SIGTSTP = 20,
    SIGTTIN = 21, SIGTTOU = 22, SIGURG = 23, SIGXCPU = 24, SIGXFSZ = 25, SIGVTALRM = 26,
    SIGPROF = 27, SIGWINCH = 28, SIGIO = 29, SIGPWR = 30, SIGSYS = 31, SIGRTMIN = 32, SIGRTMAX = 64,
}

/// A set of signals: bit n−1 is signal n, as user space lays it out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SignalSet(pub u64);

impl SignalSet {
    pub const EMPTY: SignalSet = SignalSet(0);
    /// What no mask can hold back.
    pub const UNBLOCKABLE: SignalSet = SignalSet::of(SIGKILL).with(SIGSTOP);
    pub const STOPS: SignalSet = SignalSet::of(SIGSTOP)
        .with(SIGTSTP)
        .with(SIGTTIN)
        .with(SIGTTOU);

    #[must_use]
    pub const fn of(signal: Signal) -> SignalSet {
        SignalSet(1 << (signal - 1))
    }

    #[must_use]
    pub const fn with(self, signal: Signal) -> SignalSet {
        SignalSet(self.0 | SignalSet::of(signal).0)
    }

    #[must_use]
    pub const fn has(self, signal: Signal) -> bool {
        self.0 & SignalSet::of(signal).0 != 0
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub const fn union(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 | other.0)
    }

    #[must_use]
    pub const fn intersect(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 & other.0)
    }

    #[must_use]
    pub const fn minus(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 & !other.0)
    }

    /// The lowest, which is delivered first.
    #[must_use]
    pub fn first(self) -> Option<Signal> {
        (self.0 != 0).then(|| self.0.trailing_zeros() + 1)
    }
}

/// A number user space named as a signal.
#[must_use]
pub fn is_valid(number: usize) -> bool {
    (1..=SIGRTMAX as usize).contains(&number)
}

/// What happens when no handler is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    Terminate,
    /// Terminate, with a core dump.
    Core,
    Ignore,
    Stop,
    Continue,
}

#[must_use]
pub fn default_of(signal: Signal) -> Default {
    match signal {
        SIGQUIT | SIGILL | SIGTRAP | SIGABRT | SIGBUS | SIGFPE | SIGSEGV | SIGXCPU | SIGXFSZ
        | SIGSYS => Default::Core,
        SIGCHLD | SIGURG | SIGWINCH => Default::Ignore,
        SIGSTOP | SIGTSTP | SIGTTIN | SIGTTOU => Default::Stop,
        SIGCONT => Default::Continue,
        _ => Default::Terminate,
    }
}

bitflags! {
    /// What a thread has to look at before it returns to user mode.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Attention: u32 {
        /// A signal that it does not block may be pending.
        const SIGNAL = 1;
        /// The process exits: the thread ends.
        const EXIT = 2;
        /// The process is stopped: the thread waits.
        const STOP = 4;
        /// A mask that a call had replaced for its own time must be put back.
        const MASK = 8;
        /// Timers or a limit by CPU time may have come to their end.
        const CPU_TIME = 16;
        /// What ends no wait.
        const QUIET = Self::MASK.bits() | Self::CPU_TIME.bits();
        /// A tracer wants the thread to stop.
        const TRAP = 32;
    }
}
