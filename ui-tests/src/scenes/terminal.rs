//! The terminal.

use super::COLOURS;
use crate::keys::Key;
use crate::scene::Scene;

pub fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("terminal with typed output", |desk| {
            desk.open("ochre-terminal")?;
            desk.type_text("echo \"Hello, Ochre\" | tr a-z A-Z\n")?;
            desk.check("answered")?;
            desk.type_text("for i in 1 2 3; do echo line $i; done")?;
            desk.check("typed")?;
            desk.press(&[Key::ENTER])?;
            desk.check("run")
        }),
        Scene::new("terminal in colour", |desk| {
            desk.open_with("ochre-terminal", &COLOURS)?;
            desk.check("colours and lines")
        })
        .theme("ochre-dark"),
        Scene::new("terminal scrolled back", |desk| {
            let script = "seq 1 100; exec cat";
            desk.open_with("ochre-terminal", &["/bin/sh", "-c", script])?;
            desk.check("end")?;
            desk.press(&[Key::SHIFT, Key::PAGE_UP])?;
            desk.check("one page up")?;
            desk.type_text("x")?;
            desk.check("typing goes to the end")
        }),
        Scene::new("terminal with other alphabets", |desk| {
            let script = "printf 'Grüße, señor Łukasz, œuvre, naïve\\n\
                Ελληνικά, Русский, Українська\\n\
                cafe\\314\\201 (combining), ﬁ (ligature), → ← ≠ ≤ ∑ ∞ € £ ¥\\n\
                |wide: 漢字 かな 한국|\\n|emoji: 🙂🚀|\\n|12345678901234|\\n'; exec cat";
            desk.open_with("ochre-terminal", &["/bin/sh", "-c", script])?;
            desk.check("each in its cells")
        }),
        Scene::new("terminal selection", |desk| {
            let script = "seq -s ' ' 1 200; exec cat";
            let window = desk.open_with("ochre-terminal", &["/bin/sh", "-c", script])?;
            let [x, y, ..] = window.content;
            desk.drag((x + 10 + 9 * 20, y + 20), (x + 10 + 9 * 31, y + 60))?;
            desk.check("over three lines")?;
            desk.click((x + 200, y + 200))?;
            desk.check("none after a click")
        }),
        Scene::new("terminal scrolled by the wheel", |desk| {
            let script = "seq 1 100; exec cat";
            let window = desk.open_with("ochre-terminal", &["/bin/sh", "-c", script])?;
            let [x, y, ..] = window.content;
            desk.move_to((x + 200, y + 200))?;
            desk.wheel(-3)?;
            desk.check("nine lines up")
        }),
        Scene::new("terminal zoomed", |desk| {
            desk.open_with("ochre-terminal", &COLOURS)?;
            for _ in 0..6 {
                desk.press(&[Key::CTRL, Key::EQUAL])?;
            }
            desk.check("larger letters")
        }),
        Scene::new("text copied from one window to another", |desk| {
            let script = "printf 'select these words\\n'; exec cat";
            let from = desk.open_with("ochre-terminal", &["/bin/sh", "-c", script])?;
            let [x, y, ..] = from.content;
            desk.double_click((x + 10 + 9 * 9, y + 20))?;
            desk.check("a word")?;
            desk.press(&[Key::CTRL, Key::SHIFT, Key::C])?;
            desk.press(&[Key::CTRL, Key::SHIFT, Key::V])?;
            desk.check("pasted")?;
            desk.open_with("ochre-terminal", &["/bin/cat"])?;
            desk.press(&[Key::CTRL, Key::SHIFT, Key::V])?;
            desk.check("pasted elsewhere")
        }),
    ]
}
