//! Commands from an input that is no terminal.
//!
//! Read byte by byte, as POSIX asks of a shell: the commands share the input with it, and each must
//! find it where the command itself ends (`printf 'cat\ntext\n' | sh` prints `text`).

use brush_core::{Shell, ShellExtensions};
use brush_interactive::{InputBackend, InteractivePrompt, ReadResult, ShellError, ShellRef};
use brush_parser::ParseError;
use rustix::io::Errno;
use std::io;

/// Reads standard input, one whole command at a time.
pub struct ScriptInput;

impl InputBackend for ScriptInput {
    fn read_line(
        &mut self,
        shell: &ShellRef<impl ShellExtensions>,
        _: InteractivePrompt,
    ) -> Result<ReadResult, ShellError> {
        let shell = tokio::task::block_in_place(|| shell.blocking_lock());
        let mut text = String::new();
        loop {
            let line = read_line().map_err(ShellError::InputError)?;
            text += &String::from_utf8_lossy(&line);
            if line.is_empty() && text.is_empty() {
                return Ok(ReadResult::Eof);
            }
            // At the end of the input the parser says what is missing.
            if line.is_empty() || is_whole(&shell, &text) {
                return Ok(ReadResult::Input(text));
            }
        }
    }
}

/// A line with its end; less at the input's end.
fn read_line() -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match rustix::io::read(rustix::stdio::stdin(), &mut byte) {
            Ok(0) => return Ok(line),
            Ok(_) => line.push(byte[0]),
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        if byte[0] == b'\n' {
            return Ok(line);
        }
    }
}

/// Whether a text is a command that nothing more belongs to (if only by being wrong already).
fn is_whole(shell: &Shell<impl ShellExtensions>, text: &str) -> bool {
    if text.ends_with("\\\n") {
        return false;
    }
    match shell.parse_string(text) {
        Err(ParseError::Tokenizing { inner, .. }) => !inner.is_incomplete(),
        Err(ParseError::ParsingAtEndOfInput) => false,
        _ => true,
    }
}
