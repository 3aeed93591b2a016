//! A stopped thread's registers, in the shapes that ptrace has for them.

use crate::errno::{Errno, Result};
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use ochre_hal::USER_END;
use ochre_hal::admission::Room;
use ochre_hal::user::{DebugRegisters, UserContext, UserRegs, xfeatures};

/// The trap flag: one instruction, then a debug exception.
pub const TRAP_FLAG: usize = 0x100;
/// The segments that all user code has. A new program's registers get theirs when it runs.
const CODE_SEGMENT: usize = 0x33;
const DATA_SEGMENT: usize = 0x2b;
/// Where the FXSAVE area has what XCR0 was.
const SOFTWARE_AT: usize = 464;
/// Bytes of `struct user_fpregs_struct`.
pub const FXSAVE: usize = 512;

/// `struct user_regs_struct`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct General {
    pub words: [usize; 27],
}

impl General {
    #[must_use]
    pub fn of(r: &UserRegs, fs_base: usize, gs_base: usize) -> General {
        General {
            words: [
                r.r15,
                r.r14,
                r.r13,
                r.r12,
                r.rbp,
                r.rbx,
                r.r11,
                r.r10,
                r.r9,
                r.r8,
                r.rax,
                r.rcx,
                r.rdx,
                r.rsi,
                r.rdi,
                r.orig_rax,
                r.rip,
                CODE_SEGMENT,
                r.rflags,
                r.rsp,
                DATA_SEGMENT,
                fs_base,
                gs_base,
                0,
                0,
                0,
                0,
            ],
        }
    }
}

/// What a thread leaves with its tracer.
pub struct Registers {
    pub regs: UserRegs,
    fs_base: usize,
    gs_base: usize,
    pub debug: DebugRegisters,
    pub fpu: Vec<u8>,
    fpu_changed: bool,
}

/// Says in an FPU image which parts of the state there are.
pub fn note_features(fpu: &mut [u8]) {
    if let Some(place) = fpu.get_mut(SOFTWARE_AT..SOFTWARE_AT + 8) {
        place.copy_from_slice(&xfeatures().to_ne_bytes());
    }
}

impl Registers {
    pub fn take(user: &mut UserContext) -> Registers {
        let mut fpu = Vec::new();
        if fpu.room_exact(user.fpu_bytes().len()).is_ok() {
            fpu.extend_from_slice(user.fpu_bytes());
        }
        note_features(&mut fpu);
        Registers {
            regs: user.regs,
            fs_base: user.fs_base,
            gs_base: user.current_gs_base(),
            debug: user.debug,
            fpu,
            fpu_changed: false,
        }
    }

    pub fn give_back(&self, user: &mut UserContext) {
        user.regs = self.regs;
        user.fs_base = self.fs_base;
        user.gs_base = self.gs_base;
        user.debug = self.debug;
        // What the tracer wrote was checked as it did.
        if self.fpu_changed && user.set_fpu_bytes(&self.fpu).is_err() {
            user.reset_fpu();
        }
    }

    pub fn general(&self) -> General {
        General::of(&self.regs, self.fs_base, self.gs_base)
    }

    /// Takes registers that a tracer wrote. Segments stay as they are; flags and addresses that
    /// user code can't have are put right, or refused.
    pub fn set_general(&mut self, new: &General) -> Result {
        let [
            r15,
            r14,
            r13,
            r12,
            rbp,
            rbx,
            r11,
            r10,
            r9,
            r8,
            rax,
            rcx,
            rdx,
            rsi,
            rdi,
            orig_rax,
            rip,
            _,
            rflags,
            rsp,
            _,
            fs_base,
            gs_base,
            ..,
        ] = new.words;
        if fs_base >= USER_END || gs_base >= USER_END {
            return Err(Errno::EIO);
        }
        self.regs = UserRegs {
            r15,
            r14,
            r13,
            r12,
            rbp,
            rbx,
            r11,
            r10,
            r9,
            r8,
            rax,
            rcx,
            rdx,
            rsi,
            rdi,
            orig_rax,
            rip,
            rflags,
            rsp,
            ..self.regs
        };
        self.fs_base = fs_base;
        self.gs_base = gs_base;
        Ok(())
    }

    /// Takes the first bytes of an FPU image.
    pub fn set_fpu(&mut self, bytes: &[u8]) {
        let len = bytes.len().min(self.fpu.len());
        self.fpu[..len].copy_from_slice(&bytes[..len]);
        if bytes.len() <= FXSAVE && self.fpu.len() > FXSAVE + 8 {
            // x87 and SSE were given: they count.
            self.fpu[FXSAVE] |= 3;
        }
        self.fpu_changed = true;
    }
}
