//! A VNC viewer that shows nothing: it exists to have a size, which QEMU hands to the guest as its
//! display's (RFC 6143; the size by the ExtendedDesktopSize extension of the RFB community wiki).

use anyhow::{Context, Result, ensure};
use std::io::{Read, Write};
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
        viewer.0.write_all(&[SET_ENCODINGS, 0, 0, 1])?;
        viewer.0.write_all(&EXTENDED_DESKTOP_SIZE.to_be_bytes())?;
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

    fn read<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0
            .read_exact(&mut bytes)
            .context("QEMU's VNC server breaks off")?;
        Ok(bytes)
    }
}
