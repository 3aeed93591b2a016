//! Terminals: a line discipline ([`line`]) between a device ([`Driver`]: a serial port or the
//! master side of a pty) and the programs that have it open ([`file`]), with job control ([`job`]).
//!
//! Locks: one spinlock holds settings, input and job control of a terminal; the driver's own queue
//! is inside it, so output keeps its order. Waking and signalling come after it is released.

pub mod control;
pub mod file;
pub mod job;
pub mod line;
mod serial;
pub mod shown;
pub mod termios;

pub use file::TtyFile;
pub use serial::{NODES, interrupt, register, settle};

use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::fs::node::DeviceNumber;
use crate::lock_order;
use crate::sched::cpu;
use crate::sched::wait::{self, Interrupt, WaitQueue};
use crate::task::Pid;
use crate::task::session;
use crate::task::signal::{self, SigInfo};
use crate::time::Deadline;
use crate::uio::{Dest, Source};
use alloc::sync::Arc;
use line::{Effects, INPUT_MAX, Line};
use ochre_hal::admission;
use ochre_hal::sync::SpinLock;
use shown::Shown;
use termios::{Termios, WindowSize};

/// The device below a line discipline. Called with the terminal's lock held, but for
/// [`Driver::notify`].
pub trait Driver: Send + Sync {
    /// How much output it takes now. A bit more than that may come.
    fn room(&self) -> usize;

    fn write(&self, bytes: &[u8]);

    /// Output not shown yet that readers of the device have not taken.
    fn pending(&self) -> usize {
        0
    }

    /// Drops output that was not shown yet.
    fn discard(&self) {}

    /// After output, or when there is room for input again: wakes whoever waits at the device.
    fn notify(&self) {}

    /// Settings changed: what a pty's packet mode reports.
    fn settings_changed(&self, _old: &Termios, _new: &Termios) {}
}

pub(super) struct State {
    pub line: Line,
    pub window: WindowSize,
    /// The session whose terminal this is.
    pub session: Option<Pid>,
    /// The process group that may read and gets the keyboard's signals; 0 for none.
    pub foreground: Pid,
    /// Output stopped by the user or by TCXONC.
    stopped: bool,
    pub exclusive: bool,
    /// Counts hang-ups: files opened before the last one are dead.
    pub generation: u64,
    pub opens: usize,
    /// Kept for its capacity.
    scratch: Shown,
}

pub struct Tty {
    number: DeviceNumber,
    driver: Arc<dyn Driver>,
    pub(super) state: SpinLock<State>,
    /// Waiters for input.
    input: WaitQueue,
    /// Waiters for room for output.
    output: WaitQueue,
}

/// Bytes taken from a writer at a time.
const CHUNK: usize = 512;

impl Tty {
    #[must_use]
    pub fn new(number: DeviceNumber, driver: Arc<dyn Driver>, settings: Termios) -> Arc<Tty> {
        Arc::new(Tty {
            number,
            driver,
            state: SpinLock::new(
                lock_order::TTY,
                State {
                    line: Line::new(settings),
                    window: WindowSize::default(),
                    session: None,
                    foreground: 0,
                    stopped: false,
                    exclusive: false,
                    generation: 0,
                    opens: 0,
                    scratch: Shown::default(),
                },
            ),
            input: WaitQueue::new(),
            output: WaitQueue::new(),
        })
    }

    #[must_use]
    pub fn number(&self) -> DeviceNumber {
        self.number
    }

    #[must_use]
    pub fn termios(&self) -> Termios {
        self.state.lock().line.termios
    }

    pub fn set_termios(&self, new: Termios) {
        {
            let mut state = self.state.lock();
            let old = state.line.termios;
            state.line.set_termios(new);
            self.driver.settings_changed(&old, &new);
        }
        self.input.wake_all(Events::READABLE);
        self.driver.notify();
    }

    #[must_use]
    pub fn window(&self) -> WindowSize {
        self.state.lock().window
    }

    /// Sets the window size; the foreground group hears of a change.
    pub fn set_window(&self, window: WindowSize) {
        let foreground = {
            let mut state = self.state.lock();
            if core::mem::replace(&mut state.window, window) == window {
                return;
            }
            state.foreground
        };
        if foreground != 0 {
            session::signal_group(foreground, &SigInfo::kernel(signal::SIGWINCH));
        }
    }

    pub fn input_queue(&self) -> &WaitQueue {
        &self.input
    }

    pub fn output_queue(&self) -> &WaitQueue {
        &self.output
    }

    /// There is room for output again, or none who would read it.
    pub fn output_drained(&self) {
        self.output.wake_all(Events::WRITABLE);
    }

    fn is_dead(&self, generation: u64) -> bool {
        self.state.lock().generation != generation
    }

    /// How much input the discipline takes now.
    #[must_use]
    pub fn input_room(&self) -> usize {
        self.state.lock().line.room()
    }

    /// Bytes came from the device.
    pub fn receive(&self, bytes: &[u8]) {
        let mut effects = Effects::default();
        let foreground = {
            let mut state = self.state.lock();
            let mut echo = core::mem::take(&mut state.scratch);
            for &byte in bytes {
                state.line.receive(byte, &mut echo, &mut effects);
            }
            if effects.flush_output {
                self.driver.discard();
            }
            if let Some(stop) = effects.flow {
                state.stopped = stop;
            }
            if !echo.bytes().is_empty() {
                self.driver.write(echo.bytes());
            }
            state.scratch = echo.emptied();
            state.foreground
        };
        for &signal in &effects.signals {
            if foreground != 0 {
                session::signal_group(foreground, &SigInfo::kernel(signal));
            }
        }
        if effects.readable {
            self.input.wake_all(Events::READABLE);
        }
        if effects.flow == Some(false) || effects.flush_output {
            self.output_drained();
        }
        self.driver.notify();
    }

