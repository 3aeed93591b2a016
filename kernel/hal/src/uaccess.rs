//! User memory, touched with fault recovery. A fault asks the kernel to bring the page in
//! (`KernelUpcalls::page_fault`, which may sleep) and retries, or ends the copy with [`Fault`].
//! Addresses are checked against the user half here. Callers hold no spinlock.

use crate::frame::Frame;

/// The address isn't mapped, or doesn't allow the access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

pub fn copy_in(_dst: &mut [u8], _src: usize) -> Result<(), Fault> {
    todo!()
}

pub fn copy_out(_dst: usize, _src: &[u8]) -> Result<(), Fault> {
    todo!()
}

pub fn zero_out(_dst: usize, _len: usize) -> Result<(), Fault> {
    todo!()
}

/// Copies user memory into `frame` at `off`.
pub fn frame_from_user(_frame: &Frame, _off: usize, _src: usize, _len: usize) -> Result<(), Fault> {
    todo!()
}

/// Copies `frame` from `off` to user memory.
pub fn frame_to_user(_dst: usize, _frame: &Frame, _off: usize, _len: usize) -> Result<(), Fault> {
    todo!()
}

pub fn load_u32(_addr: usize) -> Result<u32, Fault> {
    todo!()
}

pub fn store_u32(_addr: usize, _value: u32) -> Result<(), Fault> {
    todo!()
}

/// Stores `new` if `addr` (4-byte aligned) holds `old`; returns what it held.
pub fn cmpxchg_u32(_addr: usize, _old: u32, _new: u32) -> Result<u32, Fault> {
    todo!()
}

pub fn load_u64(_addr: usize) -> Result<u64, Fault> {
    todo!()
}

pub fn store_u64(_addr: usize, _value: u64) -> Result<(), Fault> {
    todo!()
}

/// Copies a string up to its NUL; returns its length without NUL, or `dst.len()` when there was
/// no NUL in as many bytes.
pub fn copy_in_str(_dst: &mut [u8], _src: usize) -> Result<usize, Fault> {
    todo!()
}
