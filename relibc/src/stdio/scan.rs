//! The scanf family (C23 7.23.6.2): input is taken a byte at a time, and at most one byte is given back.

use super::stream::{File, Locked, stdin};
use crate::malloc::{free, realloc};
use crate::stdlib::number;
use crate::va::{VaList, variadic};
use core::ffi::{c_char, c_int};
use core::ptr;

trait Source {
    fn next(&mut self) -> Option<u8>;
    fn back(&mut self, byte: u8);
}

struct Text(*const u8);

impl Source for Text {
    fn next(&mut self) -> Option<u8> {
        // SAFETY: a C string is read up to its end.
        let byte = unsafe { *self.0 };
        if byte == 0 {
            return None;
        }
        self.0 = self.0.wrapping_add(1);
        Some(byte)
    }

    fn back(&mut self, _: u8) {
        self.0 = self.0.wrapping_sub(1);
    }
}

impl Source for Locked<'_> {
    fn next(&mut self) -> Option<u8> {
        self.byte()
    }

    fn back(&mut self, byte: u8) {
        self.unread(byte);
    }
}

/// A source that counts.
struct Input<'a, S> {
    source: &'a mut S,
    taken: usize,
    ended: bool,
}

impl<S: Source> Input<'_, S> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.source.next();
        match byte {
            Some(_) => self.taken += 1,
            None => self.ended = true,
        }
        byte
    }

    fn back(&mut self, byte: u8) {
        self.source.back(byte);
        self.taken -= 1;
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.next() {
            if !space(byte) {
                return self.back(byte);
            }
        }
    }
}

fn space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Text that fits no conversion's longest number anyway is not kept.
const NUMBER: usize = 512;

struct Conversion {
    store: bool,
    allocate: bool,
    width: usize,
    /// Bytes of the target integer; for floating point 4, 8 or 16 (long double).
    size: usize,
    kind: u8,
}

unsafe fn parse(at: &mut *const u8) -> Conversion {
    let mut conversion = Conversion {
        store: true,
        allocate: false,
        width: 0,
        size: 4,
        kind: 0,
    };
    loop {
        match **at {
            b'*' => conversion.store = false,
            b'm' => conversion.allocate = true,
            b'\'' => {}
            _ => break,
        }
        *at = at.add(1);
    }
    while (**at).is_ascii_digit() {
        conversion.width = conversion.width.saturating_mul(10) + usize::from(**at - b'0');
        *at = at.add(1);
    }
    loop {
        conversion.size = match **at {
            b'm' => {
                conversion.allocate = true;
                conversion.size
            }
            b'h' if conversion.size == 2 => 1,
            b'h' => 2,
            b'l' | b'j' | b'z' | b't' | b'q' => 8,
            b'L' => 16,
            _ => break,
        };
        *at = at.add(1);
    }
    conversion.kind = **at;
    if conversion.kind != 0 {
        *at = at.add(1);
    }
    conversion
}

enum Stop {
    Input,
    Mismatch,
}

unsafe fn scan<S: Source>(source: &mut S, text: *const c_char, list: &mut VaList) -> c_int {
    let mut input = Input {
        source,
        taken: 0,
        ended: false,
    };
    let mut at = text.cast::<u8>();
    let mut stored = 0;
    while *at != 0 {
        if space(*at) {
            input.skip_space();
            at = at.add(1);
            continue;
        }
        if *at != b'%' || *at.add(1) == b'%' {
            if *at == b'%' {
                at = at.add(1);
                input.skip_space();
            }
            match input.next() {
                Some(byte) if byte == *at => at = at.add(1),
                Some(byte) => {
                    input.back(byte);
                    return stored;
                }
                None => return if stored == 0 { -1 } else { stored },
            }
            continue;
        }
        at = at.add(1);
        let conversion = parse(&mut at);
        match convert(&mut input, &conversion, &mut at, list) {
            Ok(did) => stored += c_int::from(did && conversion.store && conversion.kind != b'n'),
            Err(Stop::Input) => return if stored == 0 { -1 } else { stored },
            Err(Stop::Mismatch) => return stored,
        }
    }
    stored
}

