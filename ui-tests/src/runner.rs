//! Plays scenes one after the other, counts them, and writes the report.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};

use crate::desk::{Approval, Desk, Stage};
use crate::golden::Goldens;
use crate::guest::Guest;
use crate::host::{Host, Places};
use crate::report::{self, Outcome};
use crate::scene::Scene;

const HELP: &str = "\
Usage: ochre-ui-tests [OPTIONS] [NAME]…

Plays the scenes whose names contain a NAME, or all, and compares what is on
screen with what was approved.

  --update          approve what is on screen
  --list            only name the scenes
  --report FILE     where the report goes (target/ui-tests/report.html); the
                    pictures of what differs go into failed/ beside it
  --binaries DIR    where the desktop's programs are (beside this one)
  --share DIR       what the desktop shows: fonts, icons, themes and so on, as
                    ./x test ui lays it out (target/ui-tests/share)
  --goldens DIR     the approved pictures
  --qmp SOCKET      play in the virtual machine with this QEMU monitor
";

struct Options {
    approval: Approval,
    list: bool,
    report: PathBuf,
    places: Places,
    goldens: PathBuf,
    qmp: Option<PathBuf>,
    names: Vec<String>,
}

/// The whole program: reads the command line, plays `scenes` and tells how they went. Approved
/// pictures are in `goldens` under the package's folder.
pub fn main(scenes: &[Scene], package: &str) -> anyhow::Result<ExitCode> {
    let Some(options) = Options::read(std::env::args().skip(1), Path::new(package))? else {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    let chosen: Vec<&Scene> = scenes
        .iter()
        .filter(|scene| options.qmp.is_none() || scene.from_outside)
        .filter(|scene| {
            options.names.is_empty() || options.names.iter().any(|name| scene.name.contains(name))
        })
        .collect();
    if options.list {
        for scene in chosen {
            println!("{}", scene.name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if chosen.is_empty() {
        bail!("no scene is called so; --list names them");
    }
    let goldens = Goldens::new(&options.goldens);
    let failed_folder = options.report.with_file_name("failed");
    report::clear_failed(&failed_folder)?;
    let mut outcomes = Vec::new();
    for scene in &chosen {
        let outcome = play(scene, &goldens, &options);
        tell(&outcome);
        report::write_failed(&failed_folder, &outcome)?;
        outcomes.push(outcome);
    }
    let unused = unused(&goldens, &outcomes);
    for path in &unused {
        println!("{}: no check asks for this picture", path.display());
    }
    report::write(&options.report, &outcomes)?;
    let passed = outcomes.iter().filter(|outcome| outcome.passed()).count();
    let failed = outcomes.len() - passed;
    if failed > 0 {
        println!("what differs: {}", options.report.display());
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Options {
    /// None if help was asked for.
    fn read(
        mut arguments: impl Iterator<Item = String>,
        package: &Path,
    ) -> anyhow::Result<Option<Options>> {
        let program = std::env::current_exe().context("finding this program's own file")?;
        let beside = program.parent().unwrap_or(Path::new(".")).to_owned();
        let target = beside.parent().unwrap_or(Path::new(".")).join("ui-tests");
        let mut options = Options {
            approval: Approval::Compare,
            list: false,
            report: target.join("report.html"),
            places: Places {
                binaries: beside,
                share: target.join("share"),
                scratch: std::env::temp_dir(),
            },
            goldens: package.join("goldens"),
            qmp: None,
            names: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next().map(PathBuf::from);
                value.with_context(|| format!("{argument} needs a path after it"))
            };
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--update" => options.approval = Approval::Update,
                "--list" => options.list = true,
                "--report" => options.report = value()?,
                "--binaries" => options.places.binaries = std::path::absolute(value()?)?,
                "--share" => options.places.share = std::path::absolute(value()?)?,
                "--goldens" => options.goldens = value()?,
                "--qmp" => options.qmp = Some(value()?),
                _ if argument.starts_with('-') => bail!("no option {argument}; see --help"),
                _ => options.names.push(argument),
            }
        }
        Ok(Some(options))
    }
}

fn play(scene: &Scene, goldens: &Goldens, options: &Options) -> Outcome {
    let start = Instant::now();
    let stage = match &options.qmp {
        Some(socket) => Guest::connect(socket).map(Stage::Guest),
        None => Host::start(scene, &options.places).map(Stage::Host),
    };
    let (checked, result) = match stage {
        Ok(stage) => {
            let mut desk = Desk::new(stage, scene, goldens, options.approval);
            let result = (scene.play)(&mut desk);
            (desk.into_checked(), result)
        }
        Err(error) => (Vec::new(), Err(error)),
    };
    let nothing = result.is_ok() && checked.is_empty();
    Outcome {
        name: scene.name.to_owned(),
        tolerance: scene.tolerance,
        checked,
        error: match result {
            Err(error) => Some(error.to_string()),
            Ok(()) => nothing.then(|| "the scene checks nothing".to_owned()),
        },
        seconds: start.elapsed().as_secs_f64(),
    }
}

fn tell(outcome: &Outcome) {
    let updated = outcome
        .checked
        .iter()
        .filter(|checked| checked.updated)
        .count();
    let note = if updated > 0 {
        format!(", {updated} approved")
    } else {
        String::new()
    };
    let word = if outcome.passed() { "ok    " } else { "FAILED" };
    println!("{word} {} ({:.1} s{note})", outcome.name, outcome.seconds);
    for checked in &outcome.checked {
        match (&checked.difference, &checked.approved) {
            (Some(_), None) => println!("       {}: nothing was approved yet", checked.name),
            (Some(difference), Some(_)) => println!("       {}: {difference}", checked.name),
            (None, _) => {}
        }
    }
    if let Some(error) = &outcome.error {
        println!("       {error}");
    }
}

/// Pictures of scenes that went to their end, which no check asked for.
fn unused(goldens: &Goldens, outcomes: &[Outcome]) -> Vec<PathBuf> {
    let ended: Vec<&Outcome> = outcomes
        .iter()
        .filter(|outcome| outcome.error.is_none())
        .collect();
    let used: Vec<PathBuf> = ended
        .iter()
        .flat_map(|outcome| {
            outcome
                .checked
                .iter()
                .map(|checked| goldens.path(&outcome.name, &checked.name))
        })
        .collect();
    let names: Vec<&str> = ended.iter().map(|outcome| outcome.name.as_str()).collect();
    goldens.unused(&used, &names)
}
