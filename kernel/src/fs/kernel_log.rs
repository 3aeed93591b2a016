//! The kernel's log as programs have it: /dev/kmsg, a record a read, and syslog(2), as lines.
//!
//! Who waits for records is woken by [`announce`]: the kernel writes them wherever it is, also where
//! nobody can be woken.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::fs::device::Device;
use crate::fs::node::{Node, OpenFlags};
use crate::linux::general as raw;
use crate::lock_order;
use crate::mm::uptr;
use crate::sched::cpu;
use crate::sched::mutex::Mutex;
use crate::sched::wait::{Interrupt, WaitQueue, wait_until};
use crate::syscall::table::SyscallCtx;
use crate::task::credentials::Capabilities;
use crate::uio::{Dest, Source};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering};
use ochre_hal::admission::{self, Room};
use ochre_hal::log::{self, Record, TEXT_MAX};
use ochre_hal::uaccess;

/// Announces records.
static ARRIVED: WaitQueue = WaitQueue::new();

/// The first record after those that were cleared (SYSLOG_ACTION_CLEAR).
static CLEARED: AtomicU64 = AtomicU64::new(0);

/// Wakes who waits for records, if there are new ones.
#[inline]
pub fn announce() {
    if log::take_news() {
        ARRIVED.wake_all(Events::READABLE);
    }
}

/// Sleeps until there is the record `number`, or one after it.
fn wait_for(number: u64) -> Result {
    wait_until(&[&ARRIVED], None, Interrupt::Signals, || {
        (log::bounds().1 > number).then_some(())
    })
}

/// One opening of /dev/kmsg.
struct KernelLog {
    /// The record that is read next.
    at: AtomicU64,
    node: Arc<Node>,
}

