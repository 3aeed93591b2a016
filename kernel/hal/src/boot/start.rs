//! The order of the boot.

use super::{BootArchive, BootInfo, CMDLINE, entry, page, pvh};
use crate::addr::PAGE_SIZE;
use crate::gdt::FaultStacks;
use crate::paging::kernel;
use crate::sync::{Once, SpinLock};
use crate::upcalls::{self, KernelUpcalls, upcalls};
use crate::{
    acpi, apic, context, cpu, frame, gdt, irq, local, log, memory, panic, screen, serial, smp,
    time, traps, uaccess,
};

/// Below this there is no point in trying.
const MIN_MEMORY: u64 = 32 << 20;

static BOOT_INFO: Once<BootInfo> = Once::new();

/// The first Rust code, on the boot stack and the boot page tables: `image` is the physical
/// address of the kernel's first byte. Called by the assembly through [`entry!`](crate::entry).
pub fn start<K: KernelUpcalls>(protocol: usize, information: u64, image: u64) -> ! {
    // SAFETY: the boot CPU is number 0, and this is its first code; the boot fault stacks are its.
    unsafe {
        local::install(0);
        gdt::init(FaultStacks::boot());
        traps::init();
    }
    time::start();
    upcalls::register::<K>();
    serial::init();
    traps::init_cpu();
    cpu::init_cpu();
    kernel::set_image_phys(image);
    let told = match protocol {
        entry::PVH => pvh::read_start_info(information),
        entry::PAGE => page::read_boot_page(information),
        _ => None,
    };
    let Some(told) = told else {
        panic::boot_failure(format_args!("the loader's information makes no sense"))
    };
    CMDLINE.set(told.cmdline);
    super::take_options();
    // SAFETY: the boot tables map the image writable, and no other CPU runs.
    unsafe { uaccess::patch() };

    let memory_bytes = told.ram.bytes();
    let mut free = told.ram.clone();
    let (image_start, image_end) = kernel::image();
    free.subtract(0, memory::LOW_MEMORY);
    free.subtract(image_start, image_end);
    let archive = told.archive.filter(|&(start, len)| {
        let whole = told
            .ram
            .iter()
            .any(|r| start >= r.start && start + len <= r.end);
        free.subtract(start, start.saturating_add(len));
        if !whole || start % PAGE_SIZE as u64 != 0 {
            log!("the boot archive does not lie in RAM, page-aligned: ignored");
        }
        whole && start % PAGE_SIZE as u64 == 0
    });
    if free.bytes() < MIN_MEMORY {
        panic::boot_failure(format_args!(
            "{} MiB of memory are left beside kernel and boot archive; {} MiB are needed",
            free.bytes() >> 20,
            MIN_MEMORY >> 20
        ));
    }
    memory::set_ram(&told.ram);
    kernel::init(&told.ram, &mut free)
        .and_then(|()| frame::init(&told.ram, &mut free))
        .unwrap_or_else(|_| panic::boot_failure(format_args!("no room for the memory's tables")));
    screen::init(told.framebuffer);
    crate::fpu::init_cpu();
    context::adopt_idle();

    acpi::init(told.rsdp);
    apic::init_cpu();
    time::begin();
    irq::init();
    smp::start_others();
    time::finish();

    BOOT_INFO.set(BootInfo {
        cmdline: super::cmdline(),
        rsdp: told.rsdp,
        framebuffer: told.framebuffer,
        memory_bytes,
        // SAFETY: the archive lies in RAM, was kept from the allocator, and is named only here.
        archive: SpinLock::new(
            crate::rank::STACKS,
            archive.map(|(start, len)| unsafe { BootArchive::new(start, len as usize) }),
        ),
    });
    smp::release_others();
    (upcalls().main)(BOOT_INFO.get().expect("set above"))
}
