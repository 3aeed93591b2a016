//! Themes: each of them, and changed while programs run.

use super::{COLOURS, NOTE};
use crate::keys::Key;
use crate::scene::Scene;

pub fn scenes() -> Vec<Scene> {
    let switched = Scene::new("theme switched live", |desk| {
        desk.open_with("ochre-terminal", &NOTE)?;
        desk.check("light")?;
        desk.set_theme("ochre-dark")?;
        desk.check("dark")?;
        desk.set_theme("high-contrast-dark")?;
        desk.check("high contrast")
    });
    let mut scenes = vec![switched];
    scenes.extend([
        in_theme("the dark theme", "ochre-dark"),
        in_theme("the tidal theme, light", "tidal-light"),
        in_theme("the tidal theme, dark", "tidal-dark"),
        in_theme("high contrast, light", "high-contrast-light"),
        in_theme("high contrast, dark", "high-contrast-dark"),
    ]);
    scenes
}

/// A terminal in front of settings, and the launcher as typed for.
fn in_theme(name: &'static str, theme: &'static str) -> Scene {
    Scene::new(name, |desk| {
        desk.open("ochre-settings")?;
        desk.open_with("ochre-terminal", &COLOURS)?;
        desk.press(&[Key::SUPER])?;
        desk.type_text("te")?;
        desk.check("windows and launcher")
    })
    .size(1280, 800)
    .theme(theme)
    .with_panel()
}
