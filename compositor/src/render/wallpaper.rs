//! What is behind everything.

use std::collections::HashMap;

use smithay::{
    backend::renderer::element::Id,
    utils::{Physical, Size},
};

use ochre_raster::Bitmap;

use super::{
    Look,
    element::{BitmapElement, Kept},
    target::Extent,
};
use crate::output::OutputId;

/// The wallpapers of all outputs.
#[derive(Debug, Default)]
pub struct Wallpaper {
    drawn: HashMap<OutputId, (Id, Size<i32, Physical>, Kept)>,
}

impl Wallpaper {
    /// The wallpaper of an output of this size.
    pub fn element(
        &mut self,
        output: OutputId,
        size: Size<i32, Physical>,
        look: &Look,
    ) -> Option<BitmapElement> {
        if let Some((id, drawn, kept)) = self.drawn.get(&output)
            && *drawn == size
        {
            return Some(BitmapElement::new(id.clone(), kept.clone(), (0, 0).into()));
        }
        let extent = Extent::from_signed(size.w, size.h)?;
        let (id, kept) = (Id::new(), Kept::opaque(draw(extent, look)));
        self.drawn.insert(output, (id.clone(), size, kept.clone()));
        Some(BitmapElement::new(id, kept, (0, 0).into()))
    }

    /// Forgets the wallpaper of an output that is gone.
    pub fn forget(&mut self, output: OutputId) {
        self.drawn.remove(&output);
    }
}

fn draw(extent: Extent, look: &Look) -> Bitmap {
    let painted = ochre_theme::wallpaper::paint(&look.theme, extent.width(), extent.height());
    painted.unwrap_or_else(|| {
        let mut bitmap = extent.bitmap();
        let whole = bitmap.bounds();
        bitmap.canvas().replace(whole, look.background);
        bitmap
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use smithay::reexports::calloop::EventLoop;

    use crate::{clock::Clock, output::DisplayInfo, state::Compositor, state::Options};

    #[test]
    fn nothing_is_kept_for_a_display_that_is_gone() {
        let events = EventLoop::try_new().unwrap();
        let clock = Clock::manual(Duration::ZERO);
        let mut compositor = Compositor::new(&events, clock, Options::default()).unwrap();
        compositor.look.theme.wallpaper = "plain".into();
        for n in 0..3 {
            let id = compositor.add_output(&DisplayInfo {
                name: format!("DP-{n}"),
                make: "Ochre".into(),
                model: "Memory".into(),
                millimetres: (0, 0),
                size: (64, 48),
                refresh: 60_000,
            });
            compositor.scene(id, false, Duration::ZERO);
            assert_eq!(compositor.painter.wallpaper.drawn.len(), 1);
            compositor.remove_output(id);
            assert!(compositor.painter.wallpaper.drawn.is_empty());
        }
    }
}
