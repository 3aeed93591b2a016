//! `./x screenshot`: boots the desktop, starts a command in it, waits until the screen is still,
//! and writes the picture.
//!
//! Still means that nothing has changed for a while, after the session said that it is up and the
//! screen shows something else than at the start. What the host sees is all that counts: the guest
//! isn't asked, so that this works however broken it is.

use crate::guest::{Guest, Request};
use crate::image::Recipe;
use crate::process;
use crate::qemu::size_of;
use crate::qmp::Control;
use crate::reports;
use crate::setup::{self, Purpose};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How often the screen is looked at.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long it must not change.
const STILL: Duration = Duration::from_secs(3);
/// How long the session may take to come up, and the screen to become still after that.
const PATIENCE: Duration = Duration::from_secs(120);

/// Boot the desktop, start a command in it, wait until the screen is still, and write a PNG.
#[derive(clap::Args)]
pub struct Arguments {
    /// The picture's file.
    file: PathBuf,
    /// The image to boot, a recipe of images/.
    #[arg(long, default_value = "desktop", value_name = "NAME")]
    image: String,
    #[command(flatten)]
    guest: Guest,
    /// The screen's size in pixels.
    #[arg(long, value_name = "WxH", value_parser = size_of, default_value = "1280x800")]
    size: (u32, u32),
    /// Wait at least so many seconds after the start of the session.
    #[arg(long, value_name = "S", default_value_t = 0)]
    wait: u64,
    /// The command and its arguments.
    #[arg(last = true, value_name = "CMD")]
    words: Vec<OsString>,
}

/// `./x screenshot`.
pub fn command(arguments: Arguments) -> Result<ExitCode> {
    setup::ensure(&[Purpose::Build, Purpose::Run])?;
    let recipe = Recipe::load(&arguments.image)?;
    setup::ensure(recipe.purposes())?;
    let guest = &arguments.guest;
    let request = Request {
        words: arguments.words,
        environment: Vec::new(),
        wait: Vec::new(),
    };
    let built = guest.build(&recipe, Some(&request))?;
    let (mut machine, _disk) = guest.machine(&built)?;
    machine.desktop(Some(arguments.size)).without_display();
    let (console, out, err) = (machine.serial()?, machine.serial()?, machine.serial()?);
    let (reports, control) = (machine.serial()?, machine.control()?);
    let _running = machine.start()?;

    // What the guest says is shown only if it doesn't come up.
    let console = thread::spawn(move || drain(console));
    for port in [out, err] {
        thread::spawn(move || drain(port));
    }
    let (tell, started) = mpsc::channel();
    thread::spawn(move || {
        reports::each_line(reports, |line| tell.send(line).is_ok());
    });
    let mut control = Control::new(control)?;
    let mut screen = Screen::new(&arguments.file);
    let blank = screen.look(&mut control)?;
    let up = process::step("waiting for the session", || {
        Ok(started.recv_timeout(PATIENCE).is_ok())
    })?;
    if up {
        let least = Instant::now() + Duration::from_secs(arguments.wait);
        process::step("waiting until the screen is still", || {
            screen.settle(&mut control, &blank, least)
        })?;
        println!("{}", arguments.file.display());
        return Ok(ExitCode::SUCCESS);
    }
    screen.look(&mut control)?;
    drop(_running);
    let console = console.join().unwrap_or_default();
    eprintln!("{}", String::from_utf8_lossy(&console).trim_end());
    eprintln!(
        "x: the session didn't come up; {} shows the screen",
        arguments.file.display()
    );
    Ok(ExitCode::FAILURE)
}

/// The guest's screen, looked at through a file.
struct Screen {
    file: PathBuf,
}

impl Screen {
    fn new(file: &Path) -> Screen {
        Screen {
            file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        }
    }

    /// Takes a picture, and leaves it in the file.
    fn look(&mut self, control: &mut Control) -> Result<Vec<u8>> {
        control.screenshot(&self.file)?;
        fs::read(&self.file).with_context(|| format!("cannot read {}", self.file.display()))
    }

    /// Looks until the picture is another than `blank` and has stayed for long enough.
    fn settle(&mut self, control: &mut Control, blank: &[u8], least: Instant) -> Result<()> {
        let start = Instant::now();
        let mut last = self.look(control)?;
        let mut since = Instant::now();
        loop {
            thread::sleep(INTERVAL);
            let now = self.look(control)?;
            if now != last {
                (last, since) = (now, Instant::now());
            }
            let still = last != blank && since.elapsed() >= STILL && Instant::now() >= least;
            if still {
                return Ok(());
            }
            if start.elapsed() > PATIENCE.max(least.saturating_duration_since(start) + STILL) {
                process::say("x: the screen never became still; the picture is of its last state");
                return Ok(());
            }
        }
    }
}

fn drain(mut from: UnixStream) -> Vec<u8> {
    let mut all = Vec::new();
    // A machine that is ended breaks the line: what came until then counts.
    let _ = from.read_to_end(&mut all);
    all
}