    /// Writes all of `src`, through output processing.
    fn write(&self, src: &mut Source<'_>, generation: u64, nonblock: bool) -> Result<usize> {
        let before = src.done();
        let result = loop {
            if src.is_full() {
                break Ok(());
            }
            let ready = || {
                let state = self.state.lock();
                if state.generation != generation {
                    return Some(Err(Errno::EIO));
                }
                match self.driver.room() {
                    0 => None,
                    _ if state.stopped => None,
                    room => Some(Ok(room)),
                }
            };
            let room = match crate::ipc::wait_for(nonblock, &self.output, ready) {
                Ok(Ok(room)) => room,
                Ok(Err(error)) | Err(error) => break Err(error),
            };
            let mut chunk = [0; CHUNK];
            let n = CHUNK.min(src.remaining()).min(room);
            if let Err(error) = src.take(&mut chunk[..n]) {
                break Err(error);
            }
            let mut state = self.state.lock();
            let mut out = core::mem::take(&mut state.scratch);
            state.line.process(&chunk[..n], &mut out);
            self.driver.write(out.bytes());
            state.scratch = out.emptied();
            drop(state);
            self.driver.notify();
            if !cpu::keep_on() {
                break Ok(());
            }
        };
        match result {
            Err(error) if src.done() == before => Err(error),
            _ => Ok(src.done() - before),
        }
    }

    /// Waits until a read can be served, as VMIN and VTIME have it. False: nothing came in time.
    fn wait_readable(&self, want: usize, generation: u64, nonblock: bool) -> Result<bool> {
        let (canonical, (min, time)) = {
            let state = self.state.lock();
            (
                state.line.termios.is_canonical(),
                state.line.termios.min_time(),
            )
        };
        let ready = |min: usize| {
            let state = self.state.lock();
            (state.generation != generation || state.line.is_readable(min)).then_some(())
        };
        let tenths = |n: u64| Deadline::after(n * 100_000_000);
        let min = min.min(want);
        if nonblock && !canonical {
            // What is there is taken; VMIN is about sleeping.
            let nothing_is_fine = min == 0 && time == 0;
            return match ready(1) {
                Some(()) => Ok(true),
                None if nothing_is_fine => Ok(false),
                None => Err(Errno::EAGAIN),
            };
        }
        if canonical || (min > 0 && time == 0) {
            crate::ipc::wait_for(nonblock, &self.input, || ready(min))?;
            return Ok(true);
        }
        if min == 0 && time == 0 {
            return Ok(ready(1).is_some());
        }
        let timed = |deadline, min| {
            let queues = [&self.input];
            match wait::wait_until(&queues, deadline, Interrupt::Signals, || ready(min)) {
                Ok(()) => Ok(true),
                Err(Errno::ETIMEDOUT) => Ok(false),
                Err(error) => Err(error),
            }
        };
        if min == 0 {
            return timed(Some(tenths(time)), 1);
        }
        // The timer runs between bytes, from the first one on.
        timed(None, 1)?;
        loop {
            let have = {
                let state = self.state.lock();
                // Who is hung up, or reads lines by now, counts no bytes.
                if state.generation != generation || state.line.termios.is_canonical() {
                    return Ok(true);
                }
                state.line.readable_bytes()
            };
            if have >= min || !timed(Some(tenths(time)), have + 1)? {
                return Ok(true);
            }
        }
    }

    fn read(&self, dst: &mut Dest<'_>, generation: u64, nonblock: bool) -> Result<usize> {
        let want = dst.remaining().min(INPUT_MAX);
        if want == 0 {
            return Ok(0);
        }
        loop {
            if !self.wait_readable(want, generation, nonblock)? || self.is_dead(generation) {
                return Ok(0);
            }
            let mut bytes = admission::zeroes(want)?;
            let (read, served) = {
                let mut state = self.state.lock();
                let served = state.line.is_readable(1);
                (state.line.read(&mut bytes), served)
            };
            if served {
                self.driver.notify();
                dst.put(&bytes[..read])?;
                return Ok(read);
            }
            // Another reader was faster.
            if nonblock {
                return Err(Errno::EAGAIN);
            }
        }
    }

    /// The line is cut: everybody who has it open sees the end of file; its session ends.
    pub fn hang_up(&self) {
        let (foreground, session) = {
            let mut state = self.state.lock();
            state.generation += 1;
            state.line.flush();
            state.stopped = false;
            state.exclusive = false;
            (core::mem::take(&mut state.foreground), state.session.take())
        };
        self.input.wake_all(Events::all());
        self.output.wake_all(Events::all());
        self.driver.notify();
        job::end_session(session, foreground);
    }

    /// TCFLSH.
    pub fn flush(&self, input: bool, output: bool) {
        {
            let mut state = self.state.lock();
            if input {
                state.line.flush();
            }
            if output {
                self.driver.discard();
            }
        }
        if output {
            self.output_drained();
        }
        self.driver.notify();
    }

    /// TCXONC: stops or starts output.
    pub fn set_flow(&self, stopped: bool) {
        self.state.lock().stopped = stopped;
        if !stopped {
            self.output_drained();
        }
    }

    /// Waits until output was shown: TCSETSW, TCSBRK.
    pub fn drain(&self) -> Result {
        self.output
            .wait(|| (self.driver.pending() == 0).then_some(()))
    }
}