unsafe fn convert<S: Source>(
    input: &mut Input<'_, S>,
    conversion: &Conversion,
    at: &mut *const u8,
    list: &mut VaList,
) -> Result<bool, Stop> {
    match conversion.kind {
        b'd' | b'i' | b'u' | b'o' | b'x' | b'X' | b'p' | b'b' => {
            input.skip_space();
            let base = match conversion.kind {
                b'i' => 0,
                b'o' => 8,
                b'x' | b'X' | b'p' => 16,
                b'b' => 2,
                _ => 10,
            };
            let value = integer(input, base, conversion.width)?;
            let size = if conversion.kind == b'p' {
                8
            } else {
                conversion.size
            };
            if conversion.store {
                let to = list.pointer::<u8>();
                ptr::copy_nonoverlapping(value.to_le_bytes().as_ptr(), to, size.min(8));
            }
        }
        b'a' | b'A' | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => {
            input.skip_space();
            let value = float(input, conversion.width)?;
            if conversion.store {
                match conversion.size {
                    4 => *list.pointer::<f32>() = value as f32,
                    8 => *list.pointer::<f64>() = value,
                    _ => store_extended(list.pointer::<u8>(), value),
                }
            }
        }
        b's' | b'S' => {
            input.skip_space();
            let width = if conversion.width == 0 {
                usize::MAX
            } else {
                conversion.width
            };
            word(input, conversion, list, width, true, |byte| !space(byte))?;
        }
        b'c' | b'C' => {
            let width = conversion.width.max(1);
            let taken = word(input, conversion, list, width, false, |_| true)?;
            if taken < width {
                return Err(Stop::Input);
            }
        }
        b'[' => {
            let set = set(at);
            let width = if conversion.width == 0 {
                usize::MAX
            } else {
                conversion.width
            };
            let has = |byte: u8| set[byte as usize / 64] >> (byte % 64) & 1 != 0;
            word(input, conversion, list, width, true, has)?;
        }
        b'n' => {
            if conversion.store {
                let bytes = (input.taken as u64).to_le_bytes();
                ptr::copy_nonoverlapping(bytes.as_ptr(), list.pointer(), conversion.size.min(8));
            }
        }
        _ => return Err(Stop::Mismatch),
    }
    Ok(true)
}

/// The set after `%[`; `at` moves behind its `]`.
unsafe fn set(at: &mut *const u8) -> [u64; 4] {
    let mut set = [0u64; 4];
    let invert = **at == b'^';
    if invert {
        *at = at.add(1);
    }
    let mut first = true;
    while **at != 0 && (first || **at != b']') {
        let (low, mut high) = (**at, **at);
        if *at.add(1) == b'-' && *at.add(2) != b']' && *at.add(2) != 0 {
            high = *at.add(2);
            *at = at.add(2);
        }
        for byte in low..=high {
            set[byte as usize / 64] |= 1 << (byte % 64);
        }
        *at = at.add(1);
        first = false;
    }
    if **at == b']' {
        *at = at.add(1);
    }
    if invert { set.map(|word| !word) } else { set }
}

/// Bytes into a string: the program's buffer, or one that grows (`%ms`).
unsafe fn word<S: Source>(
    input: &mut Input<'_, S>,
    conversion: &Conversion,
    list: &mut VaList,
    width: usize,
    end: bool,
    accept: impl Fn(u8) -> bool,
) -> Result<usize, Stop> {
    let mut out: *mut *mut u8 = ptr::null_mut();
    let mut to: *mut u8 = ptr::null_mut();
    let mut room = usize::MAX;
    if conversion.store && conversion.allocate {
        out = list.pointer();
        room = 0;
    } else if conversion.store {
        to = list.pointer();
    }
    let mut taken = 0;
    while taken < width {
        let Some(byte) = input.next() else { break };
        if !accept(byte) {
            input.back(byte);
            break;
        }
        if conversion.store {
            if !out.is_null() && taken + 2 > room {
                room = room * 2 + 32;
                let grown = realloc(to.cast(), room).cast::<u8>();
                if grown.is_null() {
                    free(to.cast());
                    return Err(Stop::Input);
                }
                to = grown;
            }
            *to.add(taken) = byte;
        }
        taken += 1;
    }
    if taken == 0 {
        return Err(if input.ended {
            Stop::Input
        } else {
            Stop::Mismatch
        });
    }
    if conversion.store && end {
        *to.add(taken) = 0;
    }
    if !out.is_null() {
        *out = to;
    }
    Ok(taken)
}

/// The longest start of the input that may become a number, in a buffer.
fn collect<S: Source>(
    input: &mut Input<'_, S>,
    width: usize,
    mut goes_on: impl FnMut(&[u8], u8) -> bool,
) -> Result<([u8; NUMBER], usize), Stop> {
    let limit = if width == 0 {
        NUMBER - 1
    } else {
        width.min(NUMBER - 1)
    };
    let mut text = [0; NUMBER];
    let mut length = 0;
    while length < limit {
        let Some(byte) = input.next() else { break };
        if !goes_on(&text[..length], byte) {
            input.back(byte);
            break;
        }
        text[length] = byte;
        length += 1;
    }
    if length == 0 {
        return Err(if input.ended {
            Stop::Input
        } else {
            Stop::Mismatch
        });
    }
    Ok((text, length))
}

