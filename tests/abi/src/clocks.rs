//! Clocks and sleeps.

use crate::timers::spin_until;
use crate::{show, sys};
use libc::*;

/// Nanoseconds.
fn now(clock: i32) -> Result<i128, sys::Ret> {
    let mut time = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let got = sys!(SYS_clock_gettime, clock, &raw mut time);
    if got.failed() {
        return Err(got);
    }
    Ok(i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec))
}

pub fn run() {
    for clock in 0..12 {
        show!(
            format!("clock {clock}"),
            now(clock).map_or_else(|e| e.to_string(), |t| (t >= 0).to_string())
        );
        let mut resolution = timespec {
            tv_sec: 9,
            tv_nsec: 9,
        };
        let got = sys!(SYS_clock_getres, clock, &raw mut resolution);
        show!(
            format!("resolution {clock}"),
            "{} {}",
            got,
            resolution.tv_sec
        );
    }
    show!(
        "clock 99",
        sys!(SYS_clock_gettime, 99, [0_i64; 2].as_mut_ptr())
    );
    show!("to a wrong address", sys!(SYS_clock_gettime, 1, 8));
    let (one, other) = (now(CLOCK_MONOTONIC), now(CLOCK_MONOTONIC));
    show!("it goes on", one.ok() <= other.ok());
    let mut time = [0_i64; 2];
    show!("gettimeofday", sys!(SYS_gettimeofday, time.as_mut_ptr(), 0));
    show!(
        "they agree",
        now(CLOCK_REALTIME).is_ok_and(|t| (t / 1_000_000_000 - i128::from(time[0])).abs() <= 1)
    );
    show!("time", (sys!(SYS_time, 0).0 as i64 - time[0]).abs() <= 1);
    let mut own = 0_i64;
    let before = now(CLOCK_PROCESS_CPUTIME_ID);
    for index in 0..3_000_000_i64 {
        own = std::hint::black_box(own + index);
    }
    show!(
        "CPU time grows",
        now(CLOCK_PROCESS_CPUTIME_ID).ok() > before.ok()
    );
    show!(
        "of this thread",
        now(CLOCK_THREAD_CPUTIME_ID).is_ok_and(|t| t > 0)
    );
    sleeping();
    intervals();
    cpu_time();
    adjusting();
    zone();
}

fn sleeping() {
    let sleep = |seconds: i64, nanos: i64| {
        let time = timespec {
            tv_sec: seconds,
            tv_nsec: nanos,
        };
        sys!(SYS_nanosleep, &raw const time, 0)
    };
    let before = now(CLOCK_MONOTONIC);
    show!("sleep", sleep(0, 20_000_000));
    show!(
        "long enough",
        now(CLOCK_MONOTONIC)
            .ok()
            .zip(before.ok())
            .is_some_and(|(a, b)| a - b >= 20_000_000)
    );
    show!("nothing", sleep(0, 0));
    show!("negative", sleep(-1, 0));
    show!("too many nanoseconds", sleep(0, 1_000_000_000));
    let past = timespec {
        tv_sec: 0,
        tv_nsec: 1,
    };
    show!(
        "until the past",
        sys!(
            SYS_clock_nanosleep,
            CLOCK_MONOTONIC,
            TIMER_ABSTIME,
            &raw const past,
            0
        )
    );
    show!(
        "by a thread's clock",
        sys!(
            SYS_clock_nanosleep,
            CLOCK_THREAD_CPUTIME_ID,
            0,
            &raw const past,
            0
        )
    );
    show!(
        "by no clock",
        sys!(SYS_clock_nanosleep, 77, 0, &raw const past, 0)
    );
    show!("at a wrong address", sys!(SYS_nanosleep, 8, 0));
}

