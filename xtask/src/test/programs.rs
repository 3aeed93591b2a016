//! Debian's unmodified programs on the desktop, used as a person would: by a keyboard and a pointer.
//!
//! A shell in the guest starts them and says how they end; `ochrectl` says where their windows are, `wl-paste`
//! what was copied. What they draw is looked at on the screen. Of each program a picture is left, for eyes
//! to judge.

mod cases;
mod clip;
mod session;
mod tools;

use super::{Machines, Tally};
use crate::debian;
use crate::desktop::{Button, Desktop};
use crate::guest::{Guest, Request};
use crate::image::{Addition, Recipe};
use crate::paths;
use crate::picture::Picture;
use crate::process;
use crate::qemu::{self, Size};
use crate::seat::{Input, Seat};
use anyhow::{Context, Result};
use cases::{Act, CASES, Case, Grip, Step, Text};
use session::{PATIENCE, Session, Window};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The screen.
const SIZE: (u32, u32) = (1280, 800);
/// The machine's memory in MiB, of which the Debian system takes a third.
const MEMORY: u64 = 3000;
/// What the system must have.
const NEEDED: [&str; 20] = [
    "featherpad",
    "foot",
    "fuzzel",
    "grim",
    "gtk3-demo",
    "gtk4-demo",
    "imv-wayland",
    "kcalc",
    "mpv",
    "swayidle",
    "swaylock",
    "waybar",
    "wayland-info",
    "weston-editor",
    "weston-terminal",
    "wl-copy",
    "wl-paste",
    "wlr-randr",
    "wofi",
    "wtype",
];
/// How wide is what has changed where somebody wrote: wider than a cursor that blinks.
const WRITTEN: usize = 24;
/// Colours of a window that shows anything: letters' edges are of several.
const COLOURS: usize = 6;
/// How long a picture may take to become calm: some never do.
const CALM: Duration = Duration::from_secs(10);
/// How near to what was wanted a window's size must come: text comes in whole letters.
const NEAR: i32 = 32;

/// Plays the cases whose names contain one of these words, or all.
pub fn run(debian: Option<&Path>, words: &[String], machines: Machines) -> Result<Tally> {
    let page = "docs/programs.md";
    let debian = debian.with_context(|| {
        format!("this suite needs a Debian system: --debian FOLDER; {page} says how to make one")
    })?;
    let folder = paths::target().join("test-programs");
    fs::create_dir_all(&folder)?;
    let clip = folder.join("clip.y4m");
    fs::write(&clip, clip::y4m())?;
    let mut guest = Guest::new(Size {
        smp: machines.smp.unwrap_or(2),
        memory: Some(MEMORY),
    });
    guest.uefi = machines.uefi;
    guest.add = debian::system(debian, &NEEDED, page)?;
    guest.add.push(Addition::new(clip, "/root/clip.y4m"));
    let request = Request {
        input: true,
        ..Request::command(["/bin/sh"])
    };
    let built = guest.build(&Recipe::load("desktop")?, Some(&request))?;
    qemu::despite_crashes(|| {
        let (mut machine, _disk) = guest.machine(&built)?;
        let seat = Seat {
            size: Some(SIZE),
            ..Seat::default()
        };
        machine.desktop(seat).without_display();
        let (from, to) = std::io::pipe()?;
        let mut desktop = Desktop::start_fed(machine, from)?;
        desktop.pace = Input::Virtio.pace();
        let mut person = Person {
            session: Session::new(desktop, to),
            clipboard: String::new(),
            holder: None,
            words,
            tally: Tally::default(),
        };
        let result = person.play();
        let Person {
            mut session, tally, ..
        } = person;
        if result.is_err() && session.desktop.has_crashed() {
            return Ok(None);
        }
        let console = session.desktop.end();
        result.context(console)?;
        Ok(Some(tally))
    })
}

/// Who sits before the screen.
struct Person<'a> {
    session: Session,
    /// What was copied last.
    clipboard: String,
    /// The program that has copied it, which is left open until another one has pasted it.
    holder: Option<Opened>,
    words: &'a [String],
    tally: Tally,
}

