//! Title bars: drawn when what they show changes, kept until then.

use std::collections::HashMap;

use smithay::{
    backend::renderer::element::Id,
    utils::{Physical, Rectangle},
};
use tiny_skia::Transform;

use ochre_raster::{Bitmap, Color, Radii};

use super::{
    Look,
    element::{BitmapElement, Kept},
    target::Extent,
    text::Text,
    vector,
};
use crate::{
    output::OutputId,
    shell::{FrameButton, FrameLayout, WindowId},
};

/// Everything that a title bar's pixels depend on, but the look.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub title: String,
    /// Size in the output's pixels.
    pub size: (i32, i32),
    /// Width in logical pixels, which the layout is made for.
    pub width: i32,
    pub active: bool,
    pub maximized: bool,
    /// Radius of the upper corners.
    pub radius: u32,
    /// The button under the pointer, and whether it is held.
    pub hovered: Option<(FrameButton, bool)>,
    pub scale: f64,
}

/// The title bars of the windows on screen.
#[derive(Debug, Default)]
pub struct Titlebars {
    /// Of each window on each output, as their scales may differ.
    kept: HashMap<(WindowId, OutputId), (Bar, Id, Kept)>,
}

impl Titlebars {
    /// The title bar of a window on an output, drawn anew if something about it changed.
    pub fn element(
        &mut self,
        of: (WindowId, OutputId),
        bar: Bar,
        place: Rectangle<i32, Physical>,
        look: &Look,
        text: &mut Text,
    ) -> Option<BitmapElement> {
        if let Some((before, id, kept)) = self.kept.get_mut(&of) {
            if *before != bar {
                kept.replace(draw(&bar, look, text)?);
                *before = bar;
            }
            return Some(BitmapElement::new(id.clone(), kept.clone(), place.loc));
        }
        let id = Id::new();
        let fresh = Kept::new(draw(&bar, look, text)?);
        self.kept.insert(of, (bar, id.clone(), fresh.clone()));
        Some(BitmapElement::new(id, fresh, place.loc))
    }

    /// Forgets the title bars of windows or outputs that are gone.
    pub fn retain(&mut self, keep: impl Fn(WindowId, OutputId) -> bool) {
        self.kept
            .retain(|(window, output), _| keep(*window, *output));
    }
}

fn draw(bar: &Bar, look: &Look, text: &mut Text) -> Option<Bitmap> {
    let (width, height) = bar.size;
    let mut bitmap = Extent::from_signed(width, height)?.bitmap();
    let (ground, ink) = (look.bar(bar.active).ground, look.bar(bar.active).text);
    let whole = bitmap.bounds();
    bitmap
        .canvas()
        .fill_rounded(whole, Radii::top(bar.radius), ground);

    let layout = FrameLayout::new(bar.width, look);
    let scale = bar.scale as f32;
    for (button, place) in &layout.buttons {
        let state = bar
            .hovered
            .filter(|(which, _)| which == button)
            .map(|(_, held)| held);
        let corner = (place.loc.x as f32 * scale, place.loc.y as f32 * scale);
        draw_button(
            &mut bitmap,
            *button,
            bar.maximized,
            state,
            look,
            ink,
            corner,
            scale,
        );
    }
    let [left, width] = [layout.title.loc.x, layout.title.size.w].map(|value| value as f32 * scale);
    let room = [left, 0.0, width, height as f32];
    text.draw(&mut bitmap, &bar.title, look.text_size * scale, room, ink);
    Some(bitmap)
}

#[allow(clippy::too_many_arguments)] // a button's state and place, nothing that belongs together
fn draw_button(
    bitmap: &mut Bitmap,
    button: FrameButton,
    maximized: bool,
    hovered: Option<bool>,
    look: &Look,
    ink: Color,
    corner: (f32, f32),
    scale: f32,
) {
    let side = look.button_size as f32;
    let place = Transform::from_row(scale, 0.0, 0.0, scale, corner.0, corner.1);
    let is_close = button == FrameButton::Close;
    if let Some(held) = hovered {
        let ground = match (is_close, held) {
            (true, _) => look.close_hover,
            (false, true) => look.button_pressed,
            (false, false) => look.button_hover,
        };
        if let Some(disc) = vector::rounded(0.0, 0.0, side, side, side / 2.0) {
            vector::fill(bitmap, &disc, place, ground);
        }
    }
    let ink = if is_close && hovered.is_some() {
        look.close_text
    } else {
        ink
    };
    let (low, high) = (side * 0.34, side * 0.66);
    let middle = side * 0.5;
    let at = |x: f32, y: f32| Some((x, y));
    let shape = match (button, maximized) {
        (FrameButton::Close, _) => vector::lines(
            &[
                at(low, low),
                at(high, high),
                None,
                at(high, low),
                at(low, high),
            ],
            false,
        ),
        (FrameButton::Minimize, _) => vector::lines(&[at(low, middle), at(high, middle)], false),
        (FrameButton::Maximize, false) => {
            vector::rounded(low, low, high - low, high - low, side * 0.06)
        }
        (FrameButton::Maximize, true) => {
            let step = side * 0.09;
            vector::lines(
                &[
                    at(low, low + step),
                    at(high - step, low + step),
                    at(high - step, high),
                    at(low, high),
                    at(low, low + step),
                    None,
                    at(low + step, low),
                    at(high, low),
                    at(high, high - step),
                ],
                false,
            )
        }
    };
    if let Some(shape) = shape {
        vector::stroke(bitmap, &shape, side * 0.055, place, ink);
    }
}
