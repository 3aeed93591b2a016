//! Which text may sit on which surface, and that it can be read there.
//!
//! One table says it all. The compiler moves a text's lightness until all its surfaces agree; the
//! proof is then measured on the finished tokens, so that it doesn't rest on how they were made.

use ochre_raster::Color;

use crate::oklch::{Oklch, contrast};
use crate::tokens::Tokens;

/// A text token on a surface token.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    pub text: &'static str,
    pub surface: &'static str,
    pub ratio: f32,
    pub required: f32,
}

impl Pair {
    pub fn holds(&self) -> bool {
        self.ratio >= self.required
    }
}

/// Surfaces that carry ordinary text.
pub(crate) fn general(tokens: &Tokens) -> Vec<(&'static str, Color)> {
    let on_page = [
        "window",
        "sidebar",
        "card",
        "popover",
        "panel",
        "field",
        "control",
        "control_hover",
        "control_pressed",
        "hover",
        "pressed",
        "selected",
        "selected_hover",
    ];
    tokens
        .all()
        .into_iter()
        .filter(|(name, _)| on_page.contains(name))
        .collect()
}

/// Every pair that the design uses, measured.
pub(crate) fn pairs(tokens: &Tokens, required: f32) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut add = |text: (&'static str, Color), surface: (&'static str, Color)| {
        let ratio = contrast(text.1, surface.1);
        pairs.push(Pair {
            text: text.0,
            surface: surface.0,
            ratio,
            required,
        });
    };
    for surface in general(tokens) {
        add(("text", tokens.text), surface);
        add(("text_muted", tokens.text_muted), surface);
        add(("text_accent", tokens.text_accent), surface);
        add(("text_danger", tokens.text_danger), surface);
        add(("text_success", tokens.text_success), surface);
        add(("text_warning", tokens.text_warning), surface);
    }
    add(("text", tokens.text), ("selection", tokens.selection));
    for surface in [
        ("accent", tokens.accent),
        ("accent_hover", tokens.accent_hover),
        ("accent_pressed", tokens.accent_pressed),
    ] {
        add(("text_on_accent", tokens.text_on_accent), surface);
    }
    for surface in [
        ("danger", tokens.danger),
        ("danger_hover", tokens.danger_hover),
    ] {
        add(("text_on_danger", tokens.text_on_danger), surface);
    }
    add(
        ("titlebar_text", tokens.titlebar_text),
        ("titlebar", tokens.titlebar),
    );
    add(
        ("titlebar_text_unfocused", tokens.titlebar_text_unfocused),
        ("titlebar_unfocused", tokens.titlebar_unfocused),
    );
    pairs
}

/// Moves the lightness of `text` away from the surfaces until it has `ratio` on each; none if even
/// black or white hasn't.
pub(crate) fn readable(text: Oklch, surfaces: &[Color], ratio: f32, darker: bool) -> Option<Color> {
    let enough = |color: Color| {
        surfaces
            .iter()
            .all(|surface| contrast(color, *surface) >= ratio)
    };
    let step = if darker { -0.005 } else { 0.005 };
    let mut lightness = text.lightness;
    loop {
        let color = text.with_lightness(lightness).to_color();
        if enough(color) {
            return Some(color);
        }
        lightness += step;
        if !(-0.005..=1.005).contains(&lightness) {
            let end = if darker { Color::BLACK } else { Color::WHITE };
            return enough(end).then_some(end);
        }
    }
}
