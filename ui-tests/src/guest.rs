//! A desktop in a virtual machine, used from outside: QEMU's monitor (QMP) types, moves the mouse
//! and looks at the screen. Nothing in the guest helps, so this tests the whole machine.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::Error;
use crate::keys::Key;
use crate::picture::Picture;

/// A screen is still when it was the same in so many looks in a row…
const LOOKS: usize = 4;
/// …over at least this long, which is longer than any app waits between two steps.
const STILL: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(30);

/// A running QEMU.
pub struct Guest {
    stream: BufReader<UnixStream>,
    dump: PathBuf,
    size: (usize, usize),
}

impl Guest {
    /// Connects to a QMP socket (`-qmp unix:SOCKET,server=on,wait=off`).
    pub fn connect(socket: &Path) -> Result<Guest, Error> {
        let stream = BufReader::new(UnixStream::connect(socket)?);
        let dump = std::env::temp_dir().join(format!("ochre-dump-{}.png", std::process::id()));
        let mut guest = Guest {
            stream,
            dump,
            size: (1, 1),
        };
        guest.read()?; // the greeting
        guest.command("qmp_capabilities", json!({}))?;
        guest.screendump()?;
        Ok(guest)
    }

    pub fn key(&mut self, key: Key, pressed: bool) -> Result<(), Error> {
        let code = json!({"type": "qcode", "data": qcode(key)});
        self.input(json!({"type": "key", "data": {"down": pressed, "key": code}}))
    }

    pub fn move_to(&mut self, x: i32, y: i32) -> Result<(), Error> {
        let (width, height) = self.size;
        let place =
            |at: i32, length: usize| (i64::from(at) * 2 + 1) * 0x8000 / (2 * length.max(1) as i64);
        for (axis, value) in [("x", place(x, width)), ("y", place(y, height))] {
            self.input(json!({"type": "abs", "data": {"axis": axis, "value": value}}))?;
        }
        Ok(())
    }

    pub fn left_button(&mut self, pressed: bool) -> Result<(), Error> {
        self.input(json!({"type": "btn", "data": {"down": pressed, "button": "left"}}))
    }

    pub fn screendump(&mut self) -> Result<Picture, Error> {
        let filename = self.dump.clone();
        self.command("screendump", json!({"filename": filename, "format": "png"}))?;
        let picture = Picture::read(&self.dump)?;
        self.size = (picture.width, picture.height);
        Ok(picture)
    }

    /// Looks until the screen does not change any more, and gives what is seen then.
    pub fn still(&mut self) -> Result<Picture, Error> {
        let end = Instant::now() + PATIENCE;
        let mut last = self.screendump()?;
        let (mut same, mut since) = (0, Instant::now());
        loop {
            let next = self.screendump()?;
            if next == last {
                same += 1;
            } else {
                (same, since) = (0, Instant::now());
            }
            last = next;
            if same >= LOOKS && since.elapsed() >= STILL {
                return Ok(last);
            }
            if Instant::now() > end {
                let (what, seconds) = ("a still screen".to_owned(), PATIENCE.as_secs());
                return Err(Error::Waited { what, seconds });
            }
        }
    }

    fn input(&mut self, event: Value) -> Result<(), Error> {
        self.command("input-send-event", json!({"events": [event]}))
    }

    fn command(&mut self, name: &str, arguments: Value) -> Result<(), Error> {
        let mut line = json!({"execute": name, "arguments": arguments}).to_string();
        line.push('\n');
        self.stream.get_mut().write_all(line.as_bytes())?;
        loop {
            let answer = self.read()?;
            if answer.get("return").is_some() {
                return Ok(());
            }
            if let Some(error) = answer.get("error") {
                let reason = error["desc"]
                    .as_str()
                    .unwrap_or("without a reason")
                    .to_owned();
                return Err(Error::Refused {
                    request: name.to_owned(),
                    reason,
                });
            }
            // Anything else is an event.
        }
    }

    fn read(&mut self) -> Result<Value, Error> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(|_| Error::Answer(line))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.dump); // there may have been no look
    }
}

/// QEMU's name of a key.
fn qcode(key: Key) -> String {
    const ROWS: [(u16, &str); 5] = [
        (1, "esc 1 2 3 4 5 6 7 8 9 0 minus equal backspace tab"),
        (
            16,
            "q w e r t y u i o p bracket_left bracket_right ret ctrl",
        ),
        (
            30,
            "a s d f g h j k l semicolon apostrophe grave_accent shift backslash",
        ),
        (
            44,
            "z x c v b n m comma dot slash shift_r asterisk alt spc caps_lock f1 f2 f3 f4",
        ),
        (102, "home up pgup left right end down pgdn insert delete"),
    ];
    if key == Key::SUPER {
        return "meta_l".to_owned();
    }
    let found = ROWS.iter().find_map(|(first, names)| {
        let at = key.0.checked_sub(*first)?;
        names.split(' ').nth(usize::from(at))
    });
    found.unwrap_or("unmapped").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;
    use std::os::unix::net::UnixListener;

    #[test]
    fn every_key_that_types_has_a_name() {
        for character in (' '..='~').chain(['\n', '\t']) {
            let (key, _) = Key::typing(character).unwrap();
            assert_ne!(qcode(key), "unmapped", "{character}");
        }
        for (key, name) in [
            (Key::ALT, "alt"),
            (Key::F4, "f4"),
            (Key::DELETE, "delete"),
            (Key::SHIFT, "shift"),
            (Key::CTRL, "ctrl"),
            (Key(30), "a"),
            (Key(43), "backslash"),
            (Key(200), "unmapped"),
        ] {
            assert_eq!(qcode(key), name);
        }
    }

    #[test]
    fn the_monitor_is_spoken_to_in_its_way() {
        let folder = std::env::temp_dir().join(format!("ochre-qmp-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("qmp");
        let listener = UnixListener::bind(&socket).unwrap();
        let monitor = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            stream.write_all(b"{\"QMP\": {}}\n").unwrap();
            let mut asked = Vec::new();
            while let Some(Ok(line)) = lines.next() {
                let request: Value = serde_json::from_str(&line).unwrap();
                if let Some(path) = request["arguments"]["filename"].as_str() {
                    Picture::new(100, 50).write(Path::new(path)).unwrap();
                }
                stream
                    .write_all(b"{\"event\": \"NOISE\"}\n{\"return\": {}}\n")
                    .unwrap();
                asked.push(request);
            }
            asked
        });
        let mut guest = Guest::connect(&socket).unwrap();
        guest.move_to(50, 0).unwrap();
        guest.key(Key::ENTER, true).unwrap();
        drop(guest);
        let asked = monitor.join().unwrap();
        assert_eq!(asked[0]["execute"], "qmp_capabilities");
        let event = |i: usize| &asked[i]["arguments"]["events"][0]["data"];
        assert_eq!(event(2), &json!({"axis": "x", "value": 0x8000 * 101 / 200}));
        assert_eq!(
            event(4),
            &json!({"down": true, "key": {"type": "qcode", "data": "ret"}})
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
