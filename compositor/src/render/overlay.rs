//! The Alt-Tab switcher: a card for each window, with its picture and its title.

use std::collections::{HashMap, HashSet};

use ochre_raster::{Bitmap, Color, FixedRect, Radii, Rect, Shadow};
use smithay::{
    backend::renderer::element::{Id, Kind, surface::render_elements_from_surface_tree},
    utils::{Physical, Point, Size},
};

use super::{
    Look, Painter, Target, Tracker,
    element::{BitmapElement, Kept, SceneElement},
    target::Extent,
};
use crate::{
    shell::{ManagedWindow, Switcher, WindowId},
    state::Compositor,
};

/// A card's picture, in logical pixels.
const PICTURE: (i32, i32) = (208, 130);
/// Around a picture, within its card.
const INSET: i32 = 10;
/// Height of a card's title.
const CAPTION: i32 = 34;
/// Between two cards, and around them all.
const GAP: i32 = 6;
const MARGIN: i32 = 14;

/// The switcher as it was last drawn.
#[derive(Debug, Default)]
pub struct Overlay {
    drawn: Option<(Switcher, f64, Id, Kept)>,
    pictures: HashMap<WindowId, Bitmap>,
    /// Windows that have drawn since their picture was taken.
    stale: HashSet<WindowId>,
}

impl Overlay {
    /// A window has drawn, so that its picture is of the past.
    pub fn window_drew(&mut self, id: WindowId) {
        if self.drawn.is_some() {
            self.stale.insert(id);
        }
    }
}

impl Compositor {
    /// Puts the switcher into the middle of an output.
    pub(super) fn push_switcher(
        &mut self,
        elements: &mut Vec<SceneElement>,
        switcher: &Switcher,
        output: Size<i32, Physical>,
        scale: f64,
    ) {
        let same = |(drawn, at, ..): &(Switcher, f64, Id, Kept)| drawn == switcher && *at == scale;
        let overlay = &self.painter.overlay;
        if !overlay.stale.is_empty() || !overlay.drawn.as_ref().is_some_and(same) {
            let drawn = overlay.drawn.as_ref();
            if drawn.is_none_or(|(drawn, at, ..)| drawn.order != switcher.order || *at != scale) {
                self.painter.overlay.pictures.clear();
            }
            self.take_pictures(&switcher.order, scale);
            let Some(bitmap) = self.draw_switcher(switcher, output, scale) else {
                return;
            };
            let overlay = &mut self.painter.overlay;
            match &mut overlay.drawn {
                Some((drawn, at, _, kept)) => {
                    kept.replace(bitmap);
                    (*drawn, *at) = (switcher.clone(), scale);
                }
                None => {
                    let drawn = (switcher.clone(), scale, Id::new(), Kept::new(bitmap));
                    overlay.drawn = Some(drawn);
                }
            }
        }
        let Some((_, _, id, kept)) = &self.painter.overlay.drawn else {
            return;
        };
        let (width, height) = kept.size();
        let place = Point::from(((output.w - width) / 2, (output.h - height) / 2));
        elements.push(BitmapElement::new(id.clone(), kept.clone(), place).into());
    }

    /// Small pictures of the windows that have none, or one of the past.
    fn take_pictures(&mut self, windows: &[WindowId], scale: f64) {
        let stale = std::mem::take(&mut self.painter.overlay.stale);
        for id in windows {
            let taken = self.painter.overlay.pictures.contains_key(id);
            if taken && !stale.contains(id) {
                continue;
            }
            let Some(window) = self.shell.get(*id) else {
                continue;
            };
            if let Some(picture) = picture_of(window, &mut self.painter, scale, self.look.overlay) {
                self.painter.overlay.pictures.insert(*id, picture);
            }
        }
    }

    fn draw_switcher(
        &mut self,
        switcher: &Switcher,
        output: Size<i32, Physical>,
        scale: f64,
    ) -> Option<Bitmap> {
        let px = |length: i32| (f64::from(length) * scale).round() as i32;
        let card = (px(PICTURE.0 + 2 * INSET), px(PICTURE.1 + INSET + CAPTION));
        let (gap, margin) = (px(GAP), px(MARGIN));
        let room = ((output.w - 4 * margin + gap) / (card.0 + gap)).max(1);
        let count = switcher.order.len() as i32; // as many as windows: small
        let columns = count.min(room);
        // More windows than fit: show the page that the chosen one is on.
        let first = switcher.chosen as i32 / columns * columns;
        let shown = (count - first).min(columns);
        let look = &self.look;
        let painter = &mut self.painter;
        let size = (
            shown * card.0 + (shown - 1) * gap + 2 * margin,
            card.1 + 2 * margin,
        );
        let radius = px(look.radius + 6).unsigned_abs();
        let (mut bitmap, panel) = panel(look, size, radius, scale)?;

        for n in 0..shown {
            let place = Rect::new(
                panel.x + margin + n * (card.0 + gap),
                panel.y + margin,
                card.0,
                card.1,
            );
            let index = (first + n) as usize;
            let Some(window) = switcher.order.get(index).and_then(|id| self.shell.get(*id)) else {
                continue;
            };
            let mut canvas = bitmap.canvas();
            if index == switcher.chosen {
                let radius = px(look.radius).unsigned_abs();
                canvas.fill_rounded(place, radius, look.selected);
                canvas.outline(place, radius, px(2).unsigned_abs(), look.accent);
            }
            if let Some(picture) = painter.overlay.pictures.get(&window.id) {
                let at = (
                    place.x + (place.width - picture.width()) / 2,
                    place.y + px(INSET) + (px(PICTURE.1) - picture.height()) / 2,
                );
                let shape = Rect::new(at.0, at.1, picture.width(), picture.height());
                let image = picture.opaque_image();
                let corners = Radii::from(px(6).unsigned_abs());
                canvas.blend_rounded(&image, picture.bounds(), at, 255, shape, corners);
                canvas.outline(shape, corners, 1, look.overlay_border);
            }
            let caption = [
                (place.x + px(INSET)) as f32,
                (place.y + card.1 - px(CAPTION)) as f32,
                px(PICTURE.0) as f32,
                px(CAPTION) as f32,
            ];
            let size = (look.text_size - 1.0) * scale as f32;
            let name = if window.title.is_empty() {
                &window.app_id
            } else {
                &window.title
            };
            painter
                .text
                .draw(&mut bitmap, name, size, caption, look.overlay_text);
        }
        Some(bitmap)
    }
}

