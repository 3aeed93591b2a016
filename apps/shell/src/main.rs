//! `sh`: Ochre's shell, for scripts and at a prompt. It speaks bash's language, as the brush crates
//! implement it; here is what makes a program of them: the command line, where commands come from,
//! and how the first ones of a session are found.
//!
//! Commands come from a string (`-c`), a script, or standard input. At a terminal the line editor
//! reads; elsewhere [`script`] does, so that a command finds its own input where the shell stopped
//! reading.
#![forbid(unsafe_code)]

mod arguments;
mod kill;
mod script;
mod session;

use crate::arguments::{Arguments, Parsed};
use std::process::ExitCode;

const HELP: &str = "\
Usage: sh [OPTION]… [SCRIPT [ARGUMENT]…]
       sh [OPTION]… -c COMMANDS [NAME [ARGUMENT]…]

Runs a script, a string of commands, or the commands on standard input.

  -c            the first argument is the commands to run
  -s            read commands from standard input, whatever the arguments
  -i            behave as at a prompt
  -l, --login   read /etc/profile and ~/.profile first
  -e -u -x -v -n -f -a -C, -o NAME, +o NAME
                options of `set`; `+` instead of `-` switches one off
  -O NAME, +O NAME
                options of `shopt`
  --posix       keep closer to POSIX
  --rcfile FILE read FILE instead of ~/.bashrc at a prompt
  --norc, --noprofile
                read no such file
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let arguments = match Arguments::parse(&words) {
        Ok(Parsed::Run(arguments)) => arguments,
        Ok(Parsed::Help) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Ok(Parsed::Version) => {
            println!("Ochre sh {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("sh: {error}\n`sh --help` lists the options.");
            return ExitCode::from(2);
        }
    };
    // The line editor blocks its thread in the middle of the shell's work, which only a runtime
    // with several allows; one worker is enough for what goes on beside it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let status = runtime.block_on(session::run(arguments));
        // Commands that still run in the background are not waited for.
        runtime.shutdown_background();
        status
    }) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("sh: {error:#}");
            ExitCode::FAILURE
        }
    }
}
