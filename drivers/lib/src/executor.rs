//! A single-threaded executor whose only blocking call is poll(2): tasks, readable descriptors and
//! deadlines. Drivers watch few descriptors, so the poll set is built anew at each turn.

use crate::Errno;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::time::{ClockId, clock_gettime};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// A task keeps its waker for life: by it others tell whether they know the task already.
struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
}

/// Tasks that were woken, by number.
type Ready = Arc<Mutex<VecDeque<u64>>>;

struct TaskWaker {
    task: u64,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut ready = self
            .ready
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if !ready.contains(&self.task) {
            ready.push_back(self.task);
        }
    }
}

struct Inner {
    tasks: RefCell<BTreeMap<u64, Task>>,
    next_task: RefCell<u64>,
    ready: Ready,
    /// Who waits for which descriptor to become readable, by the wait's number.
    readers: RefCell<BTreeMap<u64, (RawFd, Waker)>>,
    /// Who waits for which moment (nanoseconds of CLOCK_MONOTONIC), by it and the wait's number.
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
    next_wait: Cell<u64>,
}

impl Inner {
    fn number_wait(&self) -> u64 {
        self.next_wait.set(self.next_wait.get() + 1);
        self.next_wait.get()
    }
}

/// A handle to the executor; clones share it.
#[derive(Clone)]
pub struct Executor(Rc<Inner>);

impl Default for Executor {
    fn default() -> Executor {
        Executor(Rc::new(Inner {
            tasks: RefCell::default(),
            next_task: RefCell::new(0),
            ready: Ready::default(),
            readers: RefCell::default(),
            timers: RefCell::default(),
            next_wait: Cell::new(0),
        }))
    }
}

/// Nanoseconds of CLOCK_MONOTONIC.
#[must_use]
pub fn now() -> u64 {
    let t = clock_gettime(ClockId::Monotonic);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// Nanoseconds since the epoch.
#[must_use]
pub fn wall_clock() -> i64 {
    let t = clock_gettime(ClockId::Realtime);
    t.tv_sec * 1_000_000_000 + t.tv_nsec
}

impl Executor {
    /// Runs `future` beside the others. It is polled once at once: what needs no waiting is done
    /// when this returns.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let number = {
            let mut next = self.0.next_task.borrow_mut();
            *next += 1;
            *next
        };
        let waker = Waker::from(Arc::new(TaskWaker {
            task: number,
            ready: self.0.ready.clone(),
        }));
        let future = Box::pin(future);
        self.advance(number, Task { future, waker });
    }

    fn advance(&self, number: u64, mut task: Task) {
        let mut context = Context::from_waker(&task.waker);
        if task.future.as_mut().poll(&mut context).is_pending() {
            self.0.tasks.borrow_mut().insert(number, task);
        }
    }

    /// Runs all tasks that were woken.
    pub fn run_ready(&self) {
        loop {
            let next = {
                let mut ready = self.0.ready.lock().unwrap_or_else(|p| p.into_inner());
                ready.pop_front()
            };
            let Some(number) = next else { return };
            let task = self.0.tasks.borrow_mut().remove(&number);
            if let Some(task) = task {
                self.advance(number, task);
            }
        }
    }

    /// Whether nothing but new requests can wake a task: no timer, no watched descriptor.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.0.timers.borrow().is_empty()
            && self.0.readers.borrow().is_empty()
            && self
                .0
                .ready
                .lock()
                .unwrap_or_else(|p| p.into_inner())
                .is_empty()
    }

    /// Runs `future` and all other tasks until it ends: for a process with nothing but tasks.
    pub fn block_on<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> T {
        let result = Rc::new(RefCell::new(None));
        let place = result.clone();
        self.spawn(async move {
            let value = future.await;
            *place.borrow_mut() = Some(value);
        });
        loop {
            self.run_ready();
            if let Some(value) = result.borrow_mut().take() {
                return value;
            }
            self.sleep(None);
        }
    }

    /// Sleeps until `main` or a watched descriptor is readable or a timer is due, and wakes whom it
    /// concerns. Returns whether `main` is readable.
    pub fn wait(&self, main: BorrowedFd<'_>) -> bool {
        self.sleep(Some(main))
    }

    fn sleep(&self, main: Option<BorrowedFd<'_>>) -> bool {
        let deadline = self.0.timers.borrow().keys().next().map(|(at, _)| *at);
        let timeout = deadline.map(|at| {
            let left = at.saturating_sub(now());
            Timespec {
                tv_sec: (left / 1_000_000_000) as i64,
                tv_nsec: (left % 1_000_000_000) as i64,
            }
        });
        let mut watched: Vec<RawFd> = self.0.readers.borrow().values().map(|r| r.0).collect();
        // Each once: so there are never more of them than a process can have open, or poll(2) takes.
        watched.sort_unstable();
        watched.dedup();
        let (main_ready, fired) = poll(main, &watched, timeout.as_ref());
        self.0.readers.borrow_mut().retain(|_, (fd, waker)| {
            let fire = fired.contains(fd);
            if fire {
                waker.wake_by_ref();
            }
            !fire
        });
        let mut timers = self.0.timers.borrow_mut();
        let now = now();
        while let Some(entry) = timers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            entry.remove().wake();
        }
        main_ready
    }

    /// Resolves when `fd` is readable (or hung up).
    pub fn readable<'a>(&'a self, fd: &'a OwnedFd) -> Readable<'a> {
        Readable {
            executor: self,
            fd,
            number: None,
        }
    }

    /// Resolves at `deadline`, in nanoseconds of CLOCK_MONOTONIC.
    #[must_use]
    pub fn sleep_until(&self, deadline: u64) -> Sleep {
        Sleep {
            executor: self.clone(),
            deadline,
            key: None,
        }
    }
}

