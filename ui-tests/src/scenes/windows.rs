//! What is done with windows.

use super::{LIST, NOTE};
use crate::control::Window;
use crate::keys::Key;
use crate::scene::Scene;

pub fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("window moved", |desk| {
            let note = desk.open_with("ochre-terminal", &NOTE)?;
            desk.drag(title_bar(&note), (330, 40))?;
            desk.check("at the upper left")
        }),
        Scene::new("window resized", |desk| {
            let note = desk.open_with("ochre-terminal", &NOTE)?;
            let [x, y, width, height] = note.frame;
            let corner = (x + width + 2, y + height + 2);
            desk.drag(corner, (corner.0 - 200, corner.1 - 150))?;
            desk.check("smaller")
        }),
        Scene::new("window maximized", |desk| {
            let note = desk.open_with("ochre-terminal", &NOTE)?;
            desk.double_click(title_bar(&note))?;
            desk.check("fills the screen")?;
            desk.double_click((512, 12))?;
            desk.check("as before")
        }),
        Scene::new("window snapped to a side", |desk| {
            desk.open_with("ochre-terminal", &NOTE)?;
            desk.open_with("ochre-terminal", &LIST)?;
            desk.press(&[Key::SUPER, Key::RIGHT])?;
            desk.check("right half")
        }),
        Scene::new("window dragged to an edge", |desk| {
            let note = desk.open_with("ochre-terminal", &NOTE)?;
            desk.drag_and_hold(title_bar(&note), (1020, 300))?;
            desk.check("shows where it would go")?;
            desk.left_button(false)?;
            desk.check("right half")?;
            desk.drag_and_hold((700, 20), (400, 2))?;
            desk.check("shows all of the screen")?;
            desk.left_button(false)?;
            desk.check("maximized")
        })
        .with_panel(),
        Scene::new("windows side by side", |desk| {
            desk.open_with("ochre-terminal", &NOTE)?;
            desk.press(&[Key::SUPER, Key::LEFT])?;
            desk.open_with("ochre-terminal", &LIST)?;
            desk.press(&[Key::SUPER, Key::RIGHT])?;
            desk.check("two halves")
        })
        .with_panel(),
        Scene::new("window fills the screen", |desk| {
            desk.open_with("ochre-terminal", &LIST)?;
            desk.press(&[Key::SUPER, Key::F])?;
            desk.check("without panel and frame")?;
            desk.press(&[Key::SUPER, Key::F])?;
            desk.check("as before")
        })
        .with_panel(),
        Scene::new("window minimized", |desk| {
            desk.open_with("ochre-terminal", &NOTE)?;
            let list = desk.open_with("ochre-terminal", &LIST)?;
            let [x, y, width, _] = list.frame;
            desk.click((x + width - 85, y + 19))?;
            desk.check("in the panel only")?;
            desk.click((360, 676))?;
            desk.check("back")
        })
        .with_panel(),
        Scene::new("long titles", |desk| {
            let title = "A title that is much too long for any title bar, and goes on and on, \
                and when it has said it all it says it again, more or less";
            let script = format!("printf '\\033]2;{title}\\007'; exec cat");
            let window = desk.open_with("ochre-terminal", &["/bin/sh", "-c", &script])?;
            desk.wait_for_title(title)?;
            desk.check("cut")?;
            let [x, y, width, height] = window.frame;
            let corner = (x + width + 2, y + height + 2);
            desk.drag(corner, (corner.0 - 560, corner.1 - 200))?;
            desk.check("cut in a narrow window")
        })
        .with_panel(),
        Scene::new("many windows", |desk| {
            for n in 1..=12 {
                let title = format!("Window number {n}");
                let script = format!("printf '\\033]2;{title}\\007'; exec cat");
                desk.open_with("ochre-terminal", &["/bin/sh", "-c", &script])?;
                desk.wait_for_title(&title)?;
            }
            desk.check("in the panel")?;
            desk.key(Key::ALT, true)?;
            desk.press(&[Key::TAB])?;
            desk.check("in the switcher")?;
            desk.key(Key::ALT, false)
        })
        .with_panel(),
        Scene::new("window closed by its button", |desk| {
            desk.open_with("ochre-terminal", &NOTE)?;
            let list = desk.open_with("ochre-terminal", &LIST)?;
            let [x, y, width, _] = list.frame;
            desk.click((x + width - 21, y + 19))?;
            desk.wait_for("the list's end", |windows| {
                (windows.len() == 1).then_some(())
            })?;
            desk.check("the other is active")
        }),
        Scene::new("menu of a window", |desk| {
            let note = desk.open_with("ochre-terminal", &NOTE)?;
            desk.right_click(title_bar(&note))?;
            desk.check("open")?;
            desk.press(&[Key::DOWN])?;
            desk.press(&[Key::DOWN])?;
            desk.check("the second line is chosen")?;
            desk.press(&[Key::ENTER])?;
            desk.check("maximized")
        }),
        Scene::new("switching windows with Alt-Tab", |desk| {
            desk.open_with("ochre-terminal", &NOTE)?;
            desk.wait_for_title("Note")?;
            desk.open_with("ochre-terminal", &LIST)?;
            desk.wait_for_title("List")?;
            desk.key(Key::ALT, true)?;
            desk.press(&[Key::TAB])?;
            desk.check("switcher")?;
            desk.key(Key::ALT, false)?;
            desk.check("switched")
        }),
    ]
}

/// A place on a window's title bar that is no button.
fn title_bar(window: &Window) -> (i32, i32) {
    let [x, y, width, _] = window.frame;
    (x + width / 3, y + 18)
}
