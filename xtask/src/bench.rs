//! `./x bench`: the benchmarks of `bench/` on Ochre, beside the same program on Linux in the same
//! machine. Runs alternate between the kernels, so that a busy host is unfair to both alike; the
//! median of a row's runs counts.

mod desktop;
mod frames;

use crate::desktop::{Desktop, shows_desktop};
use crate::guest::{Guest, Kernel};
use crate::image::Recipe;
use crate::qemu::Size;
use crate::seat::Seat;
use crate::setup::{self, Purpose};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use frames::Compositor;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Measure Ochre, and another kernel to compare with. A ratio below 1 says that Ochre needs
/// less: time, memory, turns.
#[derive(clap::Args)]
pub struct Arguments {
    /// What to compare with.
    #[arg(long, value_enum)]
    peer: Option<Peer>,
    /// How often to boot each kernel.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Write the table as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// A Debian system with weston and foot (docs/performance.md): measures the desktop's rows with it.
    #[arg(long, value_name = "FOLDER")]
    debian: Option<PathBuf>,
    /// Processors.
    #[arg(long, default_value_t = 2, value_name = "N")]
    smp: u8,
    /// Only rows whose names begin with one of these.
    names: Vec<String>,
}

/// What Ochre is compared with.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Peer {
    /// Debian's kernel.
    Linux,
}

/// How long the whole of one boot may take, in seconds.
const LIMIT: &str = "900";
/// Rows that are measured from here: from the machine's start to the first process at work, and to
/// the desktop's first picture on the screen, which only Ochre has.
const BOOT: &str = "boot-to-command";
const DESKTOP: &str = "boot-to-desktop";
/// How often the screen is looked at for it.
const LOOK: Duration = Duration::from_millis(10);

/// Values of each row, in the order of the runs.
type Values = BTreeMap<(String, Unit), Vec<f64>>;

/// What a row's values count. Of each the less the better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
enum Unit {
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// 1024 bytes.
    #[serde(rename = "KiB")]
    Kibibytes,
    /// How often something happened.
    #[serde(rename = "times")]
    Times,
}

#[derive(Serialize)]
struct Table {
    rows: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    unit: Unit,
    ochre: Option<f64>,
    linux: Option<f64>,
    ratio: Option<f64>,
}

/// `./x bench`.
pub fn command(arguments: &Arguments) -> Result<ExitCode> {
    let (mut ochre, mut linux) = (Values::new(), Values::new());
    let frames: Vec<_> = frames::ROWS
        .into_iter()
        .filter(|(row, _)| arguments.wants(row))
        .collect();
    if !frames.is_empty() {
        setup::ensure(&[Purpose::Bench])?;
        frames::build()?;
    }
    for run in 1..=arguments.runs {
        eprintln!("   run {run} of {}", arguments.runs);
        if arguments.wants_guests() {
            measure("ochre", arguments, &mut ochre)?;
        }
        if arguments.wants(DESKTOP) {
            let nanos = first_picture(arguments.smp)?.as_nanos() as f64;
            ochre.entry(time_of(DESKTOP)).or_default().push(nanos);
        }
        if arguments.peer.is_some() && arguments.wants_guests() {
            measure("linux", arguments, &mut linux)?;
        }
        if let Some(debian) = arguments
            .debian
            .as_ref()
            .filter(|_| arguments.wants_desktop())
        {
            desktop::measure(Kernel::Ochre, arguments.smp, debian, &mut ochre)?;
            if arguments.peer.is_some() {
                desktop::measure(Kernel::Linux, arguments.smp, debian, &mut linux)?;
            }
        }
        frames::measure(Compositor::Ochre, &frames, &mut ochre)?;
        if arguments.peer.is_some() {
            frames::measure(Compositor::Weston, &frames, &mut linux)?;
        }
    }
    let table = Table::of(&ochre, &linux);
    print!("{}", table.shown());
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(&table)?;
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn wants(&self, row: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|name| row.starts_with(name))
    }

    /// Whether a row of the desktop may be asked for.
    fn wants_desktop(&self) -> bool {
        let may = |name: &String| {
            name.starts_with(desktop::PREFIX) || desktop::PREFIX.starts_with(name.as_str())
        };
        self.names.is_empty() || self.names.iter().any(may)
    }

    /// Whether a row may be asked for that is measured in the guest.
    fn wants_guests(&self) -> bool {
        let elsewhere = |name: &String| {
            name.starts_with("frame-")
                || name.starts_with(DESKTOP)
                || name.starts_with(desktop::PREFIX)
        };
        self.names.is_empty() || !self.names.iter().all(elsewhere)
    }
}

/// How long after the machine's start the desktop is on its screen.
fn first_picture(smp: u8) -> Result<Duration> {
    let recipe = Recipe::load("desktop")?;
    setup::ensure(recipe.purposes())?;
    let guest = Guest::new(Size { smp, memory: None });
    let built = guest.build(&recipe, None)?;
    let (mut machine, _disk) = guest.machine(&built)?;
    machine.desktop(Seat::default()).without_display();
    let start = Instant::now();
    let mut desktop = Desktop::start(machine)?;
    desktop.interval = LOOK;
    let seen = desktop.until("the desktop", |now| shows_desktop(now).then_some(()));
    let taken = start.elapsed();
    let console = desktop.end();
    seen.context(console)?;
    Ok(taken)
}