fn intervals() {
    let ignore = [SIG_IGN, 0, 0, 0];
    for signal in [SIGALRM, SIGVTALRM, SIGPROF] {
        sys!(SYS_rt_sigaction, signal, ignore.as_ptr(), 0, 8);
    }
    let mut old = [9_i64; 4];
    show!("alarm", sys!(SYS_alarm, 100));
    show!("alarm again", sys!(SYS_alarm, 0));
    let set = |which: i32, setting: [i64; 4]| sys!(SYS_setitimer, which, setting.as_ptr(), 0);
    show!("set", set(ITIMER_REAL, [3, 0, 100, 0]));
    show!("get", sys!(SYS_getitimer, ITIMER_REAL, old.as_mut_ptr()));
    show!("left", "{} every {}", (99..=100).contains(&old[2]), old[0]);
    show!("too many parts", set(ITIMER_REAL, [0, 0, 0, 1_000_000]));
    show!("no timer", set(3, [0; 4]));
    show!("never", set(ITIMER_REAL, [i64::MAX, 0, i64::MAX, 0]));
    sys!(SYS_getitimer, ITIMER_REAL, old.as_mut_ptr());
    let far = 1_000_000_000;
    show!("never left", "{} every {}", old[2] > far, old[0] > far);
    show!("off", set(ITIMER_REAL, [0; 4]));
    sys!(SYS_getitimer, ITIMER_REAL, old.as_mut_ptr());
    show!("nothing left", "{:?}", old);
    show!("virtual", set(ITIMER_VIRTUAL, [0, 0, 100, 0]));
    sys!(SYS_getitimer, ITIMER_VIRTUAL, old.as_mut_ptr());
    show!("virtual left", (99..=100).contains(&old[2]));
    show!("profiling", set(ITIMER_PROF, [0, 0, 100, 0]));
    set(ITIMER_VIRTUAL, [0; 4]);
    set(ITIMER_PROF, [0; 4]);
    for (name, timer, signal) in [
        ("virtual", ITIMER_VIRTUAL, SIGVTALRM),
        ("profiling", ITIMER_PROF, SIGPROF),
    ] {
        show!(
            format!("{name} ends a loop"),
            crate::child::run(|| {
                sys!(SYS_rt_sigaction, signal, [SIG_DFL, 0, 0, 0].as_ptr(), 0, 8);
                sys!(SYS_rt_sigaction, SIGALRM, [SIG_DFL, 0, 0, 0].as_ptr(), 0, 8);
                sys!(SYS_alarm, 5);
                set(timer, [0, 0, 0, 20_000]);
                loop {
                    std::hint::spin_loop();
                }
            })
        );
    }
    show!(
        "CPU time limited",
        crate::child::run(|| {
            let limit = [1_u64, 5];
            sys!(SYS_setrlimit, RLIMIT_CPU, limit.as_ptr());
            sys!(SYS_rt_sigaction, SIGALRM, [SIG_DFL, 0, 0, 0].as_ptr(), 0, 8);
            sys!(SYS_alarm, 8);
            loop {
                std::hint::spin_loop();
            }
        })
    );
    let mut times = [0_i64; 4];
    show!("times", sys!(SYS_times, times.as_mut_ptr()).outcome());
}

/// The number of process `pid`'s clock that counts `what`: 0 all, 1 user time, 2 exact.
pub fn clock_of(pid: i32, what: i32) -> i32 {
    !pid << 3 | what
}

fn cpu_time() {
    let own = std::process::id() as i32;
    for what in 0..4 {
        show!(
            format!("own clock {what}"),
            now(clock_of(own, what)).map_or_else(|e| e.to_string(), |t| (t >= 0).to_string())
        );
        show!(
            format!("thread's clock {what}"),
            now(clock_of(0, what | 4)).map_or_else(|e| e.to_string(), |t| (t >= 0).to_string())
        );
    }
    show!(
        "process 1's clock",
        now(clock_of(1, 2)).map_or_else(|e| e.to_string(), |t| (t > 0).to_string())
    );
    show!(
        "process 1's thread's clock",
        now(clock_of(1, 6)).map_or_else(|e| e.to_string(), |t| (t > 0).to_string())
    );
    show!(
        "nobody's clock",
        now(clock_of(4_000_000, 2)).map_or_else(|e| e.to_string(), |t| t.to_string())
    );
    show!(
        "set a CPU clock",
        sys!(
            SYS_clock_settime,
            CLOCK_PROCESS_CPUTIME_ID,
            [1_i64, 0].as_ptr()
        )
    );
    show!(
        "set a process's clock",
        sys!(SYS_clock_settime, clock_of(own, 2), [1_i64, 0].as_ptr())
    );
    let times = || {
        let mut times = [0_i64; 4];
        sys!(SYS_times, times.as_mut_ptr());
        times
    };
    let before = times();
    show!("user time grows", spin_until(|| times()[0] > before[0]));
    let zero = sys!(SYS_openat, AT_FDCWD, c"/dev/zero", O_RDONLY).value();
    let mut block = vec![1_u8; 1 << 20];
    show!(
        "system time grows",
        spin_until(|| {
            sys!(SYS_read, zero, block.as_mut_ptr(), block.len());
            times()[1] > before[1]
        })
    );
    sys!(SYS_close, zero);
    let usage = |who: i32| {
        let mut usage = [0_i64; 18];
        let got = sys!(SYS_getrusage, who, usage.as_mut_ptr());
        (got, usage)
    };
    let (got, own) = usage(RUSAGE_SELF);
    show!(
        "own usage",
        "{} {}",
        got,
        own[0] + own[1] > 0 && own[2] + own[3] > 0
    );
    let (got, thread) = usage(RUSAGE_THREAD);
    show!("thread's usage", "{} {}", got, thread[0] + thread[1] > 0);
    let children = || {
        let usage = usage(RUSAGE_CHILDREN).1;
        usage[0] * 1_000_000 + usage[1]
    };
    let before = children();
    let grown = crate::child::run(|| {
        let before = times();
        i32::from(!spin_until(|| times()[0] > before[0] + 2))
    });
    show!("child spins", grown);
    show!("children's usage grew", children() > before);
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<i64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(-1))
        .collect();
    show!(
        "in /proc",
        "{} {} {}",
        fields.get(11) > Some(&0),
        fields.get(12) > Some(&0),
        fields.get(13) > Some(&0)
    );
}

