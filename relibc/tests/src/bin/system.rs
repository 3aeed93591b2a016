//! C's other rooms: time, sorting, mathematics, POSIX threads, signals, users, terminals.

use relibc_tests::{c, show, written};
use std::ffi::{c_char, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicI32, Ordering};

fn times() {
    // SAFETY: structures that the calls fill; one thread.
    unsafe {
        for zone in [
            "UTC",
            "CET-1CEST,M3.5.0,M10.5.0/3",
            "<-03>3",
            "AEST-10AEDT,M10.1.0,M4.1.0/3",
            "Europe/Berlin",
            "America/New_York",
            "Asia/Kolkata",
        ] {
            std::env::set_var("TZ", zone);
            tzset();
            for moment in [
                0i64,
                951_782_400,
                1_000_000_000,
                1_711_846_799,
                1_711_846_800,
                1_729_990_799,
                1_729_990_800,
                4_102_444_800,
                -1,
                -2_208_988_800,
                253_402_300_799,
            ] {
                let mut local: libc::tm = std::mem::zeroed();
                libc::localtime_r(&raw const moment, &raw mut local);
                let text = written(200, |to, size| {
                    libc::strftime(
                        to,
                        size,
                        c"%F %T %a %j %U %W %V %G %y %C %e %I %p %z %Z".as_ptr(),
                        &raw const local,
                    );
                });
                let back = libc::mktime(&raw mut local);
                println!(
                    "{zone} {moment}: {text} {} {}",
                    local.tm_isdst,
                    back == moment
                );
            }
        }
        std::env::set_var("TZ", "CET-1CEST,M3.5.0,M10.5.0/3");
        for (month, day, hour, summer) in [
            (2, 31, 2, -1),
            (9, 27, 2, 0),
            (9, 27, 2, 1),
            (5, 1, 12, 0),
            (13, 40, 30, -1),
        ] {
            let mut local: libc::tm = std::mem::zeroed();
            (local.tm_year, local.tm_mon, local.tm_mday) = (124, month, day);
            (local.tm_hour, local.tm_min, local.tm_isdst) = (hour, 30, summer);
            let moment = libc::mktime(&raw mut local);
            println!(
                "{moment} {} {} {}",
                local.tm_hour, local.tm_yday, local.tm_isdst
            );
        }
        let mut parsed: libc::tm = std::mem::zeroed();
        let rest = libc::strptime(
            c"2024-02-29 13:14:15 rest".as_ptr(),
            c"%Y-%m-%d %H:%M:%S".as_ptr(),
            &raw mut parsed,
        );
        println!(
            "{} {} {} {}",
            show(rest),
            parsed.tm_year,
            parsed.tm_mon,
            parsed.tm_hour
        );
        println!(
            "{}",
            libc::strptime(c"no".as_ptr(), c"%d".as_ptr(), &raw mut parsed).is_null()
        );
        println!("{}", libc::timegm(&raw mut parsed) != 0);
        let mut now: libc::timespec = std::mem::zeroed();
        println!(
            "{}",
            libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now)
        );
        println!("{}", libc::clock_gettime(99, &raw mut now));
    }
}

unsafe extern "C" {
    fn tzset();
    fn qsort(
        base: *mut c_void,
        count: usize,
        size: usize,
        compare: extern "C" fn(*const c_void, *const c_void) -> c_int,
    );
    fn fnmatch(pattern: *const c_char, text: *const c_char, flags: c_int) -> c_int;
    fn sem_getvalue(semaphore: *mut libc::sem_t, value: *mut c_int) -> c_int;
    fn lgamma(x: f64) -> f64;
    fn tgamma(x: f64) -> f64;
}

extern "C" fn ascending(a: *const c_void, b: *const c_void) -> c_int {
    // SAFETY: the elements sorted are of this type.
    unsafe { (*a.cast::<[u32; 3]>()).cmp(&*b.cast::<[u32; 3]>()) as c_int }
}

