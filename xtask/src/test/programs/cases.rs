//! What is done with each program that has a window.

use super::session::Session;
use crate::desktop::Button::{self, Left};
use anyhow::Result;

/// A program, and what its user does.
pub struct Case {
    pub name: &'static str,
    pub command: &'static str,
    /// Part of the title or of the application's id of its window.
    pub window: &'static str,
    pub steps: &'static [Step],
    /// How text gets into it and out of it.
    pub text: Option<Text>,
    pub close: &'static [Act],
    /// With which it ends then.
    pub status: i32,
}

/// Text that comes from the program before, is added to, and copied for the next one.
pub struct Text {
    /// What stands there before.
    pub had: &'static str,
    /// Done again, with what follows, if nothing comes of it.
    pub paste: &'static [Act],
    pub typed: &'static str,
    /// Done again if what is copied isn't there yet.
    pub copy: &'static [Act],
}

/// Something that has an effect which is seen.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// What the window shows is another picture after it.
    See(&'static [Act]),
    /// A further window of this title opens.
    Opens(&'static [Act], &'static str),
    /// The window's content gets larger or smaller by so much.
    Resize(Grip, (isize, isize)),
    /// Its picture changes by itself.
    Moves,
    /// Its picture stays.
    Still,
    /// A tool that does something to the window.
    Run(&'static str),
}

/// What a window is resized by.
#[derive(Clone, Copy, Debug)]
pub enum Grip {
    /// The right button, with Super.
    Super,
    /// The lower right corner of its frame, so far outside of its content.
    Corner(isize),
}

/// Something that a hand does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Type(&'static str),
    Press(&'static [&'static str]),
    /// So many clicks on a place of the active window.
    Click(Button, usize, Place),
}

/// A pixel from the upper left of a window's content; from its right if it is negative, above it if
/// that is negative.
type Place = (i32, i32);

impl Act {
    pub fn perform(&self, session: &mut Session) -> Result<()> {
        match *self {
            Act::Type(text) => session.desktop.type_text(text),
            Act::Press(keys) => session.desktop.press(keys),
            Act::Click(button, times, place) => {
                let at = on_screen(session, place)?;
                session.desktop.click(button, times, at)
            }
        }
    }
}

fn on_screen(session: &mut Session, (x, y): Place) -> Result<(usize, usize)> {
    let [left, top, width, _] = session.active()?.content;
    let x = if x < 0 { left + width + x } else { left + x };
    Ok((x.try_into()?, (top + y).try_into()?))
}

const SMALLER: (isize, isize) = (-90, -70);
const LARGER: (isize, isize) = (60, 50);
const ALT_F4: &[Act] = &[Act::Press(&["alt", "f4"])];
/// The close button of a frame that the compositor draws, and of one that GTK does.
const FRAME_BUTTON: &[Act] = &[Act::Click(Left, 1, (-22, -18))];
const GTK_BUTTON: &[Act] = &[Act::Click(Left, 1, (-23, 23))];
/// Two clicks select a word: all that is there, without a space.
const TERMINAL: Text = Text {
    had: "",
    paste: &[Act::Press(&["ctrl", "shift", "v"])],
    typed: "terminal",
    copy: &[
        Act::Click(Left, 2, (30, 8)),
        Act::Press(&["ctrl", "shift", "c"]),
    ],
};
/// In place of what is there.
const CTRL_V: &[Act] = &[Act::Press(&["ctrl", "a"]), Act::Press(&["ctrl", "v"])];
const CTRL_A_C: &[Act] = &[Act::Press(&["ctrl", "a"]), Act::Press(&["ctrl", "c"])];

