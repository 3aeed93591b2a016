//! `strptime` in the C locale.

use super::names::{DAYS, DAYS_SHORT, MONTHS, MONTHS_SHORT};
use crate::string::str::bytes;
use core::ffi::{CStr, c_char, c_int};
use core::ptr;
use libc::tm;

struct Parser<'a> {
    text: &'a [u8],
    time: &'a mut tm,
    afternoon: Option<bool>,
    century: Option<c_int>,
}

impl Parser<'_> {
    fn number(&mut self, digits: usize, range: core::ops::RangeInclusive<c_int>) -> Option<c_int> {
        while self.text.first().is_some_and(u8::is_ascii_whitespace) {
            self.text = &self.text[1..];
        }
        let (mut value, mut taken) = (0, 0);
        while let Some(&byte) = self.text.first()
            && byte.is_ascii_digit()
            && taken < digits
        {
            value = value * 10 + c_int::from(byte - b'0');
            taken += 1;
            self.text = &self.text[1..];
        }
        if taken > 0 && range.contains(&value) {
            Some(value)
        } else {
            None
        }
    }

    fn name(&mut self, tables: [&[&CStr]; 2]) -> Option<c_int> {
        for table in tables {
            for (index, name) in table.iter().enumerate() {
                let name = name.to_bytes();
                if let Some(start) = self.text.get(..name.len())
                    && start.eq_ignore_ascii_case(name)
                {
                    self.text = &self.text[name.len()..];
                    return Some(index as c_int);
                }
            }
        }
        None
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.text = self.text.strip_prefix(&[byte])?;
        Some(())
    }

    fn format(&mut self, format: &[u8]) -> Option<()> {
        let mut at = format.iter().copied();
        while let Some(byte) = at.next() {
            if byte.is_ascii_whitespace() {
                while self.text.first().is_some_and(u8::is_ascii_whitespace) {
                    self.text = &self.text[1..];
                }
                continue;
            }
            if byte != b'%' {
                self.take(byte)?;
                continue;
            }
            let mut kind = at.next()?;
            while matches!(kind, b'E' | b'O' | b'-' | b'_' | b'0' | b'^' | b'#') {
                kind = at.next()?;
            }
            self.convert(kind)?;
        }
        Some(())
    }

    fn convert(&mut self, kind: u8) -> Option<()> {
        match kind {
            b'a' | b'A' => self.time.tm_wday = self.name([&DAYS, &DAYS_SHORT])?,
            b'b' | b'B' | b'h' => self.time.tm_mon = self.name([&MONTHS, &MONTHS_SHORT])?,
            b'c' => self.format(b"%a %b %e %H:%M:%S %Y")?,
            b'C' => self.century = Some(self.number(2, 0..=99)?),
            b'd' | b'e' => self.time.tm_mday = self.number(2, 1..=31)?,
            b'D' | b'x' => self.format(b"%m/%d/%y")?,
            b'F' => self.format(b"%Y-%m-%d")?,
            b'H' | b'k' => self.time.tm_hour = self.number(2, 0..=23)?,
            b'I' | b'l' => self.time.tm_hour = self.number(2, 1..=12)? % 12,
            b'j' => self.time.tm_yday = self.number(3, 1..=366)? - 1,
            b'm' => self.time.tm_mon = self.number(2, 1..=12)? - 1,
            b'M' => self.time.tm_min = self.number(2, 0..=59)?,
            b'n' | b't' => self.format(b" ")?,
            b'p' | b'P' => {
                let half = self.name([&[c"AM", c"PM"], &[]])?;
                self.afternoon = Some(half == 1);
            }
            b'r' => self.format(b"%I:%M:%S %p")?,
            b'R' => self.format(b"%H:%M")?,
            b's' => {
                let found = crate::stdlib::number::integer(
                    |at| self.text.get(at).copied().unwrap_or(0),
                    10,
                );
                if found.length == 0 {
                    return None;
                }
                self.text = &self.text[found.length..];
                let moment = if found.negative {
                    (found.magnitude as i64).wrapping_neg()
                } else {
                    found.magnitude as i64
                };
                // SAFETY: both are locals of callers.
                unsafe { super::local::localtime_r(&raw const moment, self.time) };
            }
            b'S' => self.time.tm_sec = self.number(2, 0..=60)?,
            b'T' | b'X' => self.format(b"%H:%M:%S")?,
            b'u' => self.time.tm_wday = self.number(1, 1..=7)? % 7,
            b'w' => self.time.tm_wday = self.number(1, 0..=6)?,
            b'U' | b'W' | b'V' => {
                self.number(2, 0..=53)?;
            }
            b'y' => {
                let year = self.number(2, 0..=99)?;
                self.time.tm_year = if year < 69 { year + 100 } else { year };
            }
            b'Y' => {
                let negative = self.take(b'-').is_some();
                let year = self.number(4, 0..=9999)?;
                self.time.tm_year = if negative { -year } else { year } - 1900;
            }
            b'z' => {
                if self.take(b'Z').is_some() {
                    self.time.tm_gmtoff = 0;
                    return Some(());
                }
                let sign = if self.take(b'-').is_some() {
                    -1
                } else {
                    self.take(b'+')?;
                    1
                };
                let hours = self.number(2, 0..=23)?;
                let _ = self.take(b':');
                let minutes = self.number(2, 0..=59).unwrap_or(0);
                self.time.tm_gmtoff = i64::from(sign * (hours * 3600 + minutes * 60));
            }
            b'Z' => {
                while self.text.first().is_some_and(u8::is_ascii_alphabetic) {
                    self.text = &self.text[1..];
                }
            }
            b'%' => self.take(b'%')?,
            _ => return None,
        }
        Some(())
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strptime(
    text: *const c_char,
    format: *const c_char,
    out: *mut tm,
) -> *mut c_char {
    let mut parser = Parser {
        text: bytes(text),
        time: &mut *out,
        afternoon: None,
        century: None,
    };
    if parser.format(bytes(format)).is_none() {
        return ptr::null_mut();
    }
    let (rest, afternoon, century) = (parser.text.as_ptr(), parser.afternoon, parser.century);
    if afternoon == Some(true) {
        (*out).tm_hour = (*out).tm_hour % 12 + 12;
    }
    if let Some(century) = century {
        (*out).tm_year = century * 100 - 1900 + (*out).tm_year.rem_euclid(100);
    }
    rest.cast_mut().cast()
}
