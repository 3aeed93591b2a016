//! Thread attributes, within musl's 56 bytes of `pthread_attr_t`.

use super::tcb::{self, Thread, state};
use crate::auxv::{self, PAGE};
use core::ffi::{c_int, c_void};
use core::sync::atomic::Ordering;

/// As glibc's default: untouched stack costs address space only.
const DEFAULT_STACK: usize = 8 << 20;
const MINIMUM_STACK: usize = 2048;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Attributes {
    pub size: usize,
    pub guard: usize,
    /// Lowest address of a stack that the program brings, or null.
    pub stack: *mut u8,
    pub detached: bool,
    scope: c_int,
    inherit: c_int,
    policy: c_int,
    priority: c_int,
}

const _: () = assert!(size_of::<Attributes>() <= size_of::<libc::pthread_attr_t>());

const DEFAULT: Attributes = Attributes {
    size: DEFAULT_STACK,
    guard: PAGE,
    stack: core::ptr::null_mut(),
    detached: false,
    scope: 0,
    inherit: 0,
    policy: 0,
    priority: 0,
};

impl Attributes {
    pub unsafe fn read(attributes: *const libc::pthread_attr_t) -> Attributes {
        attributes
            .cast::<Attributes>()
            .as_ref()
            .copied()
            .unwrap_or(DEFAULT)
    }

    pub fn stack_top(&self, thread: *mut Thread) -> *mut u8 {
        if self.stack.is_null() {
            // SAFETY: a control block with its TLS below it was laid by `create::allocate`.
            let tls = unsafe { (*thread).tls };
            if tls.is_null() { thread.cast() } else { tls }
        } else {
            self.stack.wrapping_add(self.size)
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_attr_init(attributes: *mut libc::pthread_attr_t) -> c_int {
    attributes.cast::<Attributes>().write(DEFAULT);
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_attr_destroy(_: *mut libc::pthread_attr_t) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_getattr_np(
    handle: libc::pthread_t,
    attributes: *mut libc::pthread_attr_t,
) -> c_int {
    let thread = handle.cast::<Thread>();
    let mut found = DEFAULT;
    found.detached = (*thread).state.load(Ordering::Relaxed) == state::DETACHED;
    if (*thread).mapping.is_null() {
        // The main thread's stack grows on demand up to its limit; one below a sane size or unlimited is cut.
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        crate::resource::getrlimit(libc::RLIMIT_STACK, &raw mut limit);
        let top = auxv::stack_top();
        found.size = (limit.rlim_cur as usize).clamp(64 << 10, 1 << 30) & !(PAGE - 1);
        found.stack = (top - found.size) as *mut u8;
        found.guard = 0;
    } else {
        found.guard = (*thread).guard_size;
        found.stack = (*thread).mapping.add(found.guard);
        let top = if (*thread).tls.is_null() {
            thread.cast()
        } else {
            (*thread).tls
        };
        found.size = top as usize - found.stack as usize;
    }
    attributes.cast::<Attributes>().write(found);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_getattr_default_np(a: *mut libc::pthread_attr_t) -> c_int {
    pthread_attr_init(a)
}

macro_rules! field {
    ($($set:ident $get:ident $field:ident: $t:ty, $valid:expr;)*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $set(attributes: *mut libc::pthread_attr_t, value: $t) -> c_int {
            let valid: fn($t) -> bool = $valid;
            if !valid(value) {
                return libc::EINVAL;
            }
            (*attributes.cast::<Attributes>()).$field = value;
            0
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $get(attributes: *const libc::pthread_attr_t, out: *mut $t) -> c_int {
            *out = (*attributes.cast::<Attributes>()).$field;
            0
        }
    )* };
}
field! {
    pthread_attr_setguardsize pthread_attr_getguardsize guard: usize, |v| v <= 1 << 30;
    pthread_attr_setscope pthread_attr_getscope scope: c_int, |v| v == 0;
    pthread_attr_setinheritsched pthread_attr_getinheritsched inherit: c_int, |v| (0..=1).contains(&v);
    pthread_attr_setschedpolicy pthread_attr_getschedpolicy policy: c_int, |v| (0..=6).contains(&v);
    pthread_attr_setschedparam pthread_attr_getschedparam priority: c_int, |v| (0..=99).contains(&v);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_attr_setstacksize(
    attributes: *mut libc::pthread_attr_t,
    size: usize,
) -> c_int {
    if !(MINIMUM_STACK..1 << 40).contains(&size) {
        return libc::EINVAL;
    }
    let attributes = attributes.cast::<Attributes>();
    (*attributes).stack = core::ptr::null_mut();
    (*attributes).size = size;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_attr_getstacksize(
    attributes: *const libc::pthread_attr_t,
    size: *mut usize,
) -> c_int {
    *size = (*attributes.cast::<Attributes>()).size;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_attr_setstack(
    attributes: *mut libc::pthread_attr_t,
    stack: *mut c_void,
    size: usize,
) -> c_int {
    if size < MINIMUM_STACK {
        return libc::EINVAL;
    }
    let attributes = attributes.cast::<Attributes>();
    (*attributes).stack = stack.cast();
    (*attributes).size = size;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_attr_getstack(
    attributes: *const libc::pthread_attr_t,
    stack: *mut *mut c_void,
    size: *mut usize,
) -> c_int {
    let attributes = attributes.cast::<Attributes>();
    *stack = (*attributes).stack.cast();
    *size = (*attributes).size;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_attr_setdetachstate(
    attributes: *mut libc::pthread_attr_t,
    detached: c_int,
) -> c_int {
    if !(0..=1).contains(&detached) {
        return libc::EINVAL;
    }
    (*attributes.cast::<Attributes>()).detached = detached != 0;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_attr_getdetachstate(
    attributes: *const libc::pthread_attr_t,
    detached: *mut c_int,
) -> c_int {
    *detached = c_int::from((*attributes.cast::<Attributes>()).detached);
    0
}

/// The number of the calling thread, without a call once it is known.
pub fn current_tid() -> u32 {
    // SAFETY: the thread's own block.
    unsafe {
        let tid = &(*tcb::current()).tid;
        match tid.load(Ordering::Relaxed) {
            0 => {
                let found = crate::sys::sys!(SYS_gettid) as u32;
                tid.store(found, Ordering::Relaxed);
                found
            }
            known => known,
        }
    }
}
