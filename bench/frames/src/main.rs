//! A Wayland client that redraws by plan, for whoever measures its compositor meanwhile.
//!
//! `frames PLAN` shows the plan's windows and says `ready`. For each line `COUNT` that it is given
//! it draws so many frames, each once the compositor asks for it, and says `done`.
//!
//! `frames kill COUNT DRIVER...` kills drivers under such a window, again and again ([`kill`]).
//! `frames card COLOUR` shows the display adapter's memory as a window ([`card`]).
//! `frames sizes` shows a window by which one sees whether the screen shows whole frames ([`sizes`]).
//! `frames desktop TERMINAL PROCESS...` measures by itself what a desktop costs ([`desktop`]).

mod card;
mod client;
mod desktop;
mod kill;
mod measure;
mod pace;
mod processes;
mod sizes;
mod window;

use anyhow::{Context, Result};
use client::Client;
use std::io::BufRead;
use std::process::ExitCode;
use window::Draw;

const HELP: &str = "\
Usage: frames PLAN
       frames kill COUNT DRIVER...
       frames desktop TERMINAL PROCESS...
       frames card COLOUR
       frames sizes

Plans: full    one window of 800x600, redrawn whole
       small   the same, of which 32x32 pixels change
       twenty  twenty windows of 300x200, of which 32x32 pixels change each

Says `ready`; for each line COUNT draws so many frames and says `done`.

With `kill`, kills each driver's processes so many times and tells the pauses of frames, or of the
pointer if it is the driver of that, which somebody must keep moving over the window.

With `desktop`, measures what drawing, moving, scrolling in that terminal, answering the pointer and
doing nothing cost the machine, and what the compositor's PROCESSes hold; tells when it wants the
pointer moved.

With `card`, shows a window of that colour (RRGGBB) whose pixels are the display adapter's memory.

With `sizes`, shows a window that draws all the time, by whose colours one sees which frame of which size it is.";

/// Most frames that are drawn for one line.
const MOST: u32 = 100_000;

/// Windows of one size, and what changes in each of them with a frame.
struct Plan {
    windows: usize,
    size: (i32, i32),
    draw: Draw,
}

const FULL: Plan = Plan {
    windows: 1,
    size: (800, 600),
    draw: Draw::Whole,
};

const SMALL: Plan = Plan {
    draw: Draw::Part,
    ..FULL
};

const TWENTY: Plan = Plan {
    windows: 20,
    size: (300, 200),
    draw: Draw::Part,
};

fn plan(name: &str) -> Option<&'static Plan> {
    match name {
        "full" => Some(&FULL),
        "small" => Some(&SMALL),
        "twenty" => Some(&TWENTY),
        _ => None,
    }
}

fn main() -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_default();
    if argument == "--help" {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let words = std::env::args().skip(2);
    let result = if argument == "kill" {
        kill::command(words)
    } else if argument == "card" {
        card::command(words)
    } else if argument == "sizes" {
        sizes::command()
    } else if argument == "desktop" {
        desktop::command(words)
    } else if argument == "scroll" {
        desktop::lines()
    } else if let Some(plan) = plan(&argument) {
        run(plan)
    } else {
        eprintln!("frames: no plan {argument:?}\n\n{HELP}");
        return ExitCode::FAILURE;
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("frames: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(plan: &Plan) -> Result<()> {
    let mut client = Client::start(plan)?;
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let count: u32 = line
            .trim()
            .parse()
            .with_context(|| format!("no number: {line:?}"))?;
        for _ in 0..count.min(MOST) {
            client.frame()?;
        }
        println!("done");
    }
    Ok(())
}
