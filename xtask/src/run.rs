//! `./x run`: boots an image to use it.

use crate::guest::Guest;
use crate::image::Recipe;
use crate::process;
use crate::seat::Seat;
use crate::setup::{self, Purpose};
use anyhow::Result;
use clap::ValueEnum;
use std::ffi::OsString;
use std::process::ExitCode;

/// Boot an image into the desktop; the terminal is the serial console.
#[derive(clap::Args)]
pub struct Arguments {
    /// The image to boot, a recipe of images/.
    #[arg(long, default_value = "desktop", value_name = "NAME")]
    image: String,
    #[command(flatten)]
    guest: Guest,
    /// Where the screen appears [default: gtk where there is a display, else vnc].
    #[arg(long, value_enum)]
    display: Option<Display>,
    #[command(flatten)]
    seat: Seat,
    /// Further arguments for QEMU.
    #[arg(last = true, value_name = "QEMU ARGS")]
    qemu: Vec<OsString>,
}

/// Where the screen appears.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Display {
    /// In a window.
    Gtk,
    /// For a VNC viewer.
    Vnc,
    /// Nowhere; the machine has no screen.
    None,
}

/// `./x run`.
pub fn command(arguments: Arguments) -> Result<ExitCode> {
    setup::ensure(&[Purpose::Build, Purpose::Run])?;
    let recipe = Recipe::load(&arguments.image)?;
    setup::ensure(recipe.purposes())?;
    let guest = &arguments.guest;
    let built = guest.build(&recipe, None)?;
    let (mut machine, _disk) = guest.machine(&built)?;
    let windows = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    match arguments
        .display
        .unwrap_or(if windows { Display::Gtk } else { Display::Vnc })
    {
        Display::None => machine.arguments(["-display", "none"]),
        Display::Gtk => machine
            .desktop(arguments.seat)
            .arguments(["-display", "gtk"]),
        Display::Vnc => {
            process::say("   the screen is on VNC, localhost:5900");
            machine
                .desktop(arguments.seat)
                .arguments(["-display", "vnc=localhost:0"])
        }
    };
    machine.serial_on_terminal();
    machine.arguments(arguments.qemu);
    let status = machine.run()?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