/// A program that runs, and its windows.
struct Opened {
    case: &'static Case,
    windows: Vec<Window>,
}

impl Person<'_> {
    /// Plays everything; fails only where nothing more can be tried.
    fn play(&mut self) -> Result<()> {
        self.session.set_up()?;
        self.clipboard = "seed".to_owned();
        self.offer()?;
        for case in &CASES {
            if !self.wants(case.name) {
                continue;
            }
            let mut opened = Opened {
                case,
                windows: Vec::new(),
            };
            let result = process::step(case.name, || self.work(&mut opened));
            // A picture of what has settled, where it does.
            self.session.patience = CALM;
            let _ = self.session.still();
            self.session.patience = PATIENCE;
            self.session.save(case.name)?;
            let worked = result.is_ok();
            self.tally.test(case.name, result);
            if !worked {
                let log = self
                    .session
                    .run(&format!("tail -5 /tmp/{}.log", case.name))?;
                process::say(log.text);
                self.session.kill(case.name)?;
                self.offer()?;
                continue;
            }
            let done = match case.text {
                Some(_) => self.holder.replace(opened),
                None => Some(opened),
            };
            self.close(done)?;
        }
        let last = self.holder.take();
        self.close(last)?;
        for (name, tool) in tools::TOOLS {
            if self.wants(name) {
                let result = process::step(name, || tool(&mut self.session));
                let worked = result.is_ok();
                self.tally.test(name, result);
                if !worked {
                    self.session.save(&format!("{name} failed"))?;
                    // A tool's name begins with its program's.
                    let program = name.split(' ').next().unwrap_or(name);
                    self.session.kill(program)?;
                }
            }
        }
        Ok(())
    }

    /// Offers what was copied last by a tool, as long as no program does.
    fn offer(&mut self) -> Result<()> {
        let command = format!("wl-copy '{}'", self.clipboard);
        self.session.succeed(&command)
    }

    fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word))
    }

    /// Opens a program and does with it what its case says, up to closing it.
    fn work(&mut self, opened: &mut Opened) -> Result<()> {
        let case = opened.case;
        let before = self.session.windows()?;
        self.session.start(case.name, case.command)?;
        let window = self.session.opened(&before, case.window)?;
        opened.windows.push(window);
        self.session.drawn(COLOURS)?;
        for step in case.steps {
            self.take(*step, opened)
                .with_context(|| format!("{step:?}"))?;
        }
        if let Some(text) = &case.text {
            let grown = format!("{}{}{}", text.had, self.clipboard, text.typed);
            let start = Instant::now();
            loop {
                // Keys that come before a field has the keyboard do nothing.
                self.session.patience = PATIENCE / 5;
                let result = self.pass_on(text, &grown);
                self.session.patience = PATIENCE;
                match result {
                    Err(error) if start.elapsed() > PATIENCE => return Err(error),
                    Err(_) => {}
                    Ok(()) => break,
                }
            }
            self.clipboard = grown;
        }
        self.session.drawn(COLOURS)
    }

    /// Pastes what was copied last, adds to it, and copies all of that.
    fn pass_on(&mut self, text: &Text, grown: &str) -> Result<()> {
        // Else what changes could be what came late of the steps before.
        self.session.still()?;
        let before = self.session.look()?;
        self.act(text.paste)?;
        self.session.changed(&before).context("nothing pasted")?;
        self.session.desktop.type_text(text.typed)?;
        let mut last = String::new();
        self.session
            .wait("the text, copied", |session| {
                for act in text.copy {
                    act.perform(session)?;
                }
                last = session.run("wl-paste -n")?.text;
                Ok((last == grown).then_some(()))
            })
            .with_context(|| format!("{last:?} is copied, not {grown:?}"))
    }

    fn take(&mut self, step: Step, opened: &mut Opened) -> Result<()> {
        let session = &mut self.session;
        match step {
            Step::See(acts) => {
                let before = session.look()?;
                for act in acts {
                    act.perform(session)?;
                }
                session.changed(&before)?;
            }
            Step::Opens(acts, title) => {
                let before = session.windows()?;
                for act in acts {
                    act.perform(session)?;
                }
                opened.windows.push(session.opened(&before, title)?);
            }
            Step::Resize(grip, far) => resize(session, grip, far)?,
            Step::Moves => {
                let before = session.look()?;
                session.changed(&before)?;
            }
            Step::Still => session.still()?,
            Step::Run(command) => {
                let before = session.look()?;
                session.succeed(command)?;
                session.changed(&before)?;
            }
        }
        Ok(())
    }

    /// Closes a program's last window. Each act but the last has it ask something.
    fn close_last(&mut self, acts: &[Act]) -> Result<()> {
        for (at, act) in acts.iter().enumerate() {
            let before = self.session.windows()?;
            act.perform(&mut self.session)?;
            if at + 1 < acts.len() {
                self.session.opened(&before, "")?;
                self.session.still()?;
            }
        }
        Ok(())
    }

    fn act(&mut self, acts: &[Act]) -> Result<()> {
        acts.iter()
            .try_for_each(|act| act.perform(&mut self.session))
    }

    /// Closes a program as its user would: its windows go, and it ends as it should.
    fn close(&mut self, opened: Option<Opened>) -> Result<()> {
        let Some(mut opened) = opened else {
            return Ok(());
        };
        let case = opened.case;
        let name = format!("{} closed", case.name);
        let result = process::step(&name, || {
            while let Some(window) = opened.windows.pop() {
                self.session.activate(&window)?;
                if opened.windows.is_empty() {
                    self.close_last(case.close)?;
                } else {
                    self.session.desktop.press(&["alt", "f4"])?;
                }
                self.session.gone(&window)?;
            }
            self.session.ended(case.name, case.status)
        });
        let worked = result.is_ok();
        self.tally.test(&name, result);
        if !worked {
            self.session.save(&format!("{name} failed"))?;
            self.session.kill(case.name)?;
        }
        Ok(())
    }
}