/// poll(2) over `main` and `watched`: whether `main` is ready, and which of the others are.
/// Those are raw numbers, which each wait keeps open.
///
/// # Panics
///
/// Where poll(2) fails but for a signal: a process that went on would never hear of anything again.
fn poll(
    main: Option<BorrowedFd<'_>>,
    watched: &[RawFd],
    timeout: Option<&Timespec>,
) -> (bool, Vec<RawFd>) {
    let borrowed: Vec<BorrowedFd<'_>> = watched
        .iter()
        .map(|fd| crate::native::borrow(*fd))
        .collect();
    let mut set: Vec<PollFd<'_>> = main
        .into_iter()
        .chain(borrowed.iter().map(AsFd::as_fd))
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
    match rustix::event::poll(&mut set, timeout) {
        Ok(_) => {}
        Err(Errno::INTR) => return (false, Vec::new()),
        Err(error) => panic!("waiting for {} descriptors: {error}", set.len()),
    }
    let mut ready = set.iter().map(|p| !p.revents().is_empty());
    let main_ready = main.is_some() && ready.next().unwrap_or(false);
    let fired = watched.iter().zip(ready).filter(|(_, ready)| *ready);
    (main_ready, fired.map(|(fd, _)| *fd).collect())
}

/// See [`Executor::readable`]. Dropping it ends the wait.
pub struct Readable<'a> {
    executor: &'a Executor,
    fd: &'a OwnedFd,
    /// From the first poll on.
    number: Option<u64>,
}

impl Future for Readable<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let executor = self.executor;
        let mut readers = executor.0.readers.borrow_mut();
        match self.number {
            None => {
                let number = executor.0.number_wait();
                readers.insert(number, (self.fd.as_raw_fd(), cx.waker().clone()));
                self.number = Some(number);
                Poll::Pending
            }
            Some(number) => match readers.get_mut(&number) {
                Some((_, waker)) => {
                    waker.clone_from(cx.waker());
                    Poll::Pending
                }
                None => Poll::Ready(()),
            },
        }
    }
}

impl Drop for Readable<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.executor.0.readers.borrow_mut().remove(&number);
        }
    }
}

