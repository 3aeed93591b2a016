//! The loop that serves a scheme.

use crate::executor::Executor;
use crate::ioctl::Argument;
use crate::ring::Ring;
use crate::scheme::{Caller, Entry, Scheme};
use crate::{Errno, Result, native};
use bytemuck::Zeroable;
use ochre_abi::ioctl::Command;
use ochre_abi::scheme::{COMPLETE, Completion, DirEntry, LEVEL, Op, PAYLOAD, Request};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Answers that wait to be put into the ring, with the descriptors they pass: those stay open until
/// the kernel has taken them over.
#[derive(Default)]
struct Outbox {
    queue: VecDeque<(Completion, Option<OwnedFd>)>,
    /// Who hands them over.
    sender: Option<Waker>,
}

impl Outbox {
    fn push(&mut self, completion: Completion, fd: Option<OwnedFd>) {
        self.queue.push_back((completion, fd));
        if let Some(sender) = self.sender.take() {
            sender.wake();
        }
    }
}

/// Tells the kernel the readiness of open files. Clones share one outbox.
#[derive(Clone, Default)]
pub struct Levels(Rc<RefCell<Outbox>>);

impl Levels {
    /// Sets the readiness of an open file, in poll(2) bits. It takes effect at the loop's next turn.
    pub fn set(&self, file: u64, events: u32) {
        let completion = Completion {
            id: file,
            kind: LEVEL,
            values: [u64::from(events), 0],
            fd: -1,
            ..Completion::zeroed()
        };
        self.0.borrow_mut().push(completion, None);
    }
}

/// What a handler's outcome becomes in the ring.
#[derive(Default)]
struct Answer {
    result: i64,
    payload: usize,
    values: [u64; 2],
    fd: Option<OwnedFd>,
}

/// Serves `scheme` on the server descriptor until the descriptor fails. `levels` is the handle that
/// the scheme was given; `executor` also runs the driver's own tasks.
pub fn serve<S: Scheme>(
    server: OwnedFd,
    scheme: Rc<S>,
    ioctls: &[Command],
    levels: &Levels,
    executor: &Executor,
) -> Result<()> {
    let server = Server::new(server, scheme, ioctls, levels, executor)?;
    loop {
        server.accept();
        executor.run_ready();
        let idle = executor.is_idle();
        if server.flush(idle)? == 0 && !idle {
            executor.wait(server.fd.as_fd());
            executor.run_ready();
        }
    }
}

/// A scheme being served, for a process that serves several.
pub struct Server<S> {
    fd: Rc<OwnedFd>,
    ring: Rc<Ring>,
    scheme: Rc<S>,
    levels: Levels,
    executor: Executor,
}

impl<S: Scheme> Server<S> {
    /// See [`serve`].
    pub fn new(
        server: OwnedFd,
        scheme: Rc<S>,
        ioctls: &[Command],
        levels: &Levels,
        executor: &Executor,
    ) -> Result<Server<S>> {
        native::scheme_ioctls(server.as_fd(), ioctls)?;
        let ring = Rc::new(Ring::map(server.as_fd())?);
        let (levels, executor) = (levels.clone(), executor.clone());
        Ok(Server {
            fd: Rc::new(server),
            ring,
            scheme,
            levels,
            executor,
        })
    }

    /// Serves as a task of the executor, beside another scheme's [`serve`].
    pub async fn serve(self) {
        loop {
            self.accept();
            if let Err(error) = self.flush(false) {
                eprintln!("serving a scheme: {error}");
                return;
            }
            let mut readable = pin!(self.executor.readable(&self.fd));
            poll_fn(|cx| {
                let mut outbox = self.levels.0.borrow_mut();
                if !outbox.queue.is_empty() {
                    return Poll::Ready(());
                }
                outbox.sender = Some(cx.waker().clone());
                drop(outbox);
                readable.as_mut().poll(cx)
            })
            .await;
        }
    }

    /// Starts a task for each request in the ring.
    fn accept(&self) {
        while let Some(request) = self.ring.next_request() {
            let (ring, scheme) = (self.ring.clone(), self.scheme.clone());
            let (outbox, fd) = (self.levels.0.clone(), self.fd.clone());
            self.executor.spawn(async move {
                let answer = handle(&*scheme, &ring, &fd, &request).await;
                if request.id != 0 {
                    let (completion, passed) = completion(&request, answer);
                    outbox.borrow_mut().push(completion, passed);
                }
            });
        }
    }