fn sorting() {
    for count in [0, 1, 2, 3, 10, 13, 100, 5000] {
        let patterns: [fn(u32, u32) -> u32; 5] = [
            |n, _| n,
            |n, count| count - n,
            |_, _| 5,
            |n, _| n % 7,
            |n, _| n.wrapping_mul(2_654_435_761),
        ];
        for pattern in patterns {
            let mut list: Vec<[u32; 3]> = (0..count).map(|n| [pattern(n, count), n, 1]).collect();
            // SAFETY: the array as it is.
            unsafe { qsort(list.as_mut_ptr().cast(), list.len(), 12, ascending) };
            assert!(list.is_sorted());
            let mut all: Vec<u32> = list.iter().map(|element| element[1]).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..count));
        }
    }
    println!("sorted");
}

/// Results of two right libraries may differ in the last bit: nine digits are printed.
fn mathematics() {
    for x in [-2.5f64, -0.5, 0.0, 0.3, 1.0, 2.0, 10.7, 700.0, 1e10] {
        println!(
            "{x}: {:.9e} {:.9e} {:.9e} {:.9e}",
            x.sin(),
            x.cos(),
            x.tan(),
            x.atan()
        );
        println!(
            "{:.9e} {:.9e} {:.9e} {:.9e}",
            x.exp(),
            x.abs().ln(),
            x.exp2(),
            x.cbrt()
        );
        println!(
            "{:.9e} {:.9e} {:.9e} {:.9e}",
            x.sinh(),
            x.tanh(),
            x.exp_m1(),
            x.powf(3.7)
        );
        println!(
            "{} {} {} {} {}",
            x.floor(),
            x.ceil(),
            x.round(),
            x.trunc(),
            x.abs().sqrt()
        );
        println!(
            "{:.6e} {:.6e} {:.6e}",
            (x as f32).sin(),
            (x as f32).exp(),
            (x as f32).powf(0.3)
        );
        println!("{:.9e} {:.9e} {}", x.hypot(3.0), x.atan2(2.0), x % 1.3);
        // SAFETY: plain functions.
        let (log, gamma) = unsafe { (lgamma(x), tgamma(x)) };
        println!(
            "{} {}",
            (log * 1e6).round(),
            if gamma.abs() < 1e9 {
                (gamma * 1e6).round()
            } else {
                0.0
            }
        );
    }
}

static HANDLED: AtomicI32 = AtomicI32::new(0);

extern "C" fn handle(signal: c_int) {
    HANDLED.fetch_add(signal, Ordering::SeqCst);
}

extern "C" fn thread_main(argument: *mut c_void) -> *mut c_void {
    // SAFETY: the semaphore outlives the thread.
    unsafe {
        libc::sem_post(argument.cast());
        (argument as usize & 0xf) as *mut c_void
    }
}

extern "C" fn wait_forever(_: *mut c_void) -> *mut c_void {
    loop {
        // SAFETY: a cancellation point.
        unsafe { libc::pause() };
    }
}

extern "C" fn key_gone(value: *mut c_void) {
    HANDLED.fetch_add(value as i32, Ordering::SeqCst);
}

extern "C" fn sets_key(key: *mut c_void) -> *mut c_void {
    // SAFETY: the key was created.
    unsafe { libc::pthread_setspecific(key as libc::pthread_key_t, 1000 as *const c_void) };
    null_mut()
}

