//! Formatted text (C23 7.23.6.1, with POSIX's `%n$`). Decimal floating-point digits come from `core::fmt`, which is
//! exact at every precision; this module lays them out as C wants them.

use crate::va::VaList;
use core::ffi::{c_char, c_int};
use core::fmt::Write;

/// Takes text; false ends the formatting with an error.
pub trait Sink {
    fn put(&mut self, bytes: &[u8]) -> bool;
}

#[derive(Clone, Copy, Default)]
struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Char,
    Short,
    Int,
    Long,
    LongDouble,
}

struct Output<'a, S> {
    sink: &'a mut S,
    count: usize,
}

impl<S: Sink> Output<'_, S> {
    fn put(&mut self, bytes: &[u8]) -> bool {
        self.count += bytes.len();
        self.sink.put(bytes)
    }

    fn pad(&mut self, byte: u8, mut count: usize) -> bool {
        let block = [byte; 64];
        while count > 0 {
            let part = count.min(block.len());
            if !self.put(&block[..part]) {
                return false;
            }
            count -= part;
        }
        true
    }

    /// Prefix (sign, 0x), zeros up to the precision, digits: padded to the width.
    fn number(&mut self, spec: &Spec, prefix: &[u8], zeros: usize, digits: &[u8]) -> bool {
        let length = prefix.len() + zeros + digits.len();
        let padding = spec.width.saturating_sub(length);
        let (mut before, mut inside, mut after) = (0, 0, 0);
        if spec.left {
            after = padding;
        } else if spec.zero {
            inside = padding;
        } else {
            before = padding;
        }
        self.pad(b' ', before)
            && self.put(prefix)
            && self.pad(b'0', inside + zeros)
            && self.put(digits)
            && self.pad(b' ', after)
    }

    fn text(&mut self, spec: &Spec, text: &[u8]) -> bool {
        let padding = spec.width.saturating_sub(text.len());
        (spec.left || self.pad(b' ', padding))
            && self.put(text)
            && (!spec.left || self.pad(b' ', padding))
    }
}

/// The arguments in order, or by number (`%2$s`).
struct Arguments<'a> {
    list: &'a mut VaList,
    /// The values by number, once the format is known to use them.
    numbered: Option<[Value; NUMBERED]>,
}

const NUMBERED: usize = 32;

#[derive(Clone, Copy)]
enum Value {
    Word(i64),
    Double(f64),
}

impl Arguments<'_> {
    unsafe fn word(&mut self, number: Option<usize>) -> i64 {
        match (&self.numbered, number) {
            (Some(values), Some(number)) => match values[number] {
                Value::Word(word) => word,
                Value::Double(_) => 0,
            },
            _ => self.list.long(),
        }
    }

    unsafe fn double(&mut self, number: Option<usize>, length: Length) -> f64 {
        match (&self.numbered, number) {
            (Some(values), Some(number)) => match values[number] {
                Value::Double(value) => value,
                Value::Word(_) => 0.0,
            },
            _ => take_double(self.list, length),
        }
    }
}

unsafe fn take_double(list: &mut VaList, length: Length) -> f64 {
    if length == Length::LongDouble {
        from_extended(list.long_double())
    } else {
        list.double()
    }
}

/// An x87 value to the nearest double.
fn from_extended(bytes: [u8; 10]) -> f64 {
    let mut value = 0f64;
    // SAFETY: loads ten bytes, stores eight.
    unsafe {
        core::arch::asm!(
            "fld tbyte ptr [{from}]",
            "fstp qword ptr [{to}]",
            from = in(reg) bytes.as_ptr(),
            to = in(reg) &raw mut value,
            out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
            out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
            options(nostack),
        );
    }
    value
}

/// One conversion, as it stands in the format.
struct Conversion {
    spec: Spec,
    length: Length,
    kind: u8,
    number: Option<usize>,
    width_argument: Option<Option<usize>>,
    precision_argument: Option<Option<usize>>,
    end: *const c_char,
}

/// Digits at `at`.
unsafe fn digits(at: &mut *const c_char) -> usize {
    let mut value = 0usize;
    while (**at as u8).is_ascii_digit() {
        value = value
            .saturating_mul(10)
            .saturating_add((**at as u8 - b'0').into());
        *at = at.add(1);
    }
    value
}

/// `n$` at `at`, as an index.
unsafe fn position(at: &mut *const c_char) -> Option<usize> {
    let mut end = *at;
    let number = digits(&mut end);
    if *end as u8 == b'$' && (1..=NUMBERED).contains(&number) {
        *at = end.add(1);
        return Some(number - 1);
    }
    None
}

