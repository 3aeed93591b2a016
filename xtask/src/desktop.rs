//! A desktop in a virtual machine, as a person has it: a screen to look at, a keyboard, a pointer.
//!
//! What the host sees is all that counts: the guest isn't asked, so that this works however broken
//! it is.

use crate::input;
use crate::paths;
use crate::picture::Picture;
use crate::qemu::{Machine, Running};
use crate::qmp::Control;
use crate::reports::{self, Ending, Report};
use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader, Empty, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often the screen is looked at, if nobody is in a hurry.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long the session may take to come up, and what is waited for after that.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How long a button stays down, and up between clicks: what is faster is a switch that bounces.
const CLICK: Duration = Duration::from_millis(60);
/// How long one hand waits for the other.
const BETWEEN_HANDS: Duration = Duration::from_millis(200);
/// The largest value of an absolute pointer's axis in QEMU.
const AXIS: usize = 0x7fff;

/// What came of waiting for a window.
#[derive(Debug, PartialEq, Eq)]
pub enum Awaited {
    /// There is one, or a bar, or a lock: something of a program's.
    Window,
    /// The command ended before.
    Ending(Ending),
    /// Neither came in time.
    Nothing,
}

/// A button of the pointer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    Left,
    Right,
}

/// A running desktop.
pub struct Desktop {
    control: Control,
    running: Running,
    console: JoinHandle<Vec<u8>>,
    /// What `boot-command` reports: that the session is up, then how its command ended.
    reports: Receiver<String>,
    /// Lines that the command wrote.
    said: Receiver<String>,
    /// The picture's file on the way from QEMU to here.
    scratch: Scratch,
    /// How often the screen is looked at while something is waited for.
    pub interval: Duration,
    /// How long something is waited for.
    pub patience: Duration,
    /// How long one event of keyboard or pointer comes after the other, at least.
    pub pace: Duration,
    /// The screen's size when it was last looked at.
    size: (usize, usize),
}

impl Desktop {
    /// Starts the machine, which must have no serial ports yet.
    pub fn start(machine: Machine) -> Result<Desktop> {
        Desktop::begin(machine, None::<Empty>)
    }

    /// The same, with a command that reads what is read from `input`.
    pub fn start_fed(machine: Machine, input: impl Read + Send + 'static) -> Result<Desktop> {
        Desktop::begin(machine, Some(input))
    }