/// As a read tells it: `priority,number,microseconds,-;text` with what is no plain text written as `\xNN`.
fn told(record: &Record, text: &[u8]) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    line.room(4 * text.len() + 64)?;
    let Record {
        number,
        priority,
        micros,
        ..
    } = record;
    let head = format!("{priority},{number},{micros},-;");
    line.extend_from_slice(head.as_bytes());
    for &byte in text {
        match byte {
            b' '..=b'~' if byte != b'\\' => line.push(byte),
            _ => line.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    line.push(b'\n');
    Ok(line)
}

impl File for KernelLog {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        let mut text = admission::zeroes(TEXT_MAX)?;
        loop {
            let at = self.at.load(Ordering::Relaxed);
            let Some(record) = log::record(at, &mut text) else {
                if io.nonblock {
                    return Err(Errno::EAGAIN);
                }
                wait_for(at)?;
                continue;
            };
            let lost = record.number != at;
            let next = record.number + u64::from(!lost);
            let taken = self
                .at
                .compare_exchange(at, next, Ordering::Relaxed, Ordering::Relaxed);
            if taken.is_err() {
                continue;
            }
            if lost {
                return Err(Errno::EPIPE);
            }
            let line = told(&record, &text[..record.len])?;
            if line.len() > dst.remaining() {
                return Err(Errno::EINVAL);
            }
            dst.put(&line)?;
            return Ok(line.len());
        }
    }

    fn write(&self, _io: Io, src: &mut Source<'_>) -> Result<usize> {
        let len = src.remaining();
        if len > TEXT_MAX {
            return Err(Errno::EINVAL);
        }
        let mut line = admission::zeroes(len)?;
        src.take(&mut line)?;
        let (priority, text) = parse(&line);
        log::write(priority, text.strip_suffix(b"\n").unwrap_or(text));
        announce();
        Ok(len)
    }

    fn seek(&self, offset: i64, whence: u32) -> Option<Result<u64>> {
        if offset != 0 {
            return Some(Err(Errno::ESPIPE));
        }
        let (first, next) = log::bounds();
        let to = match whence {
            raw::SEEK_SET => first,
            raw::SEEK_DATA => CLEARED.load(Ordering::Relaxed),
            raw::SEEK_END => next,
            _ => return Some(Err(Errno::EINVAL)),
        };
        self.at.store(to, Ordering::Relaxed);
        Some(Ok(0))
    }

    fn poll(&self) -> Events {
        let at = self.at.load(Ordering::Relaxed);
        match log::record(at, &mut []) {
            None => Events::empty(),
            Some(record) if record.number == at => Events::READABLE,
            Some(_) => Events::READABLE | Events::ERR | Events::PRI,
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&ARRIVED)
    }

    fn node(&self) -> Option<Arc<Node>> {
        Some(self.node.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Priority and text of what a program writes: `<N>` may stand before the text.
fn parse(line: &[u8]) -> (u16, &[u8]) {
    /// "User-level messages", the facility of who says none; and "warning".
    const USER: u16 = 1;
    const WARNING: u16 = 4;
    let given = line.strip_prefix(b"<").and_then(|rest| {
        let end = rest.iter().position(|&byte| byte == b'>')?;
        let digits = rest.get(..end)?;
        let plain = digits.iter().all(u8::is_ascii_digit);
        let number = digits.iter().fold(0_u64, |number, digit| {
            number
                .wrapping_mul(10)
                .wrapping_add(u64::from(digit.wrapping_sub(b'0')))
        });
        plain.then_some((number, rest.get(end + 1..)?))
    });
    let Some((number, text)) = given else {
        return (USER << 3 | WARNING, line);
    };
    let facility = (number >> 3 & 0xff) as u16;
    let facility = if facility == 0 { USER } else { facility };
    (facility << 3 | (number & 7) as u16, text)
}

pub struct LogDriver;

impl Device for LogDriver {
    fn open(&self, node: &Arc<Node>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        let may_read = || {
            cpu::current()
                .process()
                .credentials()
                .can(Capabilities::SYSLOG)
        };
        if flags.reads() && !may_read() {
            return Err(Errno::EPERM);
        }
        Ok(Arc::new(KernelLog {
            at: AtomicU64::new(log::bounds().0),
            node: node.clone(),
        }))
    }
}

/// As a line of syslog(2): `<priority>[seconds.micros] text`, once for each line of the text.
fn lines(record: &Record, text: &[u8]) -> Vec<u8> {
    let mut head = String::new();
    let (seconds, micros) = (record.micros / 1_000_000, record.micros % 1_000_000);
    let priority = record.priority;
    let _ = write!(head, "<{priority}>[{seconds:5}.{micros:06}] ");
    let mut out = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out
}

/// What SYSLOG_ACTION_READ gives next: a record, and how much of its lines is taken already.
struct Reader {
    at: u64,
    taken: usize,
}

static READER: Mutex<Reader> = Mutex::new(lock_order::sleeping::TEXT, Reader { at: 0, taken: 0 });

/// syslog(2).
pub fn syslog(ctx: &SyscallCtx<'_>, action: usize, buffer: usize, len: usize) -> Result<usize> {
    const CLOSE: u32 = 0;
    const OPEN: u32 = 1;
    const READ: u32 = 2;
    const READ_ALL: u32 = 3;
    const READ_CLEAR: u32 = 4;
    const CLEAR: u32 = 5;
    const CONSOLE_OFF: u32 = 6;
    const CONSOLE_ON: u32 = 7;
    const CONSOLE_LEVEL: u32 = 8;
    const SIZE_UNREAD: u32 = 9;
    const SIZE_BUFFER: u32 = 10;
    if !ctx.thread.credentials().can(Capabilities::SYSLOG) {
        return Err(Errno::EPERM);
    }
    let len = len as i32;
    let action = action as u32;
    if matches!(action, READ | READ_ALL | READ_CLEAR) {
        if buffer == 0 || len < 0 {
            return Err(Errno::EINVAL);
        }
        if len == 0 {
            return Ok(0);
        }
        uptr::user_range(buffer, len as usize)?;
    }
    let level = len;
    let len = len.unsigned_abs() as usize;
    match action {
        // The console shows all there is, always.
        CLOSE | OPEN | CONSOLE_OFF | CONSOLE_ON => Ok(0),
        CONSOLE_LEVEL if (1..=8).contains(&level) => Ok(0),
        READ => read(buffer, len),
        READ_ALL => read_all(buffer, len),
        READ_CLEAR => {
            let next = log::bounds().1;
            let read = read_all(buffer, len)?;
            CLEARED.store(next, Ordering::Relaxed);
            Ok(read)
        }
        CLEAR => {
            CLEARED.store(log::bounds().1, Ordering::Relaxed);
            Ok(0)
        }
        SIZE_UNREAD => Ok(unread()),
        SIZE_BUFFER => Ok(log::SIZE),
        _ => Err(Errno::EINVAL),
    }
}

/// Calls `each` with the lines of the records from `from` on, each with its number, until it says to stop.
fn for_each(from: u64, mut each: impl FnMut(u64, &[u8]) -> Result<bool>) -> Result {
    let mut text = admission::zeroes(TEXT_MAX)?;
    let mut at = from;
    while let Some(record) = log::record(at, &mut text) {
        at = record.number + 1;
        if !each(record.number, &lines(&record, &text[..record.len]))? {
            break;
        }
        cpu::breathe();
    }
    Ok(())
}

/// What is there that [`read`] would give.
fn unread() -> usize {
    let (at, taken) = {
        let reader = READER.lock();
        (reader.at, reader.taken)
    };
    let mut sum = 0;
    let counted = for_each(at, |_, lines| {
        sum += lines.len();
        Ok(true)
    });
    if counted.is_err() {
        return 0;
    }
    sum.saturating_sub(taken)
}

/// What has not been read yet, of which there is something, or comes to be.
fn read(buffer: usize, len: usize) -> Result<usize> {
    loop {
        let at = READER.lock().at;
        wait_for(at)?;
        let mut reader = READER.lock();
        let mut done = 0;
        let (mut at, mut taken) = (reader.at, reader.taken);
        for_each(at, |number, lines| {
            if number != at {
                taken = 0;
            }
            at = number;
            let rest = lines.get(taken..).unwrap_or_default();
            let n = rest.len().min(len - done);
            uaccess::copy_out(buffer + done, &rest[..n])?;
            done += n;
            if n < rest.len() {
                taken += n;
                return Ok(false);
            }
            (at, taken) = (number + 1, 0);
            Ok(done < len)
        })?;
        (reader.at, reader.taken) = (at, taken);
        // Another reader may have been faster.
        if done > 0 {
            return Ok(done);
        }
    }
}

/// The last records that were not cleared, as many as there is room for.
fn read_all(buffer: usize, len: usize) -> Result<usize> {
    let next = log::bounds().1;
    let cleared = CLEARED.load(Ordering::Relaxed);
    let mut sum = 0;
    for_each(cleared, |number, lines| {
        sum += if number < next { lines.len() } else { 0 };
        Ok(number < next)
    })?;
    let mut done = 0;
    for_each(cleared, |number, lines| {
        if number >= next {
            return Ok(false);
        }
        // What there is no room for are the first ones.
        if sum > len {
            sum -= lines.len();
            return Ok(true);
        }
        if lines.len() > len - done {
            return Ok(false);
        }
        uaccess::copy_out(buffer + done, lines)?;
        done += lines.len();
        Ok(true)
    })?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_stand_before_the_text() {
        let parsed = |line: &'static str| {
            let (priority, text) = parse(line.as_bytes());
            (priority, core::str::from_utf8(text).unwrap())
        };
        assert_eq!(parsed("text"), (12, "text"));
        assert_eq!(parsed("<6>text"), (14, "text"));
        assert_eq!(parsed("<30>text"), (30, "text"));
        assert_eq!(parsed("<x>text"), (12, "<x>text"));
        assert_eq!(parsed("<6text"), (12, "<6text"));
    }

    #[test]
    fn records_are_told_in_one_line() {
        let record = Record {
            number: 7,
            priority: 30,
            micros: 12,
            len: 0,
        };
        let told = told(&record, b"a\\b\nc\x80").unwrap();
        assert_eq!(told, b"30,7,12,-;a\\x5cb\\x0ac\\x80\n");
    }
}
