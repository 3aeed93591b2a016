//! What a thread acts with: its descriptors, its directories and umask, its credentials. Threads of a
//! process mostly share the first two, as do processes that were cloned so; each can come to have its own
//! (clone without CLONE_FILES or CLONE_FS, unshare). Credentials are each thread's own affair: what
//! changes them, but for execve, changes them for the caller alone.
//!
//! Locks: one for each of the three, held for an instant; that of the descriptors while one is looked up.

use super::credentials::Credentials;
use super::thread::Thread;
use crate::errno::{Errno, Result};
use crate::fs::context::FsContext;
use crate::fs::fd_table::FdTable;
use crate::fs::open::OpenFile;
use crate::lock_order;
use alloc::sync::Arc;
use ochre_hal::sync::SpinLock;

/// What a new thread is given.
#[derive(Clone)]
pub struct Shared {
    pub files: Arc<FdTable>,
    pub fs: Arc<FsContext>,
    pub credentials: Arc<Credentials>,
}

pub struct Holdings {
    /// None once it has ended.
    files: SpinLock<Option<Arc<FdTable>>>,
    fs: SpinLock<Arc<FsContext>>,
    credentials: SpinLock<Arc<Credentials>>,
}

impl Holdings {
    #[must_use]
    pub fn new(shared: Shared) -> Holdings {
        Holdings {
            files: SpinLock::new(lock_order::FD_TABLE_OF, Some(shared.files)),
            fs: SpinLock::new(lock_order::CELL, shared.fs),
            credentials: SpinLock::new(lock_order::CELL, shared.credentials),
        }
    }
}

impl Thread {
    /// The descriptor table; one without descriptors once it has ended.
    #[must_use]
    pub fn files(&self) -> Arc<FdTable> {
        let files = self.holdings.files.lock().clone();
        files.unwrap_or_default()
    }

    /// What `work` makes of the descriptor table, without becoming its owner for the time; nothing once the thread
    /// has ended.
    pub fn with_files<T>(&self, work: impl FnOnce(&FdTable) -> T) -> Option<T> {
        self.holdings.files.lock().as_deref().map(work)
    }

    /// The description behind one of its descriptors. The same as asking the table, without
    /// becoming its owner for the time.
    pub fn any_file(&self, fd: i32) -> Result<Arc<OpenFile>> {
        let files = self.holdings.files.lock();
        files.as_ref().ok_or(Errno::EBADF)?.get(fd)
    }

    /// As [`Thread::any_file`], for anything but what O_PATH allows.
    pub fn open_file(&self, fd: i32) -> Result<Arc<OpenFile>> {
        let open = self.any_file(fd)?;
        if open.is_path_only() {
            return Err(Errno::EBADF);
        }
        Ok(open)
    }

    /// Has a copy of the descriptor table from now on, if it shares it.
    pub fn unshare_files(&self) -> Result {
        let shared = self.files();
        // One in the thread, one here.
        if Arc::strong_count(&shared) > 2 {
            let own = Arc::new(shared.fork()?);
            let old = self.holdings.files.lock().replace(own);
            drop(old);
        }
        Ok(())
    }

    /// Root, working directory, umask.
    #[must_use]
    pub fn fs(&self) -> Arc<FsContext> {
        self.holdings.fs.lock().clone()
    }

    /// Has a copy of root, working directory and umask from now on, if it shares them; with `namespace`, in a
    /// namespace of its own.
    pub fn unshare_fs(&self, namespace: bool) -> Result {
        let shared = self.fs();
        if namespace || Arc::strong_count(&shared) > 2 {
            let own = shared.fork();
            if namespace {
                own.unshare_namespace()?;
            }
            drop(self.replace_fs(Arc::new(own)));
        }
        Ok(())
    }

    fn replace_fs(&self, new: Arc<FsContext>) -> Arc<FsContext> {
        core::mem::replace(&mut *self.holdings.fs.lock(), new)
    }

    #[must_use]
    pub fn credentials(&self) -> Arc<Credentials> {
        self.holdings.credentials.lock().clone()
    }

    /// The leader's are its process's, to others.
    pub fn set_credentials(&self, new: Credentials) {
        let new = Arc::new(new);
        let process = self.process();
        if self.tid() == process.pid {
            process.set_leaders_credentials(new.clone());
        }
        let old = core::mem::replace(&mut *self.holdings.credentials.lock(), new);
        drop(old);
    }

    /// The thread ends: it gives back descriptors and directories, which are closed where nobody shares
    /// them.
    pub(super) fn let_holdings_go(&self) {
        let files = self.holdings.files.lock().take();
        if let Some(files) = files.and_then(Arc::into_inner) {
            files.close_all();
        }
        // The working directory may be one of its own in /proc, which owns it in turn.
        let namespace = self.fs().view().namespace;
        drop(self.replace_fs(Arc::new(FsContext::new(namespace))));
    }
}
