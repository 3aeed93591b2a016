//! `./x screenshot`: boots the desktop, starts a command in it, waits for its window and then until
//! the screen is still, and writes the picture.
//!
//! Still means that nothing has changed for a while, after the session said that it is up and the
//! screen shows a desktop. A command takes its time to start, so a desktop without its window counts
//! only where the command has ended, or shows nothing for long.

use crate::desktop::{Awaited, Desktop, PATIENCE};
use crate::guest::{Guest, Request};
use crate::image::{Addition, Recipe};
use crate::paths;
use crate::process;
use crate::qemu;
use crate::reports::Ending;
use crate::seat::Seat;
use crate::setup::{self, Purpose};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The session's choices.
const COMPOSITOR_CONFIG: &str = "/root/.config/ochre/compositor.toml";
/// How long the screen must not change.
const STILL: Duration = Duration::from_secs(3);
/// Of a screen for which no other size is asked.
const SIZE: (u32, u32) = (1280, 800);

/// Boot the desktop, start a command in it, wait for its window and until the screen is still, and
/// write a PNG.
#[derive(clap::Args)]
pub struct Arguments {
    /// The picture's file.
    file: PathBuf,
    /// The image to boot, a recipe of images/.
    #[arg(long, default_value = "desktop", value_name = "NAME")]
    image: String,
    #[command(flatten)]
    guest: Guest,
    #[command(flatten)]
    seat: Seat,
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
    let mut arguments = arguments;
    // First, so that what its user adds comes before it.
    arguments.guest.add.insert(0, drawn_pointer()?);
    let guest = &arguments.guest;
    let request = Request {
        shown: true,
        ..Request::command(arguments.words.clone())
    };
    let built = guest.build(&recipe, Some(&request))?;
    let seat = Seat {
        size: Some(arguments.seat.size.unwrap_or(SIZE)),
        ..arguments.seat
    };
    let (desktop, taken, _disk) = qemu::despite_crashes(|| {
        let (mut machine, disk) = guest.machine(&built)?;
        machine.desktop(seat).without_display();
        let mut desktop = Desktop::start(machine)?;
        let taken = take(&mut desktop, &arguments);
        let crashed = taken.is_err() && desktop.has_crashed();
        Ok((!crashed).then_some((desktop, taken, disk)))
    })?;
    if let Ok(true) = taken {
        println!("{}", arguments.file.display());
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{}", desktop.end());
    taken.context("the machine has ended; above is what its console said")?;
    eprintln!(
        "x: the session didn't come up; {} shows the screen",
        arguments.file.display()
    );
    Ok(ExitCode::FAILURE)
}

/// What makes the compositor draw the pointer: what a card shows by itself is on no picture of QEMU's.
fn drawn_pointer() -> Result<Addition> {
    let file = paths::target().join("screenshot.toml");
    fs::write(&file, "cursor = \"software\"\n")?;
    let addition = format!("{}:{COMPOSITOR_CONFIG}", file.display());
    addition.parse().map_err(anyhow::Error::msg)
}

/// Leaves the picture in its file once the screen is still; false if the session didn't come up.
fn take(desktop: &mut Desktop, arguments: &Arguments) -> Result<bool> {
    let up = process::step("waiting for the session", || Ok(desktop.wait_for_session()))?;
    if up {
        let least = Instant::now() + Duration::from_secs(arguments.wait);
        if !arguments.words.is_empty() {
            wait_for_window(desktop, arguments.wait)?;
        }
        let settled = process::step("waiting until the screen is still", || {
            desktop.settle(STILL, least)
        })?;
        if !settled {
            process::say("x: the screen never became still; the picture is of its last state");
        }
    }
    desktop.save(&arguments.file)?;
    Ok(up)
}

/// Waits until the command shows something; says why where it doesn't.
fn wait_for_window(desktop: &Desktop, wait: u64) -> Result<()> {
    let limit = PATIENCE.max(Duration::from_secs(wait));
    let awaited = process::step("waiting for the command's window", || {
        desktop.wait_for_window(limit)
    })?;
    let why = match awaited {
        Awaited::Window => return Ok(()),
        Awaited::Ending(Ending::Exit(status)) => {
            format!("the command ended with status {status} before it showed a window")
        }
        Awaited::Ending(Ending::Signal(signal)) => {
            format!("signal {signal} ended the command before it showed a window")
        }
        Awaited::Nothing => format!(
            "the command has shown no window in {} s (--wait S waits longer)",
            limit.as_secs()
        ),
    };
    for line in desktop.said() {
        process::say(line);
    }
    process::say(format_args!("x: {why}; the picture is of what is there"));
    Ok(())
}
