//! The colours that programs ask for by name or number, as the theme gives them.

use alacritty_terminal::term::color::Colors;
use alacritty_terminal::vte::ansi::{Color as Named, NamedColor, Rgb};
use ochre_raster::Color;
use ochre_theme::{Terminal, Theme};

/// A theme's colours for text. Programs may override each by escape sequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette {
    theme: Terminal,
}

impl From<&Theme> for Palette {
    fn from(theme: &Theme) -> Palette {
        Palette {
            theme: theme.terminal.clone(),
        }
    }
}

impl Palette {
    pub fn foreground(&self) -> Color {
        self.theme.foreground
    }

    pub fn background(&self) -> Color {
        self.theme.background
    }

    pub fn cursor(&self) -> Color {
        self.theme.cursor
    }

    /// Behind selected text, which keeps its own colour.
    pub fn selection(&self) -> Color {
        self.theme.selection
    }

    /// The colour of a cell's text or ground; `overrides` are what the program has redefined.
    pub fn resolve(&self, color: Named, overrides: &Colors) -> Color {
        match color {
            Named::Spec(rgb) => opaque(rgb),
            Named::Indexed(index) => self.numbered(usize::from(index), overrides),
            Named::Named(name) => self.numbered(name as usize, overrides),
        }
    }

    /// The colour of an index of `Colors`.
    pub fn numbered(&self, index: usize, overrides: &Colors) -> Color {
        if index < alacritty_terminal::term::color::COUNT
            && let Some(rgb) = overrides[index]
        {
            return opaque(rgb);
        }
        const BACKGROUND: usize = NamedColor::Background as usize;
        const CURSOR: usize = NamedColor::Cursor as usize;
        const DIM: usize = NamedColor::DimBlack as usize;
        const DIM_LAST: usize = NamedColor::DimWhite as usize;
        const DIM_FOREGROUND: usize = NamedColor::DimForeground as usize;
        match index {
            0..16 => self.theme.ansi[index],
            16..232 => cube(index - 16),
            232..=255 => {
                let level = (8 + 10 * (index - 232)) as u8;
                Color::rgba(level, level, level, 255)
            }
            BACKGROUND => self.theme.background,
            CURSOR => self.theme.cursor,
            DIM..=DIM_LAST => self.dim(self.theme.ansi[index - DIM]),
            DIM_FOREGROUND => self.dim(self.theme.foreground),
            _ => self.theme.foreground,
        }
    }

    /// Faint text.
    pub fn dim(&self, color: Color) -> Color {
        color.mix(self.theme.background, 90)
    }
}

fn opaque(rgb: Rgb) -> Color {
    Color::rgba(rgb.r, rgb.g, rgb.b, 255)
}

/// The 6×6×6 cube of xterm's 256 colours.
fn cube(index: usize) -> Color {
    let level = |step: usize| if step == 0 { 0 } else { (55 + 40 * step) as u8 };
    Color::rgba(
        level(index / 36),
        level(index / 6 % 6),
        level(index % 6),
        255,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ochre_theme::{Preferences, Store, contrast};

    #[test]
    fn selected_text_can_be_read_in_every_theme() {
        let store = Store::at(Vec::new(), None);
        for entry in store.list() {
            let theme = store.load(&entry.id, &Preferences::default()).unwrap();
            let palette = Palette::from(&theme);
            let selected = contrast(palette.foreground(), palette.selection());
            assert!(selected >= 4.5, "{}: {selected:.2}", entry.id);
        }
    }

    #[test]
    fn numbers_are_xterms() {
        let none = Colors::default();
        let palette = Palette::from(&Store::at(Vec::new(), None).active_or_usual());
        assert_eq!(palette.numbered(16, &none), Color::rgb(0x000000));
        assert_eq!(palette.numbered(196, &none), Color::rgb(0xff0000));
        assert_eq!(palette.numbered(67, &none), Color::rgb(0x5f87af));
        assert_eq!(palette.numbered(231, &none), Color::rgb(0xffffff));
        assert_eq!(palette.numbered(255, &none), Color::rgb(0xeeeeee));
        let background = palette.numbered(NamedColor::Background as usize, &none);
        assert_eq!(background, palette.background());
        let mut red = Colors::default();
        red[1] = Some(Rgb { r: 1, g: 2, b: 3 });
        assert_eq!(palette.numbered(1, &red), Color::rgb(0x010203));
    }
}
