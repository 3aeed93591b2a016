//! Who a thread acts as: user and group numbers, supplementary groups, capabilities.
//!
//! Credentials are immutable and shared; a change replaces the thread's whole set, so a reader's
//! snapshot is always consistent.

use crate::errno::{Errno, Result};
use crate::fs::file_capabilities::FileCapabilities;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bitflags::bitflags;

bitflags! {
    /// Linux's capabilities, by number.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Capabilities: u64 {
        const CHOWN = 1 << 0;
        const DAC_OVERRIDE = 1 << 1;
        const DAC_READ_SEARCH = 1 << 2;
        const FOWNER = 1 << 3;
        const FSETID = 1 << 4;
        const KILL = 1 << 5;
        const SETGID = 1 << 6;
        const SETUID = 1 << 7;
        const SETPCAP = 1 << 8;
        const LINUX_IMMUTABLE = 1 << 9;
        const NET_BIND_SERVICE = 1 << 10;
        const NET_BROADCAST = 1 << 11;
        const NET_ADMIN = 1 << 12;
        const NET_RAW = 1 << 13;
        const IPC_LOCK = 1 << 14;
        const IPC_OWNER = 1 << 15;
        const SYS_MODULE = 1 << 16;
        const SYS_RAWIO = 1 << 17;
        const SYS_CHROOT = 1 << 18;
        const SYS_PTRACE = 1 << 19;
        const SYS_PACCT = 1 << 20;
        const SYS_ADMIN = 1 << 21;
        const SYS_BOOT = 1 << 22;
        const SYS_NICE = 1 << 23;
        const SYS_RESOURCE = 1 << 24;
        const SYS_TIME = 1 << 25;
        const SYS_TTY_CONFIG = 1 << 26;
        const MKNOD = 1 << 27;
        const LEASE = 1 << 28;
        const AUDIT_WRITE = 1 << 29;
        const AUDIT_CONTROL = 1 << 30;
        const SETFCAP = 1 << 31;
        const MAC_OVERRIDE = 1 << 32;
        const MAC_ADMIN = 1 << 33;
        const SYSLOG = 1 << 34;
        const WAKE_ALARM = 1 << 35;
        const BLOCK_SUSPEND = 1 << 36;
        const AUDIT_READ = 1 << 37;
        const PERFMON = 1 << 38;
        const BPF = 1 << 39;
        const CHECKPOINT_RESTORE = 1 << 40;
    }
}

/// The highest capability number.
pub const LAST_CAPABILITY: u32 = 40;

/// Real, effective and saved user or group number, and the one that files see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    pub real: u32,
    pub effective: u32,
    pub saved: u32,
    pub fs: u32,
}

impl Ids {
    #[must_use]
    pub const fn all(id: u32) -> Ids {
        Ids {
            real: id,
            effective: id,
            saved: id,
            fs: id,
        }
    }

    /// Whether `id` is one of real, effective and saved.
    #[must_use]
    pub fn has(&self, id: u32) -> bool {
        self.real == id || self.effective == id || self.saved == id
    }
}

#[derive(Clone, Debug)]
pub struct Credentials {
    pub uid: Ids,
    pub gid: Ids,
    pub groups: Arc<Vec<u32>>,
    pub permitted: Capabilities,
    pub effective: Capabilities,
    pub inheritable: Capabilities,
    pub bounding: Capabilities,
    pub ambient: Capabilities,
    /// prctl's securebits.
    pub secure_bits: u32,
    /// The program was to have more than who executed it, and distrusts its environment (AT_SECURE).
    pub secure: bool,
}

/// SECBIT_NOROOT: user number 0 gets no capabilities by itself.
pub const SECURE_NOROOT: u32 = 1;
/// SECBIT_NO_SETUID_FIXUP: changes of user number leave capabilities alone.
pub const SECURE_NO_SETUID_FIXUP: u32 = 4;
/// SECBIT_KEEP_CAPS.
pub const SECURE_KEEP_CAPS: u32 = 16;

impl Credentials {
    /// Process 1's: root with everything.
    #[must_use]
    pub fn root() -> Credentials {
        Credentials {
            uid: Ids::all(0),
            gid: Ids::all(0),
            groups: Arc::new(Vec::new()),
            permitted: Capabilities::all(),
            effective: Capabilities::all(),
            inheritable: Capabilities::empty(),
            bounding: Capabilities::all(),
            ambient: Capabilities::empty(),
            secure_bits: 0,
            secure: false,
        }
    }

