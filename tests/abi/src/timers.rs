//! Timers: POSIX timers, interval timers and the limit of CPU time, and the signals that they send.

use crate::clocks::clock_of;
use crate::{child, show, sys};
use libc::*;

pub fn run() {
    posix();
    by_cpu_time();
    limited();
}

fn posix() {
    let mut event = [0_u32; 16];
    event[2] = SIGALRM as u32;
    let mut timer = -1_i32;
    let create = |clock: i32, event: &[u32; 16], timer: &mut i32| {
        sys!(SYS_timer_create, clock, event.as_ptr(), &raw mut *timer)
    };
    show!("create", create(CLOCK_MONOTONIC, &event, &mut timer));
    show!("number", timer);
    show!("no clock", create(77, &event, &mut timer));
    event[3] = 9;
    show!(
        "no way to tell",
        create(CLOCK_MONOTONIC, &event, &mut timer)
    );
    event[3] = 0;
    event[2] = 99;
    show!("no signal", create(CLOCK_MONOTONIC, &event, &mut timer));
    event[2] = 34;
    event[0] = 77;
    sys!(
        SYS_rt_sigprocmask,
        SIG_BLOCK,
        std::ptr::from_ref(&(1_u64 << 33)),
        0,
        8
    );
    show!("second", create(CLOCK_MONOTONIC, &event, &mut timer));
    let set = |timer: i32, flags: i32, setting: [i64; 4]| {
        sys!(SYS_timer_settime, timer, flags, setting.as_ptr(), 0)
    };
    show!("set", set(timer, 0, [0, 1_000_000, 0, 1_000_000]));
    let long = timespec {
        tv_sec: 0,
        tv_nsec: 30_000_000,
    };
    sys!(SYS_nanosleep, &raw const long, 0);
    let mut info = [0_i32; 32];
    let wanted = 1_u64 << 33;
    let signal = sys!(
        SYS_rt_sigtimedwait,
        &raw const wanted,
        info.as_mut_ptr(),
        &raw const long,
        8
    );
    show!(
        "signal",
        "{} code {} value {} overran {}",
        signal,
        info[2],
        info[6],
        info[5] >= 15
    );
    show!("overrun", sys!(SYS_timer_getoverrun, timer).0 >= 15);
    show!("huge interval", set(timer, 0, [i64::MAX / 2, 0, 0, 1]));
    show!("wrong time", set(timer, 0, [0, -1, 0, 1]));
    let mut left = [0_i64; 4];
    show!("get", sys!(SYS_timer_gettime, timer, left.as_mut_ptr()));
    show!("delete", sys!(SYS_timer_delete, timer));
    show!("delete again", sys!(SYS_timer_delete, timer));
    show!("set what is gone", set(timer, 0, [0; 4]));
}

/// Spins until `done` says so; false when that takes longer than any machine is slow.
pub fn spin_until(mut done: impl FnMut() -> bool) -> bool {
    let start = std::time::Instant::now();
    while start.elapsed().as_secs() < 60 {
        if done() {
            return true;
        }
        for _ in 0..1000 {
            std::hint::spin_loop();
        }
    }
    false
}

/// Blocks `signals` and returns a way to spin until one of them can be taken: number, code and value.
fn taking(signals: &[i32]) -> impl Fn() -> String {
    let mask = signals.iter().fold(0_u64, |mask, s| mask | 1 << (s - 1));
    sys!(SYS_rt_sigprocmask, SIG_BLOCK, &raw const mask, 0, 8);
    move || {
        let mut info = [0_i32; 32];
        let mut signal = sys::Ret(0);
        let zero = [0_i64; 2];
        let came = spin_until(|| {
            signal = sys!(
                SYS_rt_sigtimedwait,
                &raw const mask,
                info.as_mut_ptr(),
                zero.as_ptr(),
                8
            );
            !signal.failed()
        });
        format!("{came} {signal} code {} value {}", info[2], info[6])
    }
}

