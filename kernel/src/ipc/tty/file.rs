//! An open terminal: a serial port, or the slave side of a pty.

use super::{Tty, control, job};
use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::fs::node::{Node, OpenFlags};
use crate::linux::ioctl as cmd;
use crate::mm::uptr::UserPtr;
use crate::sched;
use crate::sched::wait::WaitQueue;
use crate::task::Pid;
use crate::task::credentials::Capabilities;
use crate::task::signal;
use crate::uio::{Dest, Source};
use alloc::sync::Arc;
use core::any::Any;

pub struct TtyFile {
    tty: Arc<Tty>,
    /// The terminal's count of hang-ups when this was opened.
    generation: u64,
    node: Arc<Node>,
}

impl TtyFile {
    /// Opens `tty`; makes it the controlling terminal of a session leader without one, unless
    /// O_NOCTTY says no.
    pub fn open(tty: &Arc<Tty>, node: &Arc<Node>, flags: OpenFlags) -> Result<Arc<TtyFile>> {
        let generation = {
            let mut state = tty.state.lock();
            let taken = state.exclusive && state.opens > 0;
            let generation = state.generation;
            if taken {
                drop(state);
                let credentials = sched::current().credentials();
                if !credentials.can(Capabilities::SYS_ADMIN) {
                    return Err(Errno::EBUSY);
                }
                tty.state.lock().opens += 1;
            } else {
                state.opens += 1;
            }
            generation
        };
        if !flags.contains(OpenFlags::NO_CTTY) && flags.reads() {
            job::acquire_on_open(tty);
        }
        Ok(Arc::new(TtyFile {
            tty: tty.clone(),
            generation,
            node: node.clone(),
        }))
    }

    #[must_use]
    pub fn tty(&self) -> &Arc<Tty> {
        &self.tty
    }
}

impl Drop for TtyFile {
    fn drop(&mut self) {
        let last = {
            let mut state = self.tty.state.lock();
            state.opens -= 1;
            state.opens == 0
        };
        if last {
            self.tty.state.lock().exclusive = false;
            self.tty.driver.notify();
        }
    }
}

impl File for TtyFile {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        if self.tty.is_dead(self.generation) {
            return Ok(0);
        }
        job::check(&self.tty, signal::SIGTTIN)?;
        self.tty.read(dst, self.generation, io.nonblock)
    }

    fn write(&self, io: Io, src: &mut Source<'_>) -> Result<usize> {
        if self.tty.is_dead(self.generation) {
            return Err(Errno::EIO);
        }
        job::check_write(&self.tty)?;
        self.tty.write(src, self.generation, io.nonblock)
    }

    fn splices(&self) -> Events {
        Events::READABLE | Events::WRITABLE
    }

    fn poll(&self) -> Events {
        let state = self.tty.state.lock();
        if state.generation != self.generation {
            return Events::READABLE | Events::WRITABLE | Events::ERR | Events::HUP;
        }
        let mut events = Events::empty();
        let (min, time) = state.line.termios.min_time();
        if state.line.is_readable(if time == 0 { min } else { 1 }) {
            events |= Events::READABLE;
        }
        if self.tty.driver.room() > 0 && !state.stopped {
            events |= Events::WRITABLE;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.tty.input)
    }

    fn signals_events(&self) -> bool {
        true
    }

    fn foreground(&self) -> Option<Pid> {
        Some(self.tty.state.lock().foreground)
    }

    fn second_wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.tty.output)
    }

    fn ioctl(&self, command: u32, arg: usize) -> Result<usize> {
        if self.tty.is_dead(self.generation) {
            return Err(if command == cmd::TIOCSPGRP {
                Errno::ENOTTY
            } else {
                Errno::EIO
            });
        }
        match command {
            cmd::TIOCOUTQ => {
                UserPtr::new(arg).write(&(self.tty.driver.pending() as u32))?;
                Ok(0)
            }
            _ => control::ioctl(&self.tty, command, arg, false),
        }
    }

    fn readable_bytes(&self) -> Result<usize> {
        Ok(self.tty.state.lock().line.readable_bytes())
    }

    fn node(&self) -> Option<Arc<Node>> {
        Some(self.node.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