/// The time zone that the kernel keeps, and settimeofday.
fn zone() {
    let told = || {
        let mut zone = [-1_i32; 2];
        sys!(SYS_gettimeofday, 0, zone.as_mut_ptr());
        zone
    };
    let mut now = [0_i64; 2];
    show!("zone at first", "{:?}", told());
    let mut set = |zone: [i32; 2]| {
        sys!(SYS_gettimeofday, now.as_mut_ptr(), 0);
        sys!(SYS_settimeofday, now.as_ptr(), zone.as_ptr())
    };
    show!("with the time", "{} {:?}", set([-120, 1]), told());
    for west in [900, -900, 901, -901] {
        show!(format!("{west} minutes"), "{} {:?}", set([west, 0]), told());
    }
    let alone = |zone: [i32; 2]| sys!(SYS_settimeofday, 0, zone.as_ptr());
    show!("alone", "{} {:?}", alone([0, 3]), told());
    alone([0, 0]);
    show!("nothing", sys!(SYS_settimeofday, 0, 0));
    show!("from nowhere", sys!(SYS_settimeofday, 8, 0));
    show!("zone from nowhere", sys!(SYS_settimeofday, 0, 8));
    let time = |time: [i64; 2]| sys!(SYS_settimeofday, time.as_ptr(), 0);
    for wrong in [
        [1, 1_000_000],
        [1, 1_000_001],
        [1, -1],
        [-1, 0],
        [i64::MAX / 1000, 0],
    ] {
        show!(format!("{wrong:?}"), time(wrong));
    }
    crate::child::run(|| {
        sys!(SYS_setresuid, 1000, 1000, 1000);
        show!("nothing, as a user", sys!(SYS_settimeofday, 0, 0));
        show!("a wrong time, as a user", time([1, -1]));
        show!("a wrong zone, as a user", alone([901, 0]));
        0
    });
}

/// adjtimex, by the places of its structure: modes, offset, frequency, status, tolerance, tick.
fn adjusting() {
    let mut timex = [0_u64; 26];
    let ask = |timex: &mut [u64; 26], modes: u64| {
        timex[0] = modes;
        sys!(SYS_adjtimex, timex.as_mut_ptr()).outcome()
    };
    show!("ask", ask(&mut timex, 0));
    show!("tolerance and tick", "{} {}", timex[8], timex[11]);
    show!(
        "its time",
        now(CLOCK_REALTIME).is_ok_and(|t| (t / 1_000_000_000 - i128::from(timex[9])).abs() <= 1)
    );
    show!("ask what is left", ask(&mut timex, 0xa001));
    show!("an adjustment that is none", ask(&mut timex, 0x8000));
    timex[11] = 5;
    show!("a short tick", ask(&mut timex, 0x4000));
    timex[10] = 1_000_000;
    show!("a wrong offset", ask(&mut timex, 0x100));
    show!(
        "of another clock",
        sys!(SYS_clock_adjtime, CLOCK_MONOTONIC, timex.as_mut_ptr())
    );
    show!(
        "of no clock",
        sys!(SYS_clock_adjtime, 99, timex.as_mut_ptr())
    );
    show!("from nowhere", sys!(SYS_adjtimex, 8));
    show!(
        "as a user",
        crate::child::run(|| {
            sys!(SYS_setresuid, 1000, 1000, 1000);
            println!("asking: {}", ask(&mut timex, 0));
            println!("saying: {}", ask(&mut timex, 0x10));
            println!("adjusting: {}", ask(&mut timex, 0x8001));
            0
        })
    );
}