fn posix_threads() {
    // SAFETY: objects are initialised, used and destroyed in order.
    unsafe {
        let mut semaphore: libc::sem_t = std::mem::zeroed();
        libc::sem_init(&raw mut semaphore, 0, 0);
        let mut threads = [std::mem::zeroed::<libc::pthread_t>(); 4];
        for thread in &mut threads {
            let argument = (&raw mut semaphore).cast();
            assert_eq!(
                libc::pthread_create(thread, null(), thread_main, argument),
                0
            );
        }
        for thread in threads {
            libc::pthread_join(thread, null_mut());
        }
        let mut value = 0;
        sem_getvalue(&raw mut semaphore, &raw mut value);
        println!("posted {value} {}", libc::sem_trywait(&raw mut semaphore));

        let mut attributes = std::mem::zeroed();
        libc::pthread_mutexattr_init(&raw mut attributes);
        for kind in [
            libc::PTHREAD_MUTEX_NORMAL,
            libc::PTHREAD_MUTEX_RECURSIVE,
            libc::PTHREAD_MUTEX_ERRORCHECK,
        ] {
            libc::pthread_mutexattr_settype(&raw mut attributes, kind);
            let mut mutex = std::mem::zeroed();
            libc::pthread_mutex_init(&raw mut mutex, &raw const attributes);
            let first = libc::pthread_mutex_lock(&raw mut mutex);
            let second = libc::pthread_mutex_trylock(&raw mut mutex);
            let third = if kind == libc::PTHREAD_MUTEX_ERRORCHECK {
                libc::pthread_mutex_lock(&raw mut mutex)
            } else {
                0
            };
            let past = libc::timespec {
                tv_sec: 1,
                tv_nsec: 0,
            };
            let timed = if kind == libc::PTHREAD_MUTEX_NORMAL {
                libc::pthread_mutex_timedlock(&raw mut mutex, &raw const past)
            } else {
                0
            };
            println!(
                "{first} {second} {third} {timed} {}",
                libc::pthread_mutex_unlock(&raw mut mutex)
            );
        }
        let (mut mutex, mut condition) = (std::mem::zeroed(), std::mem::zeroed());
        libc::pthread_mutex_init(&raw mut mutex, null());
        libc::pthread_cond_init(&raw mut condition, null());
        libc::pthread_mutex_lock(&raw mut mutex);
        let past = libc::timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        println!(
            "{}",
            libc::pthread_cond_timedwait(&raw mut condition, &raw mut mutex, &raw const past)
                == libc::ETIMEDOUT
        );
        let mut lock = std::mem::zeroed();
        libc::pthread_rwlock_init(&raw mut lock, null());
        println!(
            "{} {}",
            libc::pthread_rwlock_rdlock(&raw mut lock),
            libc::pthread_rwlock_rdlock(&raw mut lock)
        );
        println!(
            "{}",
            libc::pthread_rwlock_trywrlock(&raw mut lock) == libc::EBUSY
        );
        libc::pthread_rwlock_unlock(&raw mut lock);
        libc::pthread_rwlock_unlock(&raw mut lock);
        println!(
            "{} {}",
            libc::pthread_rwlock_wrlock(&raw mut lock),
            libc::pthread_rwlock_tryrdlock(&raw mut lock) == libc::EBUSY
        );

        let mut thread = std::mem::zeroed();
        libc::pthread_create(&raw mut thread, null(), wait_forever, null_mut());
        println!("{}", libc::pthread_cancel(thread));
        let mut result = null_mut();
        libc::pthread_join(thread, &raw mut result);
        println!("cancelled {}", result as isize);
        let mut key = 0;
        libc::pthread_key_create(&raw mut key, Some(key_gone));
        libc::pthread_create(
            &raw mut thread,
            null(),
            sets_key,
            key as usize as *mut c_void,
        );
        libc::pthread_join(thread, null_mut());
        println!("key {}", HANDLED.swap(0, Ordering::SeqCst));
    }
}

