//! The seeds of a theme, as its file says them.
//!
//! ```toml
//! name = "Ochre Light"
//! mode = "light"            # light | dark
//! base = "#faf8f5"          # tint and lightness of the surfaces
//! accent = "#b25e09"        # or "wallpaper"
//! contrast = "standard"     # standard (4.5) | high (7)
//! shape = "round"           # square | soft | round
//! density = "comfortable"   # compact | comfortable
//! fonts = { ui = "Inter", mono = "JetBrains Mono", size = 14 }
//! assets = { wallpaper = "dunes" }       # dunes | plain | a PNG file
//! buttons = "minimize maximize close"    # a leading "left:" puts them there
//! ```

use std::path::Path;

use ochre_raster::Color;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::ThemeError;
use crate::oklch::Oklch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Light,
    Dark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contrast {
    /// AA: 4.5.
    Standard,
    /// AAA: 7.
    High,
}

impl Contrast {
    /// The ratio every text token must have.
    pub const fn text(self) -> f32 {
        match self {
            Contrast::Standard => 4.5,
            Contrast::High => 7.0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Square,
    Soft,
    Round,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Density {
    Compact,
    Comfortable,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Accent {
    Color(Color),
    /// The wallpaper's most prominent colour.
    Wallpaper,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Fonts {
    pub ui: String,
    pub mono: String,
    /// Of body text, in logical pixels.
    pub size: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowButton {
    Minimize,
    Maximize,
    Close,
}

/// Title bar buttons, from left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buttons {
    pub on_left: bool,
    pub order: Vec<WindowButton>,
}

/// Where in the file a seed stands, for errors found later.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans {
    pub base: usize,
    pub accent: usize,
}

/// A theme file's contents.
#[derive(Clone, Debug)]
pub struct Seeds {
    pub name: String,
    pub mode: Mode,
    pub base: Color,
    pub accent: Accent,
    pub contrast: Contrast,
    pub shape: Shape,
    pub density: Density,
    pub fonts: Fonts,
    /// `dunes`, `plain` or the path of a PNG file.
    pub wallpaper: String,
    pub buttons: Buttons,
    pub(crate) spans: Spans,
}

const KEYS: [&str; 10] = [
    "name", "mode", "base", "accent", "contrast", "shape", "density", "fonts", "assets", "buttons",
];

impl Seeds {
    pub fn parse(text: &str, path: &Path) -> Result<Seeds, ThemeError> {
        let reader = Reader { text, path };
        let table = DeTable::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            reader.error(offset, error.message().to_owned(), None)
        })?;
        let table = table.get_ref();
        reader.known(table, &KEYS)?;
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or("unnamed");
        let name = reader
            .string(table, "name")?
            .map_or(stem, |(name, _)| name)
            .to_owned();
        let (mode, mode_at) = reader
            .choice(
                table,
                "mode",
                &[("light", Mode::Light), ("dark", Mode::Dark)],
            )?
            .ok_or_else(|| {
                reader.error(0, "mode is missing", Some("mode = \"light\"".to_owned()))
            })?;
        let usual = if mode == Mode::Light {
            0xfaf8f5
        } else {
            0x1a1816
        };
        let (base, base_at) = reader
            .color(table, "base")?
            .unwrap_or((Color::rgb(usual), mode_at));
        reader.base_fits(base, base_at, mode)?;
        let (accent, accent_at) = match reader.string(table, "accent")? {
            Some(("wallpaper", at)) => (Accent::Wallpaper, at),
            Some((_, at)) => match reader.color(table, "accent")? {
                Some((color, _)) => (Accent::Color(color), at),
                None => (Accent::Wallpaper, at),
            },
            None => (Accent::Color(Color::rgb(usual_accent(mode))), mode_at),
        };
        let contrast = [("standard", Contrast::Standard), ("high", Contrast::High)];
        let shape = [
            ("square", Shape::Square),
            ("soft", Shape::Soft),
            ("round", Shape::Round),
        ];
        let density = [
            ("compact", Density::Compact),
            ("comfortable", Density::Comfortable),
        ];
        Ok(Seeds {
            name,
            mode,
            base,
            accent,
            contrast: reader
                .choice(table, "contrast", &contrast)?
                .map_or(Contrast::Standard, |(value, _)| value),
            shape: reader
                .choice(table, "shape", &shape)?
                .map_or(Shape::Round, |(value, _)| value),
            density: reader
                .choice(table, "density", &density)?
                .map_or(Density::Comfortable, |(value, _)| value),
            fonts: reader.fonts(table)?,
            wallpaper: reader.wallpaper(table)?,
            buttons: reader.buttons(table)?,
            spans: Spans {
                base: base_at,
                accent: accent_at,
            },
        })
    }
}

/// Looks things up in a table, and says where they are wrong.
struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Reader<'_> {
    fn error(&self, at: usize, message: impl Into<String>, fix: Option<String>) -> ThemeError {
        ThemeError::at(self.path, self.text, at, message, fix)
    }

    fn known(&self, table: &DeTable, keys: &[&str]) -> Result<(), ThemeError> {
        for key in table.keys() {
            let written: &str = key.get_ref().as_ref();
            if !keys.contains(&written) {
                let fix = nearest(written, keys)
                    .map(|near| format!("{near} (there are: {})", keys.join(", ")))
                    .or_else(|| Some(format!("one of: {}", keys.join(", "))));
                return Err(self.error(
                    key.span().start,
                    format!("no seed is called {written}"),
                    fix,
                ));
            }
        }
        Ok(())
    }

    fn string<'t>(
        &self,
        table: &'t DeTable,
        key: &str,
    ) -> Result<Option<(&'t str, usize)>, ThemeError> {
        let Some(value) = table.get(key) else {
            return Ok(None);
        };
        let at = value.span().start;
        match value.get_ref().as_str() {
            Some(text) => Ok(Some((text, at))),
            None => Err(self.kind(value, key, "text in quotes")),
        }
    }

