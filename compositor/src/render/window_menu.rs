//! The menu of a window, drawn when what it shows changes.

use smithay::{
    backend::renderer::element::Id,
    utils::{Logical, Point, Rectangle},
};

use ochre_raster::{Bitmap, Rect};

use super::{
    element::{BitmapElement, Kept, SceneElement},
    overlay::panel,
    scene::View,
};
use crate::{shell::WindowMenu, state::Compositor};

/// The menu as it was last drawn, and how far its corner is from its picture's.
#[derive(Debug)]
pub struct DrawnMenu {
    menu: WindowMenu,
    scale: f64,
    id: Id,
    kept: Kept,
    around: i32,
}

impl Compositor {
    /// Puts the menu onto the display that it is on.
    pub(super) fn push_window_menu(
        &mut self,
        elements: &mut Vec<SceneElement>,
        menu: &WindowMenu,
        view: &View,
    ) {
        let drawn = self.painter.window_menu.take();
        let same = drawn.filter(|drawn| drawn.scale == view.scale);
        let drawn = match same {
            Some(drawn) if drawn.menu == *menu => drawn,
            before => {
                let Some((bitmap, around)) = self.draw_window_menu(menu, view) else {
                    return;
                };
                let (id, kept) = match before {
                    Some(DrawnMenu { id, mut kept, .. }) => {
                        kept.replace(bitmap);
                        (id, kept)
                    }
                    None => (Id::new(), Kept::new(bitmap)),
                };
                DrawnMenu {
                    menu: menu.clone(),
                    scale: view.scale,
                    id,
                    kept,
                    around,
                }
            }
        };
        let place = view.rect(menu.rect).loc - Point::from((drawn.around, drawn.around));
        elements.push(BitmapElement::new(drawn.id.clone(), drawn.kept.clone(), place).into());
        self.painter.window_menu = Some(drawn);
    }

    fn draw_window_menu(&mut self, menu: &WindowMenu, view: &View) -> Option<(Bitmap, i32)> {
        let look = &self.look;
        let scale = view.scale;
        let whole = view.rect(menu.rect);
        let (mut bitmap, panel) = panel(
            look,
            (whole.size.w, whole.size.h),
            view.length(look.radius).unsigned_abs(),
            scale,
        )?;
        // Edges are rounded each, so that lines touch.
        let pixels = |rect: Rectangle<i32, Logical>| {
            let at = view.rect(Rectangle::new(menu.rect.loc + rect.loc, rect.size));
            let corner = at.loc - whole.loc;
            Rect::new(panel.x + corner.x, panel.y + corner.y, at.size.w, at.size.h)
        };
        for separator in menu.separators() {
            let line = pixels(separator);
            let line = Rect::new(line.x, line.y, line.width, line.height.max(1));
            bitmap.canvas().fill(line, look.overlay_border);
        }
        for (index, (entry, line)) in menu.entries.iter().zip(menu.lines()).enumerate() {
            if menu.chosen == Some(index) {
                let radius = view.length(look.radius / 2).unsigned_abs();
                let mut canvas = bitmap.canvas();
                canvas.fill_rounded(pixels(line), radius, look.selected);
            }
            let room = pixels(WindowMenu::text_of(line));
            let place = [room.x, room.y, room.width, room.height].map(|length| length as f32);
            let size = look.text_size * scale as f32;
            let text = &mut self.painter.text;
            text.draw_from_left(&mut bitmap, &entry.label(), size, place, look.overlay_text);
        }
        Some((bitmap, panel.x))
    }
}
