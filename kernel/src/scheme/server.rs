//! The server's descriptor of a scheme: mmap shows the ring, poll tells of requests, closing it
//! ends the server's life.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, View};
use crate::sched::current;
use crate::sched::wait::WaitQueue;
use crate::scheme::instance::Scheme;
use crate::scheme::ioctl;
use crate::scheme::life::Life;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use ochre_abi::ioctl::Command;
use ochre_hal::addr::PAGE_SIZE;

/// See the module's header.
pub struct ServerFile {
    scheme: Arc<Scheme>,
    life: Arc<Life>,
}

impl ServerFile {
    #[must_use]
    pub fn new(scheme: Arc<Scheme>, life: Arc<Life>) -> ServerFile {
        ServerFile { scheme, life }
    }

    #[must_use]
    pub fn scheme(&self) -> &Arc<Scheme> {
        &self.scheme
    }

    #[must_use]
    pub fn life(&self) -> &Arc<Life> {
        &self.life
    }

    /// Takes over completions, then waits for a request if asked to; how many wait.
    pub fn enter(&self, wait: bool) -> Result<usize> {
        let thread = current();
        self.life.served_by(&thread);
        let files = thread.files();
        let invalidate = |node| self.scheme.changed(node);
        self.life.take_completions(|fd| files.get(fd), invalidate)?;
        if !wait {
            return self.life.waiting();
        }
        self.life.requested().wait(|| match self.life.waiting() {
            Ok(0) => None,
            other => Some(other),
        })?
    }

    /// Declares the scheme's ioctls.
    pub fn set_ioctls(&self, table: Vec<Command>) -> Result {
        ioctl::check_table(&table)?;
        self.life.set_ioctls(table);
        Ok(())
    }
}

impl File for ServerFile {
    fn poll(&self) -> Events {
        match self.life.waiting() {
            Ok(0) => Events::empty(),
            Ok(_) => Events::READABLE,
            Err(_) => Events::ERR,
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(self.life.requested())
    }

    fn memory(&self, offset: u64, _len: usize, _write: bool) -> Result<View> {
        if !offset.is_multiple_of(PAGE_SIZE as u64) {
            return Err(Errno::EINVAL);
        }
        Ok(View::new(self.life.ring().memory().clone(), offset))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for ServerFile {
    fn drop(&mut self) {
        self.life.die();
    }
}
