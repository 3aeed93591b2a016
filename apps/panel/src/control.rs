//! The compositor's control socket (docs/control.md): tells when the launcher's key was pressed.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// A subscription to the compositor's events.
pub struct Control {
    stream: UnixStream,
    /// The beginning of a line that hasn't ended yet.
    partial: Vec<u8>,
}

/// No event is longer; a longer line is no event of ours.
const LONGEST: usize = 64 * 1024;

impl Control {
    /// None where there is no such socket, as under another compositor.
    pub fn connect() -> Option<Control> {
        let path = std::env::var_os("OCHRE_CONTROL")
            .map(PathBuf::from)
            .or_else(|| {
                let directory = std::env::var_os("XDG_RUNTIME_DIR")?;
                Some(PathBuf::from(directory).join("ochre-compositor.sock"))
            })?;
        let mut stream = UnixStream::connect(path).ok()?;
        stream.write_all(b"{\"cmd\":\"subscribe\"}\n").ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(Control {
            stream,
            partial: Vec::new(),
        })
    }

    /// What to wait for.
    pub fn source(&self) -> Option<OwnedFd> {
        self.stream.try_clone().ok().map(OwnedFd::from)
    }

    /// Takes what has come; whether the launcher was asked for, none when the compositor hung up.
    pub fn launcher_asked(&mut self) -> Option<bool> {
        let mut part = [0; 4096];
        let mut asked = false;
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => return None,
                Ok(count) => asked ^= take_lines(&mut self.partial, &part[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Some(asked),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }
}

/// Whether an odd number of the lines ended by `bytes` ask for the launcher.
fn take_lines(partial: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let mut asked = false;
    for byte in bytes {
        if *byte == b'\n' {
            let line = String::from_utf8_lossy(partial).replace(' ', "");
            asked ^= line.contains("\"event\":\"launcher\"");
            partial.clear();
        } else if partial.len() < LONGEST {
            partial.push(*byte);
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_recognized_however_they_arrive() {
        let mut partial = Vec::new();
        assert!(!take_lines(
            &mut partial,
            b"{\"ok\":true}\n{\"event\": \"laun"
        ));
        assert!(take_lines(&mut partial, b"cher\"}\n"));
        assert!(!take_lines(&mut partial, b"{\"event\":\"other\"}\n"));
        let twice = b"{\"event\":\"launcher\"}\n{\"event\":\"launcher\"}\n";
        assert!(!take_lines(&mut partial, twice), "opened and closed again");
    }
}