/// Resizes the active window, and looks whether its content has become so large, and is drawn.
fn resize(session: &mut Session, grip: Grip, far: (isize, isize)) -> Result<()> {
    let before = session.active()?;
    let area = before.area();
    let to = |(x, y): (usize, usize), (dx, dy): (isize, isize)| {
        (x.saturating_add_signed(dx), y.saturating_add_signed(dy))
    };
    let corner = (area.x + area.width, area.y + area.height);
    let (button, by) = match grip {
        Grip::Super => (Button::Right, -40),
        Grip::Corner(by) => (Button::Left, by),
    };
    let from = to(corner, (by, by));
    let there = to(from, far);
    session.desktop.point(from.0, from.1)?;
    if let Grip::Super = grip {
        session.desktop.hold("meta_l", true)?;
    }
    session.desktop.button(button, true)?;
    let mut size = (0, 0);
    // A client that draws its frame takes its time to begin: the button is held until the size is there.
    let seen = session.wait("another size", |session| {
        session.desktop.point(there.0 - 1, there.1 - 1)?;
        session.desktop.point(there.0, there.1)?;
        let [_, _, width, height] = session.active()?.content;
        size = (width - before.content[2], height - before.content[3]);
        let (wide, high) = (far.0 as i32, far.1 as i32);
        let near = (size.0 - wide).abs() <= NEAR && (size.1 - high).abs() <= NEAR;
        Ok(near.then_some(()))
    });
    session.desktop.button(button, false)?;
    if let Grip::Super = grip {
        session.desktop.hold("meta_l", false)?;
    }
    seen.with_context(|| format!("its size has changed by {size:?}, not about {far:?}"))?;
    session.drawn(COLOURS)
}

/// How wide the part is in which two pictures differ; that of the larger one where they don't fit.
fn difference(one: &Picture, other: &Picture) -> usize {
    if (one.width, one.height) != (other.width, other.height) {
        return one.width.max(other.width);
    }
    one.difference(other).map_or(0, |area| area.width)
}