    fn kind(&self, value: &Spanned<DeValue>, key: &str, wanted: &str) -> ThemeError {
        let found = value.get_ref().type_str();
        self.error(
            value.span().start,
            format!("{key} must be {wanted}, this is a {found}"),
            None,
        )
    }

    fn choice<T: Copy>(
        &self,
        table: &DeTable,
        key: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<(T, usize)>, ThemeError> {
        let Some((text, at)) = self.string(table, key)? else {
            return Ok(None);
        };
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Ok(Some((*value, at)));
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let fix = nearest(text, &names).unwrap_or(names[0]);
        let message = format!("{key} is {}, not \"{text}\"", names.join(" or "));
        Err(self.error(at, message, Some(format!("{key} = \"{fix}\""))))
    }

    fn color(&self, table: &DeTable, key: &str) -> Result<Option<(Color, usize)>, ThemeError> {
        let Some((text, at)) = self.string(table, key)? else {
            return Ok(None);
        };
        match parse_color(text) {
            Some(color) => Ok(Some((color, at))),
            None => Err(self.error(
                at,
                format!("{key} = \"{text}\" is no colour"),
                Some(format!("six hexadecimal digits, as in {key} = \"#b25e09\"")),
            )),
        }
    }

    /// Surfaces must leave room for text on them.
    fn base_fits(&self, base: Color, at: usize, mode: Mode) -> Result<(), ThemeError> {
        let seed = Oklch::from(base);
        let (fits, nearest) = match mode {
            Mode::Light => (seed.lightness >= 0.90, 0.93),
            Mode::Dark => (seed.lightness <= 0.32, 0.24),
        };
        if fits {
            return Ok(());
        }
        let mended = hex(seed
            .with_lightness(nearest)
            .with_chroma(seed.chroma.min(0.03))
            .to_color());
        let (name, other, kind) = match mode {
            Mode::Light => ("light", "dark", "dark"),
            Mode::Dark => ("dark", "light", "light"),
        };
        let turned = match mode {
            Mode::Light => seed.lightness <= 0.32,
            Mode::Dark => seed.lightness >= 0.90,
        };
        let fix = if turned {
            format!("base = \"{mended}\", or mode = \"{other}\"")
        } else {
            format!("base = \"{mended}\"")
        };
        let message = format!(
            "base {} is too {kind} for text on a {name} theme",
            hex(base)
        );
        Err(self.error(at, message, Some(fix)))
    }

    fn subtable<'t, 'i>(
        &self,
        table: &'t DeTable<'i>,
        key: &str,
    ) -> Result<Option<&'t DeTable<'i>>, ThemeError> {
        let Some(value) = table.get(key) else {
            return Ok(None);
        };
        match value.get_ref().as_table() {
            Some(inner) => Ok(Some(inner)),
            None => Err(self.kind(value, key, "a table in braces")),
        }
    }

    fn fonts(&self, table: &DeTable) -> Result<Fonts, ThemeError> {
        let mut fonts = Fonts {
            ui: "Inter".to_owned(),
            mono: "JetBrains Mono".to_owned(),
            size: 14.0,
        };
        let Some(inner) = self.subtable(table, "fonts")? else {
            return Ok(fonts);
        };
        self.known(inner, &["ui", "mono", "size"])?;
        if let Some((ui, _)) = self.string(inner, "ui")? {
            fonts.ui = ui.to_owned();
        }
        if let Some((mono, _)) = self.string(inner, "mono")? {
            fonts.mono = mono.to_owned();
        }
        if let Some(value) = inner.get("size") {
            let number = match value.get_ref() {
                DeValue::Integer(number) => number.as_str().parse().ok(),
                DeValue::Float(number) => number.as_str().parse::<f32>().ok(),
                _ => None,
            };
            fonts.size = number
                .filter(|size| (8.0..=32.0).contains(size))
                .ok_or_else(|| {
                    self.error(
                        value.span().start,
                        "fonts.size must be a number from 8 to 32",
                        Some("size = 14".to_owned()),
                    )
                })?;
        }
        Ok(fonts)
    }

    fn wallpaper(&self, table: &DeTable) -> Result<String, ThemeError> {
        let Some(inner) = self.subtable(table, "assets")? else {
            return Ok("dunes".to_owned());
        };
        self.known(inner, &["wallpaper"])?;
        Ok(self
            .string(inner, "wallpaper")?
            .map_or("dunes", |(name, _)| name)
            .to_owned())
    }

    fn buttons(&self, table: &DeTable) -> Result<Buttons, ThemeError> {
        let usual = "minimize maximize close";
        let (text, at) = self.string(table, "buttons")?.unwrap_or((usual, 0));
        let (on_left, names) = match text.strip_prefix("left:") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut order = Vec::new();
        for name in names.split_whitespace() {
            let button = match name {
                "minimize" => WindowButton::Minimize,
                "maximize" => WindowButton::Maximize,
                "close" => WindowButton::Close,
                _ => {
                    let near = nearest(name, &["minimize", "maximize", "close"]);
                    let fix = near.map(str::to_owned).unwrap_or_else(|| usual.to_owned());
                    return Err(self.error(at, format!("no button is called {name}"), Some(fix)));
                }
            };
            if order.contains(&button) {
                return Err(self.error(at, format!("{name} is named twice"), None));
            }
            order.push(button);
        }
        Ok(Buttons { on_left, order })
    }
}

/// Ochre: burnt on light surfaces, golden on dark ones.
pub(crate) const fn usual_accent(mode: Mode) -> u32 {
    match mode {
        Mode::Light => 0xb25e09,
        Mode::Dark => 0xe0a044,
    }
}

/// `#rrggbb` or `#rgb`.
pub(crate) fn parse_color(text: &str) -> Option<Color> {
    let digits = text.strip_prefix('#')?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u32::from_str_radix(digits, 16).ok()?;
    match digits.len() {
        6 => Some(Color::rgb(number)),
        3 => {
            let spread = (number & 0xf00) << 8 | (number & 0x0f0) << 4 | number & 0x00f;
            Some(Color::rgb(spread * 0x11))
        }
        _ => None,
    }
}

/// `#rrggbb`.
pub(crate) fn hex(color: Color) -> String {
    let [red, green, blue, _] = color.to_rgba();
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// The name that was probably meant: fewest edits, at most two.
pub fn nearest<'a>(written: &str, names: &[&'a str]) -> Option<&'a str> {
    // A key can be as long as the file; no name here is.
    if written.len() > 32 {
        return None;
    }
    let distance = |name: &str| {
        let name: Vec<char> = name.chars().collect();
        let mut row: Vec<usize> = (0..=name.len()).collect();
        for (i, a) in written.chars().enumerate() {
            let mut diagonal = row[0];
            row[0] = i + 1;
            for (j, b) in name.iter().enumerate() {
                let replaced = diagonal + usize::from(a != *b);
                diagonal = row[j + 1];
                row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
            }
        }
        row[name.len()]
    };
    let best = names.iter().map(|name| (distance(name), *name)).min()?;
    (best.0 <= 2).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Seeds::parse(text, Path::new("t.toml"))
            .expect_err("must be refused")
            .to_string()
    }

    #[test]
    fn mode_is_enough() {
        let seeds = Seeds::parse("mode = 'dark'", Path::new("night.toml")).unwrap();
        assert_eq!((seeds.name.as_str(), seeds.mode), ("night", Mode::Dark));
        assert_eq!(seeds.buttons.order.len(), 3);
    }

    #[test]
    fn errors_point_at_the_place_and_say_the_fix() {
        assert_eq!(
            error("mode = 'light'\nacent = '#123456'"),
            "t.toml:2:1: no seed is called acent\n  fix: accent (there are: name, mode, base, \
             accent, contrast, shape, density, fonts, assets, buttons)"
        );
        assert_eq!(
            error("mode = 'lihgt'"),
            "t.toml:1:8: mode is light or dark, not \"lihgt\"\n  fix: mode = \"light\""
        );
        assert_eq!(
            error("mode = 'light'\nbase = '#202020'"),
            "t.toml:2:8: base #202020 is too dark for text on a light theme\n  \
             fix: base = \"#e8e8e8\", or mode = \"dark\""
        );
        assert!(error("mode = 'light'\naccent = 'teal'").contains("is no colour"));
        assert!(error("mode = 'light'\nfonts = { size = 99 }").starts_with("t.toml:2:18:"));
        assert!(error("mode = ").starts_with("t.toml:1:"));
        assert!(error("base = '#ffffff'").contains("mode is missing"));
        assert!(error("mode = 'light'\nbuttons = 'close close'").contains("twice"));
    }

    #[test]
    fn colours_in_short_and_long() {
        assert_eq!(parse_color("#a1b2c3"), Some(Color::rgb(0xa1b2c3)));
        assert_eq!(parse_color("#abc"), Some(Color::rgb(0xaabbcc)));
        for wrong in ["", "#", "abcdef", "#12345", "#+12345", "#ééé"] {
            assert_eq!(parse_color(wrong), None, "{wrong}");
        }
    }
}