/// What stands above windows, still empty, with its shadow around it: the picture and where in it that is.
pub(super) fn panel(
    look: &Look,
    (width, height): (i32, i32),
    radius: u32,
    scale: f64,
) -> Option<(Bitmap, Rect)> {
    let px = |length: i32| (f64::from(length) * scale).round() as i32;
    let shadows = look.overlay_shadow.map(|layer| {
        let shadow = Shadow {
            sigma: layer.sigma * scale as f32,
            radius,
            color: look.shadow_of(&layer),
            hollow: None,
        };
        (shadow, (f64::from(layer.offset) * scale).round() as i32)
    });
    let reach = shadows.iter().map(|(shadow, drop)| shadow.margin() + drop);
    let around = reach.max().unwrap_or(0);
    let panel = Rect::new(around, around, width, height);
    let mut bitmap = Extent::from_signed(width + 2 * around, height + 2 * around)?.bitmap();
    let mut canvas = bitmap.canvas();
    for (shadow, drop) in &shadows {
        canvas.shadow(panel.translate(0, *drop), shadow);
    }
    canvas.fill_rounded(panel, radius, look.overlay);
    let line = px(1).max(1).unsigned_abs();
    canvas.outline(panel, radius, line, look.overlay_border);
    Some((bitmap, panel))
}

/// A window's content, drawn apart and made small.
fn picture_of(
    window: &ManagedWindow,
    painter: &mut Painter,
    scale: f64,
    ground: Color,
) -> Option<Bitmap> {
    let whole = window_picture(window, painter, scale, ground)?;
    let (width, height) = (f64::from(whole.width()), f64::from(whole.height()));
    let most = (f64::from(PICTURE.0) * scale, f64::from(PICTURE.1) * scale);
    let factor = (most.0 / width).min(most.1 / height).min(1.0);
    let small = Extent::from_signed(
        (width * factor).round().max(1.0) as i32,
        (height * factor).round().max(1.0) as i32,
    )?;
    Some(shrunk(whole, small))
}

/// A window's content in its own size.
pub(crate) fn window_picture(
    window: &ManagedWindow,
    painter: &mut Painter,
    scale: f64,
    ground: Color,
) -> Option<Bitmap> {
    let geometry = window.window.geometry();
    let size = geometry.size.to_f64().to_physical(scale).to_i32_round();
    let mut whole = Extent::from_signed(size.w, size.h)?.bitmap();
    let origin = Point::from((-geometry.loc.x, -geometry.loc.y))
        .to_f64()
        .to_physical(scale);
    let surface = window.surface()?;
    let elements: Vec<SceneElement> = render_elements_from_surface_tree(
        &mut painter.renderer,
        &surface,
        origin.to_i32_round(),
        scale,
        1.0,
        Kind::Unspecified,
    );
    // Where the window has holes, the card shows.
    let mut target = Target::of(&mut whole);
    let renderer = &mut painter.renderer;
    let mut tracker = Tracker::default();
    tracker
        .render(renderer, &mut target, 0, &elements, scale, ground)
        .ok()?;
    Some(whole)
}

/// Halves a picture until bilinear scaling no longer skips pixels, then scales it.
fn shrunk(mut picture: Bitmap, to: Extent) -> Bitmap {
    let (width, height) = to.signed();
    while picture.width() >= 2 * width && picture.height() >= 2 * height {
        let half = Extent::from_signed(picture.width() / 2, picture.height() / 2);
        let Some(half) = half else { break };
        picture = scaled(&picture, half);
    }
    scaled(&picture, to)
}

fn scaled(picture: &Bitmap, to: Extent) -> Bitmap {
    let mut smaller = to.bitmap();
    let whole = smaller.bounds();
    let source = FixedRect::from(picture.bounds());
    smaller
        .canvas()
        .blend_scaled(&picture.opaque_image(), source, whole, 255);
    smaller
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_averages() {
        // Stripes one pixel wide become even grey, not stripes again.
        let stripes = (0..64 * 64).map(|n| if n % 2 == 0 { 0xffff_ffff } else { 0xff00_0000 });
        let picture = Bitmap::from_pixels(stripes.collect(), 64, 64).unwrap();
        let small = shrunk(picture, Extent::new(13, 13).unwrap());
        for pixel in small.pixels() {
            let grey = pixel & 0xff;
            assert!((120..=136).contains(&grey), "{grey}");
        }
    }
}
