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
