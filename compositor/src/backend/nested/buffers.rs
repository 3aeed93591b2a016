//! Shared-memory buffers that the host shows.
//!
//! A frame is drawn into a bitmap of ours, and its changed rows are written to the buffer that is
//! shown next: no memory is shared that the host could take away, so nothing here is unsafe. Each
//! buffer remembers which rows changed since it was shown.

use std::{
    fs::File,
    os::{fd::AsFd, unix::fs::FileExt},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ochre_raster::Bitmap;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use wayland_client::{
    QueueHandle,
    protocol::{
        wl_buffer::WlBuffer,
        wl_shm::{self, WlShm},
    },
};

use super::host::Host;
use crate::{Error, render::Extent};

/// As many as one that is shown, one that waits to be shown, and one to draw.
const MOST: usize = 3;

/// Changed rows: from the first, to before the second.
pub(super) type Rows = (i32, i32);

/// The buffers of one size.
#[derive(Debug)]
pub(super) struct Buffers {
    extent: Extent,
    buffers: Vec<Buffer>,
}

#[derive(Debug)]
struct Buffer {
    file: File,
    handle: WlBuffer,
    /// The host has it; its release clears this.
    busy: Arc<AtomicBool>,
    /// Rows that changed since it was shown, in order and apart from each other.
    stale: Vec<Rows>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.handle.destroy();
    }
}

impl Buffers {
    /// Buffers of this size; they are made as they are needed.
    pub(super) fn new(extent: Extent) -> Self {
        Self {
            extent,
            buffers: Vec::new(),
        }
    }

    /// Takes note of what a frame changed.
    pub(super) fn changed(&mut self, rows: Rows) {
        for buffer in &mut self.buffers {
            add(&mut buffer.stale, rows);
        }
    }

    /// A buffer that holds `frame`, if the host does not have all of them.
    pub(super) fn fill(
        &mut self,
        frame: &Bitmap,
        shm: &WlShm,
        queue: &QueueHandle<Host>,
    ) -> Result<WlBuffer, Error> {
        let failed = |err: std::io::Error| Error::Display(format!("a buffer: {err}"));
        let free = |buffer: &Buffer| !buffer.busy.load(Ordering::Acquire);
        let place = match self.buffers.iter().position(free) {
            Some(place) => place,
            None => {
                let buffer = self.add(shm, queue).map_err(failed)?;
                self.buffers.push(buffer);
                self.buffers.len() - 1
            }
        };
        let stride = self.extent.width() as usize * 4;
        let bytes: &[u8] = bytemuck::cast_slice(frame.pixels());
        let buffer = &mut self.buffers[place];
        for (from, to) in buffer.stale.drain(..) {
            let (from, to) = (from.unsigned_abs() as usize, to.unsigned_abs() as usize);
            let part = &bytes[from * stride..to * stride];
            buffer
                .file
                .write_all_at(part, (from * stride) as u64)
                .map_err(failed)?;
        }
        buffer.busy.store(true, Ordering::Release);
        Ok(buffer.handle.clone())
    }

    /// Whether a frame drawn now would have a buffer.
    pub(super) fn has_free(&self) -> bool {
        self.buffers.len() < MOST
            || self
                .buffers
                .iter()
                .any(|buffer| !buffer.busy.load(Ordering::Acquire))
    }

    fn add(&self, shm: &WlShm, queue: &QueueHandle<Host>) -> std::io::Result<Buffer> {
        let (width, height) = self.extent.signed();
        let stride = width * 4;
        let file = File::from(memfd_create("ochre-compositor", MemfdFlags::CLOEXEC)?);
        ftruncate(
            &file,
            stride.unsigned_abs() as u64 * height.unsigned_abs() as u64,
        )?;
        let length = stride
            .checked_mul(height)
            .ok_or(std::io::ErrorKind::InvalidInput)?;
        let pool = shm.create_pool(file.as_fd(), length, queue, ());
        let busy = Arc::new(AtomicBool::new(false));
        let format = wl_shm::Format::Xrgb8888;
        let handle = pool.create_buffer(0, width, height, stride, format, queue, busy.clone());
        pool.destroy();
        Ok(Buffer {
            file,
            handle,
            busy,
            stale: vec![(0, height)],
        })
    }
}

/// Adds rows to a list in order, joining what touches.
fn add(list: &mut Vec<Rows>, (mut from, mut to): Rows) {
    if from >= to {
        return;
    }
    list.retain(|(start, end)| {
        let apart = *end < from || *start > to;
        if !apart {
            (from, to) = (from.min(*start), to.max(*end));
        }
        apart
    });
    let place = list.partition_point(|(start, _)| *start < from);
    list.insert(place, (from, to));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_touch_are_one_write() {
        let mut rows = Vec::new();
        add(&mut rows, (10, 20));
        add(&mut rows, (40, 50));
        add(&mut rows, (30, 30));
        assert_eq!(rows, [(10, 20), (40, 50)]);
        add(&mut rows, (20, 25));
        assert_eq!(rows, [(10, 25), (40, 50)]);
        add(&mut rows, (0, 45));
        assert_eq!(rows, [(0, 50)]);
    }
}
