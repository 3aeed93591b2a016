//! Scripts: `#!interpreter argument` in a file's first line.

use super::{Opener, Request};
use crate::errno::{Errno, Result};
use crate::uio::Dest;
use alloc::vec::Vec;

/// Bytes of the first line that count (Linux's BINPRM_BUF_SIZE).
const LINE: usize = 256;
/// Scripts that interpret scripts.
const DEPTH: usize = 5;

/// Replaces a script by its interpreter, until a file is none.
pub fn resolve(request: &mut Request, open: &mut Opener<'_>) -> Result {
    for _ in 0..DEPTH {
        let mut head = [0u8; LINE];
        let len = request.file.object.read(0, &mut Dest::kernel(&mut head))?;
        let Some(line) = head[..len].strip_prefix(b"#!") else {
            return Ok(());
        };
        let (interpreter, argument) = parse(line)?;
        let script = core::mem::replace(&mut request.name, interpreter.clone());
        // argv becomes: interpreter, its argument, the script, the caller's arguments.
        request.args.pop_front();
        request.args.push_front(script);
        if let Some(argument) = argument {
            request.args.push_front(argument);
        }
        request.args.push_front(interpreter.clone());
        request.file = open(&interpreter)?;
    }
    Err(Errno::ELOOP)
}

/// The interpreter and its one argument, which may hold spaces.
fn parse(line: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
    let blank = |b: &u8| *b == b' ' || *b == b'\t';
    let line = match line.iter().position(|&b| b == b'\n') {
        Some(end) => &line[..end],
        // A line that was cut must at least hold the whole name.
        None => line,
    };
    let start = line.iter().position(|b| !blank(b)).ok_or(Errno::ENOEXEC)?;
    let line = &line[start..];
    let end = line
        .iter()
        .position(|b| blank(b) || *b == 0)
        .unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if name.is_empty() {
        return Err(Errno::ENOEXEC);
    }
    let trimmed = {
        let from = rest
            .iter()
            .position(|b| !blank(b) && *b != 0)
            .unwrap_or(rest.len());
        let to = rest
            .iter()
            .rposition(|b| !blank(b) && *b != 0)
            .map_or(from, |at| at + 1);
        &rest[from..to]
    };
    let argument = (!trimmed.is_empty()).then(|| trimmed.to_vec());
    Ok((name.to_vec(), argument))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_line_has_an_interpreter_and_at_most_one_argument() {
        assert_eq!(
            parse(b"/bin/sh\necho").unwrap(),
            (b"/bin/sh".to_vec(), None)
        );
        let (name, argument) = parse(b" /usr/bin/env  python3 -u \n").unwrap();
        assert_eq!(name, b"/usr/bin/env");
        assert_eq!(argument.unwrap(), b"python3 -u");
        assert!(parse(b"  \n").is_err());
    }
}
