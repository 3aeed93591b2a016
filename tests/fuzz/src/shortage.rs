//! Memory that is refused at each place where the kernel asks for it, one after the other.
//!
//! A case is a few calls. It is run again and again while the kernel, started with the option
//! `fail-nth`, refuses the first, the second, … allocation that it makes for this thread, until a run
//! had none left to refuse. Each run succeeds or ends with an error that says that memory is short;
//! when all have been walked often enough, no object of the kernel may be left over.

mod cases;

use crate::{census, sys};
use cases::{BLOCKED, CASES, Case};

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::time::Duration;

pub use cases::past;

/// More than any case asks for.
const MOST: u32 = 20_000;
/// Objects of a kind, and KiB, that may be missing after a case: lists that are swept now and then.
/// One processor is needed, as others' spare objects count as used.
const KEPT: i64 = 64;
const KEPT_MEMORY: u64 = 300;
/// How often is looked again while some are missing: a process ends a little later than who waits
/// for it hears.
const LOOKS: u32 = 500;

/// What cases work on.
struct Place {
    /// /proc/self/fail-nth.
    control: File,
    /// Where this descriptor is the first that cases may make.
    first: usize,
    /// Addresses of a few pages that cases map and unmap.
    area: usize,
}

const AREA: usize = 64 << 20;
const PAGE: usize = 4096;

impl Place {
    fn make() -> Result<Place, String> {
        let control = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/proc/thread-self/fail-nth")
            .map_err(|error| {
                format!("/proc/thread-self/fail-nth: {error} (is there the boot option fail-nth?)")
            })?;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let area = sys!(SYS_mmap, 0, AREA, libc::PROT_NONE, flags, -1_isize, 0);
        if area < 0 {
            return Err(format!("no addresses to work on: {area}"));
        }
        let first = control.as_raw_fd() as usize + 1;
        let area = area as usize;
        Ok(Place {
            control,
            first,
            area,
        })
    }

    /// From here on the `nth` allocation is refused.
    fn arm(&self, nth: u32) {
        let text = format!("{nth}\n");
        let fd = self.control.as_raw_fd();
        sys!(SYS_pwrite64, fd, text.as_ptr(), text.len(), 0);
    }

    /// How many were still to come before the refused one.
    fn disarm(&self) -> u32 {
        let mut text = [0_u8; 16];
        let fd = self.control.as_raw_fd();
        let read = sys!(SYS_pread64, fd, text.as_mut_ptr(), text.len(), 0);
        let read = usize::try_from(read).unwrap_or(0);
        let left = str::from_utf8(&text[..read]).ok();
        self.arm(0);
        left.and_then(|left| left.trim().parse().ok()).unwrap_or(0)
    }

    /// Nothing a case made is left.
    fn sweep(&self) -> Result<(), String> {
        sys!(SYS_close_range, self.first, u32::MAX, 0);
        sys!(SYS_chdir, FOLDER.as_ptr());
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
        let area = sys!(
            SYS_mmap,
            self.area,
            AREA,
            libc::PROT_NONE,
            flags,
            -1_isize,
            0
        );
        while sys!(SYS_wait4, -1_isize, 0, libc::__WALL, 0) > 0 {}
        let now = [0_u64; 2];
        while sys!(SYS_rt_sigtimedwait, BLOCKED.as_ptr(), 0, now.as_ptr(), 8) > 0 {}
        census::remove_ipc();
        for entry in fs::read_dir(".").into_iter().flatten().flatten() {
            let path = entry.path();
            if fs::remove_file(&path).is_err() {
                fs::remove_dir_all(&path).map_err(|error| format!("{path:?} stays: {error}"))?;
            }
        }
        if area as usize == self.area {
            Ok(())
        } else {
            Err(format!("the area is not to be had again: {area}"))
        }
    }
}

const FOLDER: &CStr = c"/tmp/shortage";

/// Walks each case so many times.
pub fn run(rounds: u64) -> Result<(), String> {
    let place = Place::make()?;
    sys!(SYS_mkdir, FOLDER.as_ptr(), 0o700);
    place.sweep()?;
    // What is kept for the next time is there after this.
    let mut wrong = Vec::new();
    for case in &CASES {
        match walk(&place, case) {
            Ok((refused, borne)) => println!(
                "{}: refused at {refused} places, and borne at {borne}",
                case.name
            ),
            Err(error) => wrong.push(error),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong.join("; "));
    }
    for case in &CASES {
        let before = count();
        for _ in 0..rounds {
            walk(&place, case)?;
        }
        let mut missing = missing(&before);
        for _ in 0..LOOKS {
            if missing.is_none() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
            missing = self::missing(&before);
        }
        wrong.extend(missing.map(|missing| format!("{}: {missing}", case.name)));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("; "))
    }
}

/// The kernel's objects, and what memory is free.
fn count() -> (BTreeMap<String, i64>, u64) {
    census::forget_names();
    (census::objects(), census::free_memory())
}

/// What there is less of than before, if anything.
fn missing(before: &(BTreeMap<String, i64>, u64)) -> Option<String> {
    let now = count();
    let more = |(name, count): (&String, &i64)| {
        let more = count - before.0.get(name).copied().unwrap_or(0);
        (more > KEPT).then(|| (name.clone(), more))
    };
    let lost: Vec<_> = now.0.iter().filter_map(more).collect();
    let lacks = !lost.is_empty() || now.1 + KEPT_MEMORY < before.1;
    lacks.then(|| {
        format!(
            "{} KiB before, {} KiB now; objects: {lost:?}",
            before.1, now.1
        )
    })
}

/// Refuses each allocation of a case in turn: how many refusals ended it, and how many it bore.
fn walk(place: &Place, case: &Case) -> Result<(u32, u32), String> {
    let (mut refused, mut borne) = (0, 0);
    for nth in 1..MOST {
        place.arm(nth);
        let outcome = (case.go)(place);
        let left = place.disarm();
        place
            .sweep()
            .map_err(|error| format!("{} at {nth}: {error}", case.name))?;
        match outcome {
            Ok(()) if left > 0 => return Ok((refused, borne)),
            Ok(()) => borne += 1,
            Err(error) if left == 0 && (error == libc::ENOMEM || case.also.contains(&error)) => {
                refused += 1;
            }
            Err(error) => {
                return Err(format!(
                    "{} at {nth} says error {error}, with {left} left",
                    case.name
                ));
            }
        }
    }
    Err(format!("{} doesn't end", case.name))
}
