//! What a driver is handed: ports, interrupts, device memory, memory for DMA. Each is a descriptor;
//! a driver reaches nothing else of the machine.

use crate::executor::Executor;
use crate::{Result, native};
use ochre_abi::native::{DmaSegment, PortIo};
use rustix::mm::{MapFlags, ProtFlags};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

/// A range of I/O ports.
#[derive(Debug)]
pub struct Ports(OwnedFd);

impl Ports {
    #[must_use]
    pub fn new(fd: OwnedFd) -> Ports {
        Ports(fd)
    }

    fn access(&self, offset: u16, width: u8, write: Option<u32>) -> Result<u32> {
        let io = PortIo {
            offset,
            width,
            write: u8::from(write.is_some()),
            value: write.unwrap_or(0),
        };
        native::port_io(self.0.as_fd(), io)
    }

    /// Reads the byte at `offset` ports from the range's start.
    pub fn read_u8(&self, offset: u16) -> Result<u8> {
        Ok(self.access(offset, 1, None)? as u8)
    }

    pub fn write_u8(&self, offset: u16, value: u8) -> Result<()> {
        self.access(offset, 1, Some(u32::from(value))).map(drop)
    }

    pub fn read_u32(&self, offset: u16) -> Result<u32> {
        self.access(offset, 4, None)
    }

    pub fn write_u32(&self, offset: u16, value: u32) -> Result<()> {
        self.access(offset, 4, Some(value)).map(drop)
    }
}

/// A device's interrupt. Reading takes the count since the last read; a level-triggered one stays
/// masked from its arrival to that read's following [`Interrupt::done`].
#[derive(Debug)]
pub struct Interrupt(OwnedFd);

impl Interrupt {
    #[must_use]
    pub fn new(fd: OwnedFd) -> Interrupt {
        Interrupt(fd)
    }

    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Waits for the interrupt; how often it came.
    pub async fn wait(&self, executor: &Executor) -> Result<u64> {
        executor.readable(&self.0).await;
        let mut count = [0; 8];
        rustix::io::read(&self.0, &mut count)?;
        Ok(u64::from_ne_bytes(count))
    }

    /// The device has been served: lets the interrupt come again.
    pub fn done(&self) -> Result<()> {
        rustix::io::write(&self.0, &1u64.to_ne_bytes()).map(drop)
    }
}

