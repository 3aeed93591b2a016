//! The desktop's screenshot tests: `ui-tests` plays them on the headless compositor of the host.
//! Not optimized: the unit tests have built most of it so already, and that saves more than it costs.

use super::Tally;
use crate::image::Recipe;
use crate::paths;
use crate::process;
use anyhow::{Context, Result};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a scene may start.
const PROGRAMS: [&str; 5] = [
    "ochre-compositor",
    "ochre-panel",
    "ochre-settings",
    "ochre-terminal",
    "ochre-ui-tests",
];

/// Where the guest's programs find fonts, icons and so on.
const SHARE: &str = "/ochre/share";

/// All scenes, or those whose names contain one of these, look as approved, or are approved as they
/// look.
pub fn run(scenes: &[String], update: bool) -> Result<Tally> {
    process::step("building the desktop for the host", || {
        process::run(&mut cargo("--bins"))
    })?;
    let share = paths::target().join("ui-tests/share");
    lay_out(&Recipe::load("desktop")?, &share)?;

    let mut player = Command::new(built("ochre-ui-tests"));
    player.arg("--share").arg(&share).args(scenes);
    if update {
        player.arg("--update");
    }
    let mut player = player
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the player of scenes")?;
    let output = player.stdout.take().context("standard output is piped")?;
    let mut tally = None;
    for line in BufReader::new(output).lines() {
        let line = line?;
        match closing(&line) {
            Some(sum) => tally = Some(sum),
            None if line.starts_with("ok ") && !line.contains("approved") => {}
            None => println!("{line}"),
        }
    }
    let status = player.wait()?;
    tally.with_context(|| format!("the player of scenes ended with {status}"))
}

/// Builds these targets of the desktop's programs. Other packages may be added to them, and find
/// what they share with these built: each crate has the features that all of them ask for.
pub fn cargo(targets: &str) -> Command {
    let mut cargo = process::host_cargo();
    cargo
        .current_dir(paths::root())
        .args(["build", "-q", targets]);
    for program in PROGRAMS {
        cargo.args(["-p", program]);
    }
    cargo
}

/// Where a file is that `cargo` built.
pub fn built(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(paths::target, Into::into);
    target.join("debug").join(name)
}

/// Lays out what the image has in `/ochre/share`, the same files and no others: a scene shows what
/// the guest will.
fn lay_out(recipe: &Recipe, share: &Path) -> Result<()> {
    if share.is_dir() {
        fs::remove_dir_all(share)?;
    }
    let link = |from: &Path, to: &Path| -> Result<()> {
        let Ok(place) = to.strip_prefix(SHARE) else {
            return Ok(());
        };
        let place = share.join(place);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        symlink(from, &place).with_context(|| format!("cannot link {}", place.display()))
    };
    for (to, from) in &recipe.copy {
        link(&paths::root().join(from), to)?;
    }
    for asset in &recipe.assets {
        let folder = asset.host_folder()?;
        if asset.files.is_empty() {
            link(&folder, &asset.to)?;
        }
        for file in &asset.files {
            link(&folder.join(file), &asset.to.join(file))?;
        }
    }
    Ok(())
}

/// `13 passed, 0 failed`
fn closing(line: &str) -> Option<Tally> {
    let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
    Some(Tally {
        passed: passed.parse().ok()?,
        failed: failed.parse().ok()?,
    })
}
