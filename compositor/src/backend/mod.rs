//! Where frames go and input comes from. The core sees only [`Backend`].

mod clips;
pub mod drm;
mod dumb;
mod evdev;
mod gather;
mod hands;
pub mod headless;
mod kind;
pub mod nested;
mod pen;
mod pointer_plane;
mod readings;
mod slots;
mod touch_screen;
mod uevent;

pub use evdev::Devices;

use ochre_raster::Bitmap;
use smithay::{
    output::Mode as OutputMode,
    utils::{Physical, Point, Rectangle},
};

use crate::{
    Error,
    output::OutputId,
    render::{Extent, RenderError, Target},
    state::Compositor,
};

/// Pixels that changed.
pub type Damage = Vec<Rectangle<i32, Physical>>;

/// Draws a frame into the buffer it is given, whose contents are `age` frames old (0: unknown);
/// tells what it drew, or that there was nothing to draw.
pub type Draw<'a> = dyn FnMut(Target<'_>, usize) -> Result<Option<Damage>, RenderError> + 'a;

/// When a frame will be on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// Nothing was drawn: nothing had changed, or there is nowhere to show it.
    Nothing,
    /// The frame before is not on screen yet: this one must be drawn then.
    NotYet,
    /// At the estimated vblank.
    AtTimer,
    /// When the backend says so.
    AtFlip,
}

/// What a card's plane for the pointer is to show.
#[derive(Debug)]
pub enum Pointer<'a> {
    /// Nothing.
    Hidden,
    /// The same picture with its corner at a place of the output, be it beyond the edge.
    At(Point<i32, Physical>),
    /// A picture of the size that such planes have.
    Picture {
        /// Premultiplied.
        picture: &'a Bitmap,
        /// What it points to, from its corner.
        hotspot: Point<i32, Physical>,
        /// Where its corner is.
        at: Point<i32, Physical>,
    },
}

/// Where frames go.
#[derive(Debug)]
pub enum Backend {
    /// Nowhere yet.
    None,
    /// Into memory.
    Headless(headless::Headless),
    /// To a display card.
    Drm(Box<drm::Drm>),
    /// Into a window of another desktop.
    Nested(Box<nested::Nested>),
}

impl Backend {
    /// Whether a display could be driven in this mode.
    pub(crate) fn can_show(&self, output: OutputId, mode: OutputMode) -> bool {
        match self {
            Backend::None | Backend::Nested(_) => false,
            Backend::Headless(_) => true,
            Backend::Drm(drm) => drm.can_show(output, mode),
        }
    }

    /// Whether its displays can be switched on and off.
    pub(crate) fn can_switch(&self) -> bool {
        matches!(self, Backend::Headless(_) | Backend::Drm(_))
    }

    /// How large the pictures of the pointer are that an output's card shows over what is drawn; none
    /// if it shows none.
    pub(crate) fn pointer_plane(&self, output: OutputId) -> Option<Extent> {
        match self {
            Backend::None | Backend::Nested(_) => None,
            Backend::Headless(headless) => headless.pointer_plane(output),
            Backend::Drm(drm) => drm.pointer_plane(output),
        }
    }

    /// Shows the pointer over an output, at once; it costs no frame.
    pub(crate) fn show_pointer(
        &mut self,
        output: OutputId,
        pointer: &Pointer<'_>,
    ) -> Result<(), Error> {
        match self {
            Backend::None | Backend::Nested(_) => Err(Error::Display("no plane".into())),
            Backend::Headless(headless) => headless.show_pointer(output, pointer),
            Backend::Drm(drm) => drm.show_pointer(output, pointer),
        }
    }

    /// Lets `draw` fill the next buffer of an output, and shows it.
    pub fn present(&mut self, output: OutputId, draw: &mut Draw<'_>) -> Result<Presented, Error> {
        match self {
            Backend::None => Ok(Presented::Nothing),
            Backend::Headless(headless) => headless.present(output, draw),
            Backend::Drm(drm) => drm.present(output, draw),
            Backend::Nested(nested) => nested.present(output, draw),
        }
    }
}

impl Compositor {
    /// Looks for devices that were away.
    pub(crate) fn rescan_devices(&mut self) {
        self.look_for_card();
        self.look_for_input();
    }

    /// A frame could not be shown. If the card is gone, waits for it to come back.
    pub(crate) fn present_failed(&mut self) {
        if matches!(self.backend, Backend::Drm(_)) {
            self.card_lost();
        }
    }
}
