//! Talking between threads and through descriptors: round trips, and amounts.

use crate::measure::{Row, each};
use anyhow::Result;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::thread::futex;
use std::io::{Read, Write, pipe};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

pub const ROWS: &[Row] = &[
    Row {
        name: "ipc-pipe-round-trip",
        measure: pipe_round_trip,
    },
    Row {
        name: "ipc-unix-round-trip",
        measure: unix_round_trip,
    },
    Row {
        name: "ipc-futex-round-trip",
        measure: futex_round_trip,
    },
    Row {
        name: "ipc-epoll-ready",
        measure: epoll_ready,
    },
    Row {
        name: "ipc-poll-100",
        measure: poll_many,
    },
    Row {
        name: "ipc-pipe-MiB",
        measure: pipe_amount,
    },
    Row {
        name: "ipc-unix-MiB",
        measure: unix_amount,
    },
];

const MIB: u64 = 1 << 20;

fn pipe_round_trip() -> Result<f64> {
    let (there_end, there) = pipe()?;
    let (back_end, back) = pipe()?;
    round_trip((back_end, there), (there_end, back))
}

fn unix_round_trip() -> Result<f64> {
    let (mine, other) = UnixStream::pair()?;
    round_trip((mine.try_clone()?, mine), (other.try_clone()?, other))
}

/// Sends one byte and waits for its return.
fn round_trip<R: Read + Send, W: Write + Send>(mine: (R, W), other: (R, W)) -> Result<f64> {
    let (mut from, mut to) = mine;
    thread::scope(|scope| {
        let (mut other_from, mut other_to) = other;
        scope.spawn(move || {
            let mut byte = [0];
            // The end comes when the other side has closed.
            while let Ok(1) = other_from.read(&mut byte) {
                if other_to.write_all(&byte).is_err() {
                    break;
                }
            }
        });
        let result = each(|count| {
            let mut byte = [0];
            for _ in 0..count {
                to.write_all(&byte)?;
                from.read_exact(&mut byte)?;
            }
            Ok(())
        });
        drop((from, to));
        result
    })
}

fn futex_round_trip() -> Result<f64> {
    const END: u32 = u32::MAX;
    /// Waits until the word is no longer `value`.
    fn wait(word: &AtomicU32, value: u32) {
        while word.load(Ordering::Acquire) == value {
            // An error says that the word has changed already, or that a signal came.
            let _ = futex::wait(word, futex::Flags::PRIVATE, value, None);
        }
    }
    fn set(word: &AtomicU32, value: u32) -> Result<()> {
        word.store(value, Ordering::Release);
        futex::wake(word, futex::Flags::PRIVATE, 1)?;
        Ok(())
    }
    let turn = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                wait(&turn, 0);
                if turn.load(Ordering::Acquire) == END || set(&turn, 0).is_err() {
                    break;
                }
            }
        });
        let result = each(|count| {
            for _ in 0..count {
                set(&turn, 1)?;
                wait(&turn, 1);
            }
            Ok(())
        });
        set(&turn, END)?;
        result
    })
}

fn epoll_ready() -> Result<f64> {
    let (mine, mut other) = UnixStream::pair()?;
    other.write_all(b"x")?;
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(
        &poll,
        &mine,
        epoll::EventData::new_u64(1),
        epoll::EventFlags::IN,
    )?;
    let mut events = Vec::with_capacity(8);
    each(|count| {
        for _ in 0..count {
            events.clear();
            epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None)?;
        }
        Ok(())
    })
}

/// Asks a hundred pipes, none of which has anything.
fn poll_many() -> Result<f64> {
    let pipes = (0..100).map(|_| pipe()).collect::<Result<Vec<_>, _>>()?;
    let mut asked: Vec<PollFd> = pipes
        .iter()
        .map(|(from, _)| PollFd::new(from, PollFlags::IN))
        .collect();
    let at_once = Timespec::default();
    each(|count| {
        for _ in 0..count {
            poll(&mut asked, Some(&at_once))?;
        }
        Ok(())
    })
}

fn pipe_amount() -> Result<f64> {
    let (from, to) = pipe()?;
    amount(from, to)
}

fn unix_amount() -> Result<f64> {
    let (from, to) = UnixStream::pair()?;
    amount(from, to)
}

/// Sends mebibytes by pieces of 64 KiB.
fn amount(mut from: impl Read + Send, mut to: impl Write + Send) -> Result<f64> {
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut piece = vec![0; 64 << 10];
            while let Ok(1..) = from.read(&mut piece) {}
        });
        let piece = vec![1; 64 << 10];
        let result = each(|count| {
            for _ in 0..count * MIB / piece.len() as u64 {
                to.write_all(&piece)?;
            }
            Ok(())
        });
        drop(to);
        result
    })
}
