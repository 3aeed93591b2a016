//! What the theme means for the compositor: colours and measures, ready to draw with.

use ochre_raster::Color;
use ochre_theme::{Elevation, Store, Theme, WindowButton};

use crate::shell::FrameButton;

/// The active theme's colours and measures (logical pixels).
#[derive(Debug, Clone)]
pub struct Look {
    /// The theme itself, for the wallpaper.
    pub theme: Theme,
    /// Behind everything.
    pub background: Color,
    /// Title bars and titles: of the active window, and of the others.
    pub active: Bar,
    /// Title bars and titles of the others.
    pub inactive: Bar,
    /// Behind a button under the pointer.
    pub button_hover: Color,
    /// Behind a button that is held.
    pub button_pressed: Color,
    /// Behind the close button under the pointer.
    pub close_hover: Color,
    /// Its cross then.
    pub close_text: Color,
    /// The Alt-Tab switcher.
    pub overlay: Color,
    /// Around it.
    pub overlay_border: Color,
    /// Its text.
    pub overlay_text: Color,
    /// Around the chosen window in it.
    pub accent: Color,
    /// Behind the chosen window in it.
    pub selected: Color,
    /// The colour of shadows, before their strength.
    pub shadow: Color,
    /// The switcher's shadow.
    pub overlay_shadow: [Elevation; 2],
    /// Height of title bars.
    pub title_height: i32,
    /// Side of a title bar's button.
    pub button_size: i32,
    /// Radius of windows' corners.
    pub radius: i32,
    /// Size of titles.
    pub text_size: f32,
    /// Buttons at a title bar's left end.
    pub buttons_left: Vec<FrameButton>,
    /// Buttons at its right end.
    pub buttons_right: Vec<FrameButton>,
}

/// A window's frame in one of its two states.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// The bar.
    pub ground: Color,
    /// Its title.
    pub text: Color,
    /// The line around the window.
    pub border: Color,
    /// Its shadow's wide and close layer.
    pub shadow: [Elevation; 2],
}

impl Look {
    /// The look of the theme that is set; of the usual one if that is broken.
    pub fn active() -> Self {
        Self::of(Store::new().active_or_usual())
    }

    /// The look of the theme that ships first, whatever the user has set.
    pub fn usual() -> Self {
        Self::of(Store::at(Vec::new(), None).active_or_usual())
    }

    /// The look of a theme.
    pub fn of(theme: Theme) -> Self {
        let (tokens, metrics) = (&theme.tokens, &theme.metrics);
        let whole = |length: f32| length.round() as i32;
        let order = theme.buttons.order.iter().map(|button| match button {
            WindowButton::Minimize => FrameButton::Minimize,
            WindowButton::Maximize => FrameButton::Maximize,
            WindowButton::Close => FrameButton::Close,
        });
        let (buttons_left, buttons_right) = if theme.buttons.on_left {
            (order.collect(), Vec::new())
        } else {
            (Vec::new(), order.collect())
        };
        Self {
            background: tokens.desktop,
            active: Bar {
                ground: tokens.titlebar,
                text: tokens.titlebar_text,
                border: tokens.frame_border,
                shadow: metrics.shadow_window,
            },
            inactive: Bar {
                ground: tokens.titlebar_unfocused,
                text: tokens.titlebar_text_unfocused,
                border: tokens.frame_border_unfocused,
                shadow: metrics.shadow_unfocused,
            },
            button_hover: tokens.hover,
            button_pressed: tokens.pressed,
            close_hover: tokens.danger,
            close_text: tokens.text_on_danger,
            overlay: tokens.popover,
            overlay_border: tokens.border,
            overlay_text: tokens.text,
            accent: tokens.accent,
            selected: tokens.selected,
            shadow: tokens.shadow,
            overlay_shadow: metrics.shadow_popover,
            title_height: whole(metrics.titlebar_height),
            button_size: whole(metrics.titlebar_height * 0.7),
            radius: whole(metrics.radius_window),
            text_size: metrics.text,
            buttons_left,
            buttons_right,
            theme,
        }
    }

    /// The frame of an active window, or of another.
    pub fn bar(&self, active: bool) -> &Bar {
        if active { &self.active } else { &self.inactive }
    }

    /// A layer's shadow colour.
    pub fn shadow_of(&self, layer: &Elevation) -> Color {
        Color(self.shadow.0 | 0xff00_0000).faded(layer.alpha)
    }
}
