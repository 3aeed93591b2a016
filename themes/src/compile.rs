//! From seeds to a theme: ramps, tokens, proof.

use std::path::Path;

use ochre_raster::Color;

use crate::error::ThemeError;
use crate::metrics::Metrics;
use crate::motion::Motion;
use crate::oklch::{Oklch, contrast};
use crate::preferences::Preferences;
use crate::proof::{self, Pair, readable};
use crate::ramp::Ramp;
use crate::seeds::{Accent, Buttons, Contrast, Fonts, Mode, Seeds, hex, usual_accent};
use crate::terminal::Terminal;
use crate::tokens::Tokens;
use crate::wallpaper;

/// A theme, ready to draw with.
#[derive(Clone, Debug)]
pub struct Theme {
    pub name: String,
    pub mode: Mode,
    pub contrast: Contrast,
    pub tokens: Tokens,
    pub terminal: Terminal,
    pub metrics: Metrics,
    pub fonts: Fonts,
    pub buttons: Buttons,
    /// `dunes`, `plain` or a file.
    pub wallpaper: String,
    /// Animations are to be left out.
    pub reduced_motion: bool,
    /// How long they take; no time if they are left out.
    pub motion: Motion,
    pub neutral: Ramp,
    pub accent: Ramp,
}

impl Theme {
    /// Reads and compiles a theme file's text; `path` is for messages.
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<Theme, ThemeError> {
        Theme::with_preferences(text, path, &Preferences::default())
    }

    /// [`Theme::parse`], with the user's own accent, text size and motion on top.
    pub fn with_preferences(
        text: &str,
        path: impl AsRef<Path>,
        preferences: &Preferences,
    ) -> Result<Theme, ThemeError> {
        let path = path.as_ref();
        let mut seeds = Seeds::parse(text, path)?;
        if let Some(accent) = preferences.accent {
            seeds.accent = Accent::Color(accent);
        }
        if let Some(wallpaper) = &preferences.wallpaper {
            seeds.wallpaper.clone_from(wallpaper);
        }
        compile(&seeds, preferences).map_err(|failure| {
            let at = match failure.seed {
                Seed::Base => seeds.spans.base,
                Seed::Accent => seeds.spans.accent,
            };
            ThemeError::at(path, text, at, failure.message, failure.suggestion)
        })
    }

    /// Every use of text on a surface with its measured contrast.
    pub fn proof(&self) -> Vec<Pair> {
        proof::pairs(&self.tokens, self.contrast.text())
    }

    pub fn is_dark(&self) -> bool {
        self.mode == Mode::Dark
    }
}

/// The seed to blame.
enum Seed {
    Base,
    Accent,
}

struct Failure {
    seed: Seed,
    message: String,
    suggestion: Option<String>,
}

fn compile(seeds: &Seeds, preferences: &Preferences) -> Result<Theme, Failure> {
    let base = Oklch::from(seeds.base);
    let neutral = Ramp::neutral(base, seeds.mode);
    let wish = match seeds.accent {
        Accent::Color(color) => color,
        Accent::Wallpaper => {
            wallpaper::prominent(&seeds.wallpaper).unwrap_or(Color::rgb(usual_accent(seeds.mode)))
        }
    };
    let accent = Ramp::coloured(visible_accent(wish, seeds), seeds.mode);
    let tokens = tokens(seeds, &neutral, &accent)?;
    let dark = seeds.mode == Mode::Dark;
    let scale = preferences.text_scale.clamp(0.75, 2.0);
    Ok(Theme {
        name: seeds.name.clone(),
        mode: seeds.mode,
        contrast: seeds.contrast,
        terminal: Terminal::new(&neutral, tokens.accent, seeds.mode, seeds.contrast.text()),
        metrics: Metrics::new(seeds.shape, seeds.density, &seeds.fonts, scale, dark),
        fonts: seeds.fonts.clone(),
        buttons: seeds.buttons.clone(),
        wallpaper: seeds.wallpaper.clone(),
        reduced_motion: preferences.reduced_motion,
        motion: if preferences.reduced_motion {
            Motion::REDUCED
        } else {
            Motion::USUAL
        },
        neutral,
        accent,
        tokens,
    })
}

/// The accent, moved just so far that it stands out from the surfaces (3:1, WCAG 1.4.11) and, in
/// high contrast, can carry black or white text.
fn visible_accent(wish: Color, seeds: &Seeds) -> Oklch {
    let seed = Oklch::from(wish);
    let dark = seeds.mode == Mode::Dark;
    let floor = if seeds.contrast == Contrast::High {
        7.2
    } else {
        3.0
    };
    let shown = readable(seed, &[seeds.base], floor, !dark);
    let color = shown.map_or(seed, |color| {
        let moved = Oklch::from(color);
        seed.with_lightness(moved.lightness)
    });
    // Pale or near-black accents leave no room to tell hover from pressed.
    color.with_lightness(color.lightness.clamp(0.30, 0.90))
}

