//! A process's view of the tree: its root, its working directory and its umask.

use crate::errno::{Errno, Result};
use crate::fs::access::Identity;
use crate::fs::namespace::{Namespace, Path};
use crate::fs::path::{PATH_MAX, Resolve, Walk};
use crate::lock_order;
use alloc::sync::Arc;
use ochre_hal::admission;
use ochre_hal::sync::SpinLock;

/// What clone's CLONE_FS shares.
pub struct FsContext {
    state: SpinLock<State>,
}

#[derive(Clone)]
struct State {
    view: FsView,
    umask: u32,
}

/// A snapshot of where names start, for one operation.
#[derive(Clone)]
pub struct FsView {
    pub namespace: Arc<Namespace>,
    pub root: Path,
    pub cwd: Path,
}

impl FsContext {
    #[must_use]
    pub fn new(namespace: Arc<Namespace>) -> FsContext {
        let root = namespace.root();
        let view = FsView {
            namespace,
            cwd: root.clone(),
            root,
        };
        FsContext {
            state: SpinLock::new(lock_order::CELL, State { view, umask: 0o022 }),
        }
    }

    /// A copy: fork without CLONE_FS.
    #[must_use]
    pub fn fork(&self) -> FsContext {
        let state = self.state.lock().clone();
        FsContext {
            state: SpinLock::new(lock_order::CELL, state),
        }
    }

    #[must_use]
    pub fn view(&self) -> FsView {
        self.state.lock().view.clone()
    }

    #[must_use]
    pub fn umask(&self) -> u32 {
        self.state.lock().umask
    }

    /// Sets the umask and returns the old one.
    pub fn set_umask(&self, mask: u32) -> u32 {
        core::mem::replace(&mut self.state.lock().umask, mask & 0o777)
    }

    pub fn set_cwd(&self, cwd: Path) {
        let old = core::mem::replace(&mut self.state.lock().view.cwd, cwd);
        drop(old);
    }

    pub fn set_root(&self, root: Path) {
        let old = core::mem::replace(&mut self.state.lock().view.root, root);
        drop(old);
    }

    /// What was at `old` is at `new` from now on: root and working directory follow.
    pub fn follow(&self, old: &Path, new: &Path) {
        let mut state = self.state.lock();
        let view = &mut state.view;
        let replaced = [&mut view.root, &mut view.cwd]
            .map(|place| (place == old).then(|| core::mem::replace(place, new.clone())));
        drop(state);
        drop(replaced);
    }

    /// Moves to a namespace of its own (unshare(CLONE_NEWNS)): root and working directory keep their place
    /// in the copy. What is in no mount of it any more stays what it is.
    pub fn unshare_namespace(&self) -> Result {
        let old = self.view();
        let (namespace, copies) = old.namespace.try_clone()?;
        let place = |path: &Path| Path {
            mount: copies.get(&path.mount.id).unwrap_or(&path.mount).clone(),
            dentry: path.dentry.clone(),
        };
        let view = FsView {
            root: place(&old.root),
            cwd: place(&old.cwd),
            namespace,
        };
        let old = core::mem::replace(&mut self.state.lock().view, view);
        drop(old);
        Ok(())
    }
}

impl FsView {
    /// Resolves `path` from the working directory.
    pub fn lookup(&self, identity: &Identity, path: &[u8], resolve: Resolve) -> Result<Path> {
        self.lookup_at(identity, self.cwd.clone(), path, resolve)
    }

    pub fn lookup_at(
        &self,
        identity: &Identity,
        start: Path,
        path: &[u8],
        resolve: Resolve,
    ) -> Result<Path> {
        Walk::new(self, identity, start, path, resolve)?.finish()
    }

    /// The absolute name of `path`, as this view's owner sees it; `ENAMETOOLONG` beyond `PATH_MAX`.
    pub fn name_of(&self, path: &Path) -> Result<alloc::vec::Vec<u8>> {
        let (mut name, reachable) = path.name_from(&self.root, PATH_MAX)?;
        if path.dentry.is_removed() {
            return Err(Errno::ENOENT);
        }
        if !reachable {
            let mut marked = b"(unreachable)".to_vec();
            admission::append(&mut marked, &name)?;
            name = marked;
        }
        Ok(name)
    }
}
