//! `ochre-terminal [COMMAND [ARGUMENT]…]`: a window with a shell, or with a command.
#![forbid(unsafe_code)]

use std::ffi::OsString;

use ochre_terminal::session::{LEADER_ARGUMENT, run_leader};

fn main() -> anyhow::Result<()> {
    let command: Vec<OsString> = std::env::args_os().skip(1).collect();
    if command
        .first()
        .is_some_and(|first| first == LEADER_ARGUMENT)
    {
        let error = run_leader(&command[1..]);
        eprintln!("{error}");
        std::process::exit(127); // as a shell exits that finds no such command
    }
    ochre_terminal::window::run(&command)
}
