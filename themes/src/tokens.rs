//! The tokens: every colour on the screen by what it is for.

use ochre_raster::Color;

macro_rules! tokens {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Colours by use. Nothing draws with a colour that isn't here.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Tokens {
            $($(#[$doc])* pub $name: Color,)*
        }

        impl Tokens {
            /// Every token with its name, in the order of declaration.
            pub fn all(&self) -> Vec<(&'static str, Color)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

tokens! {
    /// Behind everything, where the wallpaper isn't.
    desktop,
    /// A window's own surface.
    window,
    /// Navigation beside the content.
    sidebar,
    /// A group that lies on the window.
    card,
    /// Menus, the launcher, tooltips: above windows.
    popover,
    /// The panel.
    panel,
    /// Where text is typed.
    field,
    /// A button at rest.
    control,
    control_hover,
    control_pressed,
    /// A row or flat button under the pointer, and while it is pressed.
    hover,
    pressed,
    /// The chosen row or page.
    selected,
    selected_hover,
    /// Behind selected text.
    selection,
    /// The main colour: primary buttons, switches that are on, sliders.
    accent,
    accent_hover,
    accent_pressed,
    /// The track of a switch that is off, or of a slider's rest.
    track,
    track_hover,
    /// The moving part of switches and sliders.
    knob,
    danger,
    danger_hover,
    success,
    warning,
    /// Body text, headings.
    text,
    /// What explains or is secondary.
    text_muted,
    /// What can't be used now. The one text without a contrast rule (WCAG 1.4.3 exempts it).
    text_disabled,
    /// Links and active labels, in the accent's hue.
    text_accent,
    text_danger,
    text_success,
    text_warning,
    text_on_accent,
    text_on_danger,
    /// Between rows, around cards.
    divider,
    border,
    /// Around fields and controls that must be found: 3:1 on their surface in high contrast.
    border_strong,
    /// Around the widget with the keyboard focus.
    focus,
    /// A focused window's frame, and the others'.
    titlebar,
    titlebar_unfocused,
    titlebar_text,
    titlebar_text_unfocused,
    frame_border,
    frame_border_unfocused,
    /// A translucent sheet over what a dialog blocks.
    scrim,
    shadow,
}