/// See [`Executor::sleep_until`].
pub struct Sleep {
    executor: Executor,
    deadline: u64,
    key: Option<(u64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if now() >= self.deadline {
            return Poll::Ready(());
        }
        let key = self
            .key
            .unwrap_or_else(|| (self.deadline, self.executor.0.number_wait()));
        self.executor
            .0
            .timers
            .borrow_mut()
            .insert(key, cx.waker().clone());
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.executor.0.timers.borrow_mut().remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::pin;

    #[test]
    fn a_task_that_needs_no_waiting_is_done_when_spawned() {
        let executor = Executor::default();
        let done = Rc::new(Cell::new(false));
        let seen = done.clone();
        executor.spawn(async move { seen.set(true) });
        assert!(done.get());
    }

    #[test]
    fn block_on_runs_other_tasks_until_its_own_ends() {
        let executor = Executor::default();
        let (read, write) = rustix::pipe::pipe().expect("a pipe");
        let (handle, sleeper) = (executor.clone(), executor.clone());
        executor.spawn(async move {
            sleeper.sleep_until(now() + 1_000_000).await;
            rustix::io::write(&write, b"x").expect("the pipe is empty");
        });
        let value = executor.block_on(async move {
            handle.readable(&read).await;
            7
        });
        assert_eq!(value, 7);
    }

    #[test]
    fn a_reader_wakes_when_its_pipe_has_data() {
        let executor = Executor::default();
        let (read, write) = rustix::pipe::pipe().expect("a pipe");
        let (main, _main_writer) = rustix::pipe::pipe().expect("a pipe");
        let done = Rc::new(Cell::new(false));
        let seen = done.clone();
        let handle = executor.clone();
        executor.spawn(async move {
            handle.readable(&read).await;
            seen.set(true);
        });
        assert!(!done.get());
        rustix::io::write(&write, b"x").expect("the pipe is empty");
        assert!(!executor.wait(main.as_fd()));
        executor.run_ready();
        assert!(done.get());
    }

    /// A task that stops listening to `read` and begins anew whenever it is woken; its waker.
    fn restless(executor: &Executor, read: OwnedFd) -> Waker {
        let place = Rc::new(RefCell::new(None));
        let (handle, waker) = (executor.clone(), place.clone());
        executor.spawn(async move {
            loop {
                let mut readable = pin!(handle.readable(&read));
                let mut woken = false;
                poll_fn(|cx| {
                    waker.replace(Some(cx.waker().clone()));
                    if std::mem::replace(&mut woken, true) {
                        return Poll::Ready(());
                    }
                    readable.as_mut().poll(cx)
                })
                .await;
            }
        });
        place.take().expect("the task has run")
    }

    #[test]
    fn who_waits_over_and_over_is_known_once() {
        let executor = Executor::default();
        let (read, _write) = rustix::pipe::pipe().expect("a pipe");
        let waker = restless(&executor, read);
        for _ in 0..2000 {
            waker.wake_by_ref();
            executor.run_ready();
        }
        assert_eq!(executor.0.readers.borrow().len(), 1);
    }

    #[test]
    fn a_wait_that_is_given_up_is_forgotten() {
        let executor = Executor::default();
        let (read, _write) = rustix::pipe::pipe().expect("a pipe");
        let handle = executor.clone();
        executor.spawn(async move {
            let mut readable = pin!(handle.readable(&read));
            poll_fn(|cx| {
                assert!(readable.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        });
        assert!(executor.is_idle());
    }

    #[test]
    fn two_tasks_wait_for_one_descriptor() {
        let executor = Executor::default();
        let (read, write) = rustix::pipe::pipe().expect("a pipe");
        let (read, done) = (Rc::new(read), Rc::new(Cell::new(0)));
        for _ in 0..2 {
            let (handle, read, done) = (executor.clone(), read.clone(), done.clone());
            executor.spawn(async move {
                handle.readable(&read).await;
                done.set(done.get() + 1);
            });
        }
        rustix::io::write(&write, b"x").expect("the pipe is empty");
        executor.sleep(None);
        executor.run_ready();
        assert_eq!(done.get(), 2);
    }

    #[test]
    #[should_panic(expected = "waiting for 0 descriptors")]
    fn a_failing_poll_is_not_taken_for_silence() {
        let refused = Timespec {
            tv_sec: 0,
            tv_nsec: -1,
        };
        poll(None, &[], Some(&refused));
    }

    #[test]
    fn timers_fire_in_order_of_their_deadlines() {
        let executor = Executor::default();
        let (main, _writer) = rustix::pipe::pipe().expect("a pipe");
        let order = Rc::new(RefCell::new(Vec::new()));
        let start = now();
        for delay in [2u64, 1] {
            let (handle, order) = (executor.clone(), order.clone());
            executor.spawn(async move {
                handle.sleep_until(start + delay * 1_000_000).await;
                order.borrow_mut().push(delay);
            });
        }
        while order.borrow().len() < 2 {
            executor.wait(main.as_fd());
            executor.run_ready();
        }
        assert_eq!(*order.borrow(), [1, 2]);
    }
}
