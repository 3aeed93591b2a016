//! Random numbers: the kernel's for those who need them, and C's repeatable sequences.

use crate::errno;
use crate::futex::Lock;
use crate::sys::{sys, syscalls};
use core::ffi::{c_int, c_long, c_uint, c_void};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

syscalls! {
    getrandom(buffer: *mut c_void, size: usize, flags: c_uint) -> isize = SYS_getrandom;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getentropy(buffer: *mut c_void, size: usize) -> c_int {
    if size > 256 {
        return errno::fail(libc::EIO) as c_int;
    }
    let mut filled = 0;
    while filled < size {
        match sys!(SYS_getrandom, buffer.byte_add(filled), size - filled, 0u32) {
            got if got >= 0 => filled += got as usize,
            error if error == -libc::EINTR as isize => {}
            error => return errno::check(error) as c_int,
        }
    }
    0
}

/// 64 bits from the kernel.
pub fn bits() -> u64 {
    let mut value = 0u64;
    // SAFETY: eight bytes are to be filled.
    unsafe { getentropy((&raw mut value).cast(), 8) };
    value
}

#[unsafe(no_mangle)]
extern "C" fn arc4random() -> u32 {
    bits() as u32
}

#[unsafe(no_mangle)]
unsafe extern "C" fn arc4random_buf(buffer: *mut c_void, size: usize) {
    let mut at = 0;
    while at < size {
        let part = (size - at).min(256);
        getentropy(buffer.byte_add(at), part);
        at += part;
    }
}

/// Without the bias of a plain remainder.
#[unsafe(no_mangle)]
extern "C" fn arc4random_uniform(limit: u32) -> u32 {
    if limit < 2 {
        return 0;
    }
    let unfair = limit.wrapping_neg() % limit;
    loop {
        let value = arc4random();
        if value >= unfair {
            return value % limit;
        }
    }
}

/// One step of PCG's underlying generator (Knuth's MMIX constants); the upper bits are the good ones.
fn step(state: u64) -> u64 {
    state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407)
}

static RAND: AtomicU64 = AtomicU64::new(0);

#[unsafe(no_mangle)]
extern "C" fn srand(seed: c_uint) {
    RAND.store(u64::from(seed).wrapping_sub(1), Relaxed);
}

#[unsafe(no_mangle)]
extern "C" fn rand() -> c_int {
    let next = step(RAND.load(Relaxed));
    RAND.store(next, Relaxed);
    (next >> 33) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rand_r(seed: *mut c_uint) -> c_int {
    let next = step(u64::from(*seed));
    *seed = (next >> 32) as c_uint;
    (next >> 33) as c_int
}

static RANDOM: Lock<u64> = Lock::new(1);

#[unsafe(no_mangle)]
extern "C" fn srandom(seed: c_uint) {
    *RANDOM.lock() = seed.into();
}

#[unsafe(no_mangle)]
extern "C" fn random() -> c_long {
    let mut state = RANDOM.lock();
    *state = step(*state);
    (*state >> 33) as c_long
}

/// POSIX: x' = (a·x + c) mod 2^48.
fn step48(x: [u16; 3]) -> [u16; 3] {
    let value = u64::from(x[0]) | u64::from(x[1]) << 16 | u64::from(x[2]) << 32;
    let next = value.wrapping_mul(0x5_DEEC_E66D).wrapping_add(0xB);
    [next as u16, (next >> 16) as u16, (next >> 32) as u16]
}

static STATE48: Lock<[u16; 3]> = Lock::new([0; 3]);

fn fraction(x: [u16; 3]) -> f64 {
    let value = u64::from(x[0]) | u64::from(x[1]) << 16 | u64::from(x[2]) << 32;
    value as f64 / (1u64 << 48) as f64
}

fn upper(x: [u16; 3]) -> i32 {
    (u32::from(x[2]) << 16 | u32::from(x[1])) as i32
}

#[unsafe(no_mangle)]
extern "C" fn srand48(seed: c_long) {
    *STATE48.lock() = [0x330e, seed as u16, (seed >> 16) as u16];
}

fn advance() -> [u16; 3] {
    let mut state = STATE48.lock();
    *state = step48(*state);
    *state
}

#[unsafe(no_mangle)]
extern "C" fn drand48() -> f64 {
    fraction(advance())
}

#[unsafe(no_mangle)]
extern "C" fn lrand48() -> c_long {
    c_long::from((upper(advance()) as u32) >> 1)
}

#[unsafe(no_mangle)]
extern "C" fn mrand48() -> c_long {
    c_long::from(upper(advance()))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn erand48(state: *mut [u16; 3]) -> f64 {
    *state = step48(*state);
    fraction(*state)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nrand48(state: *mut [u16; 3]) -> c_long {
    *state = step48(*state);
    c_long::from((upper(*state) as u32) >> 1)
}
