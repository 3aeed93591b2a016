//! The kernel's half of every address space: direct map, kernel image, stacks, device registers.
//!
//! All 256 upper top-level entries exist from boot on and are copied into each new table, so a
//! mapping made later is seen everywhere at once. Kernel mappings are only ever added; what is
//! freed (stacks) is kept for reuse. So no kernel address ever needs a TLB shootdown.

use super::entry::{PAT, Pte};
use super::{Cache, Perms};
use crate::addr::{HUGE_SIZE, PAGE_SIZE, PhysAddr};
use crate::cpu::{self, Features};
use crate::frame::{self, OutOfMemory};
use crate::memory::{self, Regions, direct};
use crate::sync::SpinLock;
use crate::{rank, x86};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const DEVICES: usize = 0xffff_a000_0000_0000;
const STACKS: usize = 0xffff_b000_0000_0000;
#[cfg(target_os = "none")]
pub const KERNEL_BASE: usize = 0xffff_ffff_8000_0000;

const ENTRIES: usize = 512;
const GIB: u64 = 1 << 30;

static KERNEL_ROOT: AtomicU64 = AtomicU64::new(0);
/// Physical address of the image's first byte.
static IMAGE_PHYS: AtomicU64 = AtomicU64::new(0);
/// Guards changes of the kernel half's lower tables.
static KERNEL_TABLES: SpinLock<()> = SpinLock::new(rank::KERNEL_TABLES, ());
static NEXT_DEVICE: AtomicUsize = AtomicUsize::new(DEVICES);
static NEXT_STACK: AtomicUsize = AtomicUsize::new(STACKS);

unsafe extern "C" {
    static __image_start: u8;
    static __text_start: u8;
    static __text_end: u8;
    static __rodata_start: u8;
    static __rodata_end: u8;
    static __data_start: u8;
    static __image_end: u8;
}

/// The kernel image in physical memory.
pub fn image() -> (u64, u64) {
    let start = IMAGE_PHYS.load(Ordering::Relaxed);
    let len = (&raw const __image_end).addr() - (&raw const __image_start).addr();
    (start, start + len as u64)
}

pub fn set_image_phys(phys: u64) {
    IMAGE_PHYS.store(phys, Ordering::Relaxed);
}

/// Physical address of something in the kernel's image.
pub fn image_phys(virt: usize) -> u64 {
    (virt - (&raw const __image_start).addr()) as u64 + IMAGE_PHYS.load(Ordering::Relaxed)
}

/// Whether `address` is code of the kernel.
pub fn is_kernel_code(address: usize) -> bool {
    ((&raw const __text_start).addr()..(&raw const __text_end).addr()).contains(&address)
}

pub fn root() -> u64 {
    KERNEL_ROOT.load(Ordering::Relaxed)
}

/// A table's entries, in the direct map.
fn table(phys: u64) -> *mut Pte {
    direct(phys).cast()
}

/// Where tables come from: the boot regions at first, frames later.
trait Tables {
    fn take(&mut self) -> Result<u64, OutOfMemory>;
}

impl Tables for Regions {
    fn take(&mut self) -> Result<u64, OutOfMemory> {
        let PhysAddr(phys) = Regions::take(
            self,
            PAGE_SIZE as u64,
            PAGE_SIZE as u64,
            memory::BOOT_MAPPED,
        )
        .ok_or(OutOfMemory)?;
        // SAFETY: the page was free RAM below what the boot tables map, and is now ours.
        unsafe { direct(phys).write_bytes(0, PAGE_SIZE) };
        Ok(phys)
    }
}

struct FromFrames;

impl Tables for FromFrames {
    fn take(&mut self) -> Result<u64, OutOfMemory> {
        frame::alloc_kernel_table()
    }
}

/// Maps one leaf at `level` (1: 4 KiB, 2: 2 MiB, 3: 1 GiB) of the tables below `root`.
///
/// # Safety
/// `root` is a kernel table; nobody else changes its tables; `leaf` maps memory that the kernel
/// may use at `virt` in that way.
unsafe fn map_at(
    tables: &mut impl Tables,
    root: u64,
    virt: usize,
    level: usize,
    leaf: Pte,
) -> Result<(), OutOfMemory> {
    let mut phys = root;
    for depth in (level + 1..=4).rev() {
        let index = virt >> (12 + 9 * (depth - 1)) & (ENTRIES - 1);
        // SAFETY: `phys` is a table of 512 entries, by the caller's promise and construction.
        let slot = unsafe { table(phys).add(index) };
        // SAFETY: as above.
        let entry = unsafe { slot.read() };
        phys = if entry.is_present() {
            entry.phys()
        } else {
            let new = tables.take()?;
            // SAFETY: as above; the new table is empty.
            unsafe { slot.write_volatile(Pte::kernel_table(new)) };
            new
        };
    }
    let index = virt >> (12 + 9 * (level - 1)) & (ENTRIES - 1);
    // SAFETY: as above.
    unsafe { table(phys).add(index).write_volatile(leaf) };
    Ok(())
}

