//! What the user chose: a theme by name, and a few things on top of any theme.
//!
//! Kept in `$XDG_CONFIG_HOME/ochre/theme.toml`. A value that makes no sense counts as not said: a hand
//! edited slip must not take the desktop's colours away.

use ochre_raster::Color;
use toml::de::{DeTable, DeValue};

use crate::seeds::{hex, parse_color};

/// The user's choice of appearance.
#[derive(Clone, Debug, PartialEq)]
pub struct Preferences {
    /// File name of the theme, without `.toml`.
    pub theme: String,
    /// Instead of the theme's.
    pub accent: Option<Color>,
    /// Instead of the theme's: `dunes`, `plain` or a PNG file.
    pub wallpaper: Option<String>,
    /// Size of text and controls relative to the theme's, 0.75 to 2.
    pub text_scale: f32,
    pub reduced_motion: bool,
    /// Whether the panel tells the time.
    pub clock: bool,
}

/// The theme when nobody chose.
pub(crate) const USUAL: &str = "ochre-light";

impl Default for Preferences {
    fn default() -> Preferences {
        Preferences {
            theme: USUAL.to_owned(),
            accent: None,
            wallpaper: None,
            text_scale: 1.0,
            reduced_motion: false,
            clock: true,
        }
    }
}

impl Preferences {
    pub fn parse(text: &str) -> Preferences {
        let mut preferences = Preferences::default();
        let Ok(table) = DeTable::parse(text) else {
            return preferences;
        };
        for (key, value) in table.get_ref() {
            let value = value.get_ref();
            match (key.get_ref().as_ref(), value) {
                ("theme", DeValue::String(name)) => preferences.theme = name.to_string(),
                ("accent", DeValue::String(color)) => preferences.accent = parse_color(color),
                ("wallpaper", DeValue::String(name)) => {
                    preferences.wallpaper = Some(name.to_string());
                }
                ("text-scale", DeValue::Float(number)) => {
                    let scale = number.as_str().parse::<f32>().ok();
                    preferences.text_scale = scale
                        .filter(|scale| scale.is_finite())
                        .map_or(1.0, |scale| scale.clamp(0.75, 2.0));
                }
                ("reduced-motion", DeValue::Boolean(reduced)) => {
                    preferences.reduced_motion = *reduced;
                }
                ("clock", DeValue::Boolean(shown)) => preferences.clock = *shown,
                _ => {}
            }
        }
        preferences
    }

    pub(crate) fn to_toml(&self) -> String {
        let mut text = format!("theme = {}\n", quoted(&self.theme));
        if let Some(accent) = self.accent {
            text += &format!("accent = \"{}\"\n", hex(accent));
        }
        if let Some(wallpaper) = &self.wallpaper {
            text += &format!("wallpaper = {}\n", quoted(wallpaper));
        }
        text += &format!("text-scale = {:.2}\n", self.text_scale);
        text += &format!("reduced-motion = {}\n", self.reduced_motion);
        text += &format!("clock = {}\n", self.clock);
        text
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted += &format!("\\U{:08X}", u32::from(letter)),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let preferences = Preferences {
            theme: "a \"quoted\" \\ name".to_owned(),
            accent: Some(Color::rgb(0x336699)),
            wallpaper: Some("/home/me/Bilder/düne.png".to_owned()),
            text_scale: 1.25,
            reduced_motion: true,
            clock: false,
        };
        assert_eq!(Preferences::parse(&preferences.to_toml()), preferences);
        let plain = Preferences::default();
        assert_eq!(Preferences::parse(&plain.to_toml()), plain);
    }

    #[test]
    fn nonsense_counts_as_not_said() {
        for text in [
            "",
            "theme = 3",
            "text-scale = nan",
            "accent = 'red'",
            "]]",
            "text-scale=1e99",
        ] {
            let preferences = Preferences::parse(text);
            assert!((0.75..=2.0).contains(&preferences.text_scale), "{text}");
            assert_eq!(preferences.theme, USUAL);
            assert_eq!(preferences.accent, None);
        }
    }
}
