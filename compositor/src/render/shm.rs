//! Clients' shared memory, the one place that touches it (but for [`super::mapping`], which dma-bufs are read by).
//!
//! A client can write to its buffer while it is read, and can truncate the file behind it. The first
//! can only change colours: nothing here or in the kernels branches or indexes by a pixel's value.
//! The second raises SIGBUS, which Smithay's guard catches: it puts zero pages under the access and
//! disconnects the client.

#![allow(unsafe_code)] // raw pointers into clients' pools become slices here and nowhere else

use smithay::{
    reexports::wayland_server::protocol::{wl_buffer::WlBuffer, wl_shm::Format},
    wayland::shm::{BufferData, with_buffer_contents, with_buffer_contents_mut},
};

use ochre_raster::{Bitmap, Image};

use super::{Extent, RenderError};

/// The formats that clients may draw in.
pub const SHM_FORMATS: [Format; 4] = [
    Format::Argb8888,
    Format::Xrgb8888,
    Format::Abgr8888,
    Format::Xbgr8888,
];

/// A client's buffer as it may be drawn from in place.
#[derive(Debug, Clone)]
pub struct ShmView {
    buffer: WlBuffer,
    extent: Extent,
    opaque: bool,
}

/// A buffer's rows, once its numbers have been believed.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) extent: Extent,
    /// The alpha byte is garbage.
    pub(super) opaque: bool,
    /// Red and blue are swapped (ABGR).
    swapped: bool,
    pub(super) offset: usize,
    stride: usize,
    /// Where the last row ends.
    pub(super) end: usize,
}

impl Rows {
    /// Checks a buffer's numbers against its pool's length.
    pub(super) fn check(data: &BufferData, pool: usize) -> Option<Self> {
        let (swapped, opaque) = match data.format {
            Format::Argb8888 => (false, false),
            Format::Xrgb8888 => (false, true),
            Format::Abgr8888 => (true, false),
            Format::Xbgr8888 => (true, true),
            _ => return None,
        };
        let extent = Extent::from_signed(data.width, data.height)?;
        let offset = usize::try_from(data.offset).ok()?;
        let stride = usize::try_from(data.stride).ok()?;
        let row = extent.width() as usize * 4;
        let last = stride.checked_mul(extent.height() as usize - 1)?;
        let end = offset.checked_add(last)?.checked_add(row)?;
        (stride >= row && end <= pool).then_some(Self {
            extent,
            opaque,
            swapped,
            offset,
            stride,
            end,
        })
    }

    /// The picture whose first pixel is the first of these.
    pub(super) fn image<'a>(&self, pixels: &'a [u32]) -> Option<Image<'a>> {
        let image = if self.opaque {
            Image::xrgb
        } else {
            Image::argb
        };
        let (width, height) = (self.extent.width(), self.extent.height());
        image(pixels, width, height, self.stride / 4)
    }

    /// Whether the rows can be read as ARGB pixels where they are.
    pub(super) fn readable(&self) -> bool {
        !self.swapped && self.offset.is_multiple_of(4) && self.stride.is_multiple_of(4)
    }
}

/// What a client's buffer becomes for the renderer.
pub enum Imported {
    /// Drawn from in place.
    View(ShmView),
    /// Copied, because its rows do not lie on pixel boundaries, or its channels in our order.
    Copy {
        /// The pixels, ours.
        pixels: Bitmap,
        /// Whether their alpha is garbage.
        opaque: bool,
    },
}