/// Reads the conversion after a `%`.
unsafe fn parse(mut at: *const c_char) -> Conversion {
    let mut spec = Spec::default();
    let number = position(&mut at);
    loop {
        match *at as u8 {
            b'-' => spec.left = true,
            b'+' => spec.plus = true,
            b' ' => spec.space = true,
            b'#' => spec.alternate = true,
            b'0' => spec.zero = true,
            b'\'' => {}
            _ => break,
        }
        at = at.add(1);
    }
    let (mut width_argument, mut precision_argument) = (None, None);
    if *at as u8 == b'*' {
        at = at.add(1);
        width_argument = Some(position(&mut at));
    } else {
        spec.width = digits(&mut at);
    }
    if *at as u8 == b'.' {
        at = at.add(1);
        if *at as u8 == b'*' {
            at = at.add(1);
            precision_argument = Some(position(&mut at));
        } else if *at as u8 == b'-' {
            at = at.add(1);
            digits(&mut at);
        } else {
            spec.precision = Some(digits(&mut at));
        }
    }
    let mut length = Length::Int;
    loop {
        length = match (*at as u8, length) {
            (b'h', Length::Short) => Length::Char,
            (b'h', _) => Length::Short,
            (b'l' | b'j' | b'z' | b't' | b'q', _) => Length::Long,
            (b'L', _) => Length::LongDouble,
            _ => break,
        };
        at = at.add(1);
    }
    let kind = *at as u8;
    let end = if kind == 0 { at } else { at.add(1) };
    Conversion {
        spec,
        length,
        kind,
        number,
        width_argument,
        precision_argument,
        end,
    }
}

/// Reads all arguments of a format that uses numbers, in their order.
unsafe fn number_all(text: *const c_char, list: &mut VaList) -> Option<[Value; NUMBERED]> {
    let mut kinds = [None; NUMBERED];
    let mut any = false;
    let mut at = text;
    while *at != 0 {
        if *at as u8 != b'%' {
            at = at.add(1);
            continue;
        }
        let conversion = parse(at.add(1));
        at = conversion.end;
        for index in [conversion.width_argument, conversion.precision_argument] {
            if let Some(Some(index)) = index {
                kinds[index] = Some((b'd', Length::Int));
            }
        }
        if let Some(index) = conversion.number {
            kinds[index] = Some((conversion.kind, conversion.length));
            any = true;
        }
    }
    if !any {
        return None;
    }
    let mut values = [Value::Word(0); NUMBERED];
    let last = kinds
        .iter()
        .rposition(Option::is_some)
        .map_or(0, |last| last + 1);
    for (value, kind) in values.iter_mut().zip(kinds).take(last) {
        *value = match kind {
            Some((b'a' | b'A' | b'e' | b'E' | b'f' | b'F' | b'g' | b'G', length)) => {
                Value::Double(take_double(list, length))
            }
            _ => Value::Word(list.long()),
        };
    }
    Some(values)
}

/// Formats; the length of the whole text, or −1.
pub unsafe fn format<S: Sink>(sink: &mut S, text: *const c_char, list: &mut VaList) -> c_int {
    let mut out = Output { sink, count: 0 };
    let numbered = number_all(text, &mut { *list });
    let mut arguments = Arguments { list, numbered };
    let mut at = text;
    loop {
        let start = at;
        while *at != 0 && *at as u8 != b'%' {
            at = at.add(1);
        }
        let plain = core::slice::from_raw_parts(start.cast::<u8>(), at.offset_from(start) as usize);
        if !plain.is_empty() && !out.put(plain) {
            return -1;
        }
        if *at == 0 {
            break;
        }
        let mut conversion = parse(at.add(1));
        at = conversion.end;
        if let Some(number) = conversion.width_argument {
            let width = arguments.word(number) as c_int;
            conversion.spec.left |= width < 0;
            conversion.spec.width = width.unsigned_abs() as usize;
        }
        if let Some(number) = conversion.precision_argument {
            conversion.spec.precision = usize::try_from(arguments.word(number) as c_int).ok();
        }
        if !convert(&mut out, &conversion, &mut arguments) {
            return -1;
        }
        if out.count > c_int::MAX as usize {
            crate::errno::set(libc::EOVERFLOW);
            return -1;
        }
    }
    out.count as c_int
}