    fn begin(mut machine: Machine, input: Option<impl Read + Send + 'static>) -> Result<Desktop> {
        let (console, out, err) = (machine.serial()?, machine.serial()?, machine.serial()?);
        let (reported, control) = (machine.serial()?, machine.control()?);
        let running = machine.start()?;
        let taken = match input {
            Some(input) => Some(input::send(input, out.try_clone()?, reported.try_clone()?)),
            None => None,
        };
        // What the guest says is shown only if it fails.
        let console = thread::spawn(move || drain(console));
        let (tell, said) = mpsc::channel();
        for port in [out, err] {
            let tell = tell.clone();
            thread::spawn(move || {
                for line in BufReader::new(port).split(b'\n') {
                    let Ok(line) = line else { break };
                    let line = String::from_utf8_lossy(&line).into_owned();
                    if tell.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        let (tell, reports) = mpsc::channel();
        thread::spawn(move || {
            reports::each_line(reported, |line| match (&taken, Report::parse(&line)) {
                // Once the input has ended, nobody wants to know.
                (Some(taken), Ok(Report::Taken(total))) => {
                    taken.send(total).map_or(true, |()| true)
                }
                _ => tell.send(line).is_ok(),
            });
        });
        let folder = paths::target().join("archives");
        fs::create_dir_all(&folder)?;
        Ok(Desktop {
            control: Control::new(control)?,
            running,
            console,
            reports,
            said,
            scratch: Scratch(folder.join(format!("{}.ppm", std::process::id()))),
            interval: INTERVAL,
            patience: PATIENCE,
            pace: Duration::ZERO,
            size: (0, 0),
        })
    }

    /// Waits until the session is up; false if it doesn't come.
    pub fn wait_for_session(&self) -> bool {
        self.reports.recv_timeout(PATIENCE).is_ok()
    }

    /// Waits until a program shows something, or the command has ended, or the time is up.
    pub fn wait_for_window(&self, limit: Duration) -> Result<Awaited> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.reports.recv_timeout(left) {
                Ok(line) => match Report::parse(&line)? {
                    Report::Shown => return Ok(Awaited::Window),
                    Report::Ended(ending, _) => return Ok(Awaited::Ending(ending)),
                    Report::Started | Report::Taken(_) => {}
                },
                Err(RecvTimeoutError::Timeout) => return Ok(Awaited::Nothing),
                Err(RecvTimeoutError::Disconnected) => bail!("the machine has ended"),
            }
        }
    }

    /// What the command has said since the last time, line by line.
    pub fn said(&self) -> impl Iterator<Item = String> {
        self.said.try_iter()
    }

    /// The next line that the command says, if it comes in time.
    pub fn hear(&self, limit: Duration) -> Result<Option<String>> {
        match self.said.recv_timeout(limit) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("the machine has ended"),
        }
    }

    /// How the command ended, if it has.
    pub fn ending(&self) -> Result<Option<Ending>> {
        match self.reports.try_recv() {
            Ok(line) => match Report::parse(&line)? {
                Report::Ended(ending, _) => Ok(Some(ending)),
                Report::Started | Report::Taken(_) | Report::Shown => Ok(None),
            },
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => bail!("the machine has ended"),
        }
    }

    /// What is on the screen.
    pub fn look(&mut self) -> Result<Picture> {
        let Scratch(file) = &self.scratch;
        self.control.screenshot(file, "ppm")?;
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let picture = Picture::parse(&bytes)?;
        self.size = (picture.width, picture.height);
        Ok(picture)
    }

    /// Writes what is on the screen as a PNG file.
    pub fn save(&mut self, file: &Path) -> Result<()> {
        self.control.screenshot(&std::path::absolute(file)?, "png")
    }

    /// Looks until what is on the screen satisfies `test`.
    pub fn until<T>(
        &mut self,
        what: &str,
        mut test: impl FnMut(&Picture) -> Option<T>,
    ) -> Result<T> {
        let start = Instant::now();
        loop {
            if let Some(value) = test(&self.look()?) {
                return Ok(value);
            }
            if start.elapsed() > self.patience {
                bail!("never seen: {what}");
            }
            thread::sleep(self.interval);
        }
    }

    /// Looks until a desktop is to be seen and has stayed the same for `still`, but at least until
    /// `least`; false if it never does.
    pub fn settle(&mut self, still: Duration, least: Instant) -> Result<bool> {
        let start = Instant::now();
        let patience = PATIENCE.max(least.saturating_duration_since(start) + still);
        let (mut last, mut since) = (self.look()?, start);
        while start.elapsed() <= patience {
            thread::sleep(INTERVAL);
            let now = self.look()?;
            if now != last {
                (last, since) = (now, Instant::now());
            }
            if shows_desktop(&last) && since.elapsed() >= still && Instant::now() >= least {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Types a text as on a US keyboard.
    pub fn type_text(&mut self, text: &str) -> Result<()> {
        for character in text.chars() {
            let (key, shifted) =
                key_of(character).with_context(|| format!("no key for {character:?}"))?;
            if shifted {
                self.press(&["shift", key])?;
            } else {
                self.press(&[key])?;
            }
        }
        Ok(())
    }

    /// Presses keys (QEMU's names) one after the other, and lets them go in the opposite order. All
    /// in one message, lest a guest that has to wait in between takes a key for held and repeats it.
    pub fn press(&mut self, keys: &[&str]) -> Result<()> {
        let pressed = keys.iter().map(|key| key_event(key, true));
        let released = keys.iter().rev().map(|key| key_event(key, false));
        self.send(pressed.chain(released).collect())
    }

    /// Presses a key, or lets it go, and waits as a hand does that has something else to do with it: the
    /// guest has keyboard and pointer by drivers of which each takes its time.
    pub fn hold(&mut self, key: &str, down: bool) -> Result<()> {
        thread::sleep(BETWEEN_HANDS);
        self.send(vec![key_event(key, down)])?;
        thread::sleep(BETWEEN_HANDS);
        Ok(())
    }

    /// Moves the pointer to a pixel of the screen.
    pub fn point(&mut self, x: usize, y: usize) -> Result<()> {
        self.point_on(self.size, (x, y))
    }

    /// Moves the pointer to a pixel of a screen of this size, whether or not it has been looked at.
    pub fn point_on(
        &mut self,
        (width, height): (usize, usize),
        (x, y): (usize, usize),
    ) -> Result<()> {
        ensure!(x < width && y < height, "the screen has no pixel {x}, {y}");
        let axis = |name: &str, at: usize, size: usize| {
            // The middle of the pixel, so that no rounding on the way can miss it.
            let value = (2 * at + 1) * AXIS / (2 * size);
            json!({ "type": "abs", "data": { "axis": name, "value": value } })
        };
        self.send(vec![axis("x", x, width), axis("y", y, height)])
    }

    /// Moves a mouse, which knows no places, so many steps to the right.
    pub fn nudge(&mut self, steps: i32) -> Result<()> {
        let moved = json!({ "type": "rel", "data": { "axis": "x", "value": steps } });
        self.send(vec![moved])
    }

    /// Presses or lets go a button of the pointer's.
    pub fn button(&mut self, button: Button, down: bool) -> Result<()> {
        let name = match button {
            Button::Left => "left",
            Button::Right => "right",
        };
        self.send(vec![
            json!({ "type": "btn", "data": { "down": down, "button": name } }),
        ])
    }

    /// Clicks on a pixel so many times, as fast as a hand.
    pub fn click(&mut self, button: Button, times: usize, at: (usize, usize)) -> Result<()> {
        self.point(at.0, at.1)?;
        for _ in 0..times {
            self.button(button, true)?;
            thread::sleep(CLICK);
            self.button(button, false)?;
            thread::sleep(CLICK);
        }
        Ok(())
    }

    /// Moves the pointer from one pixel to another, in steps, with a button held.
    pub fn drag(&mut self, button: Button, from: (usize, usize), to: (usize, usize)) -> Result<()> {
        const STEPS: usize = 8;
        self.point(from.0, from.1)?;
        self.button(button, true)?;
        let between = |a: usize, b: usize, step| (a * (STEPS - step) + b * step) / STEPS;
        for step in 1..=STEPS {
            self.point(between(from.0, to.0, step), between(from.1, to.1, step))?;
        }
        self.button(button, false)
    }

    /// Pulls out the device of this name.
    pub fn unplug(&mut self, id: &str) -> Result<()> {
        self.control.execute("device_del", json!({ "id": id }))?;
        Ok(())
    }

    /// Plugs in a device: its kind, and its properties as `NAME=VALUE`, between commas.
    pub fn plug(&mut self, device: &str) -> Result<()> {
        let mut properties = device.split(',');
        let mut arguments = json!({ "driver": properties.next() });
        for property in properties {
            let (name, value) = property.split_once('=').context("no NAME=VALUE")?;
            arguments[name] = json!(value);
        }
        self.control.execute("device_add", arguments)?;
        Ok(())
    }

    /// Whether QEMU itself has crashed, after something here failed.
    pub fn has_crashed(&mut self) -> bool {
        if self.control.screenshot(&self.scratch.0, "ppm").is_err() {
            self.running.expect_end(Duration::from_secs(2));
        }
        self.running.has_crashed()
    }

    /// Ends the machine: what its console said, and how QEMU ended if it did so by itself.
    pub fn end(mut self) -> String {
        self.has_crashed();
        drop(self.scratch);
        let complaints = self.running.stop();
        let console = self.console.join().unwrap_or_default();
        format!("{}\n{complaints}", String::from_utf8_lossy(&console).trim())
    }

    fn send(&mut self, events: Vec<serde_json::Value>) -> Result<()> {
        let pause = self.pace * events.len() as u32;
        self.control
            .execute("input-send-event", json!({ "events": events }))?;
        thread::sleep(pause);
        Ok(())
    }
}

/// Whether it is a desktop rather than what firmware and kernel show before it, which has fewer
/// colours: a session that is up may not have drawn yet.
pub fn shows_desktop(picture: &Picture) -> bool {
    picture.is_rich(32)
}

/// A file that goes when this does.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A key (QEMU's name) that is pressed or let go.
fn key_event(key: &str, down: bool) -> serde_json::Value {
    json!({ "type": "key", "data": { "down": down, "key": { "type": "qcode", "data": key } } })
}

/// QEMU's name of the key that types a character on a US keyboard, and whether with Shift.
fn key_of(character: char) -> Option<(&'static str, bool)> {
    const LETTERS: [&str; 26] = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
        "s", "t", "u", "v", "w", "x", "y", "z",
    ];
    const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    const OTHERS: [(&str, char, char); 11] = [
        ("minus", '-', '_'),
        ("equal", '=', '+'),
        ("bracket_left", '[', '{'),
        ("bracket_right", ']', '}'),
        ("backslash", '\\', '|'),
        ("semicolon", ';', ':'),
        ("apostrophe", '\'', '"'),
        ("grave_accent", '`', '~'),
        ("comma", ',', '<'),
        ("dot", '.', '>'),
        ("slash", '/', '?'),
    ];
    match character {
        'a'..='z' => Some((LETTERS[character as usize - 'a' as usize], false)),
        'A'..='Z' => Some((LETTERS[character as usize - 'A' as usize], true)),
        '0'..='9' => Some((DIGITS[character as usize - '0' as usize], false)),
        ' ' => Some(("spc", false)),
        '\n' => Some(("ret", false)),
        _ => {
            if let Some(digit) = ")!@#$%^&*(".find(character) {
                return Some((DIGITS[digit], true));
            }
            let (key, plain, _) = OTHERS
                .iter()
                .find(|(_, plain, shifted)| [*plain, *shifted].contains(&character))?;
            Some((key, *plain != character))
        }
    }
}

fn drain(mut from: UnixStream) -> Vec<u8> {
    let mut all = Vec::new();
    // A machine that is ended breaks the line: what came until then counts.
    let _ = from.read_to_end(&mut all);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_have_the_keys_of_a_us_keyboard() {
        for (character, key) in [
            ('a', ("a", false)),
            ('Z', ("z", true)),
            ('0', ("0", false)),
            (')', ("0", true)),
            ('$', ("4", true)),
            ('|', ("backslash", true)),
            ('\'', ("apostrophe", false)),
            ('\n', ("ret", false)),
        ] {
            assert_eq!(key_of(character), Some(key), "{character:?}");
        }
        assert_eq!(key_of('é'), None);
    }
}
