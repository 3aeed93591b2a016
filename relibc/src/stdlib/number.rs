//! Numbers from text: `strtol` and `strtod` and their families.

use crate::errno;
use core::ffi::{c_char, c_int, c_long, c_longlong, c_ulong, c_ulonglong};

/// What was read: the magnitude, its sign, how many bytes it took, and whether it did not fit 64 bits.
pub struct Integer {
    pub magnitude: u64,
    pub negative: bool,
    pub length: usize,
    pub overflow: bool,
}

/// `byte(n)` is the n-th byte of the text, 0 at its end. Reads no byte twice past the number.
pub fn integer(byte: impl Fn(usize) -> u8, mut base: u32) -> Integer {
    let mut at = 0;
    while byte(at).is_ascii_whitespace() || byte(at) == 0x0b {
        at += 1;
    }
    let negative = byte(at) == b'-';
    if negative || byte(at) == b'+' {
        at += 1;
    }
    let digit = |at: usize, base: u32| (byte(at) as char).to_digit(base);
    let prefixed = byte(at) == b'0' && byte(at + 1) | 0x20 == b'x' && digit(at + 2, 16).is_some();
    if (base == 0 || base == 16) && prefixed {
        at += 2;
        base = 16;
    } else if base == 0 {
        base = if byte(at) == b'0' { 8 } else { 10 };
    }
    let start = at;
    let (mut magnitude, mut overflow) = (0u64, false);
    while let Some(value) = digit(at, base) {
        let next = magnitude
            .checked_mul(base.into())
            .and_then(|m| m.checked_add(value.into()));
        match next {
            Some(next) => magnitude = next,
            None => overflow = true,
        }
        at += 1;
    }
    let length = if at == start { 0 } else { at };
    Integer {
        magnitude,
        negative,
        length,
        overflow,
    }
}

unsafe fn signed(text: *const c_char, end: *mut *mut c_char, base: c_int) -> i64 {
    let Some(found) = read(text, end, base) else {
        return 0;
    };
    let limit = if found.negative {
        1 << 63
    } else {
        (1u64 << 63) - 1
    };
    if found.overflow || found.magnitude > limit {
        errno::set(libc::ERANGE);
        return if found.negative { i64::MIN } else { i64::MAX };
    }
    if found.negative {
        found.magnitude.wrapping_neg() as i64
    } else {
        found.magnitude as i64
    }
}

unsafe fn unsigned(text: *const c_char, end: *mut *mut c_char, base: c_int) -> u64 {
    let Some(found) = read(text, end, base) else {
        return 0;
    };
    if found.overflow {
        errno::set(libc::ERANGE);
        return u64::MAX;
    }
    if found.negative {
        found.magnitude.wrapping_neg()
    } else {
        found.magnitude
    }
}

unsafe fn read(text: *const c_char, end: *mut *mut c_char, base: c_int) -> Option<Integer> {
    if base != 0 && !(2..=36).contains(&base) {
        errno::set(libc::EINVAL);
        if !end.is_null() {
            *end = text.cast_mut();
        }
        return None;
    }
    let found = integer(|at| *text.add(at) as u8, base as u32);
    if !end.is_null() {
        *end = text.add(found.length).cast_mut();
    }
    Some(found)
}

