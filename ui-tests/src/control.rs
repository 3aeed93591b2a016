//! The compositor's control socket (`docs/control.md`), from the other side.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::error::Error;

/// A window, as the compositor tells of it. Rectangles are x, y, width, height in logical pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    pub id: u64,
    pub title: String,
    pub app_id: String,
    /// What the client draws.
    pub content: [i32; 4],
    /// With the frame around it.
    pub frame: [i32; 4],
    pub active: bool,
}

/// One connection.
pub struct Control {
    stream: BufReader<UnixStream>,
}

impl Control {
    pub fn connect(path: &Path) -> std::io::Result<Control> {
        Ok(Control {
            stream: BufReader::new(UnixStream::connect(path)?),
        })
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, request: &Value) -> Result<Value, Error> {
        let mut line = request.to_string();
        line.push('\n');
        self.stream.get_mut().write_all(line.as_bytes())?;
        let mut answer = String::new();
        self.stream.read_line(&mut answer)?;
        let value: Value =
            serde_json::from_str(&answer).map_err(|_| Error::Answer(answer.clone()))?;
        if value["ok"] == json!(true) {
            return Ok(value);
        }
        let reason = value["error"]
            .as_str()
            .unwrap_or("without a reason")
            .to_owned();
        Err(Error::Refused {
            request: request.to_string(),
            reason,
        })
    }

    pub fn windows(&mut self) -> Result<Vec<Window>, Error> {
        let answer = self.ask(&json!({"cmd": "windows"}))?;
        let windows = answer["windows"]
            .as_array()
            .ok_or_else(|| Error::Answer(answer.to_string()))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rectangle =
            |value: &Value| std::array::from_fn(|i| value[i].as_i64().unwrap_or(0) as i32);
        Ok(windows
            .iter()
            .map(|window| Window {
                id: window["id"].as_u64().unwrap_or(0),
                title: text(&window["title"]),
                app_id: text(&window["app_id"]),
                content: rectangle(&window["content"]),
                frame: rectangle(&window["frame"]),
                active: window["active"] == json!(true),
            })
            .collect())
    }

    /// Waits until nothing has happened for `quiet` milliseconds; false if that takes too long.
    pub fn idle_wait(&mut self, quiet: u64, timeout: u64) -> Result<bool, Error> {
        let request = json!({"cmd": "idle-wait", "quiet": quiet, "timeout": timeout});
        match self.ask(&request) {
            Ok(_) => Ok(true),
            Err(Error::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
