//! Running user code: its registers, and why it came back.

use crate::frame::OutOfMemory;

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
        /// The page was present: the access broke its permissions.
        present: bool,
    },
    Exception {
        vector: u8,
        error: u64,
    },
    /// An interrupt was served; a good moment to reschedule.
    Interrupt,
}

/// The bytes are no valid FPU image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadFpuState;

pub struct UserContext {
    pub regs: UserRegs,
    pub fs_base: usize,
    pub gs_base: usize,
}

impl UserContext {
    /// Registers all zero, FPU in its initial state.
    pub fn new() -> Result<UserContext, OutOfMemory> {
        todo!()
    }

    /// A copy, FPU included, for a new thread.
    pub fn try_clone(&mut self) -> Result<UserContext, OutOfMemory> {
        todo!()
    }

    /// Runs user code in the active address space until it traps. Registers that user code can't
    /// have (segments, privileged flags, a non-canonical rip) are put right first.
    pub fn run(&mut self) -> Trap {
        todo!()
    }

    /// The FPU image as XSAVE (or FXSAVE) lays it out, for signal frames and ptrace.
    pub fn fpu_bytes(&mut self) -> &[u8] {
        todo!()
    }

    /// Takes an image as [`Self::fpu_bytes`] gave it, possibly changed by user space.
    pub fn set_fpu_bytes(&mut self, _bytes: &[u8]) -> Result<(), BadFpuState> {
        todo!()
    }

    pub fn reset_fpu(&mut self) {
        todo!()
    }
}

/// Bytes of [`UserContext::fpu_bytes`]: 512 without XSAVE.
#[must_use]
pub fn fpu_size() -> usize {
    todo!()
}

/// XCR0: the state components in the FPU image; 0 without XSAVE.
#[must_use]
pub fn xfeatures() -> u64 {
    todo!()
}
