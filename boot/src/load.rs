//! From files to a kernel that is ready to be entered.

use crate::elf::{ElfError, Program};
use crate::files::{self, Contents, Pages};
use ochre_abi::boot::{BootPage, FORMAT_BGRX, FORMAT_RGBX, Framebuffer, MAGIC, MemoryRange};
use thiserror::Error;
use uefi::boot::{self, MemoryType, PAGE_SIZE};
use uefi::mem::memory_map::MemoryMap;
use uefi::proto::console::gop::{GraphicsOutput, PixelFormat};
use uefi::table::cfg::ConfigTableEntry;
use uefi::{CStr16, Status, cstr16, println, system};

const KERNEL: &CStr16 = cstr16!("\\ochre\\kernel");
const ARCHIVE: &CStr16 = cstr16!("\\ochre\\boot.cpio");
const COMMAND_LINE: &CStr16 = cstr16!("\\ochre\\cmdline");

/// The kernel maps its image by 2 MiB pages at first.
const IMAGE_ALIGN: usize = 2 << 20;
/// Room for the firmware's memory map as the kernel gets it.
const MAX_RANGES: usize = 2 * PAGE_SIZE / size_of::<MemoryRange>();
/// What every member of a cpio archive in the form "newc" begins with.
const CPIO_MAGIC: &[u8] = b"070701";

