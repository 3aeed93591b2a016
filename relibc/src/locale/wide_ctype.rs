//! `wctype.h`, on Unicode's properties as `core` knows them; and how many columns a character takes.

use core::ffi::{CStr, c_char, c_int};

fn character(c: u32) -> Option<char> {
    char::from_u32(c)
}

macro_rules! classes {
    ($($name:ident $key:literal = $test:expr;)*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name(c: u32) -> c_int {
                let test: fn(char) -> bool = $test;
                character(c).is_some_and(test).into()
            }
        )*

        /// Classes by name, counted from one.
        static CLASSES: &[(&[u8], extern "C" fn(u32) -> c_int)] = &[$(($key, $name)),*];
    };
}
classes! {
    iswalnum b"alnum" = |c| c.is_alphanumeric();
    iswalpha b"alpha" = |c| c.is_alphabetic();
    iswblank b"blank" = |c| c == '\t' || c.is_whitespace() && !('\n'..='\r').contains(&c) && c != '\u{a0}';
    iswcntrl b"cntrl" = |c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    iswdigit b"digit" = |c| c.is_ascii_digit();
    iswgraph b"graph" = |c| !c.is_control() && !c.is_whitespace();
    iswlower b"lower" = |c| c.is_lowercase();
    iswprint b"print" = |c| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}');
    iswpunct b"punct" = |c| !c.is_control() && !c.is_whitespace() && !c.is_alphanumeric();
    iswspace b"space" = |c| c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}');
    iswupper b"upper" = |c| c.is_uppercase();
    iswxdigit b"xdigit" = |c| c.is_ascii_hexdigit();
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wctype(name: *const c_char) -> usize {
    let name = CStr::from_ptr(name).to_bytes();
    CLASSES
        .iter()
        .position(|class| class.0 == name)
        .map_or(0, |index| index + 1)
}

#[unsafe(no_mangle)]
extern "C" fn iswctype(c: u32, class: usize) -> c_int {
    match class.checked_sub(1).and_then(|index| CLASSES.get(index)) {
        Some(class) => class.1(c),
        None => 0,
    }
}

/// A mapping to several characters is none: one goes in, one comes out.
fn single(mut mapped: impl Iterator<Item = char>, c: u32) -> u32 {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one as u32,
        _ => c,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn towlower(c: u32) -> u32 {
    character(c).map_or(c, |found| single(found.to_lowercase(), c))
}

#[unsafe(no_mangle)]
extern "C" fn towupper(c: u32) -> u32 {
    character(c).map_or(c, |found| single(found.to_uppercase(), c))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wctrans(name: *const c_char) -> usize {
    match CStr::from_ptr(name).to_bytes() {
        b"tolower" => 1,
        b"toupper" => 2,
        _ => 0,
    }
}

#[unsafe(no_mangle)]
extern "C" fn towctrans(c: u32, mapping: usize) -> u32 {
    match mapping {
        1 => towlower(c),
        2 => towupper(c),
        _ => c,
    }
}

/// Ranges that take no column: combining marks and format characters (Unicode, the blocks in use).
static ZERO: &[(u32, u32)] = &[
    (0x300, 0x36f),
    (0x483, 0x489),
    (0x591, 0x5bd),
    (0x610, 0x61a),
    (0x64b, 0x65f),
    (0x6d6, 0x6dc),
    (0x93c, 0x93c),
    (0x941, 0x948),
    (0x94d, 0x94d),
    (0xe31, 0xe31),
    (0xe34, 0xe3a),
    (0xe47, 0xe4e),
    (0x1ab0, 0x1aff),
    (0x1dc0, 0x1dff),
    (0x200b, 0x200f),
    (0x202a, 0x202e),
    (0x2060, 0x2064),
    (0x20d0, 0x20f0),
    (0x302a, 0x302d),
    (0x3099, 0x309a),
    (0xfe00, 0xfe0f),
    (0xfe20, 0xfe2f),
    (0xfeff, 0xfeff),
    (0xe0100, 0xe01ef),
];

/// Ranges of East Asian wide characters and emoji (UAX #11).
static WIDE: &[(u32, u32)] = &[
    (0x1100, 0x115f),
    (0x231a, 0x231b),
    (0x2329, 0x232a),
    (0x23e9, 0x23ec),
    (0x25fd, 0x25fe),
    (0x2614, 0x2615),
    (0x2648, 0x2653),
    (0x26a1, 0x26a1),
    (0x26bd, 0x26be),
    (0x2705, 0x2705),
    (0x270a, 0x270b),
    (0x2728, 0x2728),
    (0x274c, 0x274c),
    (0x2753, 0x2755),
    (0x2795, 0x2797),
    (0x2b1b, 0x2b1c),
    (0x2b50, 0x2b50),
    (0x2e80, 0x303e),
    (0x3041, 0x33ff),
    (0x3400, 0x4dbf),
    (0x4e00, 0x9fff),
    (0xa000, 0xa4cf),
    (0xa960, 0xa97c),
    (0xac00, 0xd7a3),
    (0xf900, 0xfaff),
    (0xfe30, 0xfe6f),
    (0xff00, 0xff60),
    (0xffe0, 0xffe6),
    (0x1f004, 0x1f004),
    (0x1f0cf, 0x1f0cf),
    (0x1f18e, 0x1f18e),
    (0x1f191, 0x1f19a),
    (0x1f200, 0x1f320),
    (0x1f32d, 0x1f335),
    (0x1f337, 0x1f37c),
    (0x1f37e, 0x1f393),
    (0x1f3a0, 0x1f3ca),
    (0x1f3cf, 0x1f3d3),
    (0x1f3e0, 0x1f3f0),
    (0x1f400, 0x1f43e),
    (0x1f440, 0x1f440),
    (0x1f442, 0x1f4fc),
    (0x1f4ff, 0x1f53d),
    (0x1f550, 0x1f567),
    (0x1f595, 0x1f596),
    (0x1f5fb, 0x1f64f),
    (0x1f680, 0x1f6c5),
    (0x1f6d0, 0x1f6d2),
    (0x1f7e0, 0x1f7eb),
    (0x1f90c, 0x1f9ff),
    (0x1fa70, 0x1faff),
    (0x20000, 0x3fffd),
];

fn within(table: &[(u32, u32)], c: u32) -> bool {
    let index = table.partition_point(|range| range.1 < c);
    table.get(index).is_some_and(|range| range.0 <= c)
}

#[unsafe(no_mangle)]
pub extern "C" fn wcwidth(c: u32) -> c_int {
    if c == 0 || within(ZERO, c) {
        0
    } else if iswprint(c) == 0 {
        -1
    } else if within(WIDE, c) {
        2
    } else {
        1
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcswidth(text: *const u32, limit: usize) -> c_int {
    let mut columns = 0;
    for index in 0..limit {
        let c = *text.add(index);
        if c == 0 {
            break;
        }
        match wcwidth(c) {
            -1 => return -1,
            width => columns += width,
        }
    }
    columns
}
