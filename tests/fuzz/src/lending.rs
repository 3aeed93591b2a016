//! Who is asked by an urgent thread is as urgent: on one processor, nobody who only computes runs between a
//! real-time thread's call and its answer, though the server by itself is the least of all.

use crate::levels::{PLACE, create, serve};
use crate::sys;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

/// Processes that compute all the time.
const BUSY: usize = 2;
/// Calls of a client.
const CALLS: u32 = 200;
/// Seconds after which a client is taken to wait for ever.
const FUSE: usize = 100;

/// Needs a machine of one processor.
pub fn run() -> Result<(), String> {
    let place = PLACE.to_string_lossy();
    fs::write(&*place, "").map_err(|error| format!("{place}: {error}"))?;
    let computed = &shared_words()?[0];
    let control = create();
    let mut others = vec![child(|| {
        sys!(SYS_setpriority, libc::PRIO_PROCESS, 0, 19);
        serve(control, true)
    })];
    others.resize_with(1 + BUSY, || {
        child(|| {
            loop {
                computed.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let outcome = ask(computed);
    for pid in others {
        sys!(SYS_kill, pid, libc::SIGKILL);
        sys!(SYS_wait4, pid, 0, 0, 0);
    }
    sys!(SYS_umount2, PLACE.as_ptr(), libc::MNT_DETACH);
    sys!(SYS_close, control);
    let [fair, urgent] = outcome?;
    println!("others ran in {fair} calls of a fair client, and in {urgent} of an urgent one");
    match (fair, urgent) {
        (0, _) => Err("a fair client's calls show nobody who computes".to_owned()),
        (_, 0) => Ok(()),
        _ => Err("others ran while an urgent client waited for its server".to_owned()),
    }
}

/// In how many calls of the client something else was computed, as it is and then as a real-time thread.
fn ask(computed: &AtomicU32) -> Result<[u32; 2], String> {
    sys::handle_alarm();
    sys!(SYS_alarm, FUSE);
    let fd = sys!(SYS_open, PLACE.as_ptr(), 0);
    let mut byte = 0_u8;
    // The first finds nothing, until something comes.
    sys!(SYS_read, fd, &raw mut byte, 1);
    let mut calls = || {
        let mut overtaken = 0;
        for _ in 0..CALLS {
            // They have their time in between, or would be given some.
            let pause = [0_u64, 1_000_000];
            sys!(SYS_nanosleep, pause.as_ptr(), 0);
            let before = computed.load(Ordering::Relaxed);
            let read = sys!(SYS_read, fd, &raw mut byte, 1);
            if read != 1 {
                return Err(format!("read answers {read}"));
            }
            overtaken += u32::from(computed.load(Ordering::Relaxed) != before);
        }
        Ok(overtaken)
    };
    let fair = calls()?;
    let priority = 10_i32;
    let set = sys!(
        SYS_sched_setscheduler,
        0,
        libc::SCHED_FIFO,
        &raw const priority
    );
    let urgent = calls()?;
    sys!(SYS_alarm, 0);
    sys!(SYS_close, fd);
    match set {
        0 => Ok([fair, urgent]),
        error => Err(format!("not made urgent: {error}")),
    }
}

/// A page of numbers in memory that all share, 0 at first.
pub fn shared_words() -> Result<&'static [AtomicU32; 1024], String> {
    let (both, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_SHARED | libc::MAP_ANONYMOUS,
    );
    let at = sys!(SYS_mmap, 0, 4096, both, flags, -1_isize, 0);
    if at < 0 {
        return Err(format!("no memory to share: {at}"));
    }
    // SAFETY: mapped for good, and aligned to a page.
    Ok(unsafe { &*(at as *const [AtomicU32; 1024]) })
}

pub fn child(work: impl FnOnce()) -> isize {
    let pid = sys!(SYS_fork);
    if pid == 0 {
        work();
    }
    pid
}
