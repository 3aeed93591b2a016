//! Tells when the user's choice, or the chosen theme's file, changes.
//!
//! The directory is watched, not the file: the choice is replaced by renaming.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

use crate::store::Store;

/// Readable when the theme may have changed.
#[derive(Debug)]
pub struct ThemeWatcher {
    inotify: OwnedFd,
    /// The watch of the directory where other programs' settings are, too.
    settings: Option<i32>,
}

impl ThemeWatcher {
    /// Watches the store's settings, creating their directory if need be, and its theme files.
    pub fn new(store: &Store) -> io::Result<ThemeWatcher> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let changes = WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE | WatchFlags::DELETE;
        let mut settings = None;
        if let Some(config) = store.config_dir() {
            std::fs::create_dir_all(config)?;
            settings = Some(inotify::add_watch(&inotify, config, changes)?);
        }
        for directory in store.theme_dirs().filter(|directory| directory.is_dir()) {
            inotify::add_watch(&inotify, directory, changes)?;
        }
        Ok(ThemeWatcher { inotify, settings })
    }

    /// Takes what happened; whether anything did that concerns themes. Never blocks.
    pub fn changed(&mut self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        let mut changed = false;
        while let Ok(event) = reader.next() {
            let name = event.file_name().map(|name| name.to_bytes());
            let ours: &[u8] = if Some(event.wd()) == self.settings {
                b"theme.toml"
            } else {
                b".toml"
            };
            changed |= event.events().contains(ReadFlags::QUEUE_OVERFLOW)
                || name.is_some_and(|name| name.ends_with(ours));
        }
        changed
    }
}

impl AsFd for ThemeWatcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::Preferences;

    #[test]
    fn a_choice_wakes_and_a_temporary_file_does_not() {
        let root = std::env::temp_dir().join(format!("ochre-watch-{}", std::process::id()));
        let store = Store::at(vec![], Some(root.clone()));
        let mut watcher = ThemeWatcher::new(&store).unwrap();
        assert!(!watcher.changed());
        std::fs::write(root.join("other.txt"), "").unwrap();
        std::fs::write(root.join("compositor.toml"), "").unwrap();
        assert!(!watcher.changed());
        store.set(&Preferences::default()).unwrap();
        assert!(watcher.changed());
        assert!(!watcher.changed(), "told once");
        std::fs::remove_dir_all(&root).unwrap();
    }
}
