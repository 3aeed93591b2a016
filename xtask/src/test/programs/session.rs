//! The guest's side: a shell that runs a line, the windows as the compositor tells them, and their pictures.

use super::{WRITTEN, difference};
use crate::desktop::Desktop;
use crate::paths;
use crate::picture::{Area, Picture};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::io::{PipeWriter, Write};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take: every instruction may be translated, on a busy host.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How often something that is waited for is asked.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long nothing changes where something stands still.
const STILL: Duration = Duration::from_millis(1200);

/// A desktop's session with a shell in it.
pub struct Session {
    pub desktop: Desktop,
    shell: PipeWriter,
    /// How many lines the shell was given.
    lines: usize,
    /// How long something is waited for.
    pub patience: Duration,
}

/// What came of a line.
pub struct Output {
    pub status: i32,
    /// Both streams, without white space around them.
    pub text: String,
}

/// A window, as `ochrectl` tells it.
#[derive(Clone, Debug, Deserialize)]
pub struct Window {
    pub id: u64,
    title: String,
    app_id: String,
    /// x, y, width, height.
    pub content: [i32; 4],
    active: bool,
}

/// A display, as `ochrectl` tells it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Display {
    pub name: String,
    pub rect: [i32; 4],
    pub scale: f64,
    pub work_area: [i32; 4],
    pub lit: bool,
}

/// What `ochrectl` answers.
#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    windows: Vec<Window>,
    #[serde(default)]
    outputs: Vec<Display>,
}

impl Window {
    /// Its content, as far as it is on the screen.
    pub fn area(&self) -> Area {
        let [x, y, width, height] = self.content;
        let from = |at: i32, size: i32| (at.max(0) as usize, (size + at.min(0)).max(1) as usize);
        let ((x, width), (y, height)) = (from(x, width), from(y, height));
        Area {
            x,
            y,
            width,
            height,
        }
    }
}

impl Session {
    /// Of a desktop whose command is a shell that reads from the other end.
    pub fn new(desktop: Desktop, shell: PipeWriter) -> Session {
        Session {
            desktop,
            shell,
            lines: 0,
            patience: PATIENCE,
        }
    }

    /// Waits for the desktop, and prepares what is used: root's password, a picture.
    pub fn set_up(&mut self) -> Result<()> {
        ensure!(
            self.desktop.wait_for_session(),
            "the session didn't come up"
        );
        // The mark of the port precedes the first line.
        self.run("true")?;
        self.desktop.look()?;
        self.succeed("echo root:secret | chpasswd")?;
        let settled = self.desktop.settle(STILL, Instant::now())?;
        ensure!(settled, "the screen never became still");
        self.succeed("grim -g '640,160 640x400' /root/picture.png")
    }

    /// Has the shell run a line, and waits for its end.
    pub fn run(&mut self, line: &str) -> Result<Output> {
        self.lines += 1;
        let mark = format!("@{} ", self.lines);
        let tell = format!("printf '\\n{mark}%s\\n' $?");
        writeln!(self.shell, "{{ {line}\n}} </dev/null 2>&1; {tell}")
            .context("the shell has gone")?;
        let mut text = String::new();
        loop {
            let heard = self.desktop.hear(PATIENCE)?;
            let heard = heard.with_context(|| format!("no end of: {line}\n{text}"))?;
            if let Some(status) = heard.strip_prefix(&mark) {
                return Ok(Output {
                    status: status.parse().context("the status is no number")?,
                    text: text.trim().to_owned(),
                });
            }
            text += &heard;
            text.push('\n');
        }
    }

    /// Has the shell run a line that must succeed.
    pub fn succeed(&mut self, line: &str) -> Result<()> {
        self.text(line).map(drop)
    }

    /// What a line that must succeed says.
    pub fn text(&mut self, line: &str) -> Result<String> {
        let Output { status, text } = self.run(line)?;
        ensure!(status == 0, "{line}: status {status}\n{text}");
        Ok(text)
    }

    /// Starts a program by a name of its own.
    pub fn start(&mut self, name: &str, command: &str) -> Result<()> {
        self.succeed(&format!(
            "rm -f /tmp/{name}.status; (sh -c 'echo $$ >/tmp/{name}.pid; exec {command}' \
             >/tmp/{name}.log 2>&1; echo $? >/tmp/{name}.status) >/dev/null 2>&1 &"
        ))
    }

    /// Sends a program a signal.
    pub fn signal(&mut self, name: &str, signal: &str) -> Result<()> {
        self.succeed(&format!("kill -{signal} $(cat /tmp/{name}.pid)"))
    }