/// Text for a solid colour and its hover and pressed shades: white where it holds, else near-black.
fn on_solid(shades: &[Color], hue: Oklch, ratio: f32) -> Option<Color> {
    let white = Color::WHITE;
    if shades.iter().all(|shade| contrast(white, *shade) >= ratio) {
        return Some(white);
    }
    let dark = Oklch::new(0.22, hue.chroma.min(0.04), hue.hue);
    readable(dark, shades, ratio, true)
}

fn tokens(seeds: &Seeds, neutral: &Ramp, accent: &Ramp) -> Result<Tokens, Failure> {
    let dark = seeds.mode == Mode::Dark;
    let high = seeds.contrast == Contrast::High;
    let ratio = seeds.contrast.text();
    let lightness = |step: usize, by: f32| {
        let shade = neutral.oklch(step);
        shade.with_lightness(shade.lightness + by).to_color()
    };
    let status = |hue: f32, chroma: f32| {
        let seed = Oklch::new(if dark { 0.66 } else { 0.55 }, chroma, hue);
        Ramp::coloured(seed, seeds.mode)
    };
    let (danger, success, warning) = (status(25.0, 0.19), status(148.0, 0.14), status(75.0, 0.14));
    let (solid, solid_text) = solid_with_text(accent, dark, ratio).ok_or_else(|| Failure {
        seed: Seed::Accent,
        message: format!("no text has a contrast of {ratio} on the accent"),
        suggestion: Some("accent = \"#b25e09\"".to_owned()),
    })?;
    let (alarm, alarm_text) = solid_with_text(&danger, dark, ratio).ok_or_else(|| Failure {
        seed: Seed::Base,
        message: format!("no text has a contrast of {ratio} on the danger colour"),
        suggestion: None,
    })?;
    // Light: the window is a touch darker than the cards that lie on it. Dark: cards are lighter.
    let (window, card, popover) = if dark {
        (neutral.color(1), neutral.color(2), lightness(2, 0.012))
    } else {
        (neutral.color(2), lightness(1, 0.012), lightness(1, 0.012))
    };
    let mut tokens = Tokens {
        desktop: if dark {
            lightness(1, -0.04)
        } else {
            neutral.color(6)
        },
        window,
        sidebar: if dark {
            lightness(1, 0.014)
        } else {
            lightness(3, 0.006)
        },
        card,
        popover,
        panel: if dark {
            lightness(1, -0.02)
        } else {
            neutral.color(1)
        },
        field: if dark {
            lightness(1, -0.02)
        } else {
            lightness(1, 0.012)
        },
        control: if dark {
            neutral.color(3)
        } else {
            lightness(1, 0.012)
        },
        control_hover: if dark {
            neutral.color(4)
        } else {
            neutral.color(2)
        },
        control_pressed: if dark {
            neutral.color(5)
        } else {
            neutral.color(4)
        },
        hover: if dark {
            lightness(3, -0.005)
        } else {
            lightness(3, -0.008)
        },
        pressed: neutral.color(4),
        selected: if high {
            neutral.color(4)
        } else {
            accent.color(3)
        },
        selected_hover: if high {
            neutral.color(5)
        } else {
            accent.color(4)
        },
        selection: if dark {
            accent.color(6)
        } else {
            accent.color(5)
        },
        accent: solid[0],
        accent_hover: solid[1],
        accent_pressed: solid[2],
        track: if dark {
            neutral.color(6)
        } else {
            neutral.color(7)
        },
        track_hover: if dark {
            neutral.color(7)
        } else {
            lightness(8, 0.03)
        },
        knob: if dark {
            neutral.color(12)
        } else {
            Color::WHITE
        },
        danger: alarm[0],
        danger_hover: alarm[1],
        success: success.color(9),
        warning: warning.color(9),
        text: neutral.color(12),
        text_muted: neutral.color(11),
        text_disabled: neutral.color(if high { 10 } else { 8 }),
        text_accent: accent.color(11),
        text_danger: danger.color(11),
        text_success: success.color(11),
        text_warning: warning.color(11),
        text_on_accent: solid_text,
        text_on_danger: alarm_text,
        divider: neutral.color(if high { 8 } else { 5 }),
        border: neutral.color(if high { 9 } else { 6 }),
        border_strong: neutral.color(if high { 11 } else { 8 }),
        focus: accent.color(9),
        titlebar: if dark {
            neutral.color(2)
        } else {
            lightness(3, 0.006)
        },
        titlebar_unfocused: if dark {
            lightness(1, 0.012)
        } else {
            neutral.color(2)
        },
        titlebar_text: neutral.color(12),
        titlebar_text_unfocused: neutral.color(10),
        frame_border: if high {
            neutral.color(12)
        } else {
            neutral.color(if dark { 6 } else { 7 })
        },
        frame_border_unfocused: neutral.color(match (high, dark) {
            (true, _) => 9,
            (false, true) => 5,
            (false, false) => 6,
        }),
        scrim: Color::rgba(0, 0, 0, if dark { 140 } else { 90 }),
        shadow: if dark {
            Color::BLACK
        } else {
            Oklch::new(0.2, 0.02, 60.0).to_color()
        },
    };
    settle_text(&mut tokens, ratio, dark, neutral)?;
    Ok(tokens)
}

