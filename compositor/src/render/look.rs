//! What the theme means for the compositor: colours and measures, ready to draw with.

use ochre_raster::Color;

use crate::shell::FrameButton;

/// The active theme's colours (premultiplied ARGB) and measures (logical pixels).
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Behind everything.
    pub background: Color,
    /// Title bar of the active window.
    pub title_active: Color,
    /// Title bar of the others.
    pub title_inactive: Color,
    /// Title of the active window.
    pub text_active: Color,
    /// Title of the others.
    pub text_inactive: Color,
    /// The line around windows.
    pub outline: Color,
    /// Behind a button under the pointer.
    pub button_hover: Color,
    /// Behind a button that is held.
    pub button_pressed: Color,
    /// Behind the close button under the pointer.
    pub close_hover: Color,
    /// Its cross then.
    pub close_text: Color,
    /// Behind the Alt-Tab switcher.
    pub overlay: Color,
    /// Around the chosen window in it.
    pub accent: Color,
    /// Its text.
    pub overlay_text: Color,
    /// How dark shadows are: active and inactive windows, of 255.
    pub shadow: (u8, u8),
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

impl Look {
    /// The look of the theme that is set.
    pub fn active() -> Self {
        Self {
            background: Color(0xff2b_2622),
            title_active: Color(0xfff7_f4f0),
            title_inactive: Color(0xffee_eae5),
            text_active: Color(0xff2a_2521),
            text_inactive: Color(0xff6f_6861),
            outline: Color(0x2400_0000),
            button_hover: Color(0x1400_0000),
            button_pressed: Color(0x2800_0000),
            close_hover: Color(0xffc2_3b2e),
            close_text: Color(0xffff_ffff),
            overlay: Color(0xf2f7_f4f0),
            accent: Color(0xffb8_6e1a),
            overlay_text: Color(0xff2a_2521),
            shadow: (110, 60),
            title_height: 38,
            button_size: 26,
            radius: 12,
            text_size: 14.0,
            buttons_left: Vec::new(),
            buttons_right: vec![
                FrameButton::Minimize,
                FrameButton::Maximize,
                FrameButton::Close,
            ],
        }
    }
}
