//! `strftime` in the C locale.

use super::calendar::is_leap;
use super::names::{DAYS, DAYS_SHORT, MONTHS, MONTHS_SHORT};
use crate::string::str::bytes;
use core::ffi::{CStr, c_char, c_int, c_void};
use libc::tm;

struct Out<'a> {
    buffer: &'a mut [u8],
    used: usize,
    full: bool,
}

impl Out<'_> {
    fn put(&mut self, text: &[u8]) {
        let end = self.used + text.len();
        // One byte stays for the end.
        if end >= self.buffer.len() {
            self.full = true;
            return;
        }
        self.buffer[self.used..end].copy_from_slice(text);
        self.used = end;
    }

    /// `flag` is the byte after `%` that changes the padding: `_`, `-`, `0` or none.
    fn number(&mut self, value: i64, width: usize, pad: u8, flag: u8) {
        let pad = match flag {
            b'_' => b' ',
            b'0' => b'0',
            _ => pad,
        };
        let mut digits = [0; 20];
        let start = crate::text::decimal(value.unsigned_abs(), &mut digits);
        let digits = &digits[start..];
        if value < 0 {
            self.put(b"-");
        }
        if flag != b'-' {
            for _ in digits.len()..width {
                self.put(&[pad]);
            }
        }
        self.put(digits);
    }

    fn name(&mut self, table: &[&CStr], index: c_int, flag: u8) {
        let name = usize::try_from(index)
            .ok()
            .and_then(|index| table.get(index));
        let name = name.map_or(&b"?"[..], |name| name.to_bytes());
        if flag == b'^' {
            for byte in name {
                self.put(&[byte.to_ascii_uppercase()]);
            }
        } else {
            self.put(name);
        }
    }
}

/// The ISO 8601 week and its year.
fn iso_week(time: &tm) -> (i64, i64) {
    let year = i64::from(time.tm_year) + 1900;
    let monday_based = (i64::from(time.tm_wday) + 6) % 7;
    let week = (i64::from(time.tm_yday) - monday_based + 10) / 7;
    let weeks = |year: i64| {
        let first = (super::calendar::days_to_year(year) + 4).rem_euclid(7);
        if first == 4 || first == 3 && is_leap(year) {
            53
        } else {
            52
        }
    };
    if week < 1 {
        (weeks(year - 1), year - 1)
    } else if week > weeks(year) {
        (1, year + 1)
    } else {
        (week, year)
    }
}

unsafe fn format(out: &mut Out<'_>, text: &[u8], time: &tm) {
    let mut at = text.iter().copied();
    while let Some(byte) = at.next() {
        if byte != b'%' {
            out.put(&[byte]);
            continue;
        }
        let mut flag = 0;
        let mut kind = at.next().unwrap_or(0);
        while matches!(kind, b'_' | b'-' | b'0' | b'^' | b'#' | b'+') {
            flag = kind;
            kind = at.next().unwrap_or(0);
        }
        while matches!(kind, b'E' | b'O') || kind.is_ascii_digit() {
            kind = at.next().unwrap_or(0);
        }
        convert(out, kind, flag, time);
    }
}

unsafe fn convert(out: &mut Out<'_>, kind: u8, flag: u8, time: &tm) {
    let year = i64::from(time.tm_year) + 1900;
    let hour12 = (i64::from(time.tm_hour) + 11) % 12 + 1;
    match kind {
        b'a' => out.name(&DAYS_SHORT, time.tm_wday, flag),
        b'A' => out.name(&DAYS, time.tm_wday, flag),
        b'b' | b'h' => out.name(&MONTHS_SHORT, time.tm_mon, flag),
        b'B' => out.name(&MONTHS, time.tm_mon, flag),
        b'c' => format(out, b"%a %b %e %H:%M:%S %Y", time),
        b'C' => out.number(year.div_euclid(100), 2, b'0', flag),
        b'd' => out.number(time.tm_mday.into(), 2, b'0', flag),
        b'D' | b'x' => format(out, b"%m/%d/%y", time),
        b'e' => out.number(time.tm_mday.into(), 2, b' ', flag),
        b'F' => format(out, b"%Y-%m-%d", time),
        b'g' => out.number(iso_week(time).1.rem_euclid(100), 2, b'0', flag),
        b'G' => out.number(iso_week(time).1, 1, b'0', flag),
        b'H' => out.number(time.tm_hour.into(), 2, b'0', flag),
        b'I' => out.number(hour12, 2, b'0', flag),
        b'j' => out.number(i64::from(time.tm_yday) + 1, 3, b'0', flag),
        b'k' => out.number(time.tm_hour.into(), 2, b' ', flag),
        b'l' => out.number(hour12, 2, b' ', flag),
        b'm' => out.number(i64::from(time.tm_mon) + 1, 2, b'0', flag),
        b'M' => out.number(time.tm_min.into(), 2, b'0', flag),
        b'n' => out.put(b"\n"),
        b'p' => out.put(if time.tm_hour >= 12 { b"PM" } else { b"AM" }),
        b'P' => out.put(if time.tm_hour >= 12 { b"pm" } else { b"am" }),
        b'r' => format(out, b"%I:%M:%S %p", time),
        b'R' => format(out, b"%H:%M", time),
        b's' => {
            let mut copy = *time;
            out.number(super::local::mktime(&raw mut copy), 1, b'0', flag);
        }
        b'S' => out.number(time.tm_sec.into(), 2, b'0', flag),
        b't' => out.put(b"\t"),
        b'T' | b'X' => format(out, b"%H:%M:%S", time),
        b'u' => out.number(
            if time.tm_wday == 0 {
                7
            } else {
                time.tm_wday.into()
            },
            1,
            b'0',
            flag,
        ),
        b'U' => out.number(
            i64::from(time.tm_yday + 7 - time.tm_wday) / 7,
            2,
            b'0',
            flag,
        ),
        b'V' => out.number(iso_week(time).0, 2, b'0', flag),
        b'w' => out.number(time.tm_wday.into(), 1, b'0', flag),
        b'W' => out.number(
            i64::from(time.tm_yday + 7 - (time.tm_wday + 6) % 7) / 7,
            2,
            b'0',
            flag,
        ),
        b'y' => out.number(year.rem_euclid(100), 2, b'0', flag),
        b'Y' => out.number(year, 1, b'0', flag),
        b'z' => {
            let minutes = time.tm_gmtoff / 60;
            out.put(if minutes < 0 { b"-" } else { b"+" });
            out.number(minutes.abs() / 60 * 100 + minutes.abs() % 60, 4, b'0', 0);
        }
        b'Z' if time.tm_isdst >= 0 && !time.tm_zone.is_null() => out.put(bytes(time.tm_zone)),
        b'Z' | 0 => {}
        b'%' => out.put(b"%"),
        other => out.put(&[b'%', other]),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strftime(
    to: *mut c_char,
    size: usize,
    text: *const c_char,
    time: *const tm,
) -> usize {
    let buffer = core::slice::from_raw_parts_mut(to.cast::<u8>(), size);
    let mut out = Out {
        buffer,
        used: 0,
        full: false,
    };
    format(&mut out, bytes(text), &*time);
    if out.full || size == 0 {
        return 0;
    }
    out.buffer[out.used] = 0;
    out.used
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strftime_l(
    to: *mut c_char,
    size: usize,
    text: *const c_char,
    time: *const tm,
    _locale: *mut c_void,
) -> usize {
    strftime(to, size, text, time)
}
