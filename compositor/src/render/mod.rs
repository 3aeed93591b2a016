//! Frames: what they consist of ([`scene`]) and how it becomes pixels.
//!
//! The scene is a list of elements, front first. [`damage`] compares it with the one before and asks
//! the elements to draw what changed; [`renderer`] draws for it. Everything the
//! compositor draws itself (frames, shadows, cursors, the switcher) is made once as a bitmap or a
//! profile and kept in [`Painter`] until what it shows changes.

mod cursor;
mod damage;
mod dma;
mod element;
mod look;
mod mapping;
mod overlay;
mod picture;
mod pointer;
mod renderer;
mod scene;
pub mod shm;
mod target;
mod text;
mod titlebar;
mod tone;
mod turned;
mod vector;
mod wallpaper;
mod window_menu;

use std::collections::HashMap;

use ochre_raster::Color;
use smithay::{
    backend::renderer::element::Id,
    utils::{Physical, Rectangle},
};

pub use damage::Tracker;
pub use dma::DMA_FORMATS;
pub use look::Look;
pub(crate) use overlay::window_picture;
pub use picture::Picture;
pub(crate) use pointer::Sight;
pub use renderer::{SoftFrame, SoftRenderer, SoftTexture};
pub use scene::Scene;
pub use shm::SHM_FORMATS;
pub use target::{Extent, Target, crop, png};
pub use tone::{CURVE, Tone};
pub use turned::{Turned, in_buffer, turned};

use crate::{output::OutputId, shell::WindowId};

/// Why a frame could not be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A client's buffer is not what it said.
    #[error("a client's buffer cannot be read")]
    BadBuffer,
    /// Outputs are drawn upright.
    #[error("rotated outputs are not drawn")]
    RotatedOutput,
}

/// The renderer and what it keeps from frame to frame.
#[derive(Debug)]
pub struct Painter {
    pub(crate) renderer: SoftRenderer,
    titlebars: titlebar::Titlebars,
    cursors: cursor::Cursors,
    wallpaper: wallpaper::Wallpaper,
    overlay: overlay::Overlay,
    window_menu: Option<window_menu::DrawnMenu>,
    shadow_ids: HashMap<WindowId, Id>,
    preview_id: Id,
    text: text::Text,
}

impl Painter {
    /// A painter with nothing painted yet.
    pub fn new() -> Self {
        Self {
            renderer: SoftRenderer::new(),
            titlebars: titlebar::Titlebars::default(),
            cursors: cursor::Cursors::default(),
            wallpaper: wallpaper::Wallpaper::default(),
            overlay: overlay::Overlay::default(),
            window_menu: None,
            shadow_ids: HashMap::new(),
            preview_id: Id::new(),
            text: text::Text::load(),
        }
    }

    /// Draws what changed since the frame that the target holds; tells where.
    pub fn render(
        &mut self,
        tracker: &mut Tracker,
        target: &mut Target<'_>,
        age: usize,
        scene: &Scene,
        background: Color,
    ) -> Result<Option<Vec<Rectangle<i32, Physical>>>, RenderError> {
        let (elements, scale) = (scene.elements(), scene.scale());
        tracker.render(&mut self.renderer, target, age, elements, scale, background)
    }

    /// A window has drawn something new.
    pub(crate) fn window_drew(&mut self, id: WindowId) {
        self.overlay.window_drew(id);
    }

    /// How long a line of text is.
    pub(crate) fn text_width(&mut self, text: &str, size: f32) -> f32 {
        self.text.width(text, size)
    }

    /// Forgets what was kept for an output that is gone.
    pub(crate) fn forget_output(&mut self, gone: OutputId) {
        self.titlebars.retain(|_, output| output != gone);
        self.wallpaper.forget(gone);
    }

    /// Forgets everything that the theme shows in.
    pub fn forget_look(&mut self) {
        self.titlebars = titlebar::Titlebars::default();
        self.cursors = cursor::Cursors::default();
        self.wallpaper = wallpaper::Wallpaper::default();
        self.overlay = overlay::Overlay::default();
        self.window_menu = None;
        self.shadow_ids = HashMap::new();
    }
}

impl Default for Painter {
    fn default() -> Self {
        Self::new()
    }
}
