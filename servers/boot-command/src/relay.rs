//! Copies the command's output from its pipes to the serial ports, as it comes.

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::termios::{OptionalActions, tcdrain, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::unix::fs::OpenOptionsExt;
use std::thread::JoinHandle;

/// Goes before the command's first byte: what a port carried earlier is the firmware's.
const MARK: &[u8] = b"\0boot-command\0";

/// Both copiers, at work.
pub struct Relay {
    threads: [JoinHandle<std::io::Result<u64>>; 2],
    /// Dropped to say that the command has ended: what is in the pipes now is the rest.
    ended: [PipeWriter; 2],
}

/// Opens a serial port that passes every byte as it is, and is nobody's controlling terminal.
pub fn port(path: &str) -> Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOCTTY.bits().cast_signed())
        .open(path)
        .with_context(|| format!("cannot open {path}"))?;
    // A port that is no terminal has nothing to switch off.
    if let Ok(mut modes) = tcgetattr(&file) {
        modes.make_raw();
        tcsetattr(&file, OptionalActions::Now, &modes)
            .with_context(|| format!("cannot make {path} raw"))?;
    }
    Ok(file)
}

/// Waits until a port has sent everything.
pub fn drain(port: &File) {
    // Where that can't be asked, writes are complete when they return.
    let _ = tcdrain(port);
}

/// Starts copying.
pub fn start(out: PipeReader, out_port: File, err: PipeReader, err_port: File) -> Result<Relay> {
    let (out_end, out_ended) = pipe()?;
    let (err_end, err_ended) = pipe()?;
    let threads = [
        std::thread::spawn(move || copy(out, out_port, &out_end)),
        std::thread::spawn(move || copy(err, err_port, &err_end)),
    ];
    Ok(Relay {
        threads,
        ended: [out_ended, err_ended],
    })
}

impl Relay {
    /// Copies what the command left in its pipes; how many bytes went through each port. Children
    /// that it left behind may hold the pipes still, and are not waited for.
    pub fn finish(self) -> Result<(u64, u64)> {
        drop(self.ended);
        let [out, err] = self.threads.map(|thread| match thread.join() {
            Ok(copied) => copied.context("cannot relay the command's output"),
            Err(_) => Err(anyhow::anyhow!("a relay thread panicked")),
        });
        Ok((out?, err?))
    }
}

fn copy(mut from: PipeReader, mut to: File, end: &PipeReader) -> std::io::Result<u64> {
    to.write_all(MARK)?;
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut ending = false;
    loop {
        let mut ready = [
            PollFd::new(&from, PollFlags::IN),
            PollFd::new(end, PollFlags::IN),
        ];
        let count = if ending { 1 } else { 2 };
        match poll(&mut ready[..count], ending.then_some(&now)) {
            Ok(0) => break,
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let (readable, ended) = (
            !ready[0].revents().is_empty(),
            !ready[1].revents().is_empty(),
        );
        if readable {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    to.write_all(&buffer[..read])?;
                    total += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        ending |= ended;
    }
    drain(&to);
    Ok(total)
}
