//! PVH: Xen's direct boot protocol for virtual machines (`struct hvm_start_info`, version 1), as
//! `qemu -kernel` speaks it. Everything it names lies below 4 GiB.

use super::{Cmdline, Told};
use crate::addr::PhysAddr;
use crate::memory::{BOOT_MAPPED, Regions, direct};

const MAGIC: u32 = 0x336e_c578;
const RAM: u32 = 1;
const MAX_ENTRIES: u32 = 1024;

#[repr(C)]
#[derive(Clone, Copy)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    modules: u32,
    module_list: u64,
    cmdline: u64,
    rsdp: u64,
    memory_map: u64,
    memory_entries: u32,
    reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Module {
    start: u64,
    len: u64,
    cmdline: u64,
    reserved: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct MemoryEntry {
    start: u64,
    len: u64,
    kind: u32,
    reserved: u32,
}

/// Reads a structure at a physical address; none outside of what the boot tables map.
///
/// # Safety
/// Any bit pattern is a `T`.
unsafe fn read<T: Copy>(phys: u64) -> Option<T> {
    let end = phys.checked_add(size_of::<T>() as u64)?;
    // SAFETY: the address is mapped; the loader's structures are plain memory.
    (end <= BOOT_MAPPED && phys != 0).then(|| unsafe { direct(phys).cast::<T>().read_unaligned() })
}

/// Reads what the loader left at `info`.
pub fn read_start_info(info: u64) -> Option<Told> {
    // SAFETY: the structure consists of integers.
    let info: StartInfo = unsafe { read(info) }?;
    if info.magic != MAGIC || info.version < 1 {
        return None;
    }
    let mut ram = Regions::new();
    for index in 0..info.memory_entries.min(MAX_ENTRIES) {
        let at = info.memory_map + u64::from(index) * size_of::<MemoryEntry>() as u64;
        // SAFETY: the structure consists of integers.
        let entry: MemoryEntry = unsafe { read(at) }?;
        if entry.kind == RAM {
            ram.add(entry.start, entry.start.saturating_add(entry.len));
        }
    }
    let mut cmdline = Cmdline::new();
    if info.cmdline != 0 {
        // SAFETY: bytes are integers; the iterator ends at a NUL or the end of what is mapped.
        cmdline.set((info.cmdline..).map_while(|at| unsafe { read::<u8>(at) }));
    }
    let module: Option<Module> = if info.modules > 0 {
        // SAFETY: the structure consists of integers.
        unsafe { read(info.module_list) }
    } else {
        None
    };
    Some(Told {
        ram,
        cmdline,
        rsdp: (info.rsdp != 0).then_some(PhysAddr(info.rsdp)),
        framebuffer: None,
        archive: module.map(|m| (m.start, m.len)).filter(|&(_, len)| len > 0),
    })
}
