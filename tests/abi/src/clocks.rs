//! Clocks, sleeps and timers.

use crate::{show, sys};
use libc::*;

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
    posix();
    cpu_time();
    by_cpu_time();
    limited();
    adjusting();
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
fn spin_until(mut done: impl FnMut() -> bool) -> bool {
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

/// The number of process `pid`'s clock that counts `what`: 0 all, 1 user time, 2 exact.
fn clock_of(pid: i32, what: i32) -> i32 {
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
        crate::child::run(|| {
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

fn limited() {
    show!(
        "reminded of the limit",
        crate::child::run(|| {
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
    show!(
        "at the hard limit",
        crate::child::run(|| {
            sys!(SYS_rt_sigaction, SIGXCPU, [SIG_IGN, 0, 0, 0].as_ptr(), 0, 8);
            let limit = [1_u64, 1];
            sys!(SYS_setrlimit, RLIMIT_CPU, limit.as_ptr());
            i32::from(spin_until(|| false))
        })
    );
}
