//! User memory, touched with fault recovery. A fault asks the kernel to bring the page in
//! (`KernelUpcalls::page_fault`, which may sleep) and retries, or ends the copy with [`Fault`].
//! Addresses are checked against the user half here. Callers hold no
//! spinlock, but in [`without_paging`].
//!
//! The instructions that may fault are listed in `.extable` with the place where to go on when the
//! access fails for good. All routines return 0 in rax, or 1 from there. SMAP is opened by `stac`
//! and closed by `clac`; on CPUs without it both are overwritten by no-ops at boot.

use crate::addr::USER_END;
use crate::cpu::{self, Features};
use crate::frame::Frame;
use crate::local;
use crate::upcalls::upcalls;
use crate::user::UserRegs;
use core::arch::{asm, naked_asm};

/// The address isn't mapped, or doesn't allow the access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// One instruction that may fault, and where its routine fails.
#[repr(C)]
struct Entry {
    instruction: usize,
    landing: usize,
}

unsafe extern "C" {
    static __extable_start: Entry;
    static __extable_end: Entry;
    static __smap_start: usize;
    static __smap_end: usize;
}

fn landing(rip: usize) -> Option<usize> {
    let start = &raw const __extable_start;
    let len = ((&raw const __extable_end).addr() - start.addr()) / size_of::<Entry>();
    // SAFETY: the linker script brackets the section, which holds whole entries.
    let table = unsafe { core::slice::from_raw_parts(start, len) };
    table
        .iter()
        .find(|e| e.instruction == rip)
        .map(|e| e.landing)
}

/// A page fault in the kernel; true if execution may go on at `regs.rip`.
pub(crate) fn handle_fault(regs: &mut UserRegs, address: usize, write: bool) -> bool {
    let Some(landing) = landing(regs.rip) else {
        return false;
    };
    let brought_in = address < USER_END
        && !local::this().no_paging.get()
        && (upcalls().page_fault)(address, write);
    if !brought_in {
        regs.rip = landing;
    }
    true
}

/// Makes accesses that may happen under a spinlock: what is not in memory, or can't be written as it
/// is, is a [`Fault`] at once.
pub fn without_paging<R>(access: impl FnOnce() -> R) -> R {
    let local = local::this();
    let before = local.no_paging.replace(true);
    let result = access();
    local.no_paging.set(before);
    result
}

/// Ends the access that another exception hit, if it was one.
pub(crate) fn fail(regs: &mut UserRegs) -> bool {
    let landing = landing(regs.rip);
    if let Some(landing) = landing {
        regs.rip = landing;
    }
    landing.is_some()
}

/// Forbids the kernel user memory, as it is between the routines below.
#[inline]
pub(crate) fn close() {
    // SAFETY: called on CPUs with SMAP only; clears a flag.
    unsafe { asm!("clac", options(nomem, nostack)) };
}

/// Overwrites `stac` and `clac` where the CPU doesn't know them.
///
/// # Safety
/// Called at boot, before other CPUs run and while the kernel's code is writable.
pub(crate) unsafe fn patch() {
    if cpu::features().contains(Features::SMAP) {
        return;
    }
    let start = &raw const __smap_start;
    let len = ((&raw const __smap_end).addr() - start.addr()) / size_of::<usize>();
    // SAFETY: the linker script brackets the section of addresses; each is a 3-byte instruction,
    // replaced by a 3-byte nop.
    unsafe {
        for &at in core::slice::from_raw_parts(start, len) {
            (at as *mut [u8; 3]).write([0x0f, 0x1f, 0x00]);
        }
    }
}

macro_rules! stac {
    () => {
        ".pushsection .smap, \"a\"\n .quad 771f\n .popsection\n 771: stac"
    };
}
macro_rules! clac {
    () => {
        ".pushsection .smap, \"a\"\n .quad 772f\n .popsection\n 772: clac"
    };
}
/// The instruction may fault, and then goes on at label 9.
macro_rules! may_fault {
    ($instruction:literal) => {
        concat!(
            "773: ",
            $instruction,
            "\n",
            ".pushsection .extable, \"a\"\n .quad 773b, 9f\n .popsection"
        )
    };
}
macro_rules! finish {
    () => {
        concat!(
            clac!(),
            "\n xor eax, eax\n ret\n 9: ",
            clac!(),
            "\n mov eax, 1\n ret"
        )
    };
}

/// Copies rdx bytes from rsi to rdi; one of them is user memory.
#[unsafe(naked)]
unsafe extern "C" fn raw_copy(dst: *mut u8, src: *const u8, len: usize) -> usize {
    naked_asm!(
        stac!(),
        "mov rcx, rdx",
        "shr rcx, 3",
        may_fault!("rep movsq"),
        "mov ecx, edx",
        "and ecx, 7",
        may_fault!("rep movsb"),
        finish!(),
    )
}

#[unsafe(naked)]
unsafe extern "C" fn raw_zero(dst: *mut u8, len: usize) -> usize {
    naked_asm!(
        stac!(),
        "xor eax, eax",
        "mov rcx, rsi",
        "shr rcx, 3",
        may_fault!("rep stosq"),
        "mov rcx, rsi",
        "and ecx, 7",
        may_fault!("rep stosb"),
        finish!(),
    )
}

#[unsafe(naked)]
unsafe extern "C" fn raw_load_u32(value: *mut u32, addr: usize) -> usize {
    naked_asm!(
        stac!(),
        may_fault!("mov ecx, [rsi]"),
        "mov [rdi], ecx",
        finish!()
    )
}

#[unsafe(naked)]
unsafe extern "C" fn raw_load_u64(value: *mut u64, addr: usize) -> usize {
    naked_asm!(
        stac!(),
        may_fault!("mov rcx, [rsi]"),
        "mov [rdi], rcx",
        finish!()
    )
}

