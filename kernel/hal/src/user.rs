//! Running user code: its registers, and why it came back.

use crate::addr::USER_END;
use crate::cpu::Features;
use crate::fpu::Fpu;
use crate::frame::OutOfMemory;
use crate::gdt::{USER_CS, USER_DS};
use crate::traps::{self, vector};
use crate::x86::{self, rflags};
use crate::{cpu, fpu, local};

pub use crate::debug::DebugRegisters;
pub use crate::fpu::{BadFpuState, size as fpu_size, xfeatures};

/// A user thread's registers, in the order of Linux's pt_regs.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserRegs {
    pub r15: usize,
    pub r14: usize,
    pub r13: usize,
    pub r12: usize,
    pub rbp: usize,
    pub rbx: usize,
    pub r11: usize,
    pub r10: usize,
    pub r9: usize,
    pub r8: usize,
    pub rax: usize,
    pub rcx: usize,
    pub rdx: usize,
    pub rsi: usize,
    pub rdi: usize,
    /// The system call's number; −1 after any other trap.
    pub orig_rax: usize,
    pub rip: usize,
    pub cs: usize,
    pub rflags: usize,
    pub rsp: usize,
    pub ss: usize,
}

/// Why user code stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// `syscall`: number in `orig_rax`, arguments in rdi, rsi, rdx, r10, r8, r9; the result goes
    /// into `rax`.
    Syscall,
    PageFault {
        addr: usize,
        write: bool,
        exec: bool,
        /// The CPU's error code (SDM volume 3, 5.7).
        error: u64,
    },
    Exception {
        vector: u8,
        error: u64,
    },
    /// An interrupt was served; a good moment to reschedule.
    Interrupt,
}

/// The end of `regs` is where the CPU pushes the frame of a trap from user mode, so it must be
/// 16-byte aligned: it would be rounded down otherwise.
#[repr(C, align(16))]
pub struct UserContext {
    _align: usize,
    pub regs: UserRegs,
    pub fs_base: usize,
    /// The GS base as the kernel set it last; [`UserContext::current_gs_base`] is the newest.
    pub gs_base: usize,
    /// What the FS base was when user code came back last.
    fs_loaded: usize,
    /// Where an interrupt last stopped user code.
    interrupted_at: usize,
    /// Where it traps, for its tracer.
    pub debug: DebugRegisters,
    fpu: Fpu,
}

const _: () = {
    let end = core::mem::offset_of!(UserContext, regs) + size_of::<UserRegs>();
    assert!(end.is_multiple_of(16));
};

impl UserContext {
    /// Registers all zero, FPU in its initial state.
    pub fn new() -> Result<UserContext, OutOfMemory> {
        let regs = UserRegs::default();
        Ok(UserContext {
            _align: 0,
            regs,
            fs_base: 0,
            gs_base: 0,
            fs_loaded: 0,
            interrupted_at: 0,
            debug: DebugRegisters::default(),
            fpu: Fpu::new()?,
        })
    }

    /// A copy, FPU included, for a new thread, which traps nowhere.
    pub fn try_clone(&mut self) -> Result<UserContext, OutOfMemory> {
        Ok(UserContext {
            _align: 0,
            regs: self.regs,
            fs_base: self.fs_base,
            gs_base: self.current_gs_base(),
            fs_loaded: self.fs_loaded,
            interrupted_at: 0,
            debug: DebugRegisters::default(),
            fpu: self.fpu.try_clone()?,
        })
    }

    /// The GS base, with what user code made of it by itself.
    #[must_use]
    pub fn current_gs_base(&self) -> usize {
        self.fpu.gs_base(self.gs_base)
    }

    /// Runs user code in the active address space until it traps. Registers that user code can't
    /// have (segments, privileged flags) are put right first; a rip outside of the user half is
    /// reported as a general protection fault.
    pub fn run(&mut self) -> Trap {
        let watched = self.debug.is_on();
        if watched {
            self.debug.load();
        }
        let trap = self.run_watched(watched);
        if watched {
            DebugRegisters::unload();
        }
        trap
    }

    /// As [`run`](Self::run), with debug registers loaded if it is `watched`. They stay so while an interrupt is
    /// served: QEMU forgets that one was met when it is loaded anew before that is told.
    #[inline(always)]
    fn run_watched(&mut self, watched: bool) -> Trap {
        loop {
            if self.regs.rip >= USER_END {
                return Trap::Exception {
                    vector: vector::GENERAL_PROTECTION,
                    error: 0,
                };
            }
            let regs = &mut self.regs;
            let allowed = if watched {
                rflags::USER | rflags::RF
            } else {
                rflags::USER
            };
            regs.rflags = regs.rflags & allowed | rflags::IF | rflags::FIXED;
            regs.cs = usize::from(USER_CS);
            regs.ss = usize::from(USER_DS);
            let entered_at = regs.rip;
            let local = local::this();
            self.fpu
                .load(local, self.fs_base, self.fs_loaded, &mut self.gs_base);
            // What `syscall` leaves and `sysret` needs: rip in rcx, rflags in r11.
            let fast = regs.rcx == regs.rip && regs.r11 == regs.rflags && !watched;
            // SAFETY: the registers are valid for user mode, and this struct stays where it is
            // while it is borrowed.
            let (vector, error) = unsafe { traps::enter_user(&raw mut self.regs, fast) };
            if cpu::features().contains(Features::FSGSBASE) {
                self.fs_base = fpu::user_fs_base();
            }
            self.fs_loaded = self.fs_base;
            match vector as u8 {
                traps::SYSCALL => return Trap::Syscall,
                vector::PAGE_FAULT => {
                    return Trap::PageFault {
                        addr: x86::read_cr2() as usize,
                        write: error & 2 != 0,
                        exec: error & 16 != 0,
                        error,
                    };
                }
                vector::DEBUG => {
                    if self.debug.note() {
                        self.regs.rflags |= rflags::RF;
                    }
                    return Trap::Exception {
                        vector: vector::DEBUG,
                        error,
                    };
                }
                vector if vector < vector::FIRST_INTERRUPT => {
                    return Trap::Exception { vector, error };
                }
                vector => {
                    // Not one instruction ran: the interrupt came while the kernel did. A loop of
                    // one instruction looks alike, but is interrupted at one place again and again.
                    let at = self.regs.rip;
                    let kernel = at == entered_at && at != self.interrupted_at;
                    self.interrupted_at = at;
                    if traps::interrupt(vector, kernel) {
                        return Trap::Interrupt;
                    }
                }
            }
        }
    }

    /// The FPU image as XSAVE (or FXSAVE) lays it out, for signal frames and ptrace.
    pub fn fpu_bytes(&mut self) -> &[u8] {
        self.fpu.bytes()
    }

    /// Takes an image as [`Self::fpu_bytes`] gave it, possibly changed by user space.
    pub fn set_fpu_bytes(&mut self, bytes: &[u8]) -> Result<(), BadFpuState> {
        self.fpu.set_bytes(bytes)
    }

    pub fn reset_fpu(&mut self) {
        self.fpu.reset();
    }
}
