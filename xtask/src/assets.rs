//! Files of other people's packages that go into an image: fonts, keyboard layouts, icons.
//!
//! Each package is pinned by version and checksum, fetched by its registry's own client (apt, npm),
//! unpacked once into the cache and never installed. Its licence goes into the image with it.

use crate::paths;
use crate::process;
use crate::tree::Tree;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What an image takes from a package.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// Which registry it is in.
    pub from: Registry,
    /// The package's name.
    pub name: String,
    /// Exactly which version.
    pub version: String,
    /// Of the package's file.
    pub sha256: String,
    /// The folder in the package.
    pub folder: PathBuf,
    /// The files of the folder; none: the whole folder.
    #[serde(default)]
    pub files: Vec<PathBuf>,
    /// The guest's folder that they come to.
    pub to: PathBuf,
    /// The licence's file in the package.
    pub licence: PathBuf,
}

/// A package registry.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Registry {
    /// Debian's, through apt.
    Debian,
    /// npm's.
    Npm,
}

impl Asset {
    /// Puts the files into the guest.
    pub fn add(&self, tree: &mut Tree) -> Result<()> {
        let package = self.unpacked()?;
        let folder = package.join(&self.folder);
        if self.files.is_empty() {
            tree.host(&folder, &self.to)?;
        }
        for file in &self.files {
            tree.host(&folder.join(file), &self.to.join(file))?;
        }
        let licences = Path::new("/ochre/share/licences");
        tree.host(&package.join(&self.licence), &licences.join(&self.name))
    }

    /// Where the folder is on the host, fetched if need be.
    pub fn host_folder(&self) -> Result<PathBuf> {
        Ok(self.unpacked()?.join(&self.folder))
    }

    /// The package's unpacked files, fetched if need be.
    fn unpacked(&self) -> Result<PathBuf> {
        let assets = paths::cache().join("assets");
        let ready = assets.join(format!("{}-{}", self.name, self.version));
        if !ready.is_dir() {
            let label = format!("fetching {} {}", self.name, self.version);
            process::step(&label, || self.fetch(&assets, &ready))?;
        }
        Ok(ready)
    }

    fn fetch(&self, assets: &Path, ready: &Path) -> Result<()> {
        let work = assets.join(format!("{}.{}", self.name, std::process::id()));
        let files = work.join("files");
        fs::create_dir_all(&files)?;
        let name = &self.name;
        let version = &self.version;
        match self.from {
            Registry::Debian => process::run(
                Command::new("apt-get")
                    .args(["-qq", "download", &format!("{name}={version}")])
                    .stderr(std::process::Stdio::null())
                    .current_dir(&work),
            )
            .context(
                "apt can't fetch it; run apt-get update, or see if the pinned version is gone",
            )?,
            Registry::Npm => process::run(
                Command::new("npm")
                    .args(["pack", "--silent", &format!("{name}@{version}")])
                    .stdout(std::process::Stdio::null())
                    .current_dir(&work),
            )?,
        }
        let package = fs::read_dir(&work)?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.is_file())
            .context("nothing was fetched")?;
        let sum = process::output(Command::new("sha256sum").arg(&package))?;
        let sum = sum.split_whitespace().next().unwrap_or_default();
        ensure!(
            sum == self.sha256,
            "its checksum is {sum}, not the {} that is pinned",
            self.sha256
        );
        match self.from {
            Registry::Debian => {
                process::run(Command::new("dpkg").arg("-x").args([&package, &files]))?;
            }
            Registry::Npm => process::run(
                Command::new("tar")
                    .arg("-xzf")
                    .arg(&package)
                    .arg("-C")
                    .arg(&files),
            )?,
        }
        // In one move: that it is there says that it is complete.
        fs::rename(&files, ready)?;
        fs::remove_dir_all(&work)?;
        Ok(())
    }
}
