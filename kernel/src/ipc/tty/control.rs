//! The ioctls of terminals, from either side of a pty.

use super::termios::{TERMIOS_SIZE, Termio, Termios, WindowSize};
use super::{Tty, job};
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::linux::ioctl as cmd;
use crate::mm::uptr::UserPtr;
use crate::sched;
use crate::task::credentials::Capabilities;
use crate::task::signal;
use alloc::sync::Arc;

/// Names that the table of ioctls lacks.
const TCSETS2: u32 = 0x402c_542b;
const TCSETSW2: u32 = 0x402c_542c;
const TCSETSF2: u32 = 0x402c_542d;
const TIOCGEXCL: u32 = 0x8004_5440;

/// When settings change: at once, after output, and flushing input first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Now,
    Drained,
    Flushed,
}

/// Speeds by their CBAUD code.
const SPEEDS: [u32; 16] = [
    0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400,
];
const FAST_SPEEDS: [u32; 15] = [
    57600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000, 1_500_000,
    2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
];

fn speed(cflag: u32) -> Option<u32> {
    let code = cflag & raw::CBAUD;
    if code == raw::BOTHER {
        return None;
    }
    if code & raw::CBAUDEX != 0 {
        return FAST_SPEEDS
            .get((code & 0xf).checked_sub(1)? as usize)
            .copied();
    }
    SPEEDS.get(code as usize).copied()
}

fn get(tty: &Tty, arg: usize, size: usize) -> Result<usize> {
    let termios = tty.termios();
    UserPtr::<u8>::new(arg).write_slice(&bytemuck::bytes_of(&termios)[..size])?;
    Ok(0)
}

fn set(tty: &Arc<Tty>, arg: usize, size: usize, when: When, from_master: bool) -> Result<usize> {
    if !from_master {
        job::check(tty, signal::SIGTTOU)?;
    }
    let mut new = tty.termios();
    let bytes = UserPtr::<u8>::new(arg).read_vec(size, size)?;
    bytemuck::bytes_of_mut(&mut new)[..size].copy_from_slice(&bytes);
    if let Some(speed) = speed(new.cflag) {
        new.ispeed = speed;
        new.ospeed = speed;
    }
    apply(tty, new, when)
}

fn apply(tty: &Tty, new: Termios, when: When) -> Result<usize> {
    if when != When::Now {
        tty.drain()?;
    }
    if when == When::Flushed {
        tty.flush(true, false);
    }
    tty.set_termios(new);
    Ok(0)
}

fn get_old(tty: &Tty, arg: usize) -> Result<usize> {
    let t = tty.termios();
    let mut cc = [0; 8];
    cc.copy_from_slice(&t.cc[..8]);
    UserPtr::new(arg).write(&Termio {
        iflag: t.iflag as u16,
        oflag: t.oflag as u16,
        cflag: t.cflag as u16,
        lflag: t.lflag as u16,
        line: t.line,
        cc,
        padding: 0,
    })?;
    Ok(0)
}

fn set_old(tty: &Arc<Tty>, arg: usize, when: When, from_master: bool) -> Result<usize> {
    if !from_master {
        job::check(tty, signal::SIGTTOU)?;
    }
    let old = UserPtr::<Termio>::new(arg).read()?;
    let mut new = tty.termios();
    let low = |whole: u32, low: u16| whole & 0xffff_0000 | u32::from(low);
    new.iflag = low(new.iflag, old.iflag);
    new.oflag = low(new.oflag, old.oflag);
    new.cflag = low(new.cflag, old.cflag);
    new.lflag = low(new.lflag, old.lflag);
    new.line = old.line;
    new.cc[..8].copy_from_slice(&old.cc);
    apply(tty, new, when)
}