pub const CASES: [Case; 12] = [
    Case {
        name: "weston-terminal",
        command: "env PS1= weston-terminal",
        window: "erminal",
        steps: &[
            Step::Resize(Grip::Super, SMALLER),
            Step::Resize(Grip::Corner(-2), SMALLER),
        ],
        text: Some(Text {
            copy: &[
                // Within its frame, which is its own.
                Act::Click(Left, 2, (40, 42)),
                Act::Press(&["ctrl", "shift", "c"]),
            ],
            ..TERMINAL
        }),
        close: ALT_F4,
        status: 0,
    },
    Case {
        name: "foot",
        // Its first line is what is typed, without a prompt.
        command: "env PS1= foot",
        window: "foot",
        steps: &[
            Step::Resize(Grip::Super, SMALLER),
            Step::Resize(Grip::Corner(4), LARGER),
            Step::Run("wtype é€äß"),
        ],
        text: Some(Text {
            had: "é€äß",
            ..TERMINAL
        }),
        close: ALT_F4,
        // As on Linux: its shell gets SIGHUP.
        status: 1,
    },
    Case {
        name: "featherpad",
        command: "featherpad",
        window: "featherpad",
        steps: &[
            Step::Resize(Grip::Corner(4), SMALLER),
            Step::Resize(Grip::Super, SMALLER),
        ],
        text: Some(Text {
            had: "",
            paste: CTRL_V,
            typed: " featherpad",
            copy: CTRL_A_C,
        }),
        // The text isn't saved.
        close: &[Act::Press(&["alt", "f4"]), Act::Press(&["alt", "d"])],
        status: 0,
    },
    Case {
        name: "gtk4-demo",
        command: "gtk4-demo",
        window: "GTK Demo",
        steps: &[
            Step::Resize(Grip::Corner(4), SMALLER),
            Step::See(&[Act::Click(Left, 1, (90, 22))]),
        ],
        text: Some(Text {
            had: "",
            paste: CTRL_V,
            typed: " gtk4",
            copy: CTRL_A_C,
        }),
        close: GTK_BUTTON,
        status: 0,
    },
    Case {
        name: "gtk3-demo",
        command: "gtk3-demo",
        window: "gtk3-demo",
        steps: &[
            Step::Resize(Grip::Corner(4), SMALLER),
            Step::Resize(Grip::Super, SMALLER),
            // The list's group of entries, and the second of them.
            Step::See(&[Act::Click(Left, 1, (12, 335))]),
            Step::Still,
            Step::Opens(&[Act::Click(Left, 2, (100, 381))], "Completion"),
        ],
        text: Some(Text {
            had: "",
            paste: CTRL_V,
            typed: " gtk3",
            copy: CTRL_A_C,
        }),
        close: GTK_BUTTON,
        status: 0,
    },
    Case {
        name: "weston-editor",
        command: "weston-editor",
        window: "ditor",
        steps: &[
            Step::Resize(Grip::Super, LARGER),
            Step::See(&[Act::Click(Left, 1, (100, 112)), Act::Type("editor")]),
        ],
        text: None,
        close: ALT_F4,
        status: 0,
    },
    Case {
        name: "kcalc",
        command: "kcalc",
        window: "kcalc",
        steps: &[
            Step::Resize(Grip::Corner(4), LARGER),
            Step::See(&[Act::Type("1234*5678\n")]),
        ],
        text: None,
        close: FRAME_BUTTON,
        status: 0,
    },
    Case {
        name: "weston-simple-shm",
        command: "weston-simple-shm",
        window: "simple-shm",
        steps: &[Step::Moves],
        text: None,
        close: ALT_F4,
        status: 0,
    },
    Case {
        name: "weston-flower",
        command: "weston-flower",
        window: "lower",
        steps: &[Step::Still],
        text: None,
        close: ALT_F4,
        status: 0,
    },
    Case {
        name: "imv",
        command: "imv-wayland /root/picture.png",
        window: "imv",
        steps: &[Step::Resize(Grip::Super, SMALLER)],
        text: None,
        close: &[Act::Type("q")],
        status: 0,
    },
    Case {
        name: "mpv",
        command: "mpv --no-config --vo=wlshm --loop /root/clip.y4m",
        window: "mpv",
        steps: &[
            Step::Moves,
            Step::Resize(Grip::Super, SMALLER),
            Step::Moves,
            Step::See(&[Act::Press(&["spc"])]),
            Step::Still,
        ],
        text: None,
        close: &[Act::Type("q")],
        status: 0,
    },
    Case {
        name: "qt6ct",
        command: "qt6ct",
        window: "Qt6",
        steps: &[Step::See(&[Act::Click(Left, 1, (131, 67))])],
        text: None,
        close: ALT_F4,
        status: 0,
    },
];