fn by_cpu_time() {
    let take = taking(&[SIGVTALRM, SIGPROF, SIGALRM, 35]);
    for (name, which) in [
        ("virtual", ITIMER_VIRTUAL),
        ("profiling", ITIMER_PROF),
        ("real", ITIMER_REAL),
    ] {
        let setting = [0_i64, 10_000, 0, 10_000];
        sys!(SYS_setitimer, which, setting.as_ptr(), 0);
        show!(format!("{name} comes"), take());
        show!(format!("{name} comes again"), take());
        let mut old = [0_i64; 4];
        let off = [0_i64; 4];
        show!(
            format!("{name} off"),
            sys!(SYS_setitimer, which, off.as_ptr(), old.as_mut_ptr())
        );
        show!(format!("{name}'s interval"), old[1]);
        let mut info = [0_i32; 32];
        let mask = 1_u64 << (SIGVTALRM - 1) | 1 << (SIGPROF - 1) | 1 << (SIGALRM - 1);
        sys!(
            SYS_rt_sigtimedwait,
            &raw const mask,
            info.as_mut_ptr(),
            off.as_ptr(),
            8
        );
    }
    let mut event = [0_u32; 16];
    (event[0], event[2]) = (55, 35);
    let own = std::process::id() as i32;
    for (name, clock) in [
        ("process's clock", CLOCK_PROCESS_CPUTIME_ID),
        ("thread's clock", CLOCK_THREAD_CPUTIME_ID),
        ("user time", clock_of(own, 1)),
        ("user and system time", clock_of(own, 0)),
    ] {
        let mut timer = -1_i32;
        show!(
            format!("create by {name}"),
            sys!(SYS_timer_create, clock, event.as_ptr(), &raw mut timer)
        );
        let set = |flags: i32, setting: [i64; 4]| {
            sys!(SYS_timer_settime, timer, flags, setting.as_ptr(), 0)
        };
        show!(
            format!("set {name}"),
            set(0, [0, 10_000_000, 0, 10_000_000])
        );
        show!(format!("{name} comes"), take());
        show!(format!("{name} comes again"), take());
        let mut left = [0_i64; 4];
        sys!(SYS_timer_gettime, timer, left.as_mut_ptr());
        show!(
            format!("{name} is left"),
            "{} {}",
            left[1],
            left[3] > 0 && left[3] <= 10_000_000
        );
        show!(
            format!("{name} was long ago"),
            "{} {}",
            set(TIMER_ABSTIME, [0, 0, 0, 1]),
            take()
        );
        sys!(SYS_timer_gettime, timer, left.as_mut_ptr());
        show!(format!("{name} is over"), "{:?}", left);
        show!(format!("delete {name}"), sys!(SYS_timer_delete, timer));
    }
    let mut timer = -1_i32;
    show!(
        "timer by another's thread",
        sys!(
            SYS_timer_create,
            clock_of(1, 6),
            event.as_ptr(),
            &raw mut timer
        )
    );
    show!(
        "timer by a coarse clock",
        sys!(
            SYS_timer_create,
            CLOCK_MONOTONIC_COARSE,
            event.as_ptr(),
            &raw mut timer
        )
    );
    short_periods(&take);
    let rest = [0_i64, 20_000_000];
    show!(
        "sleep by its own thread's clock",
        sys!(SYS_clock_nanosleep, clock_of(0, 6), 0, rest.as_ptr(), 0)
    );
    show!(
        "sleep by the process's clock",
        child::run(|| {
            std::thread::spawn(|| spin_until(|| false));
            let slept = sys!(
                SYS_clock_nanosleep,
                CLOCK_PROCESS_CPUTIME_ID,
                0,
                rest.as_ptr(),
                0
            );
            slept.0 as i32
        })
    );
}

/// Whether this is a Linux before 6.13.
fn is_old_linux() -> bool {
    let mut names = [0_u8; 6 * 65];
    sys!(SYS_uname, names.as_mut_ptr());
    let release = String::from_utf8_lossy(&names[130..195]);
    let mut numbers = release.split(['.', '-']).map(str::parse::<u32>);
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
    !release.contains("ochre") && (next(), next()) < (6, 13)
}

/// Signals that wait when their timer is set anew or deleted: Linux drops them since 6.13.
fn forgotten_signals(event: &mut [u32; 16]) {
    let pending = || {
        let mut set = 0_u64;
        sys!(SYS_rt_sigpending, &raw mut set, 8);
        set & 1 << 34 != 0
    };
    let take = || {
        let mut info = [0_i32; 32];
        let (mask, zero) = (1_u64 << 34, [0_i64; 2]);
        let signal = sys!(
            SYS_rt_sigtimedwait,
            &raw const mask,
            info.as_mut_ptr(),
            zero.as_ptr(),
            8
        );
        format!("{signal} value {}", info[6])
    };
    let old = is_old_linux();
    let forget = || {
        if old {
            take();
        }
    };
    // Of the caller's timer.
    forget();
    let mut timers = [-1_i32; 2];
    for (value, timer) in (70..).zip(&mut timers) {
        event[0] = value;
        sys!(
            SYS_timer_create,
            CLOCK_MONOTONIC,
            event.as_ptr(),
            &raw mut *timer
        );
    }
    show!("numbers go up", timers[1] - timers[0]);
    let set = |timer: i32, setting: [i64; 4]| {
        sys!(SYS_timer_settime, timer, 0, setting.as_ptr(), 0);
    };
    set(timers[0], [0, 0, 0, 1]);
    show!("one waits", spin_until(pending));
    set(timers[0], [0, 0, 1000, 0]);
    forget();
    show!("set anew", take());
    show!("none waits", pending());
    set(timers[0], [0, 0, 0, 1]);
    spin_until(pending);
    sys!(SYS_timer_delete, timers[0]);
    forget();
    event[0] = 72;
    sys!(
        SYS_timer_create,
        CLOCK_MONOTONIC,
        event.as_ptr(),
        &raw mut timers[0]
    );
    show!("no number twice", timers[0] - timers[1]);
    show!("deleted", take());
    set(timers[0], [0, 0, 0, 1]);
    spin_until(pending);
    sys!(SYS_timer_delete, timers[0]);
    forget();
    set(timers[1], [0, 0, 0, 1]);
    let mut first = String::new();
    spin_until(|| {
        first = take();
        !first.starts_with("EAGAIN")
    });
    show!("deleted before another's", first);
    show!("nothing after it", take());
    sys!(SYS_timer_delete, timers[1]);
}

