//! Where themes and the user's choice live.
//!
//! Themes: the user's own in `$XDG_DATA_HOME/ochre/themes`, the system's in `/ochre/share/themes`
//! (`OCHRE_THEMES` instead, for tests), and those built in, so that there always is one. The first of a name wins.
//! The choice: one file, replaced by renaming, so that who reads it sees the old or the new, never half.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::compile::Theme;
use crate::error::ThemeError;
use crate::preferences::{Preferences, USUAL};

/// The themes of the tree, for where there is no themes directory.
pub(crate) const BUILT_IN: [(&str, &str); 6] = [
    ("ochre-light", include_str!("../themes/ochre-light.toml")),
    ("ochre-dark", include_str!("../themes/ochre-dark.toml")),
    (
        "high-contrast-light",
        include_str!("../themes/high-contrast-light.toml"),
    ),
    (
        "high-contrast-dark",
        include_str!("../themes/high-contrast-dark.toml"),
    ),
    ("tidal-light", include_str!("../themes/tidal-light.toml")),
    ("tidal-dark", include_str!("../themes/tidal-dark.toml")),
];

/// A theme file is small; a larger one is a mistake.
const LARGEST: u64 = 64 * 1024;

/// A theme that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What `theme set` takes: the file's name without `.toml`.
    pub id: String,
    pub path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no theme is called {0}")]
    Unknown(String),
    #[error("{0}")]
    Theme(#[from] ThemeError),
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("neither XDG_CONFIG_HOME nor HOME says where settings live")]
    NoHome,
}

/// The directories of themes and settings.
#[derive(Clone, Debug)]
pub struct Store {
    themes: Vec<PathBuf>,
    config: Option<PathBuf>,
}

impl Store {
    /// As the environment says.
    pub fn new() -> Store {
        let variable = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let home = variable("HOME");
        let under_home = |name: &str| home.as_ref().map(|home| home.join(name));
        let user = variable("XDG_DATA_HOME").or_else(|| under_home(".local/share"));
        let system =
            variable("OCHRE_THEMES").unwrap_or_else(|| PathBuf::from("/ochre/share/themes"));
        let config = variable("XDG_CONFIG_HOME").or_else(|| under_home(".config"));
        Store::at(
            user.map(|data| data.join("ochre/themes"))
                .into_iter()
                .chain([system])
                .collect(),
            config.map(|config| config.join("ochre")),
        )
    }

    /// Themes from these directories, first wins; the choice in `config/theme.toml`.
    pub fn at(themes: Vec<PathBuf>, config: Option<PathBuf>) -> Store {
        Store { themes, config }
    }

    /// Where the choice is kept; what a watcher watches.
    pub fn config_dir(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    pub(crate) fn theme_dirs(&self) -> impl Iterator<Item = &Path> {
        self.themes.iter().map(PathBuf::as_path)
    }

    /// All themes by id, sorted.
    pub fn list(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut add = |entry: Entry| {
            if entries.iter().all(|have| have.id != entry.id) {
                entries.push(entry);
            }
        };
        for directory in &self.themes {
            let files = fs::read_dir(directory).into_iter().flatten().flatten();
            for path in files.map(|file| file.path()) {
                let is_toml = path
                    .extension()
                    .is_some_and(|extension| extension == "toml");
                if let (true, Some(id)) = (is_toml, path.file_stem().and_then(|stem| stem.to_str()))
                {
                    add(Entry {
                        id: id.to_owned(),
                        path: path.clone(),
                    });
                }
            }
        }
        for (id, _) in BUILT_IN {
            add(Entry {
                id: id.to_owned(),
                path: built_in_path(id),
            });
        }
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        entries
    }

    /// A theme's text and where it stands.
    fn text(&self, id: &str) -> Result<(String, PathBuf), StoreError> {
        // An id is a file's name, no way out of the themes directories.
        if id.contains('/') || id.starts_with('.') {
            return Err(StoreError::Unknown(id.to_owned()));
        }
        for directory in &self.themes {
            let path = directory.join(format!("{id}.toml"));
            match read_small(&path) {
                Ok(text) => return Ok((text, path)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::Io { path, error }),
            }
        }
        let built_in = BUILT_IN.iter().find(|(name, _)| *name == id);
        let (_, text) = built_in.ok_or_else(|| StoreError::Unknown(id.to_owned()))?;
        Ok(((*text).to_owned(), built_in_path(id)))
    }

    /// Compiles the theme as it would look with these preferences.
    pub fn load(&self, id: &str, preferences: &Preferences) -> Result<Theme, StoreError> {
        let (text, path) = self.text(id)?;
        Ok(Theme::with_preferences(&text, path, preferences)?)
    }

    pub fn preferences(&self) -> Preferences {
        let file = self.config.as_ref().map(|config| config.join("theme.toml"));
        let text = file
            .and_then(|file| read_small(&file).ok())
            .unwrap_or_default();
        Preferences::parse(&text)
    }

    /// The chosen theme. One that can't be compiled is an error: keep the last good one then.
    pub fn active(&self) -> Result<Theme, StoreError> {
        let preferences = self.preferences();
        self.load(&preferences.theme, &preferences)
    }

    /// The chosen theme, or the usual one if that is broken.
    pub fn active_or_usual(&self) -> Theme {
        self.active().unwrap_or_else(|_| {
            let (id, text) = BUILT_IN[0];
            debug_assert_eq!(id, USUAL);
            Theme::parse(text, built_in_path(id)).expect("a test compiles every built-in theme")
        })
    }

    /// Makes the preferences the user's choice, after seeing that their theme compiles.
    pub fn set(&self, preferences: &Preferences) -> Result<(), StoreError> {
        self.load(&preferences.theme, preferences)?;
        let config = self.config.as_ref().ok_or(StoreError::NoHome)?;
        let path = config.join("theme.toml");
        let fresh = config.join(format!(".theme.toml.{}", std::process::id()));
        fs::create_dir_all(config)
            .and_then(|()| fs::write(&fresh, preferences.to_toml()))
            .and_then(|()| fs::rename(&fresh, &path))
            .map_err(|error| StoreError::Io { path, error })
    }
}

impl Default for Store {
    fn default() -> Store {
        Store::new()
    }
}

fn built_in_path(id: &str) -> PathBuf {
    PathBuf::from(format!("built-in/{id}.toml"))
}

fn read_small(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "larger than any theme",
        ));
    }
    Ok(text)
}

