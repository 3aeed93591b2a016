//! `ctype.h`: ASCII, and nothing of the bytes beyond.

use core::ffi::{c_int, c_void};

fn byte(c: c_int) -> Option<u8> {
    u8::try_from(c).ok()
}

macro_rules! classes {
    ($($name:ident $local:ident = $test:expr;)*) => { $(
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(c: c_int) -> c_int {
            let test: fn(u8) -> bool = $test;
            byte(c).is_some_and(test).into()
        }
        #[unsafe(no_mangle)]
        extern "C" fn $local(c: c_int, _locale: *mut c_void) -> c_int {
            $name(c)
        }
    )* };
}
classes! {
    isalnum isalnum_l = |c| c.is_ascii_alphanumeric();
    isalpha isalpha_l = |c| c.is_ascii_alphabetic();
    isblank isblank_l = |c| c == b' ' || c == b'\t';
    iscntrl iscntrl_l = |c| c.is_ascii_control();
    isdigit isdigit_l = |c| c.is_ascii_digit();
    isgraph isgraph_l = |c| c.is_ascii_graphic();
    islower islower_l = |c| c.is_ascii_lowercase();
    isprint isprint_l = |c| c.is_ascii_graphic() || c == b' ';
    ispunct ispunct_l = |c| c.is_ascii_punctuation();
    isspace isspace_l = |c| c.is_ascii_whitespace() || c == 0x0b;
    isupper isupper_l = |c| c.is_ascii_uppercase();
    isxdigit isxdigit_l = |c| c.is_ascii_hexdigit();
}

#[unsafe(no_mangle)]
extern "C" fn isascii(c: c_int) -> c_int {
    (0..128).contains(&c).into()
}

#[unsafe(no_mangle)]
extern "C" fn toascii(c: c_int) -> c_int {
    c & 0x7f
}

#[unsafe(no_mangle)]
extern "C" fn tolower(c: c_int) -> c_int {
    byte(c).map_or(c, |c| c.to_ascii_lowercase().into())
}

#[unsafe(no_mangle)]
extern "C" fn toupper(c: c_int) -> c_int {
    byte(c).map_or(c, |c| c.to_ascii_uppercase().into())
}

#[unsafe(no_mangle)]
extern "C" fn tolower_l(c: c_int, _locale: *mut c_void) -> c_int {
    tolower(c)
}

#[unsafe(no_mangle)]
extern "C" fn toupper_l(c: c_int, _locale: *mut c_void) -> c_int {
    toupper(c)
}

// What musl's and glibc's headers expand some macros to.

struct Table<T>(*const T);
// SAFETY: addresses of constants.
unsafe impl<T> Sync for Table<T> {}

const fn mapping(upper: bool) -> [i32; 384] {
    let mut table = [0; 384];
    let mut index = 0;
    while index < 384 {
        let c = index as i32 - 128;
        let ascii = c >= 0 && c < 128;
        table[index] = if !ascii {
            c
        } else if upper {
            (c as u8).to_ascii_uppercase() as i32
        } else {
            (c as u8).to_ascii_lowercase() as i32
        };
        index += 1;
    }
    table
}

static UPPER: [i32; 384] = mapping(true);
static LOWER: [i32; 384] = mapping(false);
static UPPER_FROM_ZERO: Table<i32> = Table((&raw const UPPER).cast::<i32>().wrapping_add(128));
static LOWER_FROM_ZERO: Table<i32> = Table((&raw const LOWER).cast::<i32>().wrapping_add(128));

#[unsafe(no_mangle)]
extern "C" fn __ctype_toupper_loc() -> *const *const i32 {
    &raw const UPPER_FROM_ZERO.0
}

#[unsafe(no_mangle)]
extern "C" fn __ctype_tolower_loc() -> *const *const i32 {
    &raw const LOWER_FROM_ZERO.0
}

/// The bits of glibc's `<ctype.h>` on a little-endian machine.
const fn bits(c: u8) -> u16 {
    let mut bits = 0;
    let tests = [
        c.is_ascii_uppercase(),
        c.is_ascii_lowercase(),
        c.is_ascii_alphabetic(),
        c.is_ascii_digit(),
        c.is_ascii_hexdigit(),
        c.is_ascii_whitespace() || c == 0x0b,
        c.is_ascii_graphic() || c == b' ',
        c.is_ascii_graphic(),
        c == b' ' || c == b'\t',
        c.is_ascii_control(),
        c.is_ascii_punctuation(),
        c.is_ascii_alphanumeric(),
    ];
    let mut index = 0;
    while index < 12 {
        if tests[index] {
            bits |= if index < 8 {
                1 << (index + 8)
            } else {
                1 << (index - 8)
            };
        }
        index += 1;
    }
    bits
}

static BITS: [u16; 384] = {
    let mut table = [0; 384];
    let mut c = 0;
    while c < 128 {
        table[c + 128] = bits(c as u8);
        c += 1;
    }
    table
};
static BITS_FROM_ZERO: Table<u16> = Table((&raw const BITS).cast::<u16>().wrapping_add(128));

#[unsafe(no_mangle)]
extern "C" fn __ctype_b_loc() -> *const *const u16 {
    &raw const BITS_FROM_ZERO.0
}

#[unsafe(no_mangle)]
extern "C" fn __ctype_get_mb_cur_max() -> usize {
    4
}
