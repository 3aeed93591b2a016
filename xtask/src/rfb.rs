//! A VNC viewer that shows nothing: it exists to have a size, which QEMU hands to the guest as its
//! display's (RFC 6143; the size by the ExtendedDesktopSize extension of the RFB community wiki), and
//! to be told of the pointer that the guest's display adapter shows by itself (7.8.1).

use anyhow::{Context, Result, bail, ensure};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long QEMU may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest name of a desktop that is read.
const MAX_NAME: u32 = 4096;
/// SetEncodings' and SetDesktopSize's message types, and the extension's pseudo-encoding.
const SET_ENCODINGS: u8 = 2;
const FRAMEBUFFER_UPDATE_REQUEST: u8 = 3;
const SET_DESKTOP_SIZE: u8 = 251;
const EXTENDED_DESKTOP_SIZE: i32 = -308;
const CURSOR: i32 = -239;
const RAW: i32 = 0;
/// A server's messages.
const FRAMEBUFFER_UPDATE: u8 = 0;
const BELL: u8 = 2;

/// A viewer.
pub struct Viewer(UnixStream);

impl Viewer {
    /// Shakes hands, without a password.
    pub fn connect(socket: &Path) -> Result<Viewer> {
        let stream = UnixStream::connect(socket).context("cannot reach QEMU's VNC server")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut viewer = Viewer(stream);
        let version: [u8; 12] = viewer.read()?;
        ensure!(version.starts_with(b"RFB "), "QEMU speaks no RFB");
        viewer.0.write_all(b"RFB 003.008\n")?;
        let [count] = viewer.read()?;
        for _ in 0..count {
            let [_kind] = viewer.read()?;
        }
        const NO_PASSWORD: u8 = 1;
        viewer.0.write_all(&[NO_PASSWORD])?;
        let refused: [u8; 4] = viewer.read()?;
        ensure!(refused == [0; 4], "QEMU wants a password");
        const SHARED: u8 = 1;
        viewer.0.write_all(&[SHARED])?;
        let _size_and_format: [u8; 20] = viewer.read()?;
        let name = u32::from_be_bytes(viewer.read()?);
        ensure!(name <= MAX_NAME, "a name of {name} bytes");
        for _ in 0..name {
            let [_letter] = viewer.read()?;
        }
        viewer.0.write_all(&[SET_ENCODINGS, 0, 0, 2])?;
        viewer.0.write_all(&EXTENDED_DESKTOP_SIZE.to_be_bytes())?;
        viewer.0.write_all(&CURSOR.to_be_bytes())?;
        // The extension counts once an update has been asked for: of one pixel will do.
        viewer
            .0
            .write_all(&[FRAMEBUFFER_UPDATE_REQUEST, 0, 0, 0, 0, 0, 0, 1, 0, 1])?;
        Ok(viewer)
    }

    /// Asks for a screen of this size.
    pub fn resize(&mut self, width: u16, height: u16) -> Result<()> {
        let ([wide, narrow], [high, low]) = (width.to_be_bytes(), height.to_be_bytes());
        let mut message = vec![SET_DESKTOP_SIZE, 0, wide, narrow, high, low, 1, 0];
        // The one screen: id, position, size, flags.
        message.extend([0; 8]);
        message.extend([wide, narrow, high, low, 0, 0, 0, 0]);
        self.0.write_all(&message).context("QEMU's VNC has gone")
    }

    /// The next pointer that the display adapter shows: what it points with, from its corner. The
    /// first is the one that it shows already.
    pub fn pointer(&mut self) -> Result<(u16, u16)> {
        let mut seen = None;
        loop {
            match self.read()? {
                [FRAMEBUFFER_UPDATE] => {
                    let [_, high, low] = self.read()?;
                    for _ in 0..u16::from_be_bytes([high, low]) {
                        seen = self.rectangle()?.or(seen);
                    }
                }
                [BELL] => {}
                [other] => bail!("QEMU's VNC server sends a message of type {other}"),
            }
            if let Some(hotspot) = seen {
                return Ok(hotspot);
            }
        }
    }

    /// Passes over a rectangle of an update; if it is a pointer, what that points with.
    fn rectangle(&mut self) -> Result<Option<(u16, u16)>> {
        let mut number = || -> Result<u16> { Ok(u16::from_be_bytes(self.read()?)) };
        let (x, y, width, height) = (number()?, number()?, number()?, number()?);
        let pixels = u64::from(width) * u64::from(height) * 4;
        let encoding = i32::from_be_bytes(self.read()?);
        let rest = match encoding {
            RAW => pixels,
            CURSOR => pixels + u64::from(width.div_ceil(8)) * u64::from(height),
            EXTENDED_DESKTOP_SIZE => {
                let [screens, ..]: [u8; 4] = self.read()?;
                16 * u64::from(screens)
            }
            other => bail!("QEMU's VNC server sends a rectangle of encoding {other}"),
        };
        let passed = io::copy(&mut (&self.0).take(rest), &mut io::sink())?;
        ensure!(passed == rest, "QEMU's VNC server breaks off");
        Ok((encoding == CURSOR && pixels > 0).then_some((x, y)))
    }

    fn read<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0
            .read_exact(&mut bytes)
            .context("QEMU's VNC server breaks off")?;
        Ok(bytes)
    }
}
