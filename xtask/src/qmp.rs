//! QEMU's control protocol, as far as a screen is concerned: one JSON object a line, both ways.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long QEMU may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a machine.
pub struct Control {
    lines: BufReader<UnixStream>,
    to: UnixStream,
}

impl Control {
    /// Greets QEMU.
    pub fn new(stream: UnixStream) -> Result<Control> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let to = stream.try_clone()?;
        let mut control = Control {
            lines: BufReader::new(stream),
            to,
        };
        control.receive().context("QEMU doesn't greet")?;
        control.execute("qmp_capabilities", json!({}))?;
        Ok(control)
    }

    /// Writes what is on the screen to a file, as `png` or `ppm`.
    pub fn screenshot(&mut self, file: &Path, format: &str) -> Result<()> {
        let filename = file.to_str().context("the file's name must be UTF-8")?;
        let arguments = json!({ "filename": filename, "format": format });
        self.execute("screendump", arguments)?;
        Ok(())
    }

    /// Gives a command and returns its answer.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let line = json!({ "execute": command, "arguments": arguments }).to_string();
        writeln!(self.to, "{line}").context("QEMU has gone")?;
        loop {
            let mut answer = self.receive()?;
            if let Some(error) = answer.get("error") {
                bail!("QEMU refuses {command}: {error}");
            }
            // Events come in between.
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
        }
    }

    fn receive(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self
            .lines
            .read_line(&mut line)
            .context("QEMU doesn't answer")?
            == 0
        {
            bail!("QEMU has gone");
        }
        serde_json::from_str(&line).with_context(|| format!("QEMU says {line:?}"))
    }
}