/// Memory shared with a device: its registers, or a DMA buffer. All access is volatile.
#[derive(Debug)]
pub struct DeviceMemory {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread; every access is a single volatile one.
unsafe impl Send for DeviceMemory {}

/// A plain integer that a device register can have.
pub trait Register: Copy + 'static {}
impl Register for u8 {}
impl Register for u16 {}
impl Register for u32 {}
impl Register for u64 {}

impl DeviceMemory {
    /// Maps `len` bytes of a memory capability from `offset`.
    pub fn map(memory: BorrowedFd<'_>, offset: u64, len: usize) -> Result<DeviceMemory> {
        // SAFETY: a fresh mapping at an address of the kernel's choice overlaps nothing of ours.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                memory,
                offset,
            )?
        };
        Ok(DeviceMemory {
            base: NonNull::new(base.cast()).expect("mmap returns no null"),
            len,
        })
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The address of the first byte in this process, for crates that take a pointer.
    #[must_use]
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.base
    }

    fn at<T: Register>(&self, offset: usize) -> *mut T {
        assert!(
            offset.is_multiple_of(size_of::<T>())
                && offset
                    .checked_add(size_of::<T>())
                    .is_some_and(|end| end <= self.len),
            "register {offset:#x} lies outside the device's {:#x} bytes",
            self.len
        );
        self.base.as_ptr().wrapping_add(offset).cast()
    }

    /// Reads the register at `offset` bytes.
    #[must_use]
    pub fn read<T: Register>(&self, offset: usize) -> T {
        // SAFETY: `at` checked bounds and alignment; any bit pattern is a value of T.
        unsafe { self.at::<T>(offset).read_volatile() }
    }

    /// Writes the register at `offset` bytes.
    pub fn write<T: Register>(&self, offset: usize, value: T) {
        // SAFETY: `at` checked bounds and alignment; the memory is the device's, no Rust object.
        unsafe { self.at::<T>(offset).write_volatile(value) }
    }

    /// Copies `bytes` to `offset`.
    pub fn copy_in(&self, offset: usize, bytes: &[u8]) {
        assert!(
            offset
                .checked_add(bytes.len())
                .is_some_and(|end| end <= self.len)
        );
        // SAFETY: bounds checked; the mapping is no Rust object, so nothing aliases `bytes`.
        unsafe {
            self.base
                .as_ptr()
                .add(offset)
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }

    /// Copies `len` bytes from `offset` to `to_offset` of other memory.
    pub fn copy_to(&self, offset: usize, to: &DeviceMemory, to_offset: usize, len: usize) {
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.len));
        assert!(to_offset.checked_add(len).is_some_and(|end| end <= to.len));
        // SAFETY: bounds of both checked; `copy` allows the two to be the same memory.
        unsafe {
            to.base
                .as_ptr()
                .add(to_offset)
                .copy_from(self.base.as_ptr().add(offset), len)
        };
    }

    /// Copies from `offset` into `bytes`.
    pub fn copy_out(&self, offset: usize, bytes: &mut [u8]) {
        assert!(
            offset
                .checked_add(bytes.len())
                .is_some_and(|end| end <= self.len)
        );
        // SAFETY: as in `copy_in`.
        unsafe {
            self.base
                .as_ptr()
                .add(offset)
                .copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len());
        }
    }
}

impl Drop for DeviceMemory {
    fn drop(&mut self) {
        // SAFETY: our own mapping; no pointer from `as_ptr` may outlive self by its contract.
        // Failure would only leak the range.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// The right to allocate memory that devices can reach.
#[derive(Debug)]
pub struct Dma(OwnedFd);

/// A DMA buffer: mapped here, and known to devices by the addresses of its pieces. It is let go for
/// good when dropped: the device must have been told before.
#[derive(Debug)]
pub struct DmaBuffer {
    pub memory: DeviceMemory,
    pub segments: Vec<DmaSegment>,
    /// For handing the buffer's memory on (mmap by clients).
    pub fd: OwnedFd,
}

impl DmaBuffer {
    /// The device's address of the first byte: of all, for a contiguous buffer.
    #[must_use]
    pub fn bus_address(&self) -> u64 {
        self.segments.first().map_or(0, |s| s.bus_address)
    }
}

impl Drop for DmaBuffer {
    fn drop(&mut self) {
        // It fails for no descriptor of this kind.
        let _ = native::dma_free(self.fd.as_fd());
    }
}

impl Dma {
    #[must_use]
    pub fn new(fd: OwnedFd) -> Dma {
        Dma(fd)
    }

    /// `len` bytes (rounded up to pages) in one piece, zeroed.
    pub fn alloc_contiguous(&self, len: usize) -> Result<DmaBuffer> {
        self.alloc_as(len, true)
    }

    /// `len` bytes (rounded up to pages) in as many pieces as it takes, zeroed.
    pub fn alloc(&self, len: usize) -> Result<DmaBuffer> {
        self.alloc_as(len, false)
    }

    fn alloc_as(&self, len: usize, contiguous: bool) -> Result<DmaBuffer> {
        let len = len.next_multiple_of(4096);
        let (fd, segments) = native::dma_alloc(self.0.as_fd(), len, contiguous)?;
        let memory = DeviceMemory::map(fd.as_fd(), 0, len).inspect_err(|_| {
            // It fails for no descriptor of this kind.
            let _ = native::dma_free(fd.as_fd());
        })?;
        Ok(DmaBuffer {
            memory,
            segments,
            fd,
        })
    }
}