    #[must_use]
    pub fn can(&self, capability: Capabilities) -> bool {
        self.effective.contains(capability)
    }

    #[must_use]
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid.fs == gid || self.groups.contains(&gid)
    }

    /// Adjusts capabilities after the user numbers changed from `old`, as capabilities(7) lays
    /// down.
    pub fn after_uid_change(&mut self, old: Ids) {
        if self.secure_bits & SECURE_NO_SETUID_FIXUP != 0 {
            return;
        }
        let new = self.uid;
        if old.has(0) && !new.has(0) {
            if self.secure_bits & SECURE_KEEP_CAPS == 0 {
                self.permitted = Capabilities::empty();
                self.effective = Capabilities::empty();
            }
            self.ambient = Capabilities::empty();
        }
        if old.effective == 0 && new.effective != 0 {
            self.effective = Capabilities::empty();
        }
        if old.effective != 0 && new.effective == 0 {
            self.effective = self.permitted;
        }
    }

    /// `EPERM` for a program that could not have all that it counts on.
    pub fn check_exec(&self, file: Option<FileCapabilities>) -> Result {
        let Some(file) = file.filter(|file| file.effective) else {
            return Ok(());
        };
        let has = self.bounding | (self.inheritable & file.inheritable);
        if has.contains(file.permitted) {
            Ok(())
        } else {
            Err(Errno::EPERM)
        }
    }

    /// What the credentials become when they execute a file: `set_uid` and `set_gid` are the
    /// file's owner where its mode has the set-id bits, `file` its capabilities. Nothing is gained if `others_act`, who could
    /// make the program do what it should not; nor are numbers kept then that its user doesn't have.
    #[must_use]
    pub fn for_exec(
        &self,
        set_uid: Option<u32>,
        set_gid: Option<u32>,
        file: Option<FileCapabilities>,
        others_act: bool,
        no_new_privileges: bool,
    ) -> Credentials {
        let mut new = self.clone();
        if !no_new_privileges {
            if let Some(uid) = set_uid {
                new.uid.effective = uid;
            }
            if let Some(gid) = set_gid {
                new.gid.effective = gid;
            }
        }
        let raised = new.is_raised();
        let (mut gives, mut effective) = (Capabilities::empty(), false);
        if let Some(file) = file {
            gives = (new.bounding & file.permitted) | (new.inheritable & file.inheritable);
            effective = file.effective;
        }
        // A set-user-id program of root's that has capabilities has those alone.
        let by_file = file.is_some() && new.uid.real != 0;
        let (real, acts) = (new.uid.real == 0, new.uid.effective == 0);
        if new.secure_bits & SECURE_NOROOT == 0 && !(by_file && acts) {
            if real || acts {
                gives = new.bounding | new.inheritable;
            }
            effective |= acts;
        }
        new.permitted = gives;
        let gains = raised || !self.permitted.contains(new.permitted);
        if gains && (others_act || no_new_privileges) {
            if no_new_privileges || !self.can(Capabilities::SETUID) {
                new.uid.effective = new.uid.real;
                new.gid.effective = new.gid.real;
            }
            new.permitted &= self.permitted;
        }
        new.uid.saved = new.uid.effective;
        new.uid.fs = new.uid.effective;
        new.gid.saved = new.gid.effective;
        new.gid.fs = new.gid.effective;
        if raised || file.is_some() {
            new.ambient = Capabilities::empty();
        }
        new.permitted |= new.ambient;
        new.effective = if effective {
            new.permitted
        } else {
            new.ambient
        };
        let more = effective || !new.ambient.contains(new.permitted);
        new.secure = raised || new.uid.real != 0 && more;
        new.secure_bits &= !SECURE_KEEP_CAPS;
        new
    }

    /// Whether who has these acts as somebody else than with the `old` ones, or may do more.
    #[must_use]
    pub fn is_other_than(&self, old: &Credentials) -> bool {
        let ids = |of: &Credentials| [of.uid.effective, of.uid.fs, of.gid.effective, of.gid.fs];
        ids(self) != ids(old) || !old.permitted.contains(self.permitted)
    }

    /// Whether a program is told the same of both.
    #[must_use]
    pub fn is_who(&self, other: &Credentials) -> bool {
        let ids = |of: &Credentials| [of.uid.real, of.uid.effective, of.gid.real, of.gid.effective];
        ids(self) == ids(other) && self.secure == other.secure
    }

    /// Whether who has these acts as somebody else than he is.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.uid.real != self.uid.effective || self.gid.real != self.gid.effective
    }
}
