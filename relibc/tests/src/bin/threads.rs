//! Threads, locks, condition variables, channels, thread-local destructors, panics.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, Once, OnceLock, RwLock, mpsc};
use std::thread;

static DROPPED: AtomicUsize = AtomicUsize::new(0);

struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::SeqCst);
    }
}

thread_local! {
    static LOCAL: RefCell<Vec<Counted>> = const { RefCell::new(Vec::new()) };
    static LATE: Counted = const { Counted };
    static BIG: RefCell<[u64; 600]> = const { RefCell::new([7; 600]) };
}

fn main() {
    let sum = Arc::new(Mutex::new(0u64));
    let threads: Vec<_> = (0..16)
        .map(|number| {
            let sum = sum.clone();
            thread::spawn(move || {
                for step in 0..2000 {
                    *sum.lock().unwrap() += step * number;
                }
                number
            })
        })
        .collect();
    let numbers: Vec<u64> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    println!("sum {} of {numbers:?}", sum.lock().unwrap());

    // Churn: stacks are taken over, and each thread's TLS begins as new.
    for round in 0..200 {
        let thread = thread::spawn(move || {
            LOCAL.with_borrow_mut(|list| {
                assert!(list.is_empty());
                list.extend((0..3).map(|_| Counted));
            });
            LATE.with(|_| ());
            BIG.with_borrow_mut(|big| {
                assert!(big.iter().all(|&word| word == 7));
                big.fill(round);
            });
        });
        thread.join().unwrap();
    }
    println!("dropped {}", DROPPED.load(Ordering::SeqCst));

    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let other = pair.clone();
    let pinger = thread::spawn(move || {
        for turn in 0..500 {
            let mut value = other.0.lock().unwrap();
            while *value != turn * 2 {
                value = other.1.wait(value).unwrap();
            }
            *value += 1;
            other.1.notify_one();
        }
    });
    for turn in 0..500 {
        let mut value = pair.0.lock().unwrap();
        while *value != turn * 2 + 1 {
            value = pair.1.wait(value).unwrap();
        }
        *value += 1;
        pair.1.notify_one();
    }
    pinger.join().unwrap();
    println!("ping-pong {}", pair.0.lock().unwrap());
    let timeout = std::time::Duration::from_millis(3);
    let (guard, result) = pair
        .1
        .wait_timeout(pair.0.lock().unwrap(), timeout)
        .unwrap();
    println!("timed out {} at {}", result.timed_out(), *guard);

    let (sender, receiver) = mpsc::sync_channel(4);
    let senders: Vec<_> = (0..4)
        .map(|number| {
            let sender = sender.clone();
            thread::spawn(move || (0..250).for_each(|n| sender.send(number * 1000 + n).unwrap()))
        })
        .collect();
    drop(sender);
    let mut received: Vec<i32> = receiver.iter().collect();
    received.sort_unstable();
    senders
        .into_iter()
        .for_each(|sender| sender.join().unwrap());
    println!(
        "received {} first {} last {}",
        received.len(),
        received[0],
        received[999]
    );

    let barrier = Arc::new(Barrier::new(5));
    let leaders: usize = (0..5)
        .map(|_| {
            let barrier = barrier.clone();
            thread::spawn(move || usize::from(barrier.wait().is_leader()))
        })
        .collect::<Vec<_>>()
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    println!("leaders {leaders}");

    let shared = Arc::new(RwLock::new(vec![1, 2, 3]));
    thread::scope(|scope| {
        for n in 0..4 {
            let shared = &shared;
            scope.spawn(move || {
                if n == 0 {
                    shared.write().unwrap().push(4);
                } else {
                    assert!(shared.read().unwrap().len() >= 3);
                }
            });
        }
    });
    println!("shared {:?}", shared.read().unwrap());

    static ONCE: Once = Once::new();
    static VALUE: OnceLock<String> = OnceLock::new();
    for _ in 0..3 {
        ONCE.call_once(|| println!("once"));
        VALUE.get_or_init(|| "value".to_owned());
    }

    std::panic::set_hook(Box::new(|_| {}));
    let caught = thread::spawn(|| {
        let _guard = Counted;
        panic!("on purpose");
    })
    .join();
    println!("panicked {:?}", caught.unwrap_err().downcast_ref::<&str>());
    println!(
        "caught {}",
        std::panic::catch_unwind(|| vec![1][std::hint::black_box(4)]).is_err()
    );
    let named = thread::Builder::new()
        .name("worker".to_owned())
        .stack_size(64 << 10);
    let name = named
        .spawn(|| thread::current().name().map(str::to_owned))
        .unwrap()
        .join()
        .unwrap();
    println!("name {name:?}");
    println!("dropped {}", DROPPED.load(Ordering::SeqCst));
}
