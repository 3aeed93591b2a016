//! Integer arithmetic as functions.

use core::ffi::{c_int, c_long, c_longlong};

#[unsafe(no_mangle)]
extern "C" fn abs(value: c_int) -> c_int {
    value.wrapping_abs()
}

#[unsafe(no_mangle)]
extern "C" fn labs(value: c_long) -> c_long {
    value.wrapping_abs()
}

#[unsafe(no_mangle)]
extern "C" fn llabs(value: c_longlong) -> c_longlong {
    value.wrapping_abs()
}

#[unsafe(no_mangle)]
extern "C" fn imaxabs(value: i64) -> i64 {
    value.wrapping_abs()
}

#[repr(C)]
struct Quotient<T> {
    quotient: T,
    remainder: T,
}

macro_rules! divisions {
    ($($name:ident: $t:ty;)*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name(a: $t, b: $t) -> Quotient<$t> {
            Quotient { quotient: a.wrapping_div(b), remainder: a.wrapping_rem(b) }
        }
    )* };
}
divisions! {
    div: c_int;
    ldiv: c_long;
    lldiv: c_longlong;
    imaxdiv: i64;
}

#[unsafe(no_mangle)]
extern "C" fn ffs(value: c_int) -> c_int {
    if value == 0 {
        0
    } else {
        value.trailing_zeros() as c_int + 1
    }
}

#[unsafe(no_mangle)]
extern "C" fn ffsl(value: c_long) -> c_int {
    if value == 0 {
        0
    } else {
        value.trailing_zeros() as c_int + 1
    }
}

#[unsafe(no_mangle)]
extern "C" fn ffsll(value: c_longlong) -> c_int {
    ffsl(value)
}
