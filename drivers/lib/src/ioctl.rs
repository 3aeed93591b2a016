//! The argument of one ioctl: its struct, the arrays behind its pointers, its descriptors.

use crate::{Errno, Result, native};
use bytemuck::Pod;
use ochre_abi::ioctl::{ArgHeader, Number};
use std::os::fd::{BorrowedFd, OwnedFd};

/// A request's ioctl argument, laid out as [`ochre_abi::ioctl`] says.
pub struct Argument<'a> {
    command: Number,
    integer: u64,
    payload: &'a mut [u8],
    request: u64,
    server: BorrowedFd<'a>,
    reply_fd: Option<OwnedFd>,
}

impl<'a> Argument<'a> {
    pub(crate) fn new(
        command: u32,
        integer: u64,
        payload: &'a mut [u8],
        request: u64,
        server: BorrowedFd<'a>,
    ) -> Argument<'a> {
        Argument {
            command: Number(command),
            integer,
            payload,
            request,
            server,
            reply_fd: None,
        }
    }

    /// The ioctl's number.
    #[must_use]
    pub fn command(&self) -> Number {
        self.command
    }

    /// The argument of a command that takes a bare integer.
    #[must_use]
    pub fn integer(&self) -> u64 {
        self.integer
    }

    fn header(&self) -> Result<ArgHeader> {
        let bytes = self
            .payload
            .get(..size_of::<ArgHeader>())
            .ok_or(Errno::INVAL)?;
        Ok(bytemuck::pod_read_unaligned(bytes))
    }

    /// The bytes of the struct.
    pub fn bytes(&mut self) -> Result<&mut [u8]> {
        let size = self.header()?.size as usize;
        let start = size_of::<ArgHeader>();
        self.payload
            .get_mut(start..start + size)
            .ok_or(Errno::INVAL)
    }

    /// The struct. A client built with an older, shorter one gets zeroes for the rest, as in Linux.
    pub fn get<T: Pod>(&mut self) -> Result<T> {
        let bytes = self.bytes()?;
        let mut value = T::zeroed();
        let len = bytes.len().min(size_of::<T>());
        bytemuck::bytes_of_mut(&mut value)[..len].copy_from_slice(&bytes[..len]);
        Ok(value)
    }

    /// Replaces the struct.
    pub fn set<T: Pod>(&mut self, value: &T) -> Result<()> {
        let bytes = self.bytes()?;
        let len = bytes.len().min(size_of::<T>());
        bytes[..len].copy_from_slice(&bytemuck::bytes_of(value)[..len]);
        Ok(())
    }

    fn array_range(&self, index: usize) -> Result<std::ops::Range<usize>> {
        let header = self.header()?;
        let array = header.arrays.get(index).ok_or(Errno::INVAL)?;
        let start = array.offset as usize;
        Ok(start..start + array.capacity as usize)
    }

    /// Elements that the client passed behind pointer `index` of the table's entry.
    pub fn array<T: Pod>(&self, index: usize) -> Result<Vec<T>> {
        let bytes = self
            .payload
            .get(self.array_range(index)?)
            .ok_or(Errno::INVAL)?;
        Ok(bytes
            .chunks_exact(size_of::<T>())
            .map(bytemuck::pod_read_unaligned)
            .collect())
    }

    /// Elements that the client has room for behind pointer `index`.
    pub fn capacity<T: Pod>(&self, index: usize) -> Result<usize> {
        Ok(self.array_range(index)?.len() / size_of::<T>())
    }

    /// Gives the client as many of `values` as it has room for.
    pub fn put_array<T: Pod>(&mut self, index: usize, values: &[T]) -> Result<()> {
        let range = self.array_range(index)?;
        let count = values.len().min(range.len() / size_of::<T>());
        let bytes: &[u8] = bytemuck::cast_slice(&values[..count]);
        let target = self.payload.get_mut(range).ok_or(Errno::INVAL)?;
        target[..bytes.len()].copy_from_slice(bytes);
        let mut header = self.header()?;
        header.arrays[index].written = bytes.len() as u32;
        self.payload[..size_of::<ArgHeader>()].copy_from_slice(bytemuck::bytes_of(&header));
        Ok(())
    }

    /// The descriptor that the client passed.
    pub fn take_fd(&self) -> Result<OwnedFd> {
        native::scheme_take_fd(self.server, self.request)
    }

    /// Passes a descriptor to the client, in the field that the table names.
    pub fn reply_fd(&mut self, fd: OwnedFd) {
        self.reply_fd = Some(fd);
    }

    pub(crate) fn into_reply_fd(self) -> Option<OwnedFd> {
        self.reply_fd
    }
}
