//! Ochre's own system calls. Linux numbers end below 600; ours start at [`BASE`], so no Linux
//! program meets them by accident. All take and return what Linux calls do (−errno on error).
//!
//! Authority is a file descriptor: [`MACHINE_ROOT`] gives PID 1, once, a descriptor for the whole
//! machine; everything a driver gets is derived from it, narrower, by [`DERIVE`].

use bytemuck::{Pod, Zeroable};

/// First native call.
pub const BASE: usize = 0x4000;

/// `(params: *const SchemeParams) → control fd`. Makes a scheme; the holder of the control
/// descriptor supervises it. EPERM without CAP_SYS_ADMIN.
pub const SCHEME_CREATE: usize = BASE;
/// `(control fd, path: *const c_char) → 0`. Makes the scheme's root appear at an existing path.
pub const SCHEME_MOUNT: usize = BASE + 1;
/// `(control fd) → server fd`. Starts a new life of the scheme; EBUSY while another server fd is
/// open. mmap of the server fd shows the ring ([`crate::scheme::RING_SIZE`] bytes).
pub const SCHEME_ATTACH: usize = BASE + 2;
/// `(server fd, wait: 0 | 1) → number of requests waiting in the ring`. Takes the completions the
/// server has put into the ring, then, if `wait` is 1 and no request is there, sleeps until one is.
pub const SCHEME_ENTER: usize = BASE + 3;
/// `(server fd, request id, index) → fd`. The descriptor a client passed with a request.
pub const SCHEME_TAKE_FD: usize = BASE + 4;
/// `(server fd, table: *const ioctl::Command, bytes) → 0`. Declares the ioctls of this scheme.
pub const SCHEME_IOCTLS: usize = BASE + 6;

/// `() → machine fd`, for PID 1 alone, once.
pub const MACHINE_ROOT: usize = BASE + 16;
/// `(fd, params: *const Derive) → fd`. A narrower capability.
pub const DERIVE: usize = BASE + 17;
/// `(ports fd, params: *mut PortIo) → 0`. One port access within the range of the descriptor.
pub const PORT_IO: usize = BASE + 18;
/// `(dma fd, bytes, params: *mut DmaAlloc) → memory fd`. Zeroed memory that devices can reach, in as
/// many pieces as it takes; ENOSPC when the caller's list cannot hold them.
///
/// It stays allocated, whoever lets go of it, until [`DMA_FREE`]: a device whose driver has died writes on until
/// it is stopped.
pub const DMA_ALLOC: usize = BASE + 19;
/// `(interrupt fd, out: *mut MsiMessage) → 0`. Where a device must write to raise it.
pub const MSI_MESSAGE: usize = BASE + 20;
/// `(memory fd) → 0`. The device will not touch this memory of [`DMA_ALLOC`] any more: it is gone
/// when its descriptors and mappings are. `(dma fd) → 0`: the device has been stopped, and touches none of what was
/// allocated for it.
pub const DMA_FREE: usize = BASE + 23;

/// `(framebuffer fd, out: *mut Framebuffer) → 0`.
pub const FRAMEBUFFER_INFO: usize = BASE + 21;

/// `(control or server fd, text: *const u8, bytes) → 0`. Tells the listeners of
/// NETLINK_KOBJECT_UEVENT that a device of this scheme changed; the text is NUL-separated
/// `KEY=value` pairs after the `action@devpath` line, as Linux sends it.
pub const UEVENT: usize = BASE + 22;

/// [`FRAMEBUFFER_INFO`]'s answer: 32-bit pixels, red in bits 16–23, blue in bits 0–7.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Framebuffer {
    pub width: u32,
    pub height: u32,
    /// Bytes from one row to the next.
    pub stride: u32,
    pub _reserved: u32,
}

/// [`SCHEME_CREATE`]'s argument.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct SchemeParams {
    /// [`crate::scheme::SchemeFlags`] bits.
    pub flags: u32,
    pub _reserved: u32,
    /// Shown in /proc/mounts and log lines; NUL-padded.
    pub name: [u8; 32],
}

/// What [`DERIVE`] makes.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeriveKind {
    /// Physical memory `[start, start + length)`, no RAM of the kernel: a descriptor for mmap.
    Physical = 1,
    /// I/O ports `[start, start + length)`, for [`PORT_IO`].
    Ports = 2,
    /// The global system interrupt `start`; `flags` are [`IRQ_LEVEL`] and [`IRQ_ACTIVE_LOW`].
    Gsi = 3,
    /// A message-signalled interrupt, for [`MSI_MESSAGE`].
    Msi = 4,
    /// The right to allocate DMA memory for device `start` (a number of the caller's choice), `length` bytes at
    /// most for all who have that right.
    Dma = 5,
    /// ACPI's root pointer and the firmware's tables, read-only: `start` is ignored.
    Acpi = 6,
    /// The framebuffer that the firmware set up: a descriptor for mmap, and [`FRAMEBUFFER_INFO`].
    Framebuffer = 7,
}

/// [`Derive::flags`] of a GSI: level triggered.
pub const IRQ_LEVEL: u32 = 1;
/// [`Derive::flags`] of a GSI: active low.
pub const IRQ_ACTIVE_LOW: u32 = 2;
/// [`Derive::flags`] of physical memory: map write-combined instead of uncached.
pub const MAP_WRITE_COMBINING: u32 = 1;

/// [`DERIVE`]'s argument.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Derive {
    /// A [`DeriveKind`].
    pub kind: u32,
    pub flags: u32,
    pub start: u64,
    pub length: u64,
}

/// [`PORT_IO`]'s argument.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct PortIo {
    /// Offset from the first port of the range.
    pub offset: u16,
    /// 1, 2 or 4 bytes.
    pub width: u8,
    /// 0 reads into `value`, 1 writes it.
    pub write: u8,
    pub value: u32,
}

/// [`DmaAlloc::flags`]: in one piece.
pub const DMA_CONTIGUOUS: u32 = 1;
/// Pieces of one allocation at most.
pub const DMA_SEGMENTS: usize = 4096;

/// [`DMA_ALLOC`]'s argument.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct DmaAlloc {
    /// [`DMA_CONTIGUOUS`] or 0.
    pub flags: u32,
    /// In: the room in `segments`; out: how many there are.
    pub segment_count: u32,
    /// Address of the list of [`DmaSegment`]s to fill.
    pub segments: u64,
}

/// A piece of DMA memory, in the order of the mapping.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct DmaSegment {
    /// The address a device uses.
    pub bus_address: u64,
    pub length: u64,
}

/// [`MSI_MESSAGE`]'s answer.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct MsiMessage {
    pub address: u64,
    pub data: u32,
    pub _reserved: u32,
}
