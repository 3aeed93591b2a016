//! Where keymap files are searched, and which names are the defaults.

use std::path::{Path, PathBuf};

use super::{CONTEXT_NO_DEFAULT_INCLUDES, CONTEXT_NO_ENVIRONMENT_NAMES, ContextFlags};

/// Where XKB's data may be installed: Ochre's own, then a Debian root's.
const DATA_DIRS: [&str; 2] = ["/ochre/share/X11/xkb", "/usr/share/X11/xkb"];
/// Where compose files may be installed.
const LOCALE_DIRS: [&str; 2] = ["/ochre/share/X11/locale", "/usr/share/X11/locale"];

/// How much of what goes wrong is told. Kept for callers; diagnostics are not printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Critical = 10,
    Error = 20,
    Warning = 30,
    Info = 40,
    Debug = 50,
}

/// The include paths and default names that keymaps are compiled with.
#[derive(Clone, Debug)]
pub struct Context {
    paths: Vec<PathBuf>,
    environment_names: bool,
    log_level: LogLevel,
    log_verbosity: i32,
}

impl Context {
    #[must_use]
    pub fn new(flags: ContextFlags) -> Context {
        let mut context = Context {
            paths: Vec::new(),
            environment_names: flags & CONTEXT_NO_ENVIRONMENT_NAMES == 0,
            log_level: LogLevel::Error,
            log_verbosity: 0,
        };
        if flags & CONTEXT_NO_DEFAULT_INCLUDES == 0 {
            context.include_path_append_default();
        }
        context
    }

    /// Adds a directory; false if it is none.
    pub fn include_path_append(&mut self, path: &Path) -> bool {
        let is_dir = path.is_dir();
        if is_dir {
            self.paths.push(path.to_owned());
        }
        is_dir
    }

    /// Adds the user's, the administrator's and the system's directories; false if none is there.
    pub fn include_path_append_default(&mut self) -> bool {
        let home = variable("HOME").map(PathBuf::from);
        let user = variable("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| home.as_ref().map(|home| home.join(".config")))
            .map(|config| config.join("xkb"));
        let legacy = home.map(|home| home.join(".xkb"));
        let extra = variable("XKB_CONFIG_EXTRA_PATH").unwrap_or_else(|| "/etc/xkb".to_owned());
        let root = variable("XKB_CONFIG_ROOT").unwrap_or_else(|| first_directory(&DATA_DIRS));

        let mut found = false;
        for path in user
            .into_iter()
            .chain(legacy)
            .chain([extra.into(), root.into()])
        {
            found |= self.include_path_append(&path);
        }
        found
    }

    pub fn include_path_reset_defaults(&mut self) -> bool {
        self.include_path_clear();
        self.include_path_append_default()
    }

    pub fn include_path_clear(&mut self) {
        self.paths.clear();
    }

    #[must_use]
    pub fn include_paths(&self) -> ContextIncludePaths<'_> {
        ContextIncludePaths(self.paths.iter())
    }

    pub fn set_log_level(&mut self, level: LogLevel) {
        self.log_level = level;
    }

    #[must_use]
    pub fn get_log_level(&self) -> LogLevel {
        self.log_level
    }

    pub fn set_log_verbosity(&mut self, verbosity: i32) {
        self.log_verbosity = verbosity;
    }

    #[must_use]
    pub fn get_log_verbosity(&self) -> i32 {
        self.log_verbosity
    }

    /// An address for a debug print, where the bindings have the C object's.
    #[must_use]
    pub fn get_raw_ptr(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }

    /// The compiler that reads files from these paths.
    pub(super) fn compiler(&self) -> kbvm::xkb::Context {
        let environment_names = self.environment_names;
        let mut builder = kbvm::xkb::Context::builder();
        builder.enable_default_includes(false);
        for path in &self.paths {
            builder.append_path(path);
        }
        builder.environment_accessor(move |name| match name {
            "XLOCALEDIR" => variable(name).or_else(|| Some(first_directory(&LOCALE_DIRS))),
            _ if name.starts_with("XKB_DEFAULT_") && !environment_names => None,
            _ => variable(name),
        });
        builder.build()
    }
}

/// An environment variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn first_directory(candidates: &[&str; 2]) -> String {
    let found = candidates.iter().find(|dir| Path::new(dir).is_dir());
    (*found.unwrap_or(&candidates[0])).to_owned()
}

/// The include paths in the order they are searched.
pub struct ContextIncludePaths<'a>(std::slice::Iter<'a, PathBuf>);

impl<'a> Iterator for ContextIncludePaths<'a> {
    type Item = &'a Path;

    fn next(&mut self) -> Option<&'a Path> {
        self.0.next().map(PathBuf::as_path)
    }
}
