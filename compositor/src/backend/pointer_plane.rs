//! The cursor plane that a card lays over a display.
//!
//! It is used by the legacy calls, which Linux, too, carries out at once: an atomic commit would wait
//! for the frame that is on its way, or be refused meanwhile. They also tell the hotspot, by which the
//! host of a virtual machine shows the pointer where its own is.

use ochre_raster::Bitmap;
use smithay::{
    backend::drm::{DrmDevice, DrmDeviceFd},
    reexports::drm::control::{Device as ControlDevice, crtc, dumbbuffer::DumbBuffer},
    utils::{Physical, Point},
};

use super::{
    Pointer,
    dumb::{Buffers, InUse},
};
use crate::{Error, render::Extent};

/// See the module's header.
pub(super) struct PointerPlane {
    card: DrmDeviceFd,
    crtc: crtc::Handle,
    buffers: Buffers,
    /// What is on screen.
    shown: Option<InUse>,
    refused: bool,
}

impl PointerPlane {
    /// The plane over a scanout, which shows nothing yet; none if the card has none.
    pub(super) fn new(card: &DrmDevice, crtc: crtc::Handle) -> Option<Self> {
        let size = card.cursor_size();
        let extent = Extent::new(size.w, size.h)?;
        let card = card.device_fd();
        set(card, crtc, None, (0, 0).into()).ok()?;
        Some(Self {
            card: card.clone(),
            crtc,
            buffers: Buffers::new(card, extent),
            shown: None,
            refused: false,
        })
    }

    /// How large its pictures are, unless it has refused one.
    pub(super) fn extent(&self) -> Option<Extent> {
        (!self.refused).then(|| self.buffers.extent())
    }

    /// Shows, moves or hides the pointer.
    pub(super) fn show(&mut self, pointer: &Pointer<'_>) -> Result<(), Error> {
        let shown = self.try_show(pointer);
        self.refused |= shown.is_err();
        shown
    }

    fn try_show(&mut self, pointer: &Pointer<'_>) -> Result<(), Error> {
        match *pointer {
            Pointer::Hidden => {
                self.shown = None;
                set(&self.card, self.crtc, None, (0, 0).into())
            }
            Pointer::At(at) => self.go(at),
            Pointer::Picture {
                picture,
                hotspot,
                at,
            } => {
                self.draw(picture, hotspot)?;
                self.go(at)
            }
        }
    }

    fn draw(&mut self, picture: &Bitmap, hotspot: Point<i32, Physical>) -> Result<(), Error> {
        let busy = || Error::Display("all of the pointer's buffers are in use".into());
        let (slot, _) = self.buffers.next()?.ok_or_else(busy)?;
        self.buffers.draw(&slot, |mut target| {
            target.0.copy(&picture.image(), picture.bounds(), (0, 0));
        })?;
        set(&self.card, self.crtc, Some(slot.handle()), hotspot)?;
        self.shown = Some(slot);
        Ok(())
    }

    #[allow(deprecated, reason = "the module's header says why these calls")]
    fn go(&self, at: Point<i32, Physical>) -> Result<(), Error> {
        let moved = self.card.move_cursor(self.crtc, (at.x, at.y));
        moved.map_err(|err| Error::Display(format!("moving the pointer: {err}")))
    }
}

impl Drop for PointerPlane {
    fn drop(&mut self) {
        // A card that is gone shows nothing anyway.
        let _ = set(&self.card, self.crtc, None, (0, 0).into());
    }
}

#[allow(deprecated, reason = "the module's header says why these calls")]
fn set(
    card: &DrmDeviceFd,
    crtc: crtc::Handle,
    picture: Option<&DumbBuffer>,
    hotspot: Point<i32, Physical>,
) -> Result<(), Error> {
    let set = card.set_cursor2(crtc, picture, (hotspot.x, hotspot.y));
    set.map_err(|err| Error::Display(format!("showing the pointer: {err}")))
}