    /// Ends a program that won't end, if it is there.
    pub fn kill(&mut self, name: &str) -> Result<()> {
        self.run(&format!("kill -9 $(cat /tmp/{name}.pid)"))?;
        Ok(())
    }

    /// The status with which a program has ended, if it has.
    pub fn status(&mut self, name: &str) -> Result<Option<i32>> {
        let text = self.run(&format!("cat /tmp/{name}.status"))?.text;
        Ok(text.parse().ok())
    }

    /// Waits until a program has ended with this status.
    pub fn ended(&mut self, name: &str, expected: i32) -> Result<()> {
        let status = self.wait("its end", |session| session.status(name))?;
        if status != expected {
            let log = self.run(&format!("tail -5 /tmp/{name}.log"))?.text;
            bail!("it has ended with status {status}, not {expected}\n{log}");
        }
        Ok(())
    }

    /// Tries until something comes of it.
    pub fn wait<T>(
        &mut self,
        what: &str,
        mut test: impl FnMut(&mut Session) -> Result<Option<T>>,
    ) -> Result<T> {
        let start = Instant::now();
        loop {
            if let Some(value) = test(self)? {
                return Ok(value);
            }
            ensure!(start.elapsed() < self.patience, "never seen: {what}");
            thread::sleep(INTERVAL);
        }
    }

    fn reply(&mut self, about: &str) -> Result<Reply> {
        let text = self.text(&format!("ochrectl {about}"))?;
        serde_json::from_str(&text).with_context(|| format!("ochrectl says {text:?}"))
    }

    /// All windows.
    pub fn windows(&mut self) -> Result<Vec<Window>> {
        Ok(self.reply("windows")?.windows)
    }

    /// The only display.
    pub fn output(&mut self) -> Result<Display> {
        let outputs = self.reply("outputs")?.outputs;
        outputs.into_iter().next().context("there is no display")
    }

    /// Waits for an active window that was not there before, of this title or application.
    pub fn opened(&mut self, before: &[Window], of: &str) -> Result<Window> {
        let mut last = Vec::new();
        self.wait("its window", |session| {
            last = session.windows()?;
            let is_new = |window: &&Window| !before.iter().any(|other| other.id == window.id);
            let found = last.iter().filter(is_new).find(|window| {
                window.active && (window.title.contains(of) || window.app_id.contains(of))
            });
            Ok(found.cloned())
        })
        .with_context(|| format!("there are {last:?}"))
    }

    /// Waits until a window is there no more.
    pub fn gone(&mut self, window: &Window) -> Result<()> {
        self.wait("its window gone", |session| {
            let there = session.windows()?.iter().any(|other| other.id == window.id);
            Ok((!there).then_some(()))
        })
    }

    /// The window that has the keyboard.
    pub fn active(&mut self) -> Result<Window> {
        let windows = self.windows()?;
        let active = windows.into_iter().find(|window| window.active);
        active.context("no window is active")
    }

    /// Makes a window the active one.
    pub fn activate(&mut self, window: &Window) -> Result<()> {
        self.succeed(&format!("ochrectl window {} activate", window.id))?;
        self.wait("the window active", |session| {
            Ok((session.active()?.id == window.id).then_some(()))
        })
    }

    /// What is to be seen of the active window.
    pub fn look(&mut self) -> Result<Picture> {
        let area = self.active()?.area();
        Ok(self.desktop.look()?.cut(area))
    }

    /// Waits until the active window isn't as it was.
    pub fn changed(&mut self, before: &Picture) -> Result<()> {
        self.wait("another picture", |session| {
            let now = session.look()?;
            Ok((difference(before, &now) >= WRITTEN).then_some(()))
        })
    }

    /// Waits until the active window shows so many colours.
    pub fn drawn(&mut self, colours: usize) -> Result<()> {
        self.wait("something drawn", |session| {
            Ok((session.look()?.colours(1) >= colours).then_some(()))
        })
    }

    /// Waits until the active window stands still, but for a cursor that blinks.
    pub fn still(&mut self) -> Result<()> {
        let mut last = self.look()?;
        let mut since = Instant::now();
        self.wait("a picture that stays", |session| {
            let now = session.look()?;
            if difference(&last, &now) >= WRITTEN {
                (last, since) = (now, Instant::now());
            }
            Ok((since.elapsed() > STILL).then_some(()))
        })
    }

    /// Leaves a picture of the screen for who wants to see it.
    pub fn save(&mut self, name: &str) -> Result<()> {
        let file = format!("{}.png", name.replace(' ', "-"));
        self.desktop
            .save(&paths::target().join("test-programs").join(file))
    }
}