/// Periods far shorter than what serving one takes.
fn short_periods(take: &impl Fn() -> String) {
    let mut event = [0_u32; 16];
    (event[0], event[2]) = (56, 35);
    let mut timer = -1_i32;
    sys!(
        SYS_timer_create,
        CLOCK_MONOTONIC,
        event.as_ptr(),
        &raw mut timer
    );
    let set = |setting: [i64; 4]| sys!(SYS_timer_settime, timer, 0, setting.as_ptr(), 0);
    show!("overrun of none", sys!(SYS_timer_getoverrun, timer));
    show!("every nanosecond", set([0, 1, 0, 1]));
    show!("it comes", take());
    show!("it overran", sys!(SYS_timer_getoverrun, timer).0 > 0);
    show!("it comes again", take());
    show!("once", set([0, 0, 0, 1]));
    show!("forgotten", sys!(SYS_timer_getoverrun, timer));
    show!("it came once", take());
    show!("no overrun", sys!(SYS_timer_getoverrun, timer));
    let mut left = [9_i64; 4];
    show!(
        "nothing is left",
        spin_until(|| {
            sys!(SYS_timer_gettime, timer, left.as_mut_ptr());
            left == [0; 4]
        })
    );
    sys!(SYS_timer_delete, timer);
    forgotten_signals(&mut event);
    let setting = [0_i64, 1, 0, 1];
    sys!(SYS_setitimer, ITIMER_REAL, setting.as_ptr(), 0);
    show!("every microsecond", take());
    show!("every microsecond again", take());
    sys!(SYS_setitimer, ITIMER_REAL, [0_i64; 4].as_ptr(), 0);
    event[3] = SIGEV_NONE as u32;
    let mut silent = -1_i32;
    show!(
        "silent",
        sys!(
            SYS_timer_create,
            CLOCK_MONOTONIC,
            event.as_ptr(),
            &raw mut silent
        )
    );
    let setting = [0_i64, 0, 0, 1];
    show!(
        "set silently",
        sys!(SYS_timer_settime, silent, 0, setting.as_ptr(), 0)
    );
    show!(
        "silently over",
        spin_until(|| {
            sys!(SYS_timer_gettime, silent, left.as_mut_ptr());
            left == [0; 4]
        })
    );
    let setting = [100_i64, 0, 0, 1];
    sys!(SYS_timer_settime, silent, 0, setting.as_ptr(), 0);
    sys!(SYS_nanosleep, [0_i64, 1_000_000].as_ptr(), 0);
    sys!(SYS_timer_gettime, silent, left.as_mut_ptr());
    show!("silently again", "{} {}", left[0], left[2] >= 90);
    show!("silent overrun", sys!(SYS_timer_getoverrun, silent));
    sys!(SYS_timer_delete, silent);
}

fn limited() {
    show!(
        "reminded of the limit",
        child::run(|| {
            let take = taking(&[SIGXCPU]);
            let mut limit = [1_u64, 50];
            sys!(SYS_setrlimit, RLIMIT_CPU, limit.as_ptr());
            let first = take();
            sys!(SYS_getrlimit, RLIMIT_CPU, limit.as_mut_ptr());
            println!("reminded: {first}, limit {limit:?}");
            let second = take();
            sys!(SYS_getrlimit, RLIMIT_CPU, limit.as_mut_ptr());
            println!("reminded again: {second}, limit {limit:?}");
            0
        })
    );
    // Real-time threads by what they run without sleep, in microseconds.
    let urgent = || sys!(SYS_sched_setscheduler, 0, SCHED_FIFO, [1_i32].as_ptr());
    show!(
        "reminded to sleep",
        child::run(|| {
            let take = taking(&[SIGXCPU]);
            let mut limit = [20_000_u64, RLIM_INFINITY];
            sys!(SYS_setrlimit, RLIMIT_RTTIME, limit.as_ptr());
            show!("real-time", urgent());
            let first = take();
            sys!(SYS_getrlimit, RLIMIT_RTTIME, limit.as_mut_ptr());
            println!("reminded: {first}, limit {}", limit[0]);
            0
        })
    );
    show!(
        "that never slept",
        child::run(|| {
            sys!(SYS_rt_sigaction, SIGXCPU, [SIG_IGN, 0, 0, 0].as_ptr(), 0, 8);
            let limit = [10_000_u64, 60_000];
            sys!(SYS_setrlimit, RLIMIT_RTTIME, limit.as_ptr());
            urgent();
            i32::from(spin_until(|| false))
        })
    );
    show!(
        "at the hard limit",
        child::run(|| {
            sys!(SYS_rt_sigaction, SIGXCPU, [SIG_IGN, 0, 0, 0].as_ptr(), 0, 8);
            let limit = [1_u64, 1];
            sys!(SYS_setrlimit, RLIMIT_CPU, limit.as_ptr());
            i32::from(spin_until(|| false))
        })
    );
}