fn integer<S: Source>(input: &mut Input<'_, S>, base: u32, width: usize) -> Result<u64, Stop> {
    let (text, length) = collect(input, width, |text, byte| {
        let unsigned = text
            .strip_prefix(b"-")
            .or(text.strip_prefix(b"+"))
            .unwrap_or(text);
        let hex = matches!(unsigned, [b'0', b'x' | b'X', ..]);
        let digits = match base {
            0 if hex => 16,
            0 if unsigned.first() == Some(&b'0') => 8,
            0 => 10,
            base => base,
        };
        let sign = text.is_empty() && matches!(byte, b'-' | b'+');
        let mark = matches!(base, 0 | 16) && unsigned == b"0" && matches!(byte, b'x' | b'X');
        sign || mark || (byte as char).is_digit(digits)
    })?;
    let found = number::integer(|at| if at < length { text[at] } else { 0 }, base);
    if found.length == 0 {
        return Err(Stop::Mismatch);
    }
    let magnitude = if found.overflow {
        u64::MAX
    } else {
        found.magnitude
    };
    Ok(if found.negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    })
}

fn float<S: Source>(input: &mut Input<'_, S>, width: usize) -> Result<f64, Stop> {
    let (text, length) = collect(input, width, |text, byte| {
        let unsigned = text
            .strip_prefix(b"-")
            .or(text.strip_prefix(b"+"))
            .unwrap_or(text);
        if text.is_empty() && matches!(byte, b'-' | b'+') {
            return true;
        }
        let lower = byte | 0x20;
        if unsigned
            .first()
            .is_none_or(|first| first.is_ascii_alphabetic())
            && lower.is_ascii_alphabetic()
        {
            let word = |word: &[u8]| {
                word.len() > unsigned.len()
                    && word[unsigned.len()] == lower
                    && unsigned.eq_ignore_ascii_case(&word[..unsigned.len()])
            };
            return word(b"infinity") || word(b"nan");
        }
        let hex = matches!(unsigned, [b'0', b'x' | b'X', ..]);
        let power = if hex { b'p' } else { b'e' };
        let powered = unsigned
            .iter()
            .position(|&byte| byte | 0x20 == power && (hex || byte.is_ascii_alphabetic()));
        match powered {
            Some(mark) => {
                byte.is_ascii_digit() || mark + 1 == unsigned.len() && matches!(byte, b'-' | b'+')
            }
            None => {
                byte.is_ascii_digit()
                    || hex && byte.is_ascii_hexdigit()
                    || byte == b'.' && !unsigned.contains(&b'.')
                    || lower == power && !unsigned.is_empty()
                    || unsigned == b"0" && lower == b'x'
            }
        }
    })?;
    let found = number::float(|at| if at < length { text[at] } else { 0 });
    if found.length == 0 {
        Err(Stop::Mismatch)
    } else {
        Ok(found.value)
    }
}

/// A `long double` of the x87.
unsafe fn store_extended(to: *mut u8, value: f64) {
    core::arch::asm!(
        "fld qword ptr [{from}]",
        "fstp tbyte ptr [{to}]",
        from = in(reg) &raw const value,
        to = in(reg) to,
        out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
        out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
        options(nostack),
    );
}

#[unsafe(no_mangle)]
unsafe extern "C" fn vsscanf(
    from: *const c_char,
    text: *const c_char,
    arguments: *mut VaList,
) -> c_int {
    let mut list = *arguments;
    scan(&mut Text(from.cast()), text, &mut list)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn vfscanf(
    file: *mut File,
    text: *const c_char,
    arguments: *mut VaList,
) -> c_int {
    let mut list = *arguments;
    scan(&mut File::lock(file), text, &mut list)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn vscanf(text: *const c_char, arguments: *mut VaList) -> c_int {
    vfscanf(stdin.0.cast_mut(), text, arguments)
}

variadic!(sscanf, 2 => vsscanf);
variadic!(fscanf, 2 => vfscanf);
variadic!(scanf, 1 => vscanf);
variadic!(__isoc99_sscanf, 2 => vsscanf);
variadic!(__isoc99_fscanf, 2 => vfscanf);
variadic!(__isoc99_scanf, 1 => vscanf);
