//! The frame a handler runs on, exactly as Linux's x86-64 `rt_sigframe` lays it out: return address,
//! ucontext, siginfo, and above them the FPU image (XSAVE format, announced by its software bytes).

use super::SignalSet;
use super::action::Action;
use super::info::{self, SigInfo};
use super::send;
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::mm::uptr::UserPtr;
use crate::task::thread::{AltStack, Thread};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use ochre_hal::USER_END;
use ochre_hal::admission::{self, Room};
use ochre_hal::uaccess;
use ochre_hal::user::{UserContext, fpu_size, xfeatures};

/// `stack_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct StackT {
    pub sp: u64,
    pub flags: i32,
    pub _pad: u32,
    pub size: u64,
}

/// `struct sigcontext`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct SigContext {
    r8: usize,
    r9: usize,
    r10: usize,
    r11: usize,
    r12: usize,
    r13: usize,
    r14: usize,
    r15: usize,
    rdi: usize,
    rsi: usize,
    rbp: usize,
    rbx: usize,
    rdx: usize,
    rax: usize,
    rcx: usize,
    rsp: usize,
    rip: usize,
    rflags: usize,
    cs: u16,
    gs: u16,
    fs: u16,
    ss: u16,
    err: usize,
    trapno: usize,
    oldmask: u64,
    cr2: usize,
    fpstate: usize,
    _reserved: [u64; 8],
}

/// `struct ucontext`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct UContext {
    flags: u64,
    link: usize,
    stack: StackT,
    mcontext: SigContext,
    sigmask: u64,
}

/// UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS
const UC_FLAGS: u64 = 1 | 2 | 4;

const MAGIC1: u32 = 0x4650_5853;
const MAGIC2: u32 = 0x4650_5845;
/// Where the software bytes are in the FXSAVE area.
const SOFTWARE_AT: usize = 464;
const UCONTEXT: usize = size_of::<UContext>();
/// The rest of a ucontext_t as user space knows it is never touched by the kernel: the frame is
/// return address, struct ucontext, siginfo.
const FRAME: usize = 8 + UCONTEXT + info::SIZE;
const RED_ZONE: usize = 128;

fn on_alt_stack(stack: &AltStack, sp: usize) -> bool {
    sp > stack.base && sp - stack.base <= stack.size
}

/// What sigaltstack reports: SS_ONSTACK or SS_DISABLE with the flags it was set with.
pub fn alt_stack_flags(stack: &AltStack, sp: usize) -> u32 {
    if stack.size == 0 {
        raw::SS_DISABLE
    } else if stack.flags & raw::SS_AUTODISARM == 0 && on_alt_stack(stack, sp) {
        raw::SS_ONSTACK
    } else {
        stack.flags
    }
}

/// Builds the frame and points the registers at the handler. `blocked` is the mask the return
/// restores.
pub fn push(
    thread: &Arc<Thread>,
    user: &mut UserContext,
    info: &SigInfo,
    action: &Action,
    blocked: SignalSet,
) -> Result {
    if !action.has(raw::SA_RESTORER) {
        return Err(Errno::EFAULT);
    }
    let (alt, trap) = {
        let signals = thread.signals.lock();
        (signals.alt_stack, signals.trap)
    };
    let mut sp = user.regs.rsp.wrapping_sub(RED_ZONE);
    let alt_flags = alt_stack_flags(&alt, user.regs.rsp);
    if action.has(raw::SA_ONSTACK) && alt.size != 0 && alt_flags & raw::SS_ONSTACK == 0 {
        sp = alt.base.wrapping_add(alt.size);
    } else if alt_flags & raw::SS_ONSTACK != 0
        && !on_alt_stack(&alt, sp.wrapping_sub(FRAME + fpu_size() + 4))
    {
        // Overflowing the alternate stack: better to die than to write below it.
        return Err(Errno::EFAULT);
    }
    let fpu_len = fpu_size();
    let has_xsave = xfeatures() != 0;
    let magic = if has_xsave { 4 } else { 0 };
    let fpstate = sp.checked_sub(fpu_len + magic).ok_or(Errno::EFAULT)? & !63;
    // After the return address is "pushed", the stack is as at a function's entry.
    let frame = (fpstate.checked_sub(FRAME).ok_or(Errno::EFAULT)? & !15).wrapping_sub(8);
    if frame >= USER_END {
        return Err(Errno::EFAULT);
    }

    let mut fpu: Vec<u8> = Vec::new();
    fpu.room_exact(fpu_len + magic)?;
    fpu.extend_from_slice(user.fpu_bytes());
    if has_xsave {
        let mut put = |at: usize, bytes: &[u8]| {
            fpu[SOFTWARE_AT + at..SOFTWARE_AT + at + bytes.len()].copy_from_slice(bytes);
        };
        put(0, &MAGIC1.to_ne_bytes());
        put(4, &((fpu_len + magic) as u32).to_ne_bytes());
        put(8, &xfeatures().to_ne_bytes());
        put(16, &(fpu_len as u32).to_ne_bytes());
        fpu.extend_from_slice(&MAGIC2.to_ne_bytes());
    }
    uaccess::copy_out(fpstate, &fpu)?;

    let regs = &user.regs;
    let context = UContext {
        flags: if has_xsave { UC_FLAGS } else { UC_FLAGS & !1 },
        link: 0,
        stack: StackT {
            sp: alt.base as u64,
            flags: alt_flags as i32,
            _pad: 0,
            size: alt.size as u64,
        },
        mcontext: SigContext {
            r8: regs.r8,
            r9: regs.r9,
            r10: regs.r10,
            r11: regs.r11,
            r12: regs.r12,
            r13: regs.r13,
            r14: regs.r14,
            r15: regs.r15,
            rdi: regs.rdi,
            rsi: regs.rsi,
            rbp: regs.rbp,
            rbx: regs.rbx,
            rdx: regs.rdx,
            rax: regs.rax,
            rcx: regs.rcx,
            rsp: regs.rsp,
            rip: regs.rip,
            rflags: regs.rflags,
            cs: regs.cs as u16,
            gs: 0,
            fs: 0,
            ss: regs.ss as u16,
            err: trap.error as usize,
            trapno: usize::from(trap.number),
            oldmask: blocked.0,
            cr2: trap.address,
            fpstate,
            _reserved: [0; 8],
        },
        sigmask: blocked.0,
    };
    UserPtr::<UContext>::new(frame + 8).write(&context)?;
    UserPtr::<[u8; info::SIZE]>::new(frame + 8 + UCONTEXT).write(&info.to_bytes())?;
    UserPtr::<usize>::new(frame).write(&action.restorer)?;

    if alt.flags & raw::SS_AUTODISARM != 0 && action.has(raw::SA_ONSTACK) {
        thread.signals.lock().alt_stack = AltStack::default();
    }
    let regs = &mut user.regs;
    regs.rdi = info.signal as usize;
    regs.rsi = frame + 8 + UCONTEXT;
    regs.rdx = frame + 8;
    regs.rax = 0;
    regs.rsp = frame;
    regs.rip = action.handler;
    // Direction and trap flags are clear on entry to a handler.
    regs.rflags &= !(0x400 | 0x100);
    regs.orig_rax = usize::MAX;
    user.reset_fpu();
    Ok(())
}

