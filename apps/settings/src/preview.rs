//! A theme in small: a window on the wallpaper, in the theme's own colours.

use std::cell::RefCell;
use std::rc::Rc;

use ochre_toolkit::Painter;
use ochre_toolkit::raster::{Bitmap, Rect};
use ochre_toolkit::theme::{Theme, wallpaper};

/// A theme with its wallpaper, painted once for each size that is asked for.
#[derive(Clone)]
pub struct Preview {
    pub theme: Rc<Theme>,
    wallpaper: Rc<RefCell<Option<Rc<Bitmap>>>>,
}

impl Preview {
    pub fn new(theme: Theme) -> Preview {
        Preview {
            theme: Rc::new(theme),
            wallpaper: Rc::default(),
        }
    }

    fn wallpaper(&self, width: i32, height: i32) -> Option<Rc<Bitmap>> {
        let mut kept = self.wallpaper.borrow_mut();
        let fits = |bitmap: &Rc<Bitmap>| (bitmap.width(), bitmap.height()) == (width, height);
        if !kept.as_ref().is_some_and(fits) {
            let (width, height) = (width.max(0) as u32, height.max(0) as u32);
            *kept = wallpaper::paint(&self.theme, width, height).map(Rc::new);
        }
        kept.clone()
    }
}

/// Paints the theme as a miniature.
pub fn miniature(preview: &Preview, rect: Rect, painter: &mut Painter) {
    let theme = &preview.theme;
    let (tokens, metrics) = (&theme.tokens, &theme.metrics);
    let px = |painter: &Painter, logical: f32| painter.px(logical);
    let small = metrics.radius_small;
    match preview.wallpaper(rect.width, rect.height) {
        Some(picture) => painter.picture(&picture, rect, metrics.radius_control),
        None => painter.fill(rect, metrics.radius_control, tokens.desktop),
    }
    // A window with its title bar, sidebar, text lines and a primary button.
    let window = Rect::from_edges(
        rect.x + px(painter, 18.0),
        rect.y + px(painter, 15.0),
        rect.right() - px(painter, 18.0),
        rect.bottom() - px(painter, 14.0),
    );
    painter.fill(
        window.translate(0, px(painter, 2.0)).inset(-1),
        small,
        tokens.shadow.faded(40),
    );
    painter.fill(window, small, tokens.window);
    let bar = Rect {
        height: px(painter, 13.0),
        ..window
    };
    painter.fill(bar, small, tokens.titlebar);
    let dot = px(painter, 5.0);
    for at in 0..3 {
        let x = window.right() - px(painter, 9.0) - at * px(painter, 8.0);
        let color = if at == 0 { tokens.accent } else { tokens.track };
        let y = bar.y + (bar.height - dot) / 2;
        painter.fill(Rect::new(x, y, dot, dot), 3.0, color);
    }
    let side = Rect::from_edges(
        window.x,
        bar.bottom(),
        window.x + px(painter, 32.0),
        window.bottom(),
    );
    painter.fill(side, 0.0, tokens.sidebar);
    let line = |painter: &mut Painter, x: i32, y: i32, width: f32, color| {
        let place = Rect::new(x, y, px(painter, width), px(painter, 3.0).max(2));
        painter.fill(place, 1.5, color);
    };
    let (left, first) = (side.x + px(painter, 6.0), side.y + px(painter, 8.0));
    let gap = px(painter, 8.0);
    let chosen = Rect::new(
        side.x + px(painter, 3.0),
        first - px(painter, 3.0),
        side.width - px(painter, 6.0),
        px(painter, 9.0),
    );
    painter.fill(chosen, 2.0, tokens.selected);
    line(painter, left, first, 18.0, tokens.text_accent);
    line(painter, left, first + gap, 22.0, tokens.text_muted);
    line(painter, left, first + 2 * gap, 15.0, tokens.text_muted);
    let body = side.right() + px(painter, 9.0);
    line(painter, body, first, 34.0, tokens.text);
    line(painter, body, first + gap, 48.0, tokens.text_muted);
    line(painter, body, first + 2 * gap, 40.0, tokens.text_muted);
    let button = Rect::new(
        window.right() - px(painter, 32.0),
        window.bottom() - px(painter, 15.0),
        px(painter, 25.0),
        px(painter, 9.0),
    );
    painter.fill(button, 3.0, tokens.accent);
    painter.outline(window, small, 1.0, tokens.frame_border);
    painter.outline(rect, metrics.radius_control, 1.0, tokens.border);
}
