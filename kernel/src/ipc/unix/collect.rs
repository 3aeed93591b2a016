//! Sockets that are left only in each other's queues: nobody can ever receive them, so they are
//! found and let go of.
//!
//! A socket in flight is a candidate when all its references are in flight too. Candidates that
//! candidates' queues don't account for wholly are alive, and so is what waits in their queues; the
//! rest is garbage, and stays so. For this to be right the queues must not change while they are
//! looked at: whoever sends or receives descriptors counts a change, and a look that finds the count
//! moved, or a queue in use, is given up. The next close of a socket looks again.

use super::{Phase, UnixFile, UnixSocket};
use crate::fs::open::OpenFile;
use crate::lock_order;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use ochre_hal::admission::Room;
use ochre_hal::sync::SpinLock;

/// A socket that is in flight, and how often.
struct Flight {
    open: Weak<OpenFile>,
    count: usize,
}

static FLIGHTS: SpinLock<BTreeMap<u64, Flight>> =
    SpinLock::new(lock_order::CELL - 1, BTreeMap::new());
/// How many sockets are in flight.
static FLYING: AtomicUsize = AtomicUsize::new(0);
static CHANGES: AtomicU64 = AtomicU64::new(0);

static LOOKING: AtomicBool = AtomicBool::new(false);
static WANTED: AtomicBool = AtomicBool::new(false);

/// As many more sockets in flight are a reason to look.
const STEP: usize = 64;

/// Counts descriptors that are sent.
pub fn departed(files: &[Arc<OpenFile>]) {
    let mut look = false;
    for open in files.iter().filter(|open| is_socket(open)) {
        CHANGES.fetch_add(1, Ordering::SeqCst);
        let mut flights = FLIGHTS.lock();
        let flight = flights.entry(open.id()).or_insert_with(|| Flight {
            open: Arc::downgrade(open),
            count: 0,
        });
        flight.count += 1;
        let flying = flights.len();
        look |= flight_began(flying);
    }
    if look {
        collect();
    }
}

fn flight_began(flying: usize) -> bool {
    FLYING.swap(flying, Ordering::SeqCst) != flying && flying.is_multiple_of(STEP)
}

/// Counts descriptors that are received, or dropped unread.
pub fn arrived(files: &[Arc<OpenFile>]) {
    for open in files.iter().filter(|open| is_socket(open)) {
        CHANGES.fetch_add(1, Ordering::SeqCst);
        let mut flights = FLIGHTS.lock();
        let last = flights.get_mut(&open.id()).is_some_and(|flight| {
            flight.count -= 1;
            flight.count == 0
        });
        let gone = if last {
            flights.remove(&open.id())
        } else {
            None
        };
        FLYING.store(flights.len(), Ordering::SeqCst);
        drop(flights);
        drop(gone);
    }
}

/// Notes that somebody got at descriptors in flight.
pub fn peeked() {
    CHANGES.fetch_add(1, Ordering::SeqCst);
}

fn is_socket(open: &OpenFile) -> bool {
    open.downcast::<UnixFile>().is_some()
}

/// Looks for garbage, if there can be some.
pub fn collect() {
    if FLYING.load(Ordering::SeqCst) == 0 {
        return;
    }
    WANTED.store(true, Ordering::SeqCst);
    // What is dropped comes back here; one look at a time is enough.
    while WANTED.load(Ordering::SeqCst) && !LOOKING.swap(true, Ordering::SeqCst) {
        while WANTED.swap(false, Ordering::SeqCst) {
            for open in find().unwrap_or_default() {
                if let Some(file) = open.downcast::<UnixFile>() {
                    for socket in queues_of(&file.0) {
                        socket.inbox.discard();
                    }
                }
            }
        }
        LOOKING.store(false, Ordering::SeqCst);
    }
}

/// The garbage; None when it can't be told just now.
fn find() -> Option<Vec<Arc<OpenFile>>> {
    let changes = CHANGES.load(Ordering::SeqCst);
    let candidates = candidates()?;
    let numbers: BTreeMap<u64, usize> = candidates
        .iter()
        .enumerate()
        .map(|(number, (open, _))| (open.id(), number))
        .collect();
    let mut graph = Graph::new(candidates.iter().map(|(_, count)| *count));
    for (number, (open, _)) in candidates.iter().enumerate() {
        let Some(file) = open.downcast::<UnixFile>() else {
            continue;
        };
        for socket in queues_of(&file.0) {
            let complete = each_waiting(&socket, |id| {
                if let Some(&to) = numbers.get(&id) {
                    graph.add(number, to);
                }
            });
            if !complete {
                return None;
            }
        }
    }
    let garbage = graph.garbage();
    if CHANGES.load(Ordering::SeqCst) != changes {
        return None;
    }
    let all = candidates.into_iter().zip(garbage);
    Some(
        all.filter(|&(_, garbage)| garbage)
            .map(|((open, _), _)| open)
            .collect(),
    )
}