fn signals() {
    // SAFETY: handlers that only count.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handle as *const () as usize;
        libc::sigaction(libc::SIGUSR1, &raw const action, null_mut());
        libc::raise(libc::SIGUSR1);
        println!("handled {}", HANDLED.load(Ordering::SeqCst));
        let (mut set, mut old) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGUSR1);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, &raw mut old);
        libc::raise(libc::SIGUSR1);
        println!("blocked {}", HANDLED.load(Ordering::SeqCst));
        libc::sigpending(&raw mut old);
        println!(
            "pending {}",
            libc::sigismember(&raw const old, libc::SIGUSR1)
        );
        let mut found = 0;
        libc::sigwait(&raw const set, &raw mut found);
        println!("waited {}", found == libc::SIGUSR1);
        println!(
            "{} {}",
            libc::sigaction(libc::SIGKILL, &raw const action, null_mut()),
            libc::kill(-99_999_999, 0)
        );
    }
}

fn patterns() {
    for (pattern, text, flags) in [
        ("*.rs", "main.rs", 0),
        ("*.rs", "main.c", 0),
        ("a*b*c", "aXXbYYbZc", 0),
        ("[a-c]?[!x]", "bqz", 0),
        ("[a-c]?[!x]", "bqx", 0),
        ("*", ".hidden", 4),
        ("a/*", "a/b/c", 1),
        ("a/*", "a/b/c", 0),
        ("\\*", "*", 0),
        ("[[:digit:]]*", "7up", 0),
        ("ABC", "abc", 16),
        ("[", "[", 0),
        ("", "", 0),
        ("a*", "", 0),
    ] {
        let (pattern, text) = (c(pattern), c(text));
        // SAFETY: C strings.
        println!("{pattern:?} {text:?} {}", unsafe {
            fnmatch(pattern.as_ptr(), text.as_ptr(), flags)
        });
    }
}

fn terminals() {
    // SAFETY: descriptors and buffers of this function.
    unsafe {
        println!("{} {}", libc::isatty(-1), libc::sysconf(libc::_SC_PAGESIZE));
        let mut pair = [0; 2];
        println!(
            "{}",
            libc::openpty(
                &raw mut pair[0],
                &raw mut pair[1],
                null_mut(),
                null_mut(),
                null_mut()
            )
        );
        println!(
            "{} {}",
            libc::isatty(pair[1]),
            show(libc::ptsname(pair[0])).starts_with("/dev/pts/")
        );
        let mut attributes = std::mem::zeroed();
        libc::tcgetattr(pair[1], &raw mut attributes);
        libc::cfmakeraw(&raw mut attributes);
        println!(
            "{} {}",
            libc::tcsetattr(pair[1], libc::TCSANOW, &raw const attributes),
            attributes.c_lflag & libc::ECHO
        );
        libc::write(pair[1], c"raw\n".as_ptr().cast(), 4);
        let mut buffer = [0u8; 8];
        println!("{}", libc::read(pair[0], buffer.as_mut_ptr().cast(), 8));
        for path in ["/usr/lib/", "/usr/", "usr", "/", ".", "", "a//b//"] {
            let mut own = c(path).into_bytes_with_nul();
            let folder = show(libc::dirname(own.as_mut_ptr().cast()));
            println!("{path:?} {folder:?}");
        }
    }
}

/// The host's static library looks users up by loading libraries, which fails; so the oracle is the file.
#[cfg(target_env = "musl")]
fn accounts() {
    let file = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    for line in file.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let name = c(fields[0]);
        // SAFETY: the library's own memory is read before the next call.
        unsafe {
            let found = libc::getpwnam(name.as_ptr());
            assert_eq!((*found).pw_uid.to_string(), fields[2]);
            assert_eq!(show((*found).pw_dir), fields[5]);
            assert_eq!(show((*found).pw_shell), fields[6]);
        }
    }
    // SAFETY: as above.
    unsafe {
        assert!(libc::getpwnam(c"nobody-has-this-name".as_ptr()).is_null());
        assert_eq!(show((*libc::getpwuid(0)).pw_name), "root");
        assert_eq!(show((*libc::getgrgid(0)).gr_name), "root");
    }
}

fn main() {
    times();
    sorting();
    mathematics();
    posix_threads();
    signals();
    patterns();
    terminals();
    #[cfg(target_env = "musl")]
    accounts();
}
