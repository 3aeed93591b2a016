//! Sizes in logical pixels, from shape, density and the size of text.

use crate::seeds::{Density, Fonts, Shape};

/// A shadow layer: how far down, how soft, how strong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elevation {
    pub offset: f32,
    pub sigma: f32,
    /// 0 to 255, of the `shadow` token.
    pub alpha: u8,
}

/// Sizes and distances.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    pub radius_small: f32,
    pub radius_control: f32,
    pub radius_card: f32,
    pub radius_window: f32,
    /// The unit of distance: gaps and paddings are multiples.
    pub space: f32,
    pub control_height: f32,
    pub row_height: f32,
    pub titlebar_height: f32,
    pub panel_height: f32,
    pub border: f32,
    pub focus_width: f32,
    pub icon: f32,
    /// Text sizes: captions, body, emphasis, section and page titles.
    pub text_small: f32,
    pub text: f32,
    pub text_large: f32,
    pub text_title: f32,
    pub text_display: f32,
    /// Of the focused window, of the others, and of popovers: wide layer and close layer.
    pub shadow_window: [Elevation; 2],
    pub shadow_unfocused: [Elevation; 2],
    pub shadow_popover: [Elevation; 2],
}

impl Metrics {
    pub(crate) fn new(
        shape: Shape,
        density: Density,
        fonts: &Fonts,
        scale: f32,
        dark: bool,
    ) -> Self {
        let [radius_small, radius_control, radius_card, radius_window] = match shape {
            Shape::Square => [0.0, 0.0, 0.0, 0.0],
            Shape::Soft => [3.0, 5.0, 7.0, 8.0],
            Shape::Round => [5.0, 8.0, 12.0, 12.0],
        };
        let text = fonts.size * scale;
        let step = |factor: f32| (text * factor * 2.0).round() / 2.0;
        let (air, space) = match density {
            Density::Compact => (0.86, 3.0),
            Density::Comfortable => (1.0, 4.0),
        };
        // Controls grow with their text, in whole and even pixels so that it centres.
        let tall = |pixels: f32| (pixels * air * (0.5 + 0.5 * text / 14.0) / 2.0).round() * 2.0;
        let strong = if dark { 1.7 } else { 1.0 };
        let layer = |offset, sigma, alpha: f32| Elevation {
            offset,
            sigma,
            alpha: (alpha * strong).min(255.0) as u8,
        };
        Metrics {
            radius_small,
            radius_control,
            radius_card,
            radius_window,
            space,
            control_height: tall(34.0),
            row_height: tall(52.0),
            titlebar_height: tall(40.0),
            panel_height: tall(44.0),
            border: 1.0,
            focus_width: 2.0,
            icon: (18.0 * (0.4 + 0.6 * text / 14.0)).round(),
            text_small: step(0.875),
            text,
            text_large: step(1.125),
            text_title: step(1.3),
            text_display: step(1.75),
            shadow_window: [layer(10.0, 24.0, 72.0), layer(1.0, 2.0, 40.0)],
            shadow_unfocused: [layer(4.0, 12.0, 44.0), layer(1.0, 1.5, 30.0)],
            shadow_popover: [layer(6.0, 16.0, 60.0), layer(1.0, 2.0, 36.0)],
        }
    }
}
