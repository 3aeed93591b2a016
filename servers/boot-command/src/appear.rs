//! Waiting for a file that another unit makes.

use anyhow::{Context, Result};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::path::Path;

/// Waits until there is something at `path`. Its folder may not be there yet either.
pub fn wait_for(path: &Path) -> Result<()> {
    let watcher = inotify::init(CreateFlags::CLOEXEC).context("cannot watch folders")?;
    let mut events = [0; 4096];
    loop {
        // Whatever comes next on the way to it comes into the nearest folder that is there.
        let nearest = || path.ancestors().skip(1).find(|folder| folder.is_dir());
        let folder = nearest().context("there is no such place")?;
        inotify::add_watch(&watcher, folder, WatchFlags::CREATE | WatchFlags::MOVED_TO)
            .with_context(|| format!("cannot watch {}", folder.display()))?;
        if path.exists() {
            return Ok(());
        }
        // Between the look and the watch, it may have come nearer.
        if nearest() == Some(folder) {
            rustix::io::read(&watcher, &mut events).context("cannot watch folders")?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::thread;

    #[test]
    fn what_comes_later_is_waited_for() {
        let root = std::env::temp_dir().join(format!("ochre-appear-{}", std::process::id()));
        fs::create_dir(&root).unwrap();
        let path = root.join("folder/deeper/socket");
        thread::scope(|scope| {
            let waiter = scope.spawn(|| wait_for(&path));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(root.join("folder/other"), "").unwrap();
            fs::write(&path, "").unwrap();
            waiter.join().unwrap().unwrap();
        });
        wait_for(&path).unwrap();
        fs::remove_dir_all(root).unwrap();
    }
}
