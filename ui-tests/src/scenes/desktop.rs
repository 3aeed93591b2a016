//! The desktop around the windows.

use super::{COLOURS, NOTE};
use crate::keys::Key;
use crate::scene::Scene;

pub fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("wallpaper", |desk| desk.check("light"))
            .size(800, 500)
            .with_wallpaper(),
        Scene::new("wallpaper by night", |desk| desk.check("dark"))
            .theme("tidal-dark")
            .size(800, 500)
            .with_wallpaper(),
        Scene::new("desktop", |desk| desk.check("panel")).with_panel(),
        Scene::new("launcher", |desk| {
            desk.press(&[Key::SUPER])?;
            desk.check("all programs")?;
            desk.type_text("term")?;
            desk.check("found")?;
            desk.type_text("nally")?;
            desk.check("nothing found")
        })
        .with_panel(),
        Scene::new("workspaces", |desk| {
            desk.open_with("ochre-terminal", &NOTE)?;
            desk.press(&[Key::SUPER, Key::PAGE_DOWN])?;
            desk.check("the second is empty")?;
            desk.press(&[Key::SUPER, Key::PAGE_UP])?;
            desk.press(&[Key::SUPER, Key::SHIFT, Key::PAGE_DOWN])?;
            desk.check("the window came along")
        })
        .with_panel(),
        Scene::new("workspaces in the dark", |desk| {
            desk.press(&[Key::SUPER, Key::PAGE_DOWN])?;
            desk.check("panel")
        })
        .theme("ochre-dark")
        .size(800, 500)
        .with_panel(),
        Scene::new("terminal by its shortcut", |desk| {
            desk.settle()?;
            desk.press(&[Key::SUPER, Key::ENTER])?;
            desk.check("opened")?;
            desk.type_text("exit\n")?;
            desk.check("closed")
        })
        .from_outside(),
        Scene::new("settings", |desk| {
            desk.open("ochre-settings")?;
            desk.check("appearance")?;
            desk.move_to((600, 500))?;
            desk.wheel(20)?;
            desk.check("scrolled to its end")
        }),
        Scene::new("settings by keyboard", |desk| {
            desk.open("ochre-settings")?;
            for _ in 0..6 {
                desk.press(&[Key::TAB])?;
            }
            desk.check("focus is shown")?;
            desk.press(&[Key::ENTER])?;
            desk.check("chosen")
        }),
        Scene::new("larger text", |desk| {
            let settings = desk.open("ochre-settings")?;
            let [x, y, ..] = settings.content;
            desk.move_to((x + 500, y + 400))?;
            desk.wheel(20)?;
            desk.settle()?;
            // The far end of the slider.
            desk.click((x + 748, y + 512))?;
            desk.check("at once")
        }),
        Scene::new("full high definition", |desk| {
            desk.open_with("ochre-terminal", &NOTE)?;
            desk.open("ochre-settings")?;
            desk.check("side by side")
        })
        .size(1920, 1080)
        .with_panel(),
        Scene::new("scale of one and a half", |desk| {
            desk.open_with("ochre-terminal", &COLOURS)?;
            desk.check("terminal")?;
            desk.press(&[Key::SUPER])?;
            desk.check("launcher")
        })
        .size(1280, 900)
        .scale(1.5)
        .with_panel(),
        Scene::new("scale of two", |desk| {
            desk.open_with("ochre-terminal", &COLOURS)?;
            desk.check("terminal")?;
            desk.press(&[Key::SUPER, Key::UP])?;
            desk.check("maximized")
        })
        .size(1600, 1200)
        .scale(2.0)
        .with_panel(),
        Scene::new("resolution changed", |desk| {
            desk.open_with("ochre-terminal", &NOTE)?;
            desk.resize_screen(1280, 800)?;
            desk.check("larger")?;
            desk.resize_screen(800, 600)?;
            desk.check("smaller")
        }),
    ]
}