#[derive(Debug, Error)]
pub enum LoadError {
    #[error("the partition that this loader came from cannot be read ({0})")]
    NoPartition(Status),
    #[error("{0} is missing on the EFI system partition")]
    Missing(&'static CStr16),
    #[error("{path} cannot be read ({status})")]
    Unreadable {
        path: &'static CStr16,
        status: Status,
    },
    #[error("{path} is damaged: {why}", path = KERNEL)]
    BadKernel { why: ElfError },
    #[error("{path} is no cpio archive", path = ARCHIVE)]
    BadArchive,
    #[error("the memory below 4 GiB has no room for {mebibytes} MiB")]
    OutOfMemory { mebibytes: usize },
}

/// All in place but the memory map, which the firmware gives with its last breath.
pub struct Ready {
    entry: u64,
    image: u64,
    page: Pages,
    ranges: Pages,
    contents: BootPage,
}

/// The kernel's image where it will stay.
fn place(kernel: &mut Contents) -> Result<(u64, u64), LoadError> {
    let bad = |why| LoadError::BadKernel { why };
    let program = Program::parse(kernel.bytes()).map_err(bad)?;
    // Code, so that firmware that forbids running data lets us in.
    let mut pages = Pages::new(program.size + IMAGE_ALIGN, MemoryType::LOADER_CODE)?;
    let image = pages.address().next_multiple_of(IMAGE_ALIGN as u64);
    let start = (image - pages.address()) as usize;
    let memory = &mut pages.bytes()[start..start + program.size];
    for segment in program.segments() {
        let segment = segment.map_err(bad)?;
        memory
            .get_mut(segment.offset..)
            .and_then(|place| place.get_mut(..segment.bytes.len()))
            .ok_or(bad(ElfError::BadSegments))?
            .copy_from_slice(segment.bytes);
    }
    Ok((image, image + program.entry as u64))
}

/// Where the firmware says that ACPI's root pointer is.
fn rsdp() -> u64 {
    system::with_config_table(|entries| {
        let find = |guid| {
            entries
                .iter()
                .find(|e| e.guid == guid)
                .map(|e| e.address as u64)
        };
        find(ConfigTableEntry::ACPI2_GUID)
            .or_else(|| find(ConfigTableEntry::ACPI_GUID))
            .unwrap_or(0)
    })
}

/// The firmware's framebuffer, if it has one in a form that the kernel knows.
fn framebuffer() -> Framebuffer {
    let none = Framebuffer::default();
    let Ok(handle) = boot::get_handle_for_protocol::<GraphicsOutput>() else {
        return none;
    };
    let Ok(mut output) = boot::open_protocol_exclusive::<GraphicsOutput>(handle) else {
        return none;
    };
    let mode = output.current_mode_info();
    let format = match mode.pixel_format() {
        PixelFormat::Bgr => FORMAT_BGRX,
        PixelFormat::Rgb => FORMAT_RGBX,
        PixelFormat::Bitmask | PixelFormat::BltOnly => return none,
    };
    let (width, height) = mode.resolution();
    Framebuffer {
        addr: output.frame_buffer().as_mut_ptr().addr() as u64,
        width: width as u32,
        height: height as u32,
        stride: (mode.stride() * 4) as u32,
        format,
    }
}

/// Loads everything.
pub fn prepare() -> Result<Ready, LoadError> {
    println!("Ochre: loading");
    let mut root = files::root()?;
    let mut kernel = files::read(&mut root, KERNEL)?.ok_or(LoadError::Missing(KERNEL))?;
    let (image, entry) = place(&mut kernel)?;
    let mut archive = files::read(&mut root, ARCHIVE)?.ok_or(LoadError::Missing(ARCHIVE))?;
    if !archive.bytes().starts_with(CPIO_MAGIC) {
        return Err(LoadError::BadArchive);
    }
    let command_line = files::read(&mut root, COMMAND_LINE)?;
    let ranges = Pages::new(
        MAX_RANGES * size_of::<MemoryRange>(),
        MemoryType::LOADER_DATA,
    )?;
    let contents = BootPage {
        magic: MAGIC,
        memory: ranges.address(),
        memory_len: 0,
        archive: archive.pages.address(),
        archive_len: archive.len as u64,
        cmdline: command_line.as_ref().map_or(0, |c| c.pages.address()),
        cmdline_len: command_line.as_ref().map_or(0, |c| c.len as u64),
        rsdp: rsdp(),
        framebuffer: framebuffer(),
    };
    let page = Pages::new(PAGE_SIZE, MemoryType::LOADER_DATA)?;
    Ok(Ready {
        entry,
        image,
        page,
        ranges,
        contents,
    })
}

/// Whether memory of this kind is free once the firmware's boot services have ended.
fn is_free(kind: MemoryType) -> bool {
    matches!(
        kind,
        MemoryType::CONVENTIONAL
            | MemoryType::LOADER_CODE
            | MemoryType::LOADER_DATA
            | MemoryType::BOOT_SERVICES_CODE
            | MemoryType::BOOT_SERVICES_DATA
    )
}

impl Ready {
    /// Ends the firmware's services and enters the kernel.
    pub fn enter(mut self) -> ! {
        // SAFETY: nothing below uses boot services: no printing, no allocation, no drop.
        let map = unsafe { boot::exit_boot_services(None) };
        let free = map
            .entries()
            .filter(|d| is_free(d.ty))
            .map(|d| MemoryRange {
                start: d.phys_start,
                end: d.phys_start + d.page_count * PAGE_SIZE as u64,
            });
        let slots = self.ranges.bytes().as_mut_ptr().cast::<MemoryRange>();
        let mut len = 0;
        let mut last = MemoryRange { start: 0, end: 0 };
        for range in free {
            // Neighbours become one; what doesn't fit is memory that the kernel won't have.
            if len > 0 && last.end == range.start {
                last.end = range.end;
            } else if len < MAX_RANGES {
                last = range;
                len += 1;
            } else {
                continue;
            }
            // SAFETY: `len` slots fit into the pages, by the test above.
            unsafe { slots.add(len - 1).write(last) };
        }
        self.contents.memory_len = len as u64;
        // SAFETY: a page of its own holds the structure.
        unsafe {
            self.page
                .bytes()
                .as_mut_ptr()
                .cast::<BootPage>()
                .write(self.contents)
        };
        let page = self.page.address();
        core::mem::forget(map);
        // SAFETY: the entry is the kernel's, placed by `place`; what it is given is as
        // `ochre_abi::boot` says: interrupts off, everything below 4 GiB.
        unsafe {
            core::arch::asm!("cli", "jmp {entry}", entry = in(reg) self.entry, in("rdi") page,
                in("rsi") self.image, options(noreturn));
        }
    }
}