/// Opens a regular file. Of a pipe or a device in its place the reader would wait for ever.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"))
}

/// The same theme in the other mode, by the `-light` / `-dark` ending of its id.
pub fn counterpart(id: &str) -> Option<String> {
    id.strip_suffix("-light")
        .map(|stem| format!("{stem}-dark"))
        .or_else(|| id.strip_suffix("-dark").map(|stem| format!("{stem}-light")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_no_theme_and_nobody_waits_for_it() {
        let store = store("pipe");
        let path = store.themes[0].join("pipe.toml");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, Mode::RWXU).unwrap();
        let told = store.load("pipe", &Preferences::default()).unwrap_err();
        assert!(matches!(told, StoreError::Io { .. }), "{told}");
    }

    fn store(name: &str) -> Store {
        let root = std::env::temp_dir().join(format!("ochre-theme-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("themes")).unwrap();
        Store::at(vec![root.join("themes")], Some(root.join("config")))
    }

    #[test]
    fn choosing_is_remembered_and_checked() {
        let store = store("choose");
        assert_eq!(store.active().unwrap().name, "Ochre Light");
        let dark = Preferences {
            theme: "ochre-dark".to_owned(),
            ..Preferences::default()
        };
        store.set(&dark).unwrap();
        assert_eq!(store.active().unwrap().name, "Ochre Dark");
        for id in ["nowhere", "../themes/x", "", ".hidden"] {
            let wrong = Preferences {
                theme: id.to_owned(),
                ..Preferences::default()
            };
            assert!(store.set(&wrong).is_err(), "{id}");
        }
        assert_eq!(
            store.preferences(),
            dark,
            "a refused choice changes nothing"
        );
    }

    #[test]
    fn a_file_goes_before_what_is_built_in() {
        let store = store("file");
        let file = store.themes[0].join("ochre-dark.toml");
        fs::write(&file, "name = 'Mine'\nmode = 'dark'").unwrap();
        fs::write(
            store.themes[0].join("new.toml"),
            "mode = 'light'\nbase = '#123456'",
        )
        .unwrap();
        assert_eq!(
            store
                .load("ochre-dark", &Preferences::default())
                .unwrap()
                .name,
            "Mine"
        );
        assert_eq!(store.list().len(), BUILT_IN.len() + 1);
        let error = store
            .load("new", &Preferences::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains("new.toml:2:8:"), "{error}");
    }

    #[test]
    fn counterparts() {
        assert_eq!(counterpart("ochre-light").as_deref(), Some("ochre-dark"));
        assert_eq!(
            counterpart("high-contrast-dark").as_deref(),
            Some("high-contrast-light")
        );
        assert_eq!(counterpart("paper"), None);
    }
}
