//! What the UEFI loader hands to the kernel: one page, and what it points at.
//!
//! All addresses are physical, below 4 GiB, and stay untouched until the kernel has read them. The
//! kernel is entered in 64-bit mode with interrupts off, rdi = the page's address and rsi = the
//! physical address that its image was loaded at, on page tables that map the first 4 GiB
//! one-to-one.

/// First word of the page: "OCHREBT1".
pub const MAGIC: u64 = u64::from_le_bytes(*b"OCHREBT1");

/// A physical range of RAM that is free to use once the loader has gone.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryRange {
    pub start: u64,
    pub end: u64,
}

/// The firmware's framebuffer; `width` 0: none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Framebuffer {
    pub addr: u64,
    pub width: u32,
    pub height: u32,
    /// Bytes from one row to the next.
    pub stride: u32,
    /// One of `FORMAT_*`.
    pub format: u32,
}

/// 32 bits, blue in the lowest byte.
pub const FORMAT_BGRX: u32 = 0;
/// 32 bits, red in the lowest byte.
pub const FORMAT_RGBX: u32 = 1;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct BootPage {
    pub magic: u64,
    /// Array of [`MemoryRange`]: free RAM, which includes the archive, the kernel's image, and
    /// this page and what it points at. The kernel takes those out itself.
    pub memory: u64,
    pub memory_len: u64,
    /// The boot archive, page-aligned; length 0: none.
    pub archive: u64,
    pub archive_len: u64,
    /// UTF-8 text.
    pub cmdline: u64,
    pub cmdline_len: u64,
    /// ACPI's root pointer; 0: none.
    pub rsdp: u64,
    pub framebuffer: Framebuffer,
}
