//! What the boot loader told, in one form for both ways in (PVH and UEFI).

use crate::addr::PhysAddr;
use crate::frame::Frame;

/// A linear framebuffer that the firmware set up.
#[derive(Clone, Copy, Debug)]
pub struct FramebufferInfo {
    pub addr: PhysAddr,
    pub width: u32,
    pub height: u32,
    /// Bytes from one row to the next.
    pub stride: u32,
    pub format: PixelFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// 32 bits, blue in the lowest byte (DRM's XRGB8888).
    Bgrx,
    /// 32 bits, red in the lowest byte (DRM's XBGR8888).
    Rgbx,
}

pub struct BootInfo {
    pub cmdline: &'static str,
    pub rsdp: Option<PhysAddr>,
    pub framebuffer: Option<FramebufferInfo>,
    /// Usable RAM in bytes, the kernel's own included.
    pub memory_bytes: u64,
}

impl BootInfo {
    /// The boot archive; the first call gets it, later ones get none.
    #[must_use]
    pub fn take_archive(&self) -> Option<BootArchive> {
        todo!()
    }

    /// The value of `key=value` on the command line, or "" for a bare `key`.
    #[must_use]
    pub fn option(&self, key: &str) -> Option<&'static str> {
        self.cmdline
            .split_ascii_whitespace()
            .find_map(|word| match word.split_once('=') {
                Some((k, v)) => (k == key).then_some(v),
                None => (word == key).then_some(""),
            })
    }
}

/// The boot module's memory, owned page by page: a page goes back to the allocator when the
/// archive and all that took [`BootArchive::frame`] of it are gone.
pub struct BootArchive {
    len: usize,
}

impl BootArchive {
    /// Length in bytes. The archive starts at a page boundary; what follows its last byte in the
    /// last page is zero.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies from `offset`; stops at the archive's end. Returns the bytes copied.
    pub fn read(&self, _offset: usize, _dst: &mut [u8]) -> usize {
        todo!()
    }

    /// A shared owner of the archive's page `index`, usable as a page-cache page.
    #[must_use]
    pub fn frame(&self, _index: usize) -> Option<Frame> {
        todo!()
    }
}