/// Builds the kernel's own tables and makes them the boot CPU's. `ram` is all RAM; the tables
/// come out of `free`.
pub fn init(ram: &Regions, free: &mut Regions) -> Result<(), OutOfMemory> {
    let root = Tables::take(free)?;
    for index in ENTRIES / 2..ENTRIES {
        let lower = Tables::take(free)?;
        // SAFETY: the root is a new table of 512 entries.
        unsafe { table(root).add(index).write(Pte::kernel_table(lower)) };
    }
    let data = Perms::READ | Perms::WRITE;
    let gib_pages = cpu::features().contains(Features::PAGE_1G);
    for region in ram.iter() {
        let huge = HUGE_SIZE as u64;
        let mut at = region.start & !(huge - 1);
        while at < region.end {
            let virt = memory::DIRECT_MAP + at as usize;
            let whole_gib = at.is_multiple_of(GIB) && at + GIB <= region.end;
            let (level, size) = if gib_pages && whole_gib {
                (3, GIB)
            } else {
                (2, huge)
            };
            let leaf = Pte::kernel(at, data, Cache::WriteBack, true);
            // SAFETY: boot runs on one CPU; this is RAM, which the direct map may hold.
            unsafe { map_at(free, root, virt, level, leaf)? };
            at += size;
        }
    }
    let sections = [
        (
            &raw const __text_start,
            &raw const __text_end,
            Perms::READ | Perms::EXEC,
        ),
        (
            &raw const __rodata_start,
            &raw const __rodata_end,
            Perms::READ,
        ),
        (&raw const __data_start, &raw const __image_end, data),
    ];
    for (start, end, perms) in sections {
        for virt in (start.addr()..end.addr()).step_by(PAGE_SIZE) {
            let leaf = Pte::kernel(image_phys(virt), perms, Cache::WriteBack, false);
            // SAFETY: the image's own pages, with the rights that the linker gave them.
            unsafe { map_at(free, root, virt, 1, leaf)? };
        }
    }
    KERNEL_ROOT.store(root, Ordering::Release);
    init_cpu();
    Ok(())
}

/// Sets this CPU's memory types and enters the kernel's tables.
pub fn init_cpu() {
    // SAFETY: the PAT exists in 64-bit mode; the tables map all that runs.
    unsafe {
        x86::wrmsr(x86::msr::PAT, PAT);
        x86::write_cr3(root());
    }
}

/// Maps device registers for the kernel's own use, for good.
pub fn map_registers(phys: PhysAddr, len: usize) -> Result<*mut u8, OutOfMemory> {
    map_kernel_device(phys, len, Cache::Uncached)
}

/// As [`map_registers`], for framebuffers.
pub fn map_kernel_device(phys: PhysAddr, len: usize, cache: Cache) -> Result<*mut u8, OutOfMemory> {
    let offset = phys.offset_in_page();
    let pages = (offset + len).div_ceil(PAGE_SIZE);
    let virt = NEXT_DEVICE.fetch_add((pages + 1) * PAGE_SIZE, Ordering::Relaxed);
    let _guard = KERNEL_TABLES.lock();
    for page in 0..pages {
        let at = phys.page().0 + (page * PAGE_SIZE) as u64;
        let leaf = Pte::kernel(at, Perms::READ | Perms::WRITE, cache, false);
        // SAFETY: the lock is held; the addresses are new.
        unsafe { map_at(&mut FromFrames, root(), virt + page * PAGE_SIZE, 1, leaf)? };
    }
    Ok((virt + offset) as *mut u8)
}

/// Maps a new kernel stack of `len` bytes between unmapped guard pages; returns its top.
pub fn map_stack(len: usize) -> Result<usize, OutOfMemory> {
    let bottom = NEXT_STACK.fetch_add(2 * len, Ordering::Relaxed) + len;
    let _guard = KERNEL_TABLES.lock();
    for virt in (bottom..bottom + len).step_by(PAGE_SIZE) {
        let leaf = Pte::kernel(
            frame::alloc_stack_page()?,
            Perms::READ | Perms::WRITE,
            Cache::WriteBack,
            false,
        );
        // SAFETY: the lock is held; the addresses are new, the frame is the kernel's.
        unsafe { map_at(&mut FromFrames, root(), virt, 1, leaf)? };
    }
    Ok(bottom + len)
}

/// Whether `address` lies in the guard below some kernel stack.
pub fn is_stack_guard(address: usize, stack: usize) -> bool {
    (STACKS..NEXT_STACK.load(Ordering::Relaxed)).contains(&address)
        && (address - STACKS) % (2 * stack) < stack
}

/// Maps one identity page for the APs' way out of real mode, in the kernel's own table only.
///
/// # Safety
/// Called during boot, before any user space exists.
pub unsafe fn map_trampoline(phys: u64) -> Result<(), OutOfMemory> {
    let leaf = Pte::kernel(phys, Perms::all(), Cache::WriteBack, false);
    let _guard = KERNEL_TABLES.lock();
    // SAFETY: the lock is held, and the lower half of the kernel's table is empty otherwise.
    unsafe { map_at(&mut FromFrames, root(), phys as usize, 1, leaf) }
}

/// Takes the identity page out again.
pub fn unmap_trampoline(phys: u64) {
    let _guard = KERNEL_TABLES.lock();
    // SAFETY: slot 0 of the kernel's table holds the trampoline's mapping alone; its tables stay
    // allocated, which costs three frames.
    unsafe { table(root()).write_volatile(Pte::EMPTY) };
    x86::invlpg(phys as usize);
}
