//! A person at the serial console: a shell answers there, and switches the machine off.

use super::Machines;
use crate::guest::Guest;
use crate::image::Recipe;
use crate::qemu::Size;
use anyhow::{Context, Result, bail, ensure};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long the console may say nothing.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most that is said before something is wrong.
const MOST: usize = 1 << 20;
/// What a terminal is asked for the cursor's place by (ECMA-48, 8.3.35), and an answer.
const WHERE: &[u8] = b"\x1b[6n";
const HERE: &[u8] = b"\x1b[1;1R";

/// Boots a system without a screen, works at its console, and switches it off.
pub fn session(machines: Machines) -> Result<()> {
    let mut guest = Guest::new(Size {
        smp: machines.smp.unwrap_or(2),
        memory: None,
    });
    guest.uefi = machines.uefi;
    let built = guest.build(&Recipe::load("desktop")?, None)?;
    let (mut machine, _disk) = guest.machine(&built)?;
    machine.without_display();
    let line = machine.serial()?;
    line.set_read_timeout(Some(PATIENCE))?;
    let running = machine.start()?;
    let mut console = Console {
        line,
        said: Vec::new(),
        seen: 0,
    };
    let result = console.work();
    if result.is_ok() {
        let status = running.wait()?;
        ensure!(status.success(), "QEMU ended with {status}");
    }
    result.with_context(|| String::from_utf8_lossy(&console.said).into_owned())
}

/// The console's line, as a terminal that knows where its cursor is.
struct Console {
    line: UnixStream,
    said: Vec<u8>,
    /// How much of it has been found to be what was waited for.
    seen: usize,
}

impl Console {
    fn work(&mut self) -> Result<()> {
        self.until("`poweroff` switches off")?;
        self.line.write_all(b"echo $((6 * 7)) at the console\r")?;
        self.until("42 at the console")?;
        self.line.write_all(b"svc status\r")?;
        self.until("running, pid")?;
        self.line.write_all(b"poweroff\r")?;
        while self.hear()? {}
        Ok(())
    }

    /// Listens until these words come.
    fn until(&mut self, words: &str) -> Result<()> {
        loop {
            let fresh = &self.said[self.seen..];
            let place = fresh
                .windows(words.len())
                .position(|w| w == words.as_bytes());
            if let Some(place) = place {
                self.seen += place + words.len();
                return Ok(());
            }
            ensure!(self.said.len() < MOST, "it says too much");
            if !self.hear()? {
                bail!("the machine ended before it said: {words}");
            }
        }
    }

    /// Hears what comes next; false where the machine has ended.
    fn hear(&mut self) -> Result<bool> {
        let mut bytes = [0; 4096];
        let heard = self.line.read(&mut bytes).context("it says nothing more")?;
        // A question that comes in two pieces is seen whole with the second.
        let from = self.said.len().saturating_sub(WHERE.len() - 1);
        self.said.extend(&bytes[..heard]);
        let questions = self.said[from..].windows(WHERE.len());
        for _ in questions.filter(|w| *w == WHERE) {
            self.line.write_all(HERE)?;
        }
        Ok(heard > 0)
    }
}