/// Whose queues end with `socket`: its own, and those of connections that nobody took from it.
fn queues_of(socket: &Arc<UnixSocket>) -> Vec<Arc<UnixSocket>> {
    let mut queues = Vec::from([socket.clone()]);
    if let Phase::Listening { pending, .. } = &socket.state.lock().phase {
        queues.extend(pending.iter().cloned());
    }
    queues
}

/// Sockets in flight that only flights refer to, and how many.
fn candidates() -> Option<Vec<(Arc<OpenFile>, usize)>> {
    let flights = FLIGHTS.lock();
    let mut found = Vec::new();
    found.room_exact(flights.len()).ok()?;
    for flight in flights.values() {
        if flight.open.strong_count() == flight.count
            && let Some(open) = flight.open.upgrade()
        {
            found.push((open, flight.count));
        }
    }
    drop(flights);
    Some(found)
}

/// Calls `each` with the descriptions that wait in a socket's queue; false when it is in use.
fn each_waiting(socket: &UnixSocket, mut each: impl FnMut(u64)) -> bool {
    socket
        .inbox
        .try_look(|queue| {
            for record in &queue.records {
                record
                    .rights
                    .files()
                    .iter()
                    .for_each(|open| each(open.id()));
            }
        })
        .is_some()
}

/// What waits in whose queue, by numbers.
struct Graph {
    /// References of each that are not accounted for.
    outside: Vec<usize>,
    queues: Vec<Vec<usize>>,
}

impl Graph {
    fn new(references: impl Iterator<Item = usize>) -> Graph {
        let outside: Vec<usize> = references.collect();
        Graph {
            queues: alloc::vec![Vec::new(); outside.len()],
            outside,
        }
    }

    /// A reference to `to` waits in the queue of `from`.
    fn add(&mut self, from: usize, to: usize) {
        self.queues[from].push(to);
        self.outside[to] = self.outside[to].saturating_sub(1);
    }

    /// Which can't be reached from outside.
    fn garbage(&self) -> Vec<bool> {
        let mut garbage = alloc::vec![true; self.outside.len()];
        let roots = (0..self.outside.len()).filter(|&number| self.outside[number] > 0);
        let mut reached: Vec<usize> = roots.collect();
        while let Some(number) = reached.pop() {
            if core::mem::replace(&mut garbage[number], false) {
                reached.extend(self.queues[number].iter().filter(|&&to| garbage[to]));
            }
        }
        garbage
    }
}

#[cfg(test)]
mod tests {
    use super::Graph;

    fn garbage(references: &[usize], waiting: &[(usize, usize)]) -> alloc::vec::Vec<bool> {
        let mut graph = Graph::new(references.iter().copied());
        for &(from, to) in waiting {
            graph.add(from, to);
        }
        graph.garbage()
    }

    #[test]
    fn a_socket_in_its_own_queue() {
        assert_eq!(garbage(&[1], &[(0, 0)]), [true]);
        assert_eq!(garbage(&[2], &[(0, 0)]), [false]);
    }

    #[test]
    fn a_circle_and_what_hangs_on_it() {
        let circle = [(0, 1), (1, 2), (2, 0), (1, 3)];
        assert_eq!(garbage(&[1, 1, 1, 1], &circle), [true; 4]);
        // One of them waits in a queue that somebody reads.
        assert_eq!(garbage(&[1, 2, 1, 1], &circle), [false; 4]);
        // What hangs on it keeps nothing alive.
        assert_eq!(garbage(&[1, 1, 1, 2], &circle), [true, true, true, false]);
    }

    #[test]
    fn circles_that_share_a_socket() {
        let waiting = [(0, 1), (1, 0), (1, 2), (2, 1)];
        assert_eq!(garbage(&[1, 2, 1], &waiting), [true; 3]);
        assert_eq!(garbage(&[1, 3, 1], &waiting), [false; 3]);
    }
}
