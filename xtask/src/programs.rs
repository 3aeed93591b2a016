//! The programs of user space, as the workspace's manifests name them.

use crate::paths;
use crate::process;
use anyhow::{Result, bail};
use serde::Deserialize;
use std::path::PathBuf;

/// A program of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The package that it is built from.
    pub package: String,
    /// Its file name.
    pub name: String,
}

/// Folders of the workspace whose programs don't run on Ochre as user programs.
const OTHERS: [&str; 6] = ["boot", "kernel", "relibc", "ui-tests", "xtask", "abi"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// All programs of user space.
pub fn all() -> Result<Vec<Program>> {
    let mut command = process::host_cargo();
    command.current_dir(paths::root());
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Metadata = serde_json::from_str(&process::output(&mut command)?)?;
    let mut programs = Vec::new();
    for package in metadata.packages {
        let place = package
            .manifest_path
            .strip_prefix(paths::root())
            .unwrap_or(&package.manifest_path);
        if OTHERS.iter().any(|folder| place.starts_with(folder)) {
            continue;
        }
        for target in package.targets {
            if target.kind.iter().any(|kind| kind == "bin") {
                programs.push(Program {
                    package: package.name.clone(),
                    name: target.name,
                });
            }
        }
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

/// The programs of the packages named.
pub fn of_packages(packages: &[String]) -> Result<Vec<Program>> {
    let all = all()?;
    for package in packages {
        if !all.iter().any(|program| program.package == *package) {
            bail!("no package {package} with a program of user space");
        }
    }
    Ok(all
        .into_iter()
        .filter(|program| packages.contains(&program.package))
        .collect())
}
