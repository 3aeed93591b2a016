//! Buffers that clients share as dma-bufs, read where they are.
//!
//! What a client sends is taken if it can be mapped: a dma-buf, or the memory that Ochre's cards hand out.
//! It is mapped once, for as long as its buffer lives. It may turn out not to be all there: then the client is disconnected.

use std::{collections::HashMap, rc::Rc};

use rustix::param::page_size;
use smithay::{
    backend::allocator::{
        Buffer, Fourcc, Modifier,
        dmabuf::{Dmabuf, DmabufSyncFlags, WeakDmabuf},
    },
    reexports::{
        wayland_protocols::wp::linux_dmabuf::zv1::server::zwp_linux_buffer_params_v1::Error,
        wayland_server::{
            Resource,
            protocol::{wl_buffer::WlBuffer, wl_shm::Format},
        },
    },
    wayland::{dmabuf::get_dmabuf, shm::BufferData},
};

use ochre_raster::Image;

use super::{Extent, RenderError, mapping::Mapping, shm::Rows};

/// The formats that are taken, all linear.
pub const DMA_FORMATS: [Fourcc; 2] = [Fourcc::Argb8888, Fourcc::Xrgb8888];

/// The buffers that are mapped.
#[derive(Debug, Default)]
pub struct DmaBuffers(HashMap<WeakDmabuf, Rc<Mapped>>);

#[derive(Debug)]
struct Mapped {
    dmabuf: WeakDmabuf,
    memory: Mapping,
    rows: Rows,
    /// Its card wants to know when it is read.
    asks: bool,
}

/// A client's buffer, to be drawn from.
#[derive(Debug, Clone)]
pub struct DmaView {
    buffer: WlBuffer,
    mapped: Rc<Mapped>,
}

fn sync(dmabuf: &Dmabuf, when: DmabufSyncFlags) -> bool {
    dmabuf.sync_plane(0, when | DmabufSyncFlags::READ).is_ok()
}

impl DmaBuffers {
    /// Takes a buffer, if it can be read and its numbers are true.
    pub fn take(&mut self, dmabuf: &Dmabuf) -> bool {
        // Some never became a client's buffer.
        self.0.retain(|dmabuf, _| !dmabuf.is_gone());
        let Some(mapped) = Mapped::new(dmabuf) else {
            return false;
        };
        self.0.insert(dmabuf.weak(), Rc::new(mapped));
        true
    }

    /// A client's buffer as it may be drawn from.
    pub fn view(&self, buffer: &WlBuffer) -> Result<DmaView, RenderError> {
        let dmabuf = get_dmabuf(buffer).map_err(|_| RenderError::BadBuffer)?;
        let mapped = self.0.get(&dmabuf.weak()).ok_or(RenderError::BadBuffer)?;
        Ok(DmaView {
            buffer: buffer.clone(),
            mapped: mapped.clone(),
        })
    }

    /// A client's buffer is gone. What shows it still may do so.
    pub fn forget(&mut self, buffer: &WlBuffer) {
        if let Ok(dmabuf) = get_dmabuf(buffer) {
            self.0.remove(&dmabuf.weak());
        }
    }
}

impl Mapped {
    fn new(dmabuf: &Dmabuf) -> Option<Self> {
        let format = match dmabuf.format().code {
            Fourcc::Argb8888 => Format::Argb8888,
            Fourcc::Xrgb8888 => Format::Xrgb8888,
            _ => return None,
        };
        if dmabuf.format().modifier != Modifier::Linear || dmabuf.y_inverted() {
            return None;
        }
        let (fd, offset) = (dmabuf.handles().next()?, dmabuf.offsets().next()?);
        let file = u64::try_from(rustix::fs::fstat(fd).ok()?.st_size).ok()?;
        // A mapping begins at a page.
        let within = offset % u32::try_from(page_size()).ok()?;
        let start = u64::from(offset - within);
        let size = dmabuf.size();
        let data = BufferData {
            offset: i32::try_from(within).ok()?,
            width: size.w,
            height: size.h,
            stride: i32::try_from(dmabuf.strides().next()?).ok()?,
            format,
        };
        let length = usize::try_from(file.checked_sub(start)?).ok()?;
        let rows = Rows::check(&data, length).filter(Rows::readable)?;
        let memory = Mapping::new(fd, start, rows.end)?;
        let asks = sync(dmabuf, DmabufSyncFlags::START);
        if asks {
            sync(dmabuf, DmabufSyncFlags::END);
        }
        Some(Self {
            dmabuf: dmabuf.weak(),
            memory,
            rows,
            asks,
        })
    }
}

impl DmaView {
    /// Its size.
    pub fn extent(&self) -> Extent {
        self.mapped.rows.extent
    }

    /// Whether its alpha is garbage.
    pub fn is_opaque(&self) -> bool {
        self.mapped.rows.opaque
    }

    /// Lets `read` see the pixels. They may change while it looks, and are zero where they are gone.
    pub fn with<T>(&self, read: impl FnOnce(Image<'_>) -> T) -> Result<T, RenderError> {
        let mapped = &*self.mapped;
        let asking = mapped.dmabuf.upgrade().filter(|_| mapped.asks);
        if let Some(dmabuf) = &asking {
            sync(dmabuf, DmabufSyncFlags::START);
        }
        let seen = mapped.memory.read(|words| {
            let rows = &mapped.rows;
            let pixels = words.get(rows.offset / 4..rows.end / 4)?;
            rows.image(pixels).map(read)
        });
        if let Some(dmabuf) = &asking {
            sync(dmabuf, DmabufSyncFlags::END);
        }
        if seen.is_none() {
            let error = Error::InvalidWlBuffer;
            self.buffer
                .post_error(error, "the buffer's memory is not there");
        }
        seen.flatten().ok_or(RenderError::BadBuffer)
    }
}
