//! The tree of names at boot: the archive unpacked at `/`, and what the kernel serves itself at
//! `/dev`, `/proc` and `/sys`.

use crate::errno::{Errno, Result};
use crate::fs::access::Identity;
use crate::fs::archive::{self, ArchiveError};
use crate::fs::context::FsView;
use crate::fs::names::{self, Name};
use crate::fs::namespace::{MountFlags, Namespace, Path};
use crate::fs::node::{DeviceNumber, NewKind, Node};
use crate::fs::path::Resolve;
use crate::fs::tmpfs::Tmpfs;
use crate::fs::{memory_devices, proc};
use crate::ipc::{pty, tty};
use alloc::sync::Arc;
use ochre_hal::boot::BootArchive;

/// Makes the tree that process 1 sees.
pub fn root(archive: Option<&BootArchive>) -> Result<Arc<Namespace>, ArchiveError> {
    let refused = |entry: &str, error| ArchiveError {
        entry: entry.into(),
        offset: 0,
        reason: archive::Reason::Refused(error),
    };
    let top = Tmpfs::root(0o755).map_err(|error| refused("/", error))?;
    let namespace = Namespace::new(top, "tmpfs", "root");
    let view = FsView {
        root: namespace.root(),
        cwd: namespace.root(),
        namespace: namespace.clone(),
    };
    if let Some(archive) = archive {
        let summary = archive::unpack(archive, &view)?;
        ochre_hal::log!(
            "boot archive: {} entries, {} pages in place, {} KiB copied",
            summary.entries,
            summary.pages_in_place,
            summary.copied / 1024
        );
    }
    let tree = Tree {
        view: &view,
        identity: Identity::kernel(),
    };
    tree.populate()
        .map_err(|error| refused("system directories", error))?;
    Ok(namespace)
}

struct Tree<'a> {
    view: &'a FsView,
    identity: Identity,
}

impl Tree<'_> {
    fn populate(&self) -> Result {
        // Not mounts of their own: the root is in memory already, and the archive may have files
        // there.
        self.directory(b"/tmp", 0o1777)?;
        self.directory(b"/run", 0o755)?;
        self.mount(b"/proc", proc::root(), "proc", "proc", 0o555)?;
        self.mount(b"/sys", proc::sys_root(), "sysfs", "sysfs", 0o555)?;
        self.mount(b"/dev", Tmpfs::root(0o755)?, "devtmpfs", "devtmpfs", 0o755)?;
        memory_devices::register();
        tty::register();
        pty::register();
        let devices = memory_devices::NODES.iter().chain(tty::NODES.iter());
        for &(name, number, mode) in devices {
            self.device(name, number, mode)?;
        }
        self.directory(b"/dev/shm", 0o1777)?;
        self.mount(b"/dev/pts", pty::root(), "devpts", "devpts", 0o755)?;
        for (name, target) in [
            (&b"/dev/fd"[..], &b"/proc/self/fd"[..]),
            (b"/dev/stdin", b"/proc/self/fd/0"),
            (b"/dev/stdout", b"/proc/self/fd/1"),
            (b"/dev/stderr", b"/proc/self/fd/2"),
        ] {
            self.make(name, NewKind::Symlink(target), 0o777)?;
        }
        Ok(())
    }

    fn make(&self, path: &[u8], what: NewKind<'_>, mode: u32) -> Result<Path> {
        let name = Name {
            start: self.view.root.clone(),
            path,
        };
        names::make(self.view, &self.identity, &name, what, mode)
    }

    fn device(&self, name: &str, number: DeviceNumber, mode: u32) -> Result {
        let path = alloc::format!("/dev/{name}");
        self.make(path.as_bytes(), NewKind::CharDevice(number), mode)
            .map(|_| ())
    }

    /// The directory at `path`, made unless it is there.
    fn directory(&self, path: &[u8], mode: u32) -> Result<Path> {
        match self.make(path, NewKind::Directory, mode) {
            Err(Errno::EEXIST) => {
                self.view
                    .lookup(&self.identity, path, Resolve::FOLLOW | Resolve::DIRECTORY)
            }
            made => made,
        }
    }

    fn mount(&self, path: &[u8], root: Arc<Node>, kind: &str, source: &str, mode: u32) -> Result {
        let point = self.directory(path, mode)?;
        self.view
            .namespace
            .mount_node(point, root, kind, source, MountFlags::RELATIME)?;
        Ok(())
    }
}
