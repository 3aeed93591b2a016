//! `./x test`: the suites, and their count.
//!
//! A suite runs to its end whatever fails in it, and ends with `SUITE: N passed, N failed`; the
//! last line of all has the sums. What failed is said where it failed.

mod bombs;
mod boot;
mod console;
mod deaths;
mod desktop;
mod docs;
mod guest;
mod libc;
mod pattern;
mod programs;
mod relibc;
mod resizes;
mod robust;
mod source;
mod tools;
mod ui;
mod wlcs;

use crate::build::{Builder, Profile};
use crate::paths;
use crate::process;
use crate::setup::{self, Purpose};
use anyhow::Result;
use clap::ValueEnum;
use std::ops::AddAssign;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use tools::Oracle;

/// Run the tests: all suites, or those named.
#[derive(clap::Args)]
pub struct Arguments {
    /// Which suites [default: all].
    #[arg(value_enum)]
    suites: Vec<Suite>,
    /// Of the suites `ui`, `programs` and `tools`, play only what has this in its name.
    #[arg(long, value_name = "NAME")]
    scene: Vec<String>,
    /// Approve what the scenes of the suite `ui` show now; write the pages anew that `docs` finds stale;
    /// ask Linux again in `tools`.
    #[arg(long)]
    update: bool,
    /// In the suite `desktop`, do nothing but kill each driver so many times, and tell the pauses.
    #[arg(long, value_name = "N")]
    kills: Option<u32>,
    /// In the suite `desktop`, do nothing but change the screen's size so many times.
    #[arg(long, value_name = "N", conflicts_with = "kills")]
    resizes: Option<u32>,
    /// A Debian system with the programs that the suites `programs` and `tools` use; docs/programs.md says how to make one.
    #[arg(long, value_name = "FOLDER")]
    debian: Option<PathBuf>,
    /// In the suite `tools`, boot Ochre only, and compare with what Linux has answered before.
    #[arg(long, conflicts_with = "update")]
    kept: bool,
    #[command(flatten)]
    machines: Machines,
}

/// How the guests of the suites boot, desktop, programs, tools, abi and robust are booted, where it is not what is tested.
#[derive(Clone, Copy, clap::Args)]
pub struct Machines {
    /// Boot guests with this many processors [default: each suite's own choice].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub smp: Option<u8>,
    /// Boot guests through UEFI firmware.
    #[arg(long)]
    pub uefi: bool,
}

/// A suite.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Suite {
    /// The source is formatted.
    Fmt,
    /// Clippy has nothing to say.
    Clippy,
    /// Pages that are made from the sources are what those say.
    Docs,
    /// Unit tests of all crates, on the host.
    Unit,
    /// The desktop looks as it was approved, on the host.
    Ui,
    /// The compositor passes the Wayland conformance test suite, on the host.
    Wlcs,
    /// No program of an image contains another C library than relibc.
    Libc,
    /// Programs print on relibc what they print on the host's C library.
    Relibc,
    /// The guest boots, runs commands, and reports how they end.
    Boot,
    /// A person works on the desktop, on machines with different displays, and drivers die.
    Desktop,
    /// Debian's programs work on the desktop; only when named, as it needs --debian.
    Programs,
    /// Debian's command line programs do what they do on Linux; only when named, as it needs --debian.
    Tools,
    /// What programs see on Ochre is what they see on Linux.
    Abi,
    /// User space can't bring the kernel down.
    Robust,
}

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    /// Counts one test; says what is wrong with a failed one.
    pub fn test(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => {
                self.failed += 1;
                println!("FAILED {name}: {error:#}");
            }
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl Suite {
    fn run(self, builder: &Builder, arguments: &Arguments) -> Result<Tally> {
        let machines = arguments.machines;
        match self {
            Suite::Fmt => source::fmt(),
            Suite::Clippy => source::clippy(),
            Suite::Docs => docs::run(arguments.update),
            Suite::Unit => source::unit(),
            Suite::Ui => ui::run(&arguments.scene, arguments.update),
            Suite::Wlcs => wlcs::run(!arguments.suites.is_empty()),
            Suite::Libc => libc::run(builder),
            Suite::Relibc => relibc::run(builder),
            Suite::Boot => boot::run(builder, machines),
            Suite::Desktop => match (arguments.kills, arguments.resizes) {
                (Some(kills), _) => deaths::run_long(machines, kills),
                (_, Some(changes)) => resizes::run_long(machines, changes),
                (None, None) => desktop::run(builder, machines),
            },
            Suite::Programs => {
                programs::run(arguments.debian.as_deref(), &arguments.scene, machines)
            }
            Suite::Tools => tools::run(
                arguments.debian.as_deref(),
                &arguments.scene,
                match (arguments.update, arguments.kept) {
                    (true, _) => Oracle::Anew,
                    (_, true) => Oracle::Kept,
                    _ => Oracle::Once,
                },
                machines,
            ),
            Suite::Abi => guest::compare(builder, machines),
            Suite::Robust => robust::run(builder, machines),
        }
    }
}

/// `./x test`.
pub fn command(arguments: &Arguments) -> Result<ExitCode> {
    setup::ensure(&[
        Purpose::Build,
        Purpose::Run,
        Purpose::Firmware,
        Purpose::Test,
        Purpose::Desktop,
    ])?;
    if let Some(advice) = paths::too_full(paths::free_gib()?)
        && arguments.suites.is_empty()
    {
        process::say(format_args!("{advice}"));
    }
    let builder = Builder::new(Profile::Release)?;
    let suites = match &arguments.suites[..] {
        [] => {
            let all = Suite::value_variants().iter().copied();
            all.filter(|suite| !matches!(suite, Suite::Programs | Suite::Tools))
                .collect()
        }
        named => named.to_vec(),
    };
    let mut total = Tally::default();
    for suite in &suites {
        let start = Instant::now();
        let name = format!("{suite:?}").to_lowercase();
        process::say(format_args!("== {name}"));
        let tally = suite.run(&builder, arguments).unwrap_or_else(|error| {
            println!("FAILED {name}: {error:#}");
            Tally {
                passed: 0,
                failed: 1,
            }
        });
        process::say(format_args!("   {:.1} s", start.elapsed().as_secs_f32()));
        println!("{name}: {tally}");
        total += tally;
    }
    if suites.len() > 1 {
        println!("{total}");
    }
    Ok(if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
