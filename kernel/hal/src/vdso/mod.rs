//! The code page that lets user space read the clock without a system call.
//!
//! Two frames, the same for all processes: a data page that the kernel updates, and right behind it
//! a page with a small ELF library. The code ([`code`]) finds the data page relative to itself.

mod code;
mod elf;

use crate::cpu::Features;
use crate::frame::Frame;
use crate::sync::{Once, SpinLock};
use crate::{cpu, rank, time};
use core::sync::atomic::{Ordering, fence};

/// The pages to map into every process, in order: data (read), then code (read and execute).
pub struct Image {
    pub data: Frame,
    pub code: Frame,
}

/// Offsets in the data page.
mod data {
    /// Odd while the kernel changes the page.
    pub const SEQUENCE: usize = 0;
    pub const TSC_BASE: usize = 8;
    /// Nanoseconds per tick, times 2^32.
    pub const MULT: usize = 16;
    /// Unix time minus monotonic time, in nanoseconds.
    pub const REALTIME: usize = 24;
    /// Whether rdtscp tells the CPU.
    pub const RDTSCP: usize = 32;
    /// `struct timezone`, as it was set.
    pub const ZONE: usize = 40;
}

static IMAGE: Once<Image> = Once::new();
/// Serializes writers of the data page.
static WRITER: SpinLock<()> = SpinLock::new(rank::VDSO, ());

/// The vDSO: ELF `linux-vdso.so.1` with __vdso_clock_gettime, __vdso_gettimeofday, __vdso_time,
/// __vdso_clock_getres and __vdso_getcpu. Its data page lies right before the code page;
/// AT_SYSINFO_EHDR is the code page's address.
#[must_use]
pub fn image() -> Image {
    let image = image_ref();
    Image {
        data: image.data.clone(),
        code: image.code.clone(),
    }
}

fn image_ref() -> &'static Image {
    IMAGE.get_or_init(|| {
        let data = Frame::alloc_zeroed().expect("the first process finds memory for two pages");
        let scale = time::scale();
        let write = |at, value| data.atomic_u64(at).store(value, Ordering::Relaxed);
        write(data::TSC_BASE, scale.base);
        write(data::MULT, scale.mult);
        write(data::REALTIME, time::wall_offset());
        write(
            data::RDTSCP,
            u64::from(cpu::features().contains(Features::RDTSCP)),
        );
        let code = Frame::alloc_zeroed().expect("the first process finds memory for two pages");
        elf::write_library(&code);
        Image { data, code }
    })
}

/// Sets what gettimeofday tells of the time zone: two words of 32 bits, the first one lower.
pub fn set_zone(zone: u64) {
    let page = &image_ref().data;
    page.atomic_u64(data::ZONE).store(zone, Ordering::Relaxed);
}

/// Sets Unix time minus monotonic time, in nanoseconds.
pub fn set_realtime_offset(offset: u64) {
    let page = &image_ref().data;
    let _guard = WRITER.lock();
    let sequence = page.atomic_u32(data::SEQUENCE);
    let value = sequence.load(Ordering::Relaxed);
    sequence.store(value.wrapping_add(1), Ordering::Relaxed);
    fence(Ordering::SeqCst);
    page.atomic_u64(data::REALTIME)
        .store(offset, Ordering::Relaxed);
    sequence.store(value.wrapping_add(2), Ordering::Release);
}
