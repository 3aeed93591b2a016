//! The desktop as a scene uses it: keys, the mouse, windows, and looking.

use std::time::{Duration, Instant};

use crate::compare::{Difference, compare};
use crate::control::Window;
use crate::error::Error;
use crate::golden::Goldens;
use crate::guest::Guest;
use crate::host::Host;
use crate::keys::Key;
use crate::picture::Picture;
use crate::scene::Scene;

/// After so long something that has not happened will not.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// A screen that stays the same for so many milliseconds, while everybody sleeps, is finished.
const STILL: u64 = 60;
/// A screen that is not as approved gets so many more, for what only waits for its time.
const LAST_CHANCE: u64 = 500;

/// Where a scene is played.
pub(crate) enum Stage {
    /// The headless compositor, on this machine.
    Host(Host),
    /// A virtual machine, from outside.
    Guest(Guest),
}

/// How checks treat approved pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// A check fails if the screen is different.
    Compare,
    /// What is on screen is approved.
    Update,
}

/// One check that was made.
pub struct Checked {
    pub name: String,
    pub approved: Option<Picture>,
    pub seen: Picture,
    /// None if it is as approved.
    pub difference: Option<Difference>,
    /// It has just been approved.
    pub updated: bool,
}

/// A desktop to use.
pub struct Desk<'a> {
    stage: Stage,
    scene: &'a Scene,
    goldens: &'a Goldens,
    approval: Approval,
    checked: Vec<Checked>,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(
        stage: Stage,
        scene: &'a Scene,
        goldens: &'a Goldens,
        approval: Approval,
    ) -> Desk<'a> {
        Desk {
            stage,
            scene,
            goldens,
            approval,
            checked: Vec::new(),
        }
    }

    pub(crate) fn into_checked(self) -> Vec<Checked> {
        self.checked
    }

    /// Starts a program and waits for its window.
    pub fn open(&mut self, program: &str) -> Result<Window, Error> {
        self.open_with(program, &[])
    }

    /// Starts a program with arguments and waits for its window.
    pub fn open_with(&mut self, program: &str, arguments: &[&str]) -> Result<Window, Error> {
        let host = self.host("starting programs")?;
        let before = host.control.windows()?.len();
        host.spawn(program, arguments)?;
        let what = format!("{program}'s window");
        let window = self.wait_for(&what, |windows| windows.get(before).cloned())?;
        self.settle()?;
        Ok(window)
    }

    /// All windows, in the order they were opened.
    pub fn windows(&mut self) -> Result<Vec<Window>, Error> {
        self.host("listing windows")?.control.windows()
    }

    /// The window of that title, as soon as there is one. Programs that work for a while can say by
    /// it that they are done.
    pub fn wait_for_title(&mut self, title: &str) -> Result<Window, Error> {
        self.wait_for(&format!("a window called {title:?}"), |windows| {
            windows.iter().find(|window| window.title == title).cloned()
        })
    }

    /// What `found` makes of the windows, as soon as it makes something.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        found: impl Fn(&[Window]) -> Option<T>,
    ) -> Result<T, Error> {
        let host = self.host("listing windows")?;
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(value) = found(&host.control.windows()?) {
                return Ok(value);
            }
            if Instant::now() > end {
                let seconds = PATIENCE.as_secs();
                return Err(Error::Waited {
                    what: what.to_owned(),
                    seconds,
                });
            }
            // Answers when something happens and is over, and at the latest after the time-out.
            host.control.idle_wait(50, 100)?;
        }
    }

    /// Chooses another theme, as `theme set` does.
    pub fn set_theme(&mut self, id: &str) -> Result<(), Error> {
        self.host("choosing a theme")?.set_theme(id)
    }

    /// Changes the size of the screen, as another mode of the monitor would.
    pub fn resize_screen(&mut self, width: u32, height: u32) -> Result<(), Error> {
        self.host("changing the screen's size")?
            .resize(width, height)
    }

    /// Types a text.
    pub fn type_text(&mut self, text: &str) -> Result<(), Error> {
        for character in text.chars() {
            let (key, shift) = Key::typing(character)?;
            if shift {
                self.press(&[Key::SHIFT, key])?;
            } else {
                self.press(&[key])?;
            }
        }
        Ok(())
    }

    /// Presses keys one after the other and lets them go in the opposite order.
    pub fn press(&mut self, keys: &[Key]) -> Result<(), Error> {
        for key in keys {
            self.key(*key, true)?;
        }
        for key in keys.iter().rev() {
            self.key(*key, false)?;
        }
        Ok(())
    }

    /// Presses a key, or lets it go.
    pub fn key(&mut self, key: Key, pressed: bool) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Host(host) => host.key(key, pressed),
            Stage::Guest(guest) => guest.key(key, pressed),
        }
    }

    /// Turns the mouse's wheel by so many notches, down.
    pub fn wheel(&mut self, notches: i32) -> Result<(), Error> {
        self.host("turning the wheel")?.wheel(notches)
    }

    /// Moves the pointer to a place on the screen, in logical pixels.
    pub fn move_to(&mut self, (x, y): (i32, i32)) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Host(host) => host.move_to(x, y),
            Stage::Guest(guest) => guest.move_to(x, y),
        }
    }

    /// Clicks with the left button.
    pub fn click(&mut self, at: (i32, i32)) -> Result<(), Error> {
        self.move_to(at)?;
        self.left_button(true)?;
        self.left_button(false)
    }

    /// Clicks with the right button.
    pub fn right_click(&mut self, at: (i32, i32)) -> Result<(), Error> {
        self.move_to(at)?;
        self.host("clicking with the right button")?.right_click()
    }

    /// Clicks twice with the left button.
    pub fn double_click(&mut self, at: (i32, i32)) -> Result<(), Error> {
        self.click(at)?;
        self.click(at)
    }

    /// Drags with the left button, over the middle of the way as a hand does.
    pub fn drag(&mut self, from: (i32, i32), to: (i32, i32)) -> Result<(), Error> {
        self.drag_and_hold(from, to)?;
        self.left_button(false)
    }

    /// Drags without letting the button go.
    pub fn drag_and_hold(&mut self, from: (i32, i32), to: (i32, i32)) -> Result<(), Error> {
        self.move_to(from)?;
        self.left_button(true)?;
        self.move_to(((from.0 + to.0) / 2, (from.1 + to.1) / 2))?;
        self.move_to(to)
    }

    /// Presses the left button, or lets it go.
    pub fn left_button(&mut self, pressed: bool) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Host(host) => host.left_button(pressed),
            Stage::Guest(guest) => guest.left_button(pressed),
        }
    }

    /// Waits until the screen is still.
    pub fn settle(&mut self) -> Result<(), Error> {
        self.rest(STILL)
    }

    fn rest(&mut self, quiet: u64) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Host(host) => host.rest(quiet),
            Stage::Guest(guest) => guest.still().map(drop),
        }
    }

    /// What is on screen.
    pub fn look(&mut self) -> Result<Picture, Error> {
        match &mut self.stage {
            Stage::Host(host) => host.screenshot(),
            Stage::Guest(guest) => guest.screendump(),
        }
    }

    /// Checks that the screen is, or becomes, as approved under this name.
    ///
    /// Programs take their time, so it looks when all of them have gone to sleep, and once more after
    /// a while if the screen is not as approved. A check that fails does not end its scene.
    pub fn check(&mut self, name: &str) -> Result<(), Error> {
        let approved = self.goldens.load(self.scene.name, name)?;
        let update = self.approval == Approval::Update;
        let compared = |seen: &Picture| {
            let approved = approved.as_ref()?;
            compare(approved, seen, self.scene.tolerance)
        };
        // Not before all is over: what passes by may look as approved too.
        self.rest(STILL)?;
        let mut seen = self.look()?;
        if compared(&seen).is_some() {
            self.rest(LAST_CHANCE)?;
            seen = self.look()?;
        }
        let difference = compared(&seen);
        if update && (approved.is_none() || difference.is_some()) {
            self.goldens.approve(self.scene.name, name, &seen)?;
        }
        self.checked.push(Checked {
            name: name.to_owned(),
            updated: update && (approved.is_none() || difference.is_some()),
            difference: match (&approved, update) {
                (_, true) => None,
                // What was never approved is wrong in every pixel.
                (None, false) => compare(&Picture::new(0, 0), &seen, self.scene.tolerance),
                (Some(_), false) => difference,
            },
            approved,
            seen,
        });
        Ok(())
    }

    fn host(&mut self, what: &'static str) -> Result<&mut Host, Error> {
        match &mut self.stage {
            Stage::Host(host) => Ok(host),
            Stage::Guest(_) => Err(Error::NotFromOutside(what)),
        }
    }
}