#[unsafe(naked)]
unsafe extern "C" fn raw_store_u32(addr: usize, value: u32) -> usize {
    naked_asm!(stac!(), may_fault!("mov [rdi], esi"), finish!())
}

#[unsafe(naked)]
unsafe extern "C" fn raw_store_u64(addr: usize, value: u64) -> usize {
    naked_asm!(stac!(), may_fault!("mov [rdi], rsi"), finish!())
}

/// `seen` is set to what the address held.
#[unsafe(naked)]
unsafe extern "C" fn raw_cmpxchg_u32(addr: usize, old: u32, new: u32, seen: *mut u32) -> usize {
    naked_asm!(
        stac!(),
        "mov eax, esi",
        may_fault!("lock cmpxchg [rdi], edx"),
        "mov [rcx], eax",
        finish!(),
    )
}

/// Copies bytes up to a NUL or rdx of them; `len` is set to the count without NUL.
#[unsafe(naked)]
unsafe extern "C" fn raw_copy_str(dst: *mut u8, src: usize, max: usize, len: *mut usize) -> usize {
    naked_asm!(
        stac!(),
        "xor r8d, r8d",
        "2: cmp r8, rdx",
        "je 3f",
        may_fault!("mov al, [rsi + r8]"),
        "test al, al",
        "jz 3f",
        "mov [rdi + r8], al",
        "inc r8",
        "jmp 2b",
        "3: mov [rcx], r8",
        finish!(),
    )
}

/// Checks that the range lies in the user half.
#[inline]
fn check(addr: usize, len: usize) -> Result<(), Fault> {
    match addr.checked_add(len) {
        Some(end) if end <= USER_END => Ok(()),
        _ => Err(Fault),
    }
}

#[inline]
fn outcome(code: usize) -> Result<(), Fault> {
    if code == 0 { Ok(()) } else { Err(Fault) }
}

pub fn copy_in(dst: &mut [u8], src: usize) -> Result<(), Fault> {
    check(src, dst.len())?;
    // SAFETY: the source is in the user half and may fault; the destination is `dst`.
    outcome(unsafe { raw_copy(dst.as_mut_ptr(), src as *const u8, dst.len()) })
}

pub fn copy_out(dst: usize, src: &[u8]) -> Result<(), Fault> {
    check(dst, src.len())?;
    // SAFETY: the destination is in the user half and may fault.
    outcome(unsafe { raw_copy(dst as *mut u8, src.as_ptr(), src.len()) })
}

pub fn zero_out(dst: usize, len: usize) -> Result<(), Fault> {
    check(dst, len)?;
    // SAFETY: as in `copy_out`.
    outcome(unsafe { raw_zero(dst as *mut u8, len) })
}

/// Copies user memory into `frame` at `off`.
pub fn frame_from_user(frame: &Frame, off: usize, src: usize, len: usize) -> Result<(), Fault> {
    check(src, len)?;
    // SAFETY: the source as in `copy_in`; the destination is inside the frame, whose bytes are
    // never borrowed.
    outcome(unsafe { raw_copy(frame.range(off, len), src as *const u8, len) })
}

/// Copies `frame` from `off` to user memory.
pub fn frame_to_user(dst: usize, frame: &Frame, off: usize, len: usize) -> Result<(), Fault> {
    check(dst, len)?;
    // SAFETY: as in `frame_from_user`.
    outcome(unsafe { raw_copy(dst as *mut u8, frame.range(off, len), len) })
}

pub fn load_u32(addr: usize) -> Result<u32, Fault> {
    check(addr, 4)?;
    let mut value = 0;
    // SAFETY: the address is in the user half and may fault.
    outcome(unsafe { raw_load_u32(&raw mut value, addr) })?;
    Ok(value)
}

pub fn store_u32(addr: usize, value: u32) -> Result<(), Fault> {
    check(addr, 4)?;
    // SAFETY: as in `load_u32`.
    outcome(unsafe { raw_store_u32(addr, value) })
}

/// Stores `new` if `addr` (4-byte aligned) holds `old`; returns what it held.
pub fn cmpxchg_u32(addr: usize, old: u32, new: u32) -> Result<u32, Fault> {
    check(addr, 4)?;
    if !addr.is_multiple_of(4) {
        return Err(Fault);
    }
    let mut seen = 0;
    // SAFETY: as in `load_u32`.
    outcome(unsafe { raw_cmpxchg_u32(addr, old, new, &raw mut seen) })?;
    Ok(seen)
}

pub fn load_u64(addr: usize) -> Result<u64, Fault> {
    check(addr, 8)?;
    let mut value = 0;
    // SAFETY: as in `load_u32`.
    outcome(unsafe { raw_load_u64(&raw mut value, addr) })?;
    Ok(value)
}

pub fn store_u64(addr: usize, value: u64) -> Result<(), Fault> {
    check(addr, 8)?;
    // SAFETY: as in `load_u32`.
    outcome(unsafe { raw_store_u64(addr, value) })
}

/// Copies a string up to its NUL; returns its length without NUL, or `dst.len()` when there was
/// no NUL in as many bytes.
pub fn copy_in_str(dst: &mut [u8], src: usize) -> Result<usize, Fault> {
    if src >= USER_END {
        return Err(Fault);
    }
    let max = dst.len().min(USER_END - src);
    let mut len = 0;
    // SAFETY: at most `max` bytes of the user half are read, as many as `dst` holds.
    outcome(unsafe { raw_copy_str(dst.as_mut_ptr(), src, max, &raw mut len) })?;
    // A string that runs into the end of the user half without a NUL is a fault.
    if len == max && max < dst.len() {
        Err(Fault)
    } else {
        Ok(len)
    }
}