unsafe fn convert<S: Sink>(
    out: &mut Output<'_, S>,
    conversion: &Conversion,
    arguments: &mut Arguments<'_>,
) -> bool {
    let Conversion {
        spec,
        length,
        kind,
        number,
        ..
    } = conversion;
    match kind {
        b'%' => out.put(b"%"),
        b'd' | b'i' => {
            let word = arguments.word(*number);
            let value = match length {
                Length::Char => i64::from(word as i8),
                Length::Short => i64::from(word as i16),
                Length::Int => i64::from(word as i32),
                _ => word,
            };
            let sign: &[u8] = match value {
                ..0 => b"-",
                _ if spec.plus => b"+",
                _ if spec.space => b" ",
                _ => b"",
            };
            integer(out, spec, sign, value.unsigned_abs(), 10, false)
        }
        b'u' | b'o' | b'x' | b'X' | b'b' | b'B' => {
            let word = arguments.word(*number) as u64;
            let value = match length {
                Length::Char => u64::from(word as u8),
                Length::Short => u64::from(word as u16),
                Length::Int => u64::from(word as u32),
                _ => word,
            };
            let prefixed = spec.alternate && value != 0;
            let mark = [b'0', *kind];
            let prefix: &[u8] = if prefixed { &mark } else { b"" };
            match kind {
                b'u' => integer(out, spec, b"", value, 10, false),
                b'o' => integer(out, spec, b"", value, 8, false),
                b'b' | b'B' => integer(out, spec, prefix, value, 2, false),
                _ => integer(out, spec, prefix, value, 16, *kind == b'X'),
            }
        }
        b'p' => match arguments.word(*number) as u64 {
            0 => out.text(spec, b"(nil)"),
            value => integer(out, spec, b"0x", value, 16, false),
        },
        b'c' if *length == Length::Long => wide_char(out, spec, arguments.word(*number) as u32),
        b'C' => wide_char(out, spec, arguments.word(*number) as u32),
        b'c' => out.text(spec, &[arguments.word(*number) as u8]),
        b's' if *length == Length::Long => {
            wide_text(out, spec, arguments.word(*number) as usize as *const u32)
        }
        b'S' => wide_text(out, spec, arguments.word(*number) as usize as *const u32),
        b's' => {
            let text = arguments.word(*number) as usize as *const c_char;
            if text.is_null() {
                let fits = spec.precision.is_none_or(|precision| precision >= 6);
                return out.text(spec, if fits { b"(null)" } else { b"" });
            }
            let length = match spec.precision {
                Some(precision) => crate::string::str::strnlen(text, precision),
                None => crate::string::str::strlen(text),
            };
            out.text(spec, core::slice::from_raw_parts(text.cast(), length))
        }
        b'm' => {
            let text = crate::string::error::strerror(crate::errno::get());
            out.text(spec, crate::string::str::bytes(text))
        }
        b'n' => {
            let to = arguments.word(*number) as usize;
            match length {
                Length::Char => *(to as *mut i8) = out.count as i8,
                Length::Short => *(to as *mut i16) = out.count as i16,
                Length::Int => *(to as *mut i32) = out.count as i32,
                _ => *(to as *mut i64) = out.count as i64,
            }
            true
        }
        b'a' | b'A' | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => {
            let value = arguments.double(*number, *length);
            float(out, spec, *kind, value)
        }
        _ => {
            crate::errno::set(libc::EINVAL);
            false
        }
    }
}

