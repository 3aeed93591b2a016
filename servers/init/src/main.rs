//! The supervisor, process 1. It holds the machine's capability and every scheme, starts the units
//! of `/ochre/units` as what they need becomes ready, hands each what its unit names and nothing
//! else, and starts again what dies. Schemes outlive their servers here: mounts stay, and the next
//! server of a unit attaches to the same scheme.
//!
//! Invariants: process 1 never exits and never waits for a server; everything it does is a reaction
//! in one poll loop ([`supervisor`]).
#![forbid(unsafe_code)]

mod boot;
mod capability;
mod coldplug;
mod control;
mod log;
mod shutdown;
mod spawn;
mod supervisor;
mod unit;

use std::process::ExitCode;

const HELP: &str = "\
init: Ochre's supervisor, started by the kernel as process 1.

It takes no arguments. Units are TOML files in /ochre/units; `svc` shows and controls them.";

fn main() -> ExitCode {
    if std::env::args().any(|a| a == "--help" || a == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if std::process::id() != 1 {
        eprintln!("init: must be process 1; use `svc` to control the running one");
        return ExitCode::FAILURE;
    }
    match supervisor::run() {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("init: cannot supervise: {error:#}");
            ExitCode::FAILURE
        }
    }
}
