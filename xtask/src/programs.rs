//! The programs of user space, as the workspace's manifests name them.

use crate::paths;
use crate::process;
use anyhow::{Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A program of user space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The package that it is built from.
    pub package: String,
    /// Its file name.
    pub name: String,
}

/// Folders of the workspace whose programs don't run on Ochre as user programs.
const OTHERS: [&str; 7] = [
    "boot",
    "kernel",
    "relibc",
    "ui-tests",
    "xtask",
    "abi",
    "tests/abi",
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    metadata: Option<Extra>,
}

/// What cargo leaves to others in a manifest: `[package.metadata]`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Extra {
    ochre: Names,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Names {
    /// For a program, the other names that it goes by.
    links: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// All programs of user space.
pub fn all() -> Result<Vec<Program>> {
    let mut programs: Vec<Program> = packages()?.iter().flat_map(programs_of).collect();
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

/// The programs of the packages named.
pub fn of_packages(names: &[String]) -> Result<Vec<Program>> {
    Ok(select(names)?.iter().flat_map(programs_of).collect())
}

/// The programs of one package, wherever in the workspace it is: tests, which no image contains.
pub fn of_tests(name: &str) -> Result<Vec<Program>> {
    let mut packages = workspace()?;
    packages.retain(|package| package.name == name);
    Ok(packages.iter().flat_map(programs_of).collect())
}

/// The folders of the packages named.
pub fn folders(names: &[String]) -> Result<Vec<PathBuf>> {
    let folder = |package: Package| package.manifest_path.parent().map(PathBuf::from);
    Ok(select(names)?.into_iter().filter_map(folder).collect())
}

/// The names that programs of these packages go by besides their own: name and program.
pub fn links(names: &[String]) -> Result<Vec<(String, String)>> {
    let mut links = Vec::new();
    for package in select(names)? {
        for (program, names) in package.metadata.unwrap_or_default().ochre.links {
            links.extend(names.into_iter().map(|name| (name, program.clone())));
        }
    }
    Ok(links)
}

fn select(names: &[String]) -> Result<Vec<Package>> {
    let mut packages = packages()?;
    for name in names {
        if !packages.iter().any(|package| package.name == *name) {
            bail!("the workspace has no package {name} for user space");
        }
    }
    packages.retain(|package| names.contains(&package.name));
    Ok(packages)
}

fn packages() -> Result<Vec<Package>> {
    let mut packages = workspace()?;
    packages.retain(|package| {
        let path = &package.manifest_path;
        let place = path.strip_prefix(paths::root()).unwrap_or(path);
        !OTHERS.iter().any(|folder| place.starts_with(folder))
    });
    Ok(packages)
}

fn workspace() -> Result<Vec<Package>> {
    let mut command = process::host_cargo();
    command.current_dir(paths::root());
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Metadata = serde_json::from_str(&process::output(&mut command)?)?;
    Ok(metadata.packages)
}

fn programs_of(package: &Package) -> Vec<Program> {
    let programs = package
        .targets
        .iter()
        .filter(|target| target.kind.iter().any(|k| k == "bin"));
    programs
        .map(|target| Program {
            package: package.name.clone(),
            name: target.name.clone(),
        })
        .collect()
}