/// Boots a kernel once, and takes down what the benchmarks print.
fn measure(kernel: &str, arguments: &Arguments, values: &mut Values) -> Result<()> {
    let output = Command::new(std::env::current_exe()?)
        .args([
            "exec",
            "--image",
            "bench",
            "--kernel",
            kernel,
            "--timeout",
            LIMIT,
            "--times",
        ])
        .args([
            "--smp",
            &arguments.smp.to_string(),
            "--",
            "/ochre/bin/bench",
        ])
        .args(&arguments.names)
        .stdin(Stdio::null())
        .output()
        .context("cannot run ./x exec")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        // What was measured before counts all the same.
        eprintln!("{kernel}: {}", errors.trim_end());
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    for line in printed.lines() {
        let (name, unit, value) = row(line).with_context(|| format!("no row: {line:?}"))?;
        values.entry((name, unit)).or_default().push(value);
    }
    let started = errors
        .lines()
        .find_map(|line| line.strip_prefix(super::exec::STARTED));
    if let Some(seconds) = started.filter(|_| arguments.wants(BOOT)) {
        let seconds: f64 = seconds.trim().parse().context("no number of seconds")?;
        values.entry(time_of(BOOT)).or_default().push(seconds * 1e9);
    }
    if values.is_empty() {
        bail!("nothing could be measured on {kernel}");
    }
    Ok(())
}

/// The key of a row of times.
fn time_of(name: &str) -> (String, Unit) {
    (name.to_owned(), Unit::Nanoseconds)
}

/// A row: `NAME<tab>UNIT<tab>VALUE`.
fn row(line: &str) -> Option<(String, Unit, f64)> {
    let mut fields = line.split('\t');
    let (name, unit, value, None) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next(),
    ) else {
        return None;
    };
    let unit = match unit {
        "ns" => Unit::Nanoseconds,
        "KiB" => Unit::Kibibytes,
        "times" => Unit::Times,
        _ => return None,
    };
    Some((name.to_owned(), unit, value.parse().ok()?))
}

impl Table {
    fn of(ochre: &Values, linux: &Values) -> Table {
        let mut keys: Vec<&(String, Unit)> = ochre.keys().chain(linux.keys()).collect();
        keys.sort();
        keys.dedup();
        let rows = keys.into_iter().map(|key| {
            let value = |of: &Values| of.get(key).map(|values| median(values));
            let (ochre, linux) = (value(ochre), value(linux));
            let ratio = ochre.zip(linux).map(|(ochre, linux)| ochre / linux);
            Line {
                name: key.0.clone(),
                unit: key.1,
                ochre,
                linux,
                ratio,
            }
        });
        Table {
            rows: rows.collect(),
        }
    }

    fn shown(&self) -> String {
        let mut text = format!("{:24} {:>12} {:>12} {:>7}\n", "", "Ochre", "Linux", "ratio");
        for Line {
            name,
            unit,
            ochre,
            linux,
            ratio,
        } in &self.rows
        {
            let shown = |value: &Option<f64>| {
                value.map_or_else(|| "–".to_owned(), |value| unit.shown(value))
            };
            let ratio = ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
            text += &format!(
                "{name:24} {:>12} {:>12} {ratio:>7}\n",
                shown(ochre),
                shown(linux)
            );
        }
        text
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_owned();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        (values[middle - 1] + values[middle]) / 2.0
    }
}

impl Unit {
    fn shown(self, value: f64) -> String {
        match self {
            Unit::Nanoseconds => time(value),
            Unit::Kibibytes => format!("{:.1} MiB", value / 1024.0),
            Unit::Times => format!("{value:.0}"),
        }
    }
}

/// A time in the unit that keeps it short.
fn time(nanos: f64) -> String {
    match nanos {
        ..1e3 => format!("{nanos:.0} ns"),
        ..1e6 => format!("{:.1} µs", nanos / 1e3),
        ..1e9 => format!("{:.2} ms", nanos / 1e6),
        _ => format!("{:.2} s", nanos / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_medians_and_ratios() {
        let mut ochre = Values::new();
        for line in [
            "call-null\tns\t100.0",
            "call-null\tns\t300",
            "call-null\tns\t200",
        ] {
            let (name, unit, value) = row(line).unwrap();
            ochre.entry((name, unit)).or_default().push(value);
        }
        let linux = Values::from([(time_of("call-null"), vec![400.0, 400.0])]);
        let table = Table::of(&ochre, &linux);
        assert_eq!(table.rows[0].ratio, Some(0.5));
        let shown = table.shown();
        assert!(
            shown.contains("200 ns") && shown.contains("400 ns") && shown.contains("0.50"),
            "{shown}"
        );
        assert!(row("call-null 100").is_none());
    }
}