/// rt_sigreturn: registers, mask and FPU from the frame at the stack pointer.
pub fn pop(thread: &Arc<Thread>, user: &mut UserContext) -> Result {
    // The handler's `ret` took the return address.
    let frame = user.regs.rsp.wrapping_sub(8);
    let context = UserPtr::<UContext>::new(frame.wrapping_add(8)).read()?;
    let c = &context.mcontext;
    let regs = &mut user.regs;
    regs.r8 = c.r8;
    regs.r9 = c.r9;
    regs.r10 = c.r10;
    regs.r11 = c.r11;
    regs.r12 = c.r12;
    regs.r13 = c.r13;
    regs.r14 = c.r14;
    regs.r15 = c.r15;
    regs.rdi = c.rdi;
    regs.rsi = c.rsi;
    regs.rbp = c.rbp;
    regs.rbx = c.rbx;
    regs.rdx = c.rdx;
    regs.rax = c.rax;
    regs.rcx = c.rcx;
    regs.rsp = c.rsp;
    regs.rip = c.rip;
    // The flags a program can set by itself: arithmetic, trap, direction, alignment check.
    const USER_FLAGS: usize = 0x50dd5;
    regs.rflags = (regs.rflags & !USER_FLAGS) | (c.rflags & USER_FLAGS);
    regs.orig_rax = usize::MAX;
    if c.fpstate == 0 {
        user.reset_fpu();
    } else {
        restore_fpu(user, c.fpstate)?;
    }
    {
        let mut mine = thread.signals.lock();
        let stack = context.stack;
        if stack.flags as u32 & raw::SS_DISABLE != 0 {
            mine.alt_stack = AltStack::default();
        } else {
            mine.alt_stack = AltStack {
                base: stack.sp as usize,
                size: stack.size as usize,
                flags: stack.flags as u32 & raw::SS_AUTODISARM,
            };
        }
    }
    send::set_mask(thread, SignalSet(context.sigmask));
    Ok(())
}

/// Takes the FPU image back. Without valid software bytes it is a plain FXSAVE area.
fn restore_fpu(user: &mut UserContext, at: usize) -> Result {
    let len = fpu_size();
    let mut bytes = admission::zeroes(len)?;
    uaccess::copy_in(&mut bytes[..512], at)?;
    let word = |at: usize| {
        let mut w = [0; 4];
        w.copy_from_slice(&bytes[at..at + 4]);
        u32::from_ne_bytes(w)
    };
    if len > 512 {
        let extended = word(SOFTWARE_AT) == MAGIC1 && word(SOFTWARE_AT + 16) as usize == len;
        let magic2 = UserPtr::<u32>::new(at.wrapping_add(len));
        if extended && magic2.read()? == MAGIC2 {
            uaccess::copy_in(&mut bytes[512..], at.wrapping_add(512))?;
        } else {
            // x87 and SSE only.
            bytes[512..520].copy_from_slice(&3u64.to_ne_bytes());
        }
    }
    user.set_fpu_bytes(&bytes).map_err(|_| Errno::EFAULT)
}
