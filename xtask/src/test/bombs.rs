//! Bombs that are thrown on a desktop. `fuzz --desktop` does it, in the guest, and is content if a program starts
//! beside each, nobody else is ended to make room, and afterwards the compositor and the servers are those they
//! were, and answer, as a shell does.

use super::desktop::with_program;
use super::{Machines, Tally};
use crate::desktop::Desktop;
use crate::process;
use crate::qemu;
use crate::reports::Ending;
use crate::seat::{Gpu, Input, Seat};
use anyhow::{Context, Result, bail, ensure};
use std::thread;
use std::time::{Duration, Instant};

const NAME: &str = "bombs on a desktop";
/// No bomb takes so long.
const PATIENCE: Duration = Duration::from_secs(240);
/// Between two looks at what was said.
const STEP: Duration = Duration::from_millis(100);

pub fn run(machines: Machines) -> Result<Tally> {
    let mut tally = Tally::default();
    let result = process::step(NAME, || qemu::despite_crashes(|| play(machines))?);
    tally.test(NAME, result);
    Ok(tally)
}

/// What came of it; none where QEMU itself crashed.
fn play(machines: Machines) -> Result<Option<Result<()>>> {
    let seat = Seat {
        size: None,
        gpu: Gpu::Virtio,
        input: Input::Virtio,
    };
    let words = ["/ochre/bin/fuzz", "--desktop", "1"];
    with_program(machines, seat, Some("ochre-fuzz"), &words, |mut machine| {
        machine.without_display();
        let mut desktop = Desktop::start(machine)?;
        let result = watch(&mut desktop);
        if result.is_err() && desktop.has_crashed() {
            return Ok(None);
        }
        Ok(Some(result.with_context(|| desktop.end())))
    })
}

/// Waits for the command's end.
fn watch(desktop: &mut Desktop) -> Result<()> {
    ensure!(desktop.wait_for_session(), "the session didn't come up");
    let mut last = Instant::now();
    let mut lines = Vec::new();
    loop {
        for line in desktop.said() {
            last = Instant::now();
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
