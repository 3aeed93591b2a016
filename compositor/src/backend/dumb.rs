//! Buffers that a card can show and the CPU can draw into.

use std::cell::RefCell;

use self_cell::MutBorrow;
use smithay::{
    backend::{
        allocator::{
            Fourcc, Modifier, Slot, Swapchain,
            dumb::{DumbAllocator, DumbBuffer},
        },
        drm::{
            DrmDeviceFd,
            dumb::{DumbFramebuffer, framebuffer_from_dumb_buffer},
        },
    },
    reexports::drm::{
        buffer::Buffer,
        control::{
            Device,
            dumbbuffer::{DumbBuffer as Handle, DumbMapping},
            framebuffer,
        },
    },
};

use crate::{
    Error,
    render::{Extent, Target},
};

/// The buffers that a display goes through.
pub struct Buffers {
    swapchain: Swapchain<DumbAllocator>,
    card: DrmDeviceFd,
    extent: Extent,
}

/// A buffer that is being drawn or shown; it is free again when this is dropped.
pub type InUse = Slot<DumbBuffer>;

/// What a buffer keeps for as long as it lives.
struct Attached {
    framebuffer: DumbFramebuffer,
    mapping: RefCell<Mapped>,
}

self_cell::self_cell!(
    /// A mapping, and the handle that it borrows: it only names the buffer.
    struct Mapped {
        owner: MutBorrow<Handle>,
        #[covariant]
        dependent: DumbMapping,
    }
);

impl Buffers {
    /// Buffers of this size; they are made as they are needed.
    pub fn new(card: &DrmDeviceFd, extent: Extent) -> Self {
        let allocator = DumbAllocator::new(card.clone());
        let linear = vec![Modifier::Linear];
        let (width, height) = (extent.width(), extent.height());
        let swapchain = Swapchain::new(allocator, width, height, Fourcc::Xrgb8888, linear);
        Self {
            swapchain,
            card: card.clone(),
            extent,
        }
    }

    /// Their size.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// A buffer that is not on screen, and how many frames old what it holds is.
    pub fn next(&mut self) -> Result<Option<(InUse, usize)>, Error> {
        let failed = |err: &dyn std::fmt::Display| Error::Display(err.to_string());
        let Some(slot) = self.swapchain.acquire().map_err(|err| failed(&err))? else {
            return Ok(None);
        };
        if slot.userdata().get::<Attached>().is_none() {
            let framebuffer = framebuffer_from_dumb_buffer(&self.card, &slot, true)
                .map_err(|err| failed(&err))?;
            let card = &self.card;
            let handle = MutBorrow::new(*slot.handle());
            let mapping =
                Mapped::try_new(handle, |handle| card.map_dumb_buffer(handle.borrow_mut()))
                    .map_err(|err| failed(&err))?;
            slot.userdata().insert_if_missing(|| Attached {
                framebuffer,
                mapping: RefCell::new(mapping),
            });
        }
        let age = usize::from(slot.age());
        Ok(Some((slot, age)))
    }

    /// Lets `draw` see a buffer's pixels.
    pub fn draw<T>(&self, slot: &InUse, draw: impl FnOnce(Target<'_>) -> T) -> Result<T, Error> {
        let short = || Error::Display("the card's buffer is smaller than it said".into());
        let attached = slot.userdata().get::<Attached>().ok_or_else(short)?;
        let mut mapping = attached.mapping.borrow_mut();
        let (width, height) = (self.extent.width(), self.extent.height());
        let stride = slot.handle().pitch() as usize / 4;
        mapping.with_dependent_mut(|_, mapping| {
            let pixels = bytemuck::try_cast_slice_mut(&mut mapping[..]).map_err(|_| short())?;
            let canvas =
                ochre_raster::Canvas::new(pixels, width, height, stride).ok_or_else(short)?;
            Ok(draw(Target(canvas)))
        })
    }

    /// What the card knows a buffer as.
    pub fn framebuffer(&self, slot: &InUse) -> Option<framebuffer::Handle> {
        slot.userdata()
            .get::<Attached>()
            .map(|attached| *attached.framebuffer.as_ref())
    }

    /// A buffer was handed to the card: the others are a frame older now.
    pub fn submitted(&mut self, slot: &InUse) {
        self.swapchain.submitted(slot);
    }
}
