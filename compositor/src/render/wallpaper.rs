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
