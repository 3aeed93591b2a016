//! The `./x` command: builds, images, runs, tests and measures Ochre. A host program; it knows of
//! Ochre only what a user sees: images, sockets, command lines.

#![forbid(unsafe_code)]

mod abi_page;
mod archive;
mod assets;
mod bench;
mod build;
mod debian;
mod desktop;
mod disk;
mod doctor;
mod exec;
mod frames;
mod guest;
mod image;
mod input;
mod lines_table;
mod linux;
mod paths;
mod picture;
mod process;
mod programs;
mod qemu;
mod qmp;
mod relibc;
mod reports;
mod rfb;
mod run;
mod screenshot;
mod seat;
mod setup;
mod sources;
mod sysroot;
mod test;
mod toolchain;
mod tree;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Builds, runs and tests Ochre.
#[derive(Parser)]
#[command(name = "./x", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Bench(bench::Arguments),
    Build(build::Arguments),
    /// Say what is here, what is missing, and what was chosen and why.
    Doctor,
    Exec(exec::Arguments),
    Image(disk::Arguments),
    Run(run::Arguments),
    Screenshot(screenshot::Arguments),
    Test(test::Arguments),
    /// Prepare Rust's library for the guest's targets, and print the sysroot's path.
    Sysroot,
}

fn main() -> ExitCode {
    match Arguments::parse().command.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("x: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Verb {
    fn run(self) -> Result<ExitCode> {
        match self {
            Verb::Doctor => return Ok(doctor::command()),
            Verb::Exec(arguments) => return exec::command(arguments),
            Verb::Bench(arguments) => return bench::command(&arguments),
            Verb::Build(arguments) => build::command(&arguments)?,
            Verb::Image(arguments) => disk::command(&arguments)?,
            Verb::Run(arguments) => return run::command(arguments),
            Verb::Screenshot(arguments) => return screenshot::command(arguments),
            Verb::Test(arguments) => return test::command(&arguments),
            Verb::Sysroot => {
                let toolchain = toolchain::Toolchain::choose()?;
                eprintln!("{}", toolchain.describe());
                println!("{}", sysroot::ready(&toolchain)?.display());
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