macro_rules! integers {
    ($($name:ident = $by:ident -> $t:ty;)*) => { $(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            text: *const c_char,
            end: *mut *mut c_char,
            base: c_int,
        ) -> $t {
            $by(text, end, base)
        }
    )* };
}
integers! {
    strtol = signed -> c_long;
    strtoll = signed -> c_longlong;
    strtoimax = signed -> i64;
    strtoul = unsigned -> c_ulong;
    strtoull = unsigned -> c_ulonglong;
    strtoumax = unsigned -> u64;
    // The names that newer headers give C23's functions, and glibc's internal ones.
    __isoc23_strtol = signed -> c_long;
    __isoc23_strtoul = unsigned -> c_ulong;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn atoi(text: *const c_char) -> c_int {
    signed(text, core::ptr::null_mut(), 10) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn atol(text: *const c_char) -> c_long {
    signed(text, core::ptr::null_mut(), 10)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn atoll(text: *const c_char) -> c_longlong {
    signed(text, core::ptr::null_mut(), 10)
}

/// A floating-point number: its value, its length in bytes, and whether it over- or underflowed.
pub struct Float {
    pub value: f64,
    pub length: usize,
    pub range: bool,
}

/// As `integer`: `byte(n)` is the n-th byte, 0 at the end.
pub fn float(byte: impl Fn(usize) -> u8) -> Float {
    let mut at = 0;
    while byte(at).is_ascii_whitespace() || byte(at) == 0x0b {
        at += 1;
    }
    let negative = byte(at) == b'-';
    if negative || byte(at) == b'+' {
        at += 1;
    }
    let sign = if negative { -1.0 } else { 1.0 };
    let word = |text: &[u8], at: usize| (0..text.len()).all(|n| byte(at + n) | 0x20 == text[n]);
    if word(b"inf", at) {
        let length = at + if word(b"infinity", at) { 8 } else { 3 };
        return Float {
            value: sign * f64::INFINITY,
            length,
            range: false,
        };
    }
    if word(b"nan", at) {
        let mut length = at + 3;
        let mut payload = 0;
        if byte(length) == b'(' {
            let mut end = length + 1;
            while byte(end).is_ascii_alphanumeric() || byte(end) == b'_' {
                end += 1;
            }
            if byte(end) == b')' {
                payload = integer(|n| byte(length + 1 + n), 0).magnitude;
                length = end + 1;
            }
        }
        let value = f64::from_bits(f64::NAN.to_bits() | payload & ((1 << 51) - 1));
        return Float {
            value: value.copysign(sign),
            length,
            range: false,
        };
    }
    let hex = byte(at) == b'0'
        && byte(at + 1) | 0x20 == b'x'
        && (byte(at + 2).is_ascii_hexdigit()
            || byte(at + 2) == b'.' && byte(at + 3).is_ascii_hexdigit());
    let (value, length, exact_zero) = if hex {
        hexadecimal(&byte, at + 2)
    } else {
        decimal(&byte, at)
    };
    let range =
        length != 0 && (value.is_infinite() || !exact_zero && value.abs() < f64::MIN_POSITIVE);
    Float {
        value: sign * value,
        length,
        range,
    }
}

/// Significant digits that are kept; more only tell whether anything follows.
const DIGITS: usize = 800;

fn decimal(byte: &impl Fn(usize) -> u8, start: usize) -> (f64, usize, bool) {
    let mut text = [0u8; DIGITS + 40];
    let (mut at, mut used, mut exponent) = (start, 0usize, 0i64);
    let (mut any, mut point, mut sticky) = (false, false, false);
    loop {
        match byte(at) {
            digit @ b'0'..=b'9' => {
                any = true;
                if point {
                    exponent -= 1;
                }
                if used == 0 && digit == b'0' {
                    // Leading zeros say nothing.
                } else if used < DIGITS {
                    text[used] = digit;
                    used += 1;
                } else {
                    exponent += 1;
                    sticky |= digit != b'0';
                }
            }
            b'.' if !point => point = true,
            _ => break,
        }
        at += 1;
    }
    if !any {
        return (0.0, 0, true);
    }
    if byte(at) | 0x20 == b'e'
        && let Some((power, end)) = power(byte, at + 1)
    {
        exponent = exponent.saturating_add(power);
        at = end;
    }
    if used == 0 {
        return (0.0, at, true);
    }
    if sticky {
        // A one far behind breaks every tie as the lost digits would.
        text[used] = b'1';
        used += 1;
        exponent -= 1;
    }
    let mut number = crate::text::Writer::new(&mut text[used..]);
    number.put(if exponent < 0 { b"e-" } else { b"e" });
    number.number(exponent.unsigned_abs().min(100_000));
    let length = used + number.len();
    let parsed = core::str::from_utf8(&text[..length])
        .ok()
        .and_then(|text| text.parse().ok());
    (parsed.unwrap_or(0.0), at, false)
}

/// A signed decimal exponent, and where it ends.
fn power(byte: &impl Fn(usize) -> u8, start: usize) -> Option<(i64, usize)> {
    let mut at = start;
    let negative = byte(at) == b'-';
    if negative || byte(at) == b'+' {
        at += 1;
    }
    if !byte(at).is_ascii_digit() {
        return None;
    }
    let mut value = 0i64;
    while byte(at).is_ascii_digit() {
        value = (value * 10 + i64::from(byte(at) - b'0')).min(1_000_000_000);
        at += 1;
    }
    Some((if negative { -value } else { value }, at))
}

fn hexadecimal(byte: &impl Fn(usize) -> u8, start: usize) -> (f64, usize, bool) {
    let (mut mantissa, mut exponent, mut at) = (0u64, 0i64, start);
    let (mut point, mut sticky) = (false, false);
    loop {
        let character = byte(at);
        if character == b'.' && !point {
            point = true;
        } else if let Some(digit) = (character as char).to_digit(16) {
            if mantissa >> 60 == 0 {
                mantissa = mantissa << 4 | u64::from(digit);
                exponent -= if point { 4 } else { 0 };
            } else {
                sticky |= digit != 0;
                exponent += if point { 0 } else { 4 };
            }
        } else {
            break;
        }
        at += 1;
    }
    if byte(at) | 0x20 == b'p'
        && let Some((power, end)) = power(byte, at + 1)
    {
        exponent = exponent.saturating_add(power);
        at = end;
    }
    if mantissa == 0 {
        return (0.0, at, true);
    }
    (scale(mantissa, sticky, exponent), at, false)
}

/// mantissa × 2^exponent, rounded once, to nearest even.
fn scale(mantissa: u64, sticky: bool, exponent: i64) -> f64 {
    let shift = mantissa.leading_zeros();
    let mantissa = mantissa << shift;
    // value = 1.m × 2^top
    let top = exponent - i64::from(shift) + 63;
    if top > 1023 {
        return f64::INFINITY;
    }
    // Bits that a double keeps at this magnitude: 53, fewer below the smallest normal.
    let kept = if top >= -1022 { 53 } else { 53 - (-1022 - top) };
    if kept < 0 {
        return 0.0;
    }
    let dropped = 64 - kept as u32;
    let (whole, rest) = if dropped == 64 {
        (0, u128::from(mantissa))
    } else {
        (
            mantissa >> dropped,
            u128::from(mantissa & ((1 << dropped) - 1)),
        )
    };
    let half = 1u128 << (dropped - 1);
    let up = rest > half || rest == half && (sticky || whole & 1 != 0);
    let whole = whole + u64::from(up);
    // `whole` carries its leading bit into the exponent field, which rounding up may do once more.
    let biased = if top >= -1022 { (top + 1022) as u64 } else { 0 };
    f64::from_bits((biased << 52).wrapping_add(whole))
}

unsafe fn read_float(text: *const c_char, end: *mut *mut c_char) -> f64 {
    let found = float(|at| *text.add(at) as u8);
    if !end.is_null() {
        *end = text.add(found.length).cast_mut();
    }
    if found.range {
        errno::set(libc::ERANGE);
    }
    found.value
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtod(text: *const c_char, end: *mut *mut c_char) -> f64 {
    read_float(text, end)
}

/// Through a double: of two roundings the second can differ from one only where the first landed on a tie of 24 bits.
#[unsafe(no_mangle)]
unsafe extern "C" fn strtof(text: *const c_char, end: *mut *mut c_char) -> f32 {
    let value = read_float(text, end);
    let narrow = value as f32;
    if value.is_finite() && (narrow.is_infinite() || narrow == 0.0 && value != 0.0) {
        errno::set(libc::ERANGE);
    }
    narrow
}

#[unsafe(no_mangle)]
unsafe extern "C" fn atof(text: *const c_char) -> f64 {
    read_float(text, core::ptr::null_mut())
}

/// The x87 register is where C expects a `long double`; its value has a double's precision here.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn strtold(text: *const c_char, end: *mut *mut c_char) {
    core::arch::naked_asm!(
        "sub rsp, 8",
        "call {strtod}",
        "movsd [rsp], xmm0",
        "fld qword ptr [rsp]",
        "add rsp, 8",
        "ret",
        strtod = sym strtod,
    )
}
