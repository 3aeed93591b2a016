//! Images: what a system consists of, by the recipes in `images/`.
//!
//! A recipe names packages of the workspace. A package brings its programs to `/ochre/bin` and the
//! unit files of its `units/` folder to `/ochre/units`; names that a program goes by besides its own
//! (`[package.metadata.ochre.links]`) become links in `/bin`, where no added file has them.
//! Everything else is listed in the recipe.

use crate::assets::Asset;
use crate::build::{Builder, Libc};
use crate::paths;
use crate::programs;
use crate::setup::Purpose;
use crate::tree::Tree;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A recipe.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What it is for, in a line.
    pub description: String,
    /// Packages of the workspace.
    pub packages: Vec<String>,
    /// Whether it starts a desktop session.
    #[serde(default)]
    pub session: bool,
    /// MiB of memory that the system wants besides its archive.
    #[serde(default = "default_memory")]
    pub memory: u64,
    /// The program that becomes `/ochre/bin/init`, where it isn't init itself.
    pub init: Option<String>,
    /// Text files by their paths.
    #[serde(default)]
    pub files: BTreeMap<PathBuf, String>,
    /// Files and folders of the checkout, by their paths in the guest.
    #[serde(default)]
    pub copy: BTreeMap<PathBuf, PathBuf>,
    /// Files of other people's packages.
    #[serde(default, rename = "package")]
    pub assets: Vec<Asset>,
    /// Links that are made where nothing has the name yet: link to target.
    #[serde(default)]
    pub links: BTreeMap<PathBuf, String>,
}

fn default_memory() -> u64 {
    512
}

/// A file or folder to put into the guest: `HOST:GUEST`.
#[derive(Clone)]
pub struct Addition {
    host: PathBuf,
    guest: PathBuf,
    /// Whether a link stands for itself, not for what it points at.
    itself: bool,
}

impl std::str::FromStr for Addition {
    type Err = String;

    fn from_str(text: &str) -> Result<Addition, String> {
        let (host, guest) = text.rsplit_once(':').ok_or("expected HOST:GUEST")?;
        if !guest.starts_with('/') {
            return Err(format!("the guest's path must begin with `/`: {guest}"));
        }
        let host = if host.contains('/') || Path::new(host).exists() {
            PathBuf::from(host)
        } else {
            // `busybox:/bin/busybox`: a program of the host's, by its name.
            crate::process::find(host).ok_or_else(|| format!("there is no file {host}"))?
        };
        if !host.exists() {
            return Err(format!("there is no file {}", host.display()));
        }
        Ok(Addition {
            host,
            guest: guest.into(),
            itself: false,
        })
    }
}

impl Addition {
    /// A host file or folder, and its path in the guest.
    pub fn new(host: impl Into<PathBuf>, guest: impl Into<PathBuf>) -> Addition {
        Addition {
            host: host.into(),
            guest: guest.into(),
            itself: false,
        }
    }

    /// The same of an entry of a folder, which may be a link.
    pub fn entry(host: impl Into<PathBuf>, guest: impl Into<PathBuf>) -> Addition {
        Addition {
            itself: true,
            ..Addition::new(host, guest)
        }
    }
}

impl Recipe {
    /// Reads `images/NAME.toml`.
    pub fn load(name: &str) -> Result<Recipe> {
        let path = paths::root().join("images").join(format!("{name}.toml"));
        if !path.is_file() {
            bail!(
                "there is no image {name}; there are: {}",
                names()?.join(", ")
            );
        }
        let text = fs::read_to_string(&path)?;
        toml::from_str(&text).with_context(|| format!("{} is no recipe", path.display()))
    }

    /// What its build needs on the host.
    pub fn purposes(&self) -> &'static [Purpose] {
        if self.session {
            &[Purpose::Desktop]
        } else {
            &[]
        }
    }

    /// Builds everything in it, and lays it out.
    pub fn build(&self, builder: &Builder, libc: Libc, additions: &[Addition]) -> Result<Tree> {
        let programs = programs::of_packages(&self.packages)?;
        let built = builder.user(&programs, libc)?;
        let mut tree = Tree::default();
        for folder in ["bin", "etc", "lib", "share", "units"] {
            tree.directory(Path::new("/ochre").join(folder), 0o755)?;
        }
        for folder in ["/dev", "/proc", "/sys", "/run"] {
            tree.directory(folder, 0o755)?;
        }
        tree.directory("/tmp", 0o1777)?;
        tree.directory("/root", 0o700)?;
        for (program, file) in programs.iter().zip(&built) {
            let file = builder.stripped(file)?;
            tree.host(&file, &Path::new("/ochre/bin").join(&program.name))?;
        }
        if let Some(init) = &self.init {
            tree.link_if_absent("/ochre/bin/init", init)?;
        }
        for folder in programs::folders(&self.packages)? {
            let units = folder.join("units");
            if units.is_dir() {
                tree.host(&units, Path::new("/ochre/units"))?;
            }
        }
        for (guest, text) in &self.files {
            tree.bytes(guest, 0o644, text.clone().into_bytes())?;
        }
        for (guest, host) in &self.copy {
            tree.host(&paths::root().join(host), guest)?;
        }
        for asset in &self.assets {
            asset.add(&mut tree)?;
        }
        for addition in additions {
            match addition.itself {
                true => tree.entry(&addition.host, &addition.guest)?,
                false => tree.host(&addition.host, &addition.guest)?,
            }
        }
        for (link, target) in &self.links {
            tree.link_if_absent(link, target)?;
        }
        for (name, program) in programs::links(&self.packages)? {
            let target = format!("/ochre/bin/{program}");
            tree.link_if_absent(Path::new("/bin").join(name), &target)?;
        }
        Ok(tree)
    }
}

/// Prints what there is.
pub fn list() -> Result<()> {
    for name in names()? {
        println!("{name:10} {}", Recipe::load(&name)?.description);
    }
    Ok(())
}

/// The names of all recipes.
fn names() -> Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(paths::root().join("images"))?
        .flatten()
        .filter_map(|entry| {
            Some(
                entry
                    .file_name()
                    .to_str()?
                    .strip_suffix(".toml")?
                    .to_owned(),
            )
        })
        .collect();
    names.sort();
    Ok(names)
}
