//! Unit files: what to run, what to hand it, when to start it, what to do when it ends.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A unit, as its file says.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// The file's name without `.toml`.
    #[serde(skip)]
    pub name: String,
    pub description: String,
    /// Program and arguments.
    pub exec: Vec<String>,
    /// Units that are started first.
    #[serde(default)]
    pub after: Vec<String>,
    /// It searches for devices, at which nothing else runs: a function doesn't answer while its
    /// registers are sized.
    #[serde(default)]
    pub searches: bool,
    #[serde(default)]
    pub restart: Restart,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The unit's standard streams are the console (`console PROGRAM` makes it the terminal of a
    /// session).
    #[serde(default)]
    pub console: bool,
    /// Its first thread is a real-time one of this priority, 1 to 99: what a person waits for runs before what
    /// computes, whatever the load.
    #[serde(default)]
    pub realtime: Option<u8>,
    /// Not ended when memory is short, as those are that serve. What it starts for a user it doesn't spare.
    #[serde(default)]
    pub spared: bool,
    #[serde(default)]
    pub scheme: Vec<Scheme>,
    #[serde(default)]
    pub capabilities: Capabilities,
    /// The unit is a driver: one instance is started for each device that matches.
    #[serde(default, rename = "match")]
    pub matches: Option<Match>,
}

impl Unit {
    /// Whether it isn't ended when memory is short: others rely on it as they do on the kernel. So is a driver, or
    /// a server of names, neither of which starts what a user starts.
    #[must_use]
    pub fn is_spared(&self) -> bool {
        let serves = self.matches.is_some() || self.capabilities.machine || !self.scheme.is_empty();
        serves || self.spared
    }
}

/// What happens when the unit's process ends.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It is started again, with a growing delay if it dies young.
    #[default]
    Always,
    /// Started again unless it exited with status 0.
    OnFailure,
    Never,
}

/// A scheme that the unit serves.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    /// The descriptor's name in OCHRE_FDS.
    #[serde(default = "default_scheme_name")]
    pub name: String,
    /// Where it appears; `%n` is the lowest number that is free.
    pub mount: String,
    #[serde(default)]
    pub root: Root,
    /// Requests wait for the next server instead of failing when one dies.
    #[serde(default)]
    pub stateless: bool,
}

fn default_scheme_name() -> String {
    "scheme".to_string()
}

/// What a scheme's root is.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Root {
    #[default]
    Directory,
    File,
}

/// What of the machine the unit gets. Keys are the descriptors' names in OCHRE_FDS.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Capabilities {
    /// The whole machine, as `machine`: for the PCI and ACPI servers.
    pub machine: bool,
    pub ports: BTreeMap<String, Range>,
    /// Edge-triggered interrupts by their global system number.
    pub gsi: BTreeMap<String, u32>,
    /// The framebuffer that the firmware set up, as `framebuffer`.
    pub framebuffer: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Range {
    pub start: u64,
    pub length: u64,
}

/// Which devices a driver is for.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// `vendor:device` in hexadecimal, `class:CCSS` for a class and subclass, or `class:CCSSPP` for
    /// one programming interface of them.
    pub pci: Vec<String>,
    /// Only devices that no other unit is for.
    #[serde(default)]
    pub fallback: bool,
}

/// Why a unit file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    #[error("{path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path}: {source}")]
    Parse {
        path: PathBuf,
        source: toml::de::Error,
    },
    #[error("{path}: `exec` is empty: name the program to run")]
    NoProgram { path: PathBuf },
    #[error("{path}: `realtime` is {priority}: it goes from 1 to 99")]
    NoPriority { path: PathBuf, priority: u8 },
}

impl Unit {
    pub fn parse(name: &str, path: &Path, text: &str) -> Result<Unit, UnitError> {
        let mut unit: Unit = toml::from_str(text).map_err(|source| UnitError::Parse {
            path: path.to_owned(),
            source,
        })?;
        if unit.exec.is_empty() {
            return Err(UnitError::NoProgram {
                path: path.to_owned(),
            });
        }
        if let Some(priority) = unit.realtime
            && !(1..=99).contains(&priority)
        {
            return Err(UnitError::NoPriority {
                path: path.to_owned(),
                priority,
            });
        }
        unit.name = name.to_string();
        Ok(unit)
    }
}

/// All units of a directory, by name; broken files are reported beside them.
pub fn load(directory: &Path) -> (Vec<Unit>, Vec<UnitError>) {
    let (mut units, mut errors) = (Vec::new(), Vec::new());
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(source) => {
            errors.push(UnitError::Read {
                path: directory.to_owned(),
                source,
            });
            return (units, errors);
        }
    };
    for path in entries.flatten().map(|e| e.path()) {
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let unit = std::fs::read_to_string(&path)
            .map_err(|source| UnitError::Read {
                path: path.clone(),
                source,
            })
            .and_then(|text| Unit::parse(&name, &path, &text));
        match unit {
            Ok(unit) => units.push(unit),
            Err(error) => errors.push(error),
        }
    }
    units.sort_by(|a, b| a.name.cmp(&b.name));
    (units, errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Unit, UnitError> {
        Unit::parse("test", Path::new("test.toml"), text)
    }

    #[test]
    fn a_driver_unit() {
        let unit = parse(
            r#"
            description = "PS/2 keyboard and mouse"
            exec = ["/ochre/bin/ps2"]
            [[scheme]]
            name = "keyboard"
            mount = "/dev/input/event%n"
            root = "file"
            [capabilities]
            ports = { data = { start = 0x60, length = 1 } }
            gsi = { keyboard = 1 }
            "#,
        )
        .expect("a valid unit");
        assert_eq!(unit.restart, Restart::Always);
        assert_eq!(unit.scheme[0].root, Root::File);
        assert_eq!(unit.capabilities.gsi["keyboard"], 1);
    }

    #[test]
    fn a_misspelt_key_is_an_error_that_names_it() {
        let error = parse("description = \"x\"\nexec = [\"/x\"]\nrestrat = \"never\"").unwrap_err();
        assert!(error.to_string().contains("restrat"), "{error}");
    }

    #[test]
    fn urgency_has_bounds() {
        let with = |priority| {
            parse(&format!(
                "description = \"x\"\nexec = [\"/x\"]\nrealtime = {priority}"
            ))
        };
        assert_eq!(with(99).expect("the greatest").realtime, Some(99));
        assert!(matches!(
            with(100),
            Err(UnitError::NoPriority { priority: 100, .. })
        ));
        assert!(with(0).is_err());
    }

    #[test]
    fn servers_are_spared_and_what_says_so() {
        let with = |more| parse(&format!("description = \"x\"\nexec = [\"/x\"]\n{more}"));
        let is_spared = |more| with(more).expect("a unit").is_spared();
        assert!(!is_spared(""));
        assert!(is_spared("spared = true"));
        assert!(is_spared("[capabilities]\nmachine = true"));
    }

    #[test]
    fn a_unit_needs_a_program() {
        assert!(matches!(
            parse("description = \"x\"\nexec = []"),
            Err(UnitError::NoProgram { .. })
        ));
    }
}
