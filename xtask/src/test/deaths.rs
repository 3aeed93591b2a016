//! Drivers that are killed again and again, while a program draws and the pointer moves over it.
//!
//! `frames kill` does it, in the guest, and is content if the driver comes back each time, frames or
//! moves come again, and compositor and supervisor hold what they held before. A pause depends on the host: it is told,
//! never judged.

use super::desktop::with_frames;
use super::{Machines, Tally};
use crate::desktop::Desktop;
use crate::process;
use crate::qemu;
use crate::reports::Ending;
use crate::seat::{Gpu, Input, Seat};
use anyhow::{Context, Result, bail, ensure};
use std::thread;
use std::time::{Duration, Instant};

/// How often each driver is killed where that is one test of many.
const FEW: u32 = 3;
/// How often the pointer moves.
const STEP: Duration = Duration::from_millis(16);
/// No kill takes so long, if the driver comes back.
const PATIENCE: Duration = Duration::from_secs(120);

/// A machine, and the drivers of its screen and pointer.
struct Case {
    name: &'static str,
    gpu: Gpu,
    input: Input,
    drivers: &'static [&'static str],
}

const CASES: [Case; 3] = [
    Case {
        name: "drivers killed again and again: virtio",
        gpu: Gpu::Virtio,
        input: Input::Virtio,
        drivers: &["virtio-gpu", "virtio-input"],
    },
    Case {
        name: "drivers killed again and again: standard VGA, USB",
        gpu: Gpu::Bochs,
        input: Input::Usb,
        drivers: &["bochs", "xhci"],
    },
    Case {
        name: "drivers killed again and again: PS/2",
        gpu: Gpu::Virtio,
        input: Input::Ps2,
        drivers: &["ps2"],
    },
];

/// A few times, on the first machine.
pub fn run(machines: Machines) -> Result<Tally> {
    play(&CASES[..1], machines, FEW, false)
}

/// Each driver `kills` times, with the pauses.
pub fn run_long(machines: Machines, kills: u32) -> Result<Tally> {
    play(&CASES, machines, kills, true)
}

fn play(cases: &[Case], machines: Machines, kills: u32, tell: bool) -> Result<Tally> {
    let mut tally = Tally::default();
    for case in cases {
        let result = process::step(case.name, || {
            qemu::despite_crashes(|| case.play(machines, kills, tell))?
        });
        tally.test(case.name, result);
    }
    Ok(tally)
}

impl Case {
    /// What came of it; none where QEMU itself crashed.
    fn play(&self, machines: Machines, kills: u32, tell: bool) -> Result<Option<Result<()>>> {
        let count = kills.to_string();
        let words = [&["kill", &count], self.drivers].concat();
        let seat = Seat {
            size: None,
            gpu: self.gpu,
            input: self.input,
        };
        with_frames(machines, seat, &words, |mut machine| {
            machine.without_display();
            let mut desktop = Desktop::start(machine)?;
            let result = self.watch(&mut desktop, tell);
            if result.is_err() && desktop.has_crashed() {
                return Ok(None);
            }
            Ok(Some(result.with_context(|| desktop.end())))
        })
    }

    /// Moves the pointer to and fro until the command has ended.
    fn watch(&self, desktop: &mut Desktop, tell: bool) -> Result<()> {
        ensure!(desktop.wait_for_session(), "the session didn't come up");
        let now = desktop.look()?;
        let middle = (now.width / 2, now.height / 2);
        let (mut last, mut step) = (Instant::now(), 0);
        let mut lines = Vec::new();
        loop {
            step += 1;
            let right = step / 20 % 2 == 0;
            if self.input == Input::Ps2 {
                desktop.nudge(if right { 3 } else { -3 })?;
            } else {
                let shift = if right { step % 20 } else { 20 - step % 20 };
                desktop.point(middle.0 + 3 * shift, middle.1)?;
            }
            for line in desktop.said() {
                last = Instant::now();
                if tell {
                    process::say(format_args!("   {line}"));
                }
                lines.push(line);
            }
            match desktop.ending()? {
                Some(Ending::Exit(0)) => return Ok(()),
                Some(ending) => bail!("{}\n{ending:?}", lines.join("\n")),
                None => {}
            }
            ensure!(
                last.elapsed() < PATIENCE,
                "nothing more:\n{}",
                lines.join("\n")
            );
            thread::sleep(STEP);
        }
    }
}