    /// Hands answers to the kernel; returns how many requests wait. With nothing else to wait for,
    /// it sleeps for a request in the same call.
    fn flush(&self, sleep: bool) -> Result<usize> {
        let mut passed = Vec::new();
        loop {
            let mut outbox = self.levels.0.borrow_mut();
            while !self.ring.is_full() {
                let Some((completion, fd)) = outbox.queue.pop_front() else {
                    break;
                };
                self.ring.complete(&completion);
                passed.extend(fd);
            }
            let more = !outbox.queue.is_empty();
            drop(outbox);
            if !more && !sleep && !self.ring.has_completions() {
                return Ok(0);
            }
            match native::scheme_enter(self.fd.as_fd(), sleep && !more) {
                Ok(waiting) if !more => return Ok(waiting),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn completion(request: &Request, answer: Result<Answer>) -> (Completion, Option<OwnedFd>) {
    match answer {
        Ok(answer) => {
            let fd = answer.fd.as_ref().map_or(-1, AsRawFd::as_raw_fd);
            let completion = Completion {
                id: request.id,
                result: answer.result,
                kind: COMPLETE,
                payload: answer.payload as u32,
                values: answer.values,
                fd,
                ..Completion::zeroed()
            };
            (completion, answer.fd)
        }
        Err(error) => {
            let completion = Completion {
                id: request.id,
                result: -i64::from(error.raw_os_error()),
                kind: COMPLETE,
                fd: -1,
                ..Completion::zeroed()
            };
            (completion, None)
        }
    }
}

async fn handle<S: Scheme>(
    scheme: &S,
    ring: &Ring,
    server: &OwnedFd,
    request: &Request,
) -> Result<Answer> {
    // SAFETY: the kernel gave this slot to this request alone, and this future is its only handler.
    let payload = unsafe { ring.payload(request.slot) };
    let caller = Caller {
        uid: request.uid,
        gid: request.gid,
        pid: request.pid,
    };
    let given = (request.payload as usize).min(PAYLOAD);
    let wanted = usize::try_from(request.length)
        .unwrap_or(PAYLOAD)
        .min(PAYLOAD);
    match Op::from_raw(request.op).ok_or(Errno::NOSYS)? {
        Op::Lookup => {
            let name = std::str::from_utf8(&payload[..given]).map_err(|_| Errno::NOENT)?;
            let attr = scheme.lookup(request.node, name).await?;
            Ok(put_struct(payload, &attr))
        }
        Op::GetAttr => {
            let attr = scheme.getattr(request.node).await?;
            Ok(put_struct(payload, &attr))
        }
        Op::ReadDir => {
            let entries = scheme.readdir(request.node).await?;
            Ok(put_entries(payload, &entries, request.offset, wanted))
        }
        Op::ReadLink => {
            let target = scheme.readlink(request.node).await?;
            let len = target.len().min(PAYLOAD);
            payload[..len].copy_from_slice(&target.as_bytes()[..len]);
            Ok(Answer {
                result: len as i64,
                payload: len,
                ..Answer::default()
            })
        }
        Op::Open => {
            let opened = scheme
                .open(caller, request.node, request.args[0] as u32)
                .await?;
            let values = [opened.file, u64::from(opened.level)];
            Ok(Answer {
                values,
                ..Answer::default()
            })
        }
        Op::Close => {
            scheme.close(request.file);
            Ok(Answer::default())
        }
        Op::Read => {
            let len = scheme
                .read(request.file, request.offset, &mut payload[..wanted])
                .await?;
            Ok(Answer {
                result: len as i64,
                payload: len,
                ..Answer::default()
            })
        }
        Op::Write => {
            let len = scheme
                .write(request.file, request.offset, &payload[..given])
                .await?;
            Ok(Answer {
                result: len as i64,
                ..Answer::default()
            })
        }
        Op::Ioctl => {
            let [command, integer, ..] = request.args;
            let area = &mut payload[..given];
            let mut argument =
                Argument::new(command as u32, integer, area, request.id, server.as_fd());
            let result = scheme.ioctl(request.file, &mut argument).await?;
            let fd = argument.into_reply_fd();
            Ok(Answer {
                result: i64::from(result),
                payload: given,
                fd,
                ..Answer::default()
            })
        }
        Op::Map => {
            let write = request.args[0] != 0;
            let map = scheme
                .map(request.file, request.offset, request.length, write)
                .await?;
            Ok(Answer {
                values: [map.offset, 0],
                fd: Some(map.memory),
                ..Answer::default()
            })
        }
        Op::Fsync => Ok(Answer::default()),
        Op::SetAttr | Op::Create | Op::Mkdir | Op::Symlink | Op::Link | Op::Unlink | Op::Rename => {
            Err(Errno::PERM)
        }
        Op::StatFs => {
            let answer = scheme.statfs().await?;
            Ok(put_struct(payload, &answer))
        }
    }
}

fn put_struct<T: bytemuck::NoUninit>(payload: &mut [u8], answer: &T) -> Answer {
    payload[..size_of::<T>()].copy_from_slice(bytemuck::bytes_of(answer));
    Answer {
        payload: size_of::<T>(),
        ..Answer::default()
    }
}

/// Writes the records after `cookie` that fit `room` bytes. A cookie is the index of the entry that
/// follows.
fn put_entries(payload: &mut [u8], entries: &[Entry], cookie: u64, room: usize) -> Answer {
    let mut used = 0;
    let first = usize::try_from(cookie).unwrap_or(usize::MAX);
    for (index, entry) in entries.iter().enumerate().skip(first) {
        let length = (size_of::<DirEntry>() + entry.name.len()).next_multiple_of(8);
        if used + length > room {
            break;
        }
        let head = DirEntry {
            node: entry.node,
            cookie: index as u64 + 1,
            name_length: entry.name.len() as u16,
            kind: entry.kind,
            _reserved: [0; 5],
        };
        let record = &mut payload[used..used + length];
        record.fill(0);
        record[..size_of::<DirEntry>()].copy_from_slice(bytemuck::bytes_of(&head));
        record[size_of::<DirEntry>()..][..entry.name.len()].copy_from_slice(entry.name.as_bytes());
        used += length;
    }
    Answer {
        result: used as i64,
        payload: used,
        ..Answer::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_listing_goes_on_where_the_cookie_says() {
        let entries: Vec<Entry> = ["a", "bb", "ccc"]
            .iter()
            .enumerate()
            .map(|(i, name)| Entry {
                node: i as u64,
                kind: 4,
                name: (*name).to_string(),
            })
            .collect();
        let mut payload = vec![0; 256];
        let first = put_entries(&mut payload, &entries, 0, 2 * 32);
        assert_eq!(
            first.result, 64,
            "two records of 24 bytes and a padded name fit"
        );
        let rest = put_entries(&mut payload, &entries, 2, 256);
        assert_eq!(rest.result, 32);
        assert_eq!(&payload[24..27], b"ccc");
    }
}
