//! What to run: a file that `./x exec` puts into the boot archive.
//!
//! Records of `KEY=VALUE`, each ended by a NUL, as paths and arguments may hold anything else:
//! `arg` (once for each), `env` (a `NAME=VALUE`), `wait` (a path that must exist first), `input`
//! (the host sends the command's input, see [`crate::input`]; the value is empty), `shown` (the host wants
//! to know when there is a window; the session's control socket, see [`crate::shown`]).

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Where the request lies.
pub const PATH: &str = "/ochre/etc/boot-command";

/// A command to run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The program and its arguments; empty, where only the report that the system is up counts.
    pub arguments: Vec<OsString>,
    /// The whole environment of the command.
    pub environment: Vec<(OsString, OsString)>,
    /// Files to wait for.
    pub wait: Vec<PathBuf>,
    /// Whether the host sends input.
    pub input: bool,
    /// The control socket that tells when there is a window, if the host wants to know.
    pub shown: Option<PathBuf>,
}

impl Request {
    /// Reads the archive's request; `None` where the machine was booted for no command.
    pub fn read() -> Result<Option<Request>> {
        let bytes = match std::fs::read(PATH) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {PATH}")),
        };
        Request::parse(&bytes)
            .map(Some)
            .with_context(|| format!("{PATH} can't be used"))
    }

    fn parse(bytes: &[u8]) -> Result<Request> {
        let mut request = Request::default();
        for record in bytes
            .split(|byte| *byte == 0)
            .filter(|record| !record.is_empty())
        {
            let (key, value) = split(record).context("a record without `=`")?;
            match key {
                b"arg" => request.arguments.push(text(value)),
                b"env" => {
                    let (name, value) = split(value).context("an env record without a value")?;
                    request.environment.push((text(name), text(value)));
                }
                b"wait" => request.wait.push(text(value).into()),
                b"input" => request.input = true,
                b"shown" => request.shown = Some(text(value).into()),
                _ => bail!("unknown record {}", String::from_utf8_lossy(key)),
            }
        }
        Ok(request)
    }
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

fn text(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_kept_in_order_and_may_hold_any_byte() {
        let request = Request::parse(
            b"env=A=b=c\0arg=sh\0arg=-c\0arg=echo \xff\n\0arg=\0wait=/run/x\0input=\0shown=/run/y\0",
        )
        .unwrap();
        assert_eq!(request.arguments[..2], ["sh", "-c"]);
        assert_eq!(request.arguments[2].as_encoded_bytes(), b"echo \xff\n");
        assert_eq!(request.arguments[3], "");
        assert_eq!(request.environment, [("A".into(), "b=c".into())]);
        assert_eq!(request.wait, [PathBuf::from("/run/x")]);
        assert!(request.input);
        assert_eq!(request.shown, Some(PathBuf::from("/run/y")));
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        assert!(Request::parse(b"arg\0").is_err());
        assert!(Request::parse(b"what=now\0arg=sh\0").is_err());
    }
}