fn integer<S: Sink>(
    out: &mut Output<'_, S>,
    spec: &Spec,
    prefix: &[u8],
    mut value: u64,
    base: u64,
    upper: bool,
) -> bool {
    let alphabet: &[u8; 16] = if upper {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    let mut digits = [0u8; 64];
    let mut at = digits.len();
    while value != 0 {
        at -= 1;
        digits[at] = alphabet[(value % base) as usize];
        value /= base;
    }
    let digits = &digits[at..];
    let mut least = spec.precision.unwrap_or(1);
    if base == 8 && spec.alternate {
        least = least.max(digits.len() + 1);
    }
    let spec = Spec {
        zero: spec.zero && spec.precision.is_none(),
        ..*spec
    };
    out.number(&spec, prefix, least.saturating_sub(digits.len()), digits)
}

fn wide_char<S: Sink>(out: &mut Output<'_, S>, spec: &Spec, value: u32) -> bool {
    match char::from_u32(value) {
        Some(character) => out.text(spec, character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => {
            crate::errno::set(libc::EILSEQ);
            false
        }
    }
}

/// The precision counts bytes, and no character is cut.
unsafe fn wide_text<S: Sink>(out: &mut Output<'_, S>, spec: &Spec, text: *const u32) -> bool {
    if text.is_null() {
        return out.text(spec, b"(null)");
    }
    let limit = spec.precision.unwrap_or(usize::MAX);
    let (mut length, mut count) = (0, 0);
    while *text.add(count) != 0 {
        let Some(character) = char::from_u32(*text.add(count)) else {
            crate::errno::set(libc::EILSEQ);
            return false;
        };
        if length + character.len_utf8() > limit {
            break;
        }
        length += character.len_utf8();
        count += 1;
    }
    let padding = spec.width.saturating_sub(length);
    if !spec.left && !out.pad(b' ', padding) {
        return false;
    }
    for index in 0..count {
        let character = char::from_u32(*text.add(index)).unwrap_or('?');
        if !out.put(character.encode_utf8(&mut [0; 4]).as_bytes()) {
            return false;
        }
    }
    !spec.left || out.pad(b' ', padding)
}

/// Digits of a double: at most 309 before the point; behind it as many as were asked for, of which those past 1,074 are
/// zeros that are padded, not stored.
struct Digits {
    bytes: [u8; DIGITS],
    used: usize,
}

const DIGITS: usize = 1500;
const LONGEST: usize = 1100;

impl Write for Digits {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let end = self.used + text.len();
        self.bytes
            .get_mut(self.used..end)
            .ok_or(core::fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}

fn float<S: Sink>(out: &mut Output<'_, S>, spec: &Spec, kind: u8, value: f64) -> bool {
    let upper = kind.is_ascii_uppercase();
    let sign: &[u8] = if value.is_sign_negative() {
        b"-"
    } else if spec.plus {
        b"+"
    } else if spec.space {
        b" "
    } else {
        b""
    };
    if !value.is_finite() {
        let text: &[u8] = match (value.is_nan(), upper) {
            (true, false) => b"nan",
            (true, true) => b"NAN",
            (false, false) => b"inf",
            (false, true) => b"INF",
        };
        return out.number(
            &Spec {
                zero: false,
                ..*spec
            },
            sign,
            0,
            text,
        );
    }
    let value = value.abs();
    let mut digits = Digits {
        bytes: [0; DIGITS],
        used: 0,
    };
    match kind | 0x20 {
        b'f' => {
            let precision = spec.precision.unwrap_or(6);
            let _ = write!(digits, "{value:.*}", precision.min(LONGEST));
            if precision == 0 && spec.alternate {
                let _ = digits.write_str(".");
            }
            laid_out(
                out,
                spec,
                sign,
                &digits.bytes[..digits.used],
                precision,
                b"",
            )
        }
        b'e' => {
            let precision = spec.precision.unwrap_or(6);
            let mut tail = [0; 8];
            let (length, tail_length) =
                scientific(&mut digits, value, precision.min(LONGEST), kind, &mut tail);
            let mut end = length;
            if precision == 0 && spec.alternate {
                digits.bytes[end] = b'.';
                end += 1;
            }
            laid_out(
                out,
                spec,
                sign,
                &digits.bytes[..end],
                precision,
                &tail[..tail_length],
            )
        }
        b'g' => general(out, spec, sign, value, kind, &mut digits),
        _ => hexadecimal(out, spec, sign, value, upper, &mut digits),
    }
}

/// The digits, zeros for a precision beyond what was stored, and an exponent.
fn laid_out<S: Sink>(
    out: &mut Output<'_, S>,
    spec: &Spec,
    sign: &[u8],
    digits: &[u8],
    precision: usize,
    tail: &[u8],
) -> bool {
    let more = precision.saturating_sub(LONGEST);
    if more == 0 && tail.is_empty() {
        return out.number(spec, sign, 0, digits);
    }
    let length = sign.len() + digits.len() + more + tail.len();
    let padding = spec.width.saturating_sub(length);
    (spec.left || spec.zero || out.pad(b' ', padding))
        && out.put(sign)
        && (spec.left || !spec.zero || out.pad(b'0', padding))
        && out.put(digits)
        && out.pad(b'0', more)
        && out.put(tail)
        && (!spec.left || out.pad(b' ', padding))
}

/// `d.ddd` into `digits`, `e±dd` into `tail`; their lengths.
fn scientific(
    digits: &mut Digits,
    value: f64,
    precision: usize,
    kind: u8,
    tail: &mut [u8; 8],
) -> (usize, usize) {
    digits.used = 0;
    let _ = write!(digits, "{value:.precision$e}");
    let text = &digits.bytes[..digits.used];
    let mark = text
        .iter()
        .position(|&byte| byte == b'e')
        .unwrap_or(text.len());
    let exponent = &text[(mark + 1).min(text.len())..];
    let negative = exponent.first() == Some(&b'-');
    let exponent = if negative { &exponent[1..] } else { exponent };
    let e = if kind.is_ascii_uppercase() {
        b'E'
    } else {
        b'e'
    };
    let mut at = 0;
    for byte in [e, if negative { b'-' } else { b'+' }] {
        tail[at] = byte;
        at += 1;
    }
    if exponent.len() < 2 {
        tail[at] = b'0';
        at += 1;
    }
    tail[at..at + exponent.len()].copy_from_slice(exponent);
    (mark, at + exponent.len())
}

/// `%g`: the form that the exponent after rounding asks for, without trailing zeros unless `#`.
fn general<S: Sink>(
    out: &mut Output<'_, S>,
    spec: &Spec,
    sign: &[u8],
    value: f64,
    kind: u8,
    digits: &mut Digits,
) -> bool {
    let precision = spec.precision.unwrap_or(6).max(1);
    let kept = precision.min(LONGEST);
    let mut tail = [0; 8];
    let (mut length, tail_length) = scientific(digits, value, kept - 1, kind, &mut tail);
    let exponent = core::str::from_utf8(&tail[1..tail_length])
        .ok()
        .and_then(|text| text.parse::<i64>().ok())
        .unwrap_or(0);
    let mut tail = &tail[..tail_length];
    if (-4..precision as i64).contains(&exponent) {
        digits.used = 0;
        let places = (precision as i64 - 1 - exponent).clamp(0, LONGEST as i64) as usize;
        let _ = write!(digits, "{value:.places$}");
        length = digits.used;
        tail = &[];
    }
    let has_point = digits.bytes[..length].contains(&b'.');
    if spec.alternate {
        if !has_point {
            digits.bytes[length] = b'.';
            length += 1;
        }
    } else if has_point {
        while digits.bytes[length - 1] == b'0' {
            length -= 1;
        }
        if digits.bytes[length - 1] == b'.' {
            length -= 1;
        }
    }
    laid_out(out, spec, sign, &digits.bytes[..length], 0, tail)
}

/// `%a`: the mantissa's bits as they are, rounded to even at a given precision.
fn hexadecimal<S: Sink>(
    out: &mut Output<'_, S>,
    spec: &Spec,
    sign: &[u8],
    value: f64,
    upper: bool,
    digits: &mut Digits,
) -> bool {
    let bits = value.to_bits();
    let (mut mantissa, biased) = (bits & ((1 << 52) - 1), (bits >> 52) as i64);
    let exponent = match (biased, mantissa) {
        (0, 0) => 0,
        (0, _) => -1022,
        _ => {
            mantissa |= 1 << 52;
            biased - 1023
        }
    };
    let places = match spec.precision {
        Some(precision) if precision < 13 => {
            let dropped = 4 * (13 - precision as u32);
            let (half, rest) = (1u64 << (dropped - 1), mantissa & ((1 << dropped) - 1));
            let kept = mantissa >> dropped;
            mantissa = (kept + u64::from(rest > half || rest == half && kept & 1 != 0)) << dropped;
            precision
        }
        Some(_) => 13,
        None => (52 - mantissa.trailing_zeros().min(52)).div_ceil(4) as usize,
    };
    let alphabet: &[u8; 16] = if upper {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    digits.used = 0;
    let mut put = |byte: u8| {
        digits.bytes[digits.used] = byte;
        digits.used += 1;
    };
    put(alphabet[(mantissa >> 52) as usize & 15]);
    if places > 0 || spec.alternate {
        put(b'.');
    }
    for place in 0..places {
        put(alphabet[(mantissa >> (48 - 4 * place)) as usize & 15]);
    }
    for _ in 13..spec.precision.unwrap_or(0).min(LONGEST) {
        put(b'0');
    }
    let mut tail = [0; 8];
    let mut text = crate::text::Writer::new(&mut tail);
    text.put(if upper { b"P" } else { b"p" })
        .put(if exponent < 0 { b"-" } else { b"+" });
    text.number(exponent.unsigned_abs());
    let tail_length = text.len();
    let mut prefix = [0; 3];
    prefix[..sign.len()].copy_from_slice(sign);
    prefix[sign.len()..sign.len() + 2].copy_from_slice(if upper { b"0X" } else { b"0x" });
    let prefix = &prefix[..sign.len() + 2];
    laid_out(
        out,
        spec,
        prefix,
        &digits.bytes[..digits.used],
        0,
        &tail[..tail_length],
    )
}