/// Answers what both sides have in common; `ENOTTY` for the rest.
pub fn ioctl(tty: &Arc<Tty>, command: u32, arg: usize, from_master: bool) -> Result<usize> {
    let full = size_of::<Termios>();
    match command {
        cmd::TCGETS => get(tty, arg, TERMIOS_SIZE),
        cmd::TCSETS => set(tty, arg, TERMIOS_SIZE, When::Now, from_master),
        cmd::TCSETSW => set(tty, arg, TERMIOS_SIZE, When::Drained, from_master),
        cmd::TCSETSF => set(tty, arg, TERMIOS_SIZE, When::Flushed, from_master),
        cmd::TCGETS2 => get(tty, arg, full),
        TCSETS2 => set(tty, arg, full, When::Now, from_master),
        TCSETSW2 => set(tty, arg, full, When::Drained, from_master),
        TCSETSF2 => set(tty, arg, full, When::Flushed, from_master),
        cmd::TCGETA => get_old(tty, arg),
        cmd::TCSETA => set_old(tty, arg, When::Now, from_master),
        cmd::TCSETAW => set_old(tty, arg, When::Drained, from_master),
        cmd::TCSETAF => set_old(tty, arg, When::Flushed, from_master),
        cmd::TIOCGWINSZ => {
            UserPtr::new(arg).write(&tty.window())?;
            Ok(0)
        }
        cmd::TIOCSWINSZ => {
            tty.set_window(UserPtr::<WindowSize>::new(arg).read()?);
            Ok(0)
        }
        cmd::TIOCGPGRP => {
            UserPtr::new(arg).write(&job::foreground(tty, from_master)?)?;
            Ok(0)
        }
        cmd::TIOCSPGRP => {
            job::set_foreground(tty, UserPtr::<i32>::new(arg).read()?, from_master)?;
            Ok(0)
        }
        cmd::TIOCGSID => {
            UserPtr::new(arg).write(&job::session(tty, from_master)?)?;
            Ok(0)
        }
        cmd::TIOCSCTTY if !from_master => job::acquire(tty, arg == 1).map(|()| 0),
        cmd::TIOCNOTTY if !from_master => job::release(tty).map(|()| 0),
        cmd::TCFLSH => {
            if !from_master {
                job::check(tty, signal::SIGTTOU)?;
            }
            // The master's input is the slave's output.
            match (arg as u32, from_master) {
                (raw::TCIFLUSH, false) | (raw::TCOFLUSH, true) => tty.flush(true, false),
                (raw::TCOFLUSH, false) | (raw::TCIFLUSH, true) => tty.flush(false, true),
                (raw::TCIOFLUSH, _) => tty.flush(true, true),
                _ => return Err(Errno::EINVAL),
            }
            Ok(0)
        }
        cmd::TCXONC => {
            match arg as u32 {
                raw::TCOOFF => tty.set_flow(true),
                raw::TCOON => tty.set_flow(false),
                raw::TCIOFF | raw::TCION => {}
                _ => return Err(Errno::EINVAL),
            }
            Ok(0)
        }
        cmd::TCSBRK | cmd::TCSBRKP => {
            tty.drain()?;
            Ok(0)
        }
        cmd::TIOCSTI => {
            if !sched::current().credentials().can(Capabilities::SYS_ADMIN) {
                return Err(Errno::EPERM);
            }
            tty.receive(&[UserPtr::<u8>::new(arg).read()?]);
            Ok(0)
        }
        cmd::TIOCEXCL | cmd::TIOCNXCL => {
            tty.state.lock().exclusive = command == cmd::TIOCEXCL;
            Ok(0)
        }
        TIOCGEXCL => {
            let exclusive = tty.state.lock().exclusive;
            UserPtr::new(arg).write(&u32::from(exclusive))?;
            Ok(0)
        }
        cmd::TIOCGETD => {
            UserPtr::new(arg).write(&0u32)?;
            Ok(0)
        }
        cmd::TIOCSETD => match UserPtr::<u32>::new(arg).read()? {
            0 => Ok(0),
            _ => Err(Errno::EINVAL),
        },
        cmd::TIOCGDEV => {
            UserPtr::new(arg).write(&(tty.number().0 as u32))?;
            Ok(0)
        }
        cmd::TIOCVHANGUP if !from_master => {
            if !sched::current().credentials().can(Capabilities::SYS_ADMIN) {
                return Err(Errno::EPERM);
            }
            tty.hang_up();
            Ok(0)
        }
        _ => Err(Errno::ENOTTY),
    }
}
