//! What comes along with a signal: siginfo_t.

use super::Signal;
use crate::linux::general as raw;
use crate::task::Pid;
use alloc::boxed::Box;

/// Bytes of siginfo_t.
pub const SIZE: usize = 128;

#[derive(Clone, Debug)]
pub enum Payload {
    None,
    /// kill and its kin.
    Sender {
        pid: Pid,
        uid: u32,
    },
    /// sigqueue, message queues: sender and value.
    Value {
        pid: Pid,
        uid: u32,
        value: u64,
    },
    Timer {
        id: i32,
        overrun: i32,
        value: u64,
        /// Which setting of the timer sent it.
        setting: u64,
    },
    Child {
        pid: Pid,
        uid: u32,
        status: i32,
        user_time: u64,
        system_time: u64,
    },
    Fault {
        addr: usize,
    },
    Poll {
        band: u64,
        fd: i32,
    },
    System {
        addr: usize,
        call: i32,
    },
    /// Everything behind si_code, as rt_sigqueueinfo gave it.
    Raw(Box<[u8; SIZE - 12]>),
}

#[derive(Clone, Debug)]
pub struct SigInfo {
    pub signal: Signal,
    pub errno: i32,
    pub code: i32,
    pub payload: Payload,
}

impl SigInfo {
    /// From the kernel itself.
    #[must_use]
    pub fn kernel(signal: Signal) -> SigInfo {
        SigInfo {
            signal,
            errno: 0,
            code: raw::SI_KERNEL as i32,
            payload: Payload::None,
        }
    }

    /// By kill.
    #[must_use]
    pub fn user(signal: Signal, pid: Pid, uid: u32) -> SigInfo {
        SigInfo {
            signal,
            errno: 0,
            code: raw::SI_USER as i32,
            payload: Payload::Sender { pid, uid },
        }
    }

    #[must_use]
    pub fn fault(signal: Signal, code: u32, addr: usize) -> SigInfo {
        SigInfo {
            signal,
            errno: 0,
            code: code as i32,
            payload: Payload::Fault { addr },
        }
    }

    /// As a user program sees it.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; SIZE] {
        let mut out = [0; SIZE];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &(self.signal as i32).to_ne_bytes());
        put(4, &self.errno.to_ne_bytes());
        put(8, &self.code.to_ne_bytes());
        match &self.payload {
            Payload::None => {}
            Payload::Sender { pid, uid } => {
                put(16, &pid.to_ne_bytes());
                put(20, &uid.to_ne_bytes());
            }
            Payload::Value { pid, uid, value } => {
                put(16, &pid.to_ne_bytes());
                put(20, &uid.to_ne_bytes());
                put(24, &value.to_ne_bytes());
            }
            Payload::Timer {
                id, overrun, value, ..
            } => {
                put(16, &id.to_ne_bytes());
                put(20, &overrun.to_ne_bytes());
                put(24, &value.to_ne_bytes());
            }
            Payload::Child {
                pid,
                uid,
                status,
                user_time,
                system_time,
            } => {
                put(16, &pid.to_ne_bytes());
                put(20, &uid.to_ne_bytes());
                put(24, &status.to_ne_bytes());
                put(32, &user_time.to_ne_bytes());
                put(40, &system_time.to_ne_bytes());
            }
            Payload::Fault { addr } => put(16, &addr.to_ne_bytes()),
            Payload::Poll { band, fd } => {
                put(16, &band.to_ne_bytes());
                put(24, &fd.to_ne_bytes());
            }
            Payload::System { addr, call } => {
                put(16, &addr.to_ne_bytes());
                put(24, &call.to_ne_bytes());
                // AUDIT_ARCH_X86_64
                put(28, &0xc000_003e_u32.to_ne_bytes());
            }
            Payload::Raw(bytes) => put(12, &bytes[..]),
        }
        out
    }

    /// From rt_sigqueueinfo's bytes.
    #[must_use]
    pub fn from_bytes(signal: Signal, bytes: &[u8; SIZE]) -> SigInfo {
        let word = |at: usize| {
            let mut w = [0; 4];
            w.copy_from_slice(&bytes[at..at + 4]);
            i32::from_ne_bytes(w)
        };
        let mut rest = [0; SIZE - 12];
        rest.copy_from_slice(&bytes[12..]);
        SigInfo {
            signal,
            errno: word(4),
            code: word(8),
            payload: Payload::Raw(Box::new(rest)),
        }
    }
}