/// Takes a client's buffer for drawing.
pub fn import(buffer: &WlBuffer) -> Result<Imported, RenderError> {
    with_buffer_contents(buffer, |pool, length, data| {
        let rows = Rows::check(&data, length).ok_or(RenderError::BadBuffer)?;
        let (extent, opaque) = (rows.extent, rows.opaque);
        if rows.readable() {
            return Ok(Imported::View(ShmView {
                buffer: buffer.clone(),
                extent,
                opaque,
            }));
        }
        let (width, height) = (extent.width() as usize, extent.height() as usize);
        let starts = (0..height).map(|y| rows.offset + y * rows.stride);
        let places = starts.flat_map(|start| (0..width).map(move |x| start + x * 4));
        let pixels = places.map(|place| {
            // SAFETY: `Rows::check` proved that every row's pixels end within the pool, which is
            // mapped while this closure runs; the read needs no alignment.
            let pixel = unsafe { pool.add(place).cast::<u32>().read_unaligned() };
            if rows.swapped { swap(pixel) } else { pixel }
        });
        Bitmap::from_pixels(pixels.collect(), extent.width(), extent.height())
            .map(|pixels| Imported::Copy { pixels, opaque })
            .ok_or(RenderError::BadBuffer)
    })
    .map_err(|_| RenderError::BadBuffer)?
}

/// ARGB from ABGR.
fn swap(pixel: u32) -> u32 {
    (pixel & 0xff00_ff00) | (pixel & 0xff) << 16 | (pixel >> 16 & 0xff)
}

impl ShmView {
    /// Its size.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// Whether its alpha is garbage.
    pub fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// Lets `read` see the pixels. They may change while it looks, and are zero after a truncation.
    pub fn with<T>(&self, read: impl FnOnce(Image<'_>) -> T) -> Result<T, RenderError> {
        with_buffer_contents(&self.buffer, |pool, length, data| {
            let rows = Rows::check(&data, length).filter(Rows::readable)?;
            let count = (rows.end - rows.offset) / 4;
            // SAFETY: the pool is mapped page-aligned and `offset` is a multiple of 4, so the
            // pointer is aligned; `Rows::check` proved that `count` pixels end within the pool,
            // which stays mapped while this closure runs. The client may write meanwhile: readers
            // take each value once and decide nothing by it.
            let pixels =
                unsafe { std::slice::from_raw_parts(pool.add(rows.offset).cast::<u32>(), count) };
            rows.image(pixels).map(read)
        })
        .ok()
        .flatten()
        .ok_or(RenderError::BadBuffer)
    }
}

/// Writes a picture into a client's buffer of the same size (a capture).
pub fn write(buffer: &WlBuffer, picture: &Bitmap) -> Result<(), RenderError> {
    with_buffer_contents_mut(buffer, |pool, length, data| {
        let size = (picture.width(), picture.height());
        let same = |rows: &Rows| rows.extent.signed() == size && !rows.swapped;
        let rows = Rows::check(&data, length)
            .filter(same)
            .ok_or(RenderError::BadBuffer)?;
        let width = rows.extent.width() as usize;
        for (y, row) in picture.pixels().chunks_exact(width).enumerate() {
            let start = rows.offset + y * rows.stride;
            // SAFETY: `Rows::check` proved that every row ends within the pool, which is mapped
            // writable while this closure runs; source and pool cannot overlap.
            unsafe {
                std::ptr::copy_nonoverlapping(
                    row.as_ptr().cast::<u8>(),
                    pool.add(start),
                    width * 4,
                );
            }
        }
        Ok(())
    })
    .map_err(|_| RenderError::BadBuffer)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(offset: i32, width: i32, height: i32, stride: i32) -> BufferData {
        BufferData {
            offset,
            width,
            height,
            stride,
            format: Format::Argb8888,
        }
    }

    #[test]
    fn numbers_that_lie_are_not_believed() {
        assert!(Rows::check(&data(0, 4, 4, 16), 64).is_some());
        assert!(
            Rows::check(&data(0, 4, 4, 16), 63).is_none(),
            "pool too short"
        );
        assert!(
            Rows::check(&data(4, 4, 4, 16), 64).is_none(),
            "offset beyond"
        );
        assert!(
            Rows::check(&data(0, 4, 4, 12), 64).is_none(),
            "stride too small"
        );
        assert!(Rows::check(&data(-4, 4, 4, 16), 64).is_none());
        assert!(Rows::check(&data(0, -4, 4, 16), 64).is_none());
        assert!(Rows::check(&data(0, i32::MAX, i32::MAX, i32::MAX), usize::MAX).is_none());
        assert!(!Rows::check(&data(2, 4, 4, 16), 99).unwrap().readable());
    }
}