/// A solid colour with its hover and pressed shades, and the text they can all carry. Where none can,
/// the solid moves away from the middle of the scale.
fn solid_with_text(ramp: &Ramp, dark: bool, ratio: f32) -> Option<([Color; 3], Color)> {
    let seed = ramp.oklch(9);
    for moved in 0..60 {
        let away = moved as f32 * 0.01 * if dark { 1.0 } else { -1.0 };
        let middle = (seed.lightness + away).clamp(0.0, 1.0);
        // Hover and pressed go where the text's contrast grows.
        let light_text = contrast(Color::WHITE, seed.with_lightness(middle).to_color()) >= ratio;
        let by = if light_text { -0.035 } else { 0.035 };
        let shades =
            [0.0, 1.0, 2.0].map(|steps| seed.with_lightness(middle + steps * by).to_color());
        if let Some(text) = on_solid(&shades, seed, ratio) {
            return Some((shades, text));
        }
    }
    None
}

fn settle_text(tokens: &mut Tokens, ratio: f32, dark: bool, neutral: &Ramp) -> Result<(), Failure> {
    let surfaces: Vec<Color> = proof::general(tokens)
        .into_iter()
        .map(|(_, color)| color)
        .collect();
    let settle = |name: &str, text: Color, surfaces: &[Color]| {
        readable(text.into(), surfaces, ratio, !dark).ok_or_else(|| {
            let usual = if dark { "#1a1816" } else { "#faf8f5" };
            Failure {
                seed: Seed::Base,
                message: format!(
                    "no {name} has a contrast of {ratio} on every surface grown from base {}",
                    hex(neutral.color(1))
                ),
                suggestion: Some(format!("base = \"{usual}\"")),
            }
        })
    };
    let with_selection: Vec<Color> = surfaces.iter().copied().chain([tokens.selection]).collect();
    tokens.text = settle("text", tokens.text, &with_selection)?;
    tokens.text_muted = settle("muted text", tokens.text_muted, &surfaces)?;
    tokens.text_accent = settle("accent text", tokens.text_accent, &surfaces)?;
    tokens.text_danger = settle("danger text", tokens.text_danger, &surfaces)?;
    tokens.text_success = settle("success text", tokens.text_success, &surfaces)?;
    tokens.text_warning = settle("warning text", tokens.text_warning, &surfaces)?;
    tokens.titlebar_text = settle("title", tokens.titlebar_text, &[tokens.titlebar])?;
    tokens.titlebar_text_unfocused = settle(
        "unfocused title",
        tokens.titlebar_text_unfocused,
        &[tokens.titlebar_unfocused],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::BUILT_IN;

    #[test]
    fn every_text_can_be_read_whatever_the_accent() {
        for (name, text) in BUILT_IN {
            for rgb in [
                0xb25e09, 0xe0a044, 0x000000, 0xffffff, 0x808080, 0xff0000, 0x00ff00, 0x0000ff,
                0xffff00, 0x00ffff, 0x777777, 0x3584e4, 0x9141ac,
            ] {
                let preferences = Preferences {
                    accent: Some(Color::rgb(rgb)),
                    ..Preferences::default()
                };
                let theme = Theme::with_preferences(text, name, &preferences)
                    .unwrap_or_else(|error| panic!("{name} {rgb:06x}: {error}"));
                let broken: Vec<Pair> = theme
                    .proof()
                    .into_iter()
                    .filter(|pair| !pair.holds())
                    .collect();
                assert!(broken.is_empty(), "{name} {rgb:06x}: {broken:#?}");
            }
        }
    }

    #[test]
    fn bases_at_the_limit_compile_or_blame_the_base() {
        for (mode, base) in [
            ("light", "#dddddd"),
            ("light", "#ffffff"),
            ("dark", "#333333"),
            ("dark", "#000000"),
        ] {
            for level in ["standard", "high"] {
                let text = format!("mode='{mode}'\ncontrast='{level}'\nbase='{base}'\n");
                match Theme::parse(&text, "t.toml") {
                    Ok(theme) => assert!(theme.proof().iter().all(Pair::holds), "{text}"),
                    Err(error) => assert_eq!(error.line, 3, "{error}"),
                }
            }
        }
    }

    #[test]
    fn high_contrast_asks_for_seven() {
        let theme = Theme::parse("mode='dark'\ncontrast='high'\nbase='#000000'", "t").unwrap();
        let least = theme
            .proof()
            .iter()
            .map(|pair| pair.ratio)
            .fold(f32::MAX, f32::min);
        assert!(least >= 7.0, "{least}");
    }

    #[test]
    fn the_terminal_can_be_read() {
        for (name, text) in BUILT_IN {
            let theme = Theme::parse(text, name).unwrap();
            let terminal = &theme.terminal;
            for at in (1..7).chain(9..15).chain([8]) {
                let ratio = contrast(terminal.ansi[at], terminal.background);
                assert!(ratio >= 4.5, "{name}: colour {at} has {ratio}");
            }
            assert!(contrast(terminal.foreground, terminal.background) >= 7.0);
        }
    }
}
