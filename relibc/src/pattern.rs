//! `fnmatch`: shell patterns (POSIX 2.14), by characters of UTF-8.

use crate::string::str::bytes;
use core::ffi::{c_char, c_int};

const NOESCAPE: c_int = 2;
const PATHNAME: c_int = 1;
const PERIOD: c_int = 4;
const LEADING_DIR: c_int = 8;
const CASEFOLD: c_int = 16;

/// fnmatch.h: FNM_NOMATCH.
const NO_MATCH: c_int = 1;

struct Matcher<'a> {
    text: &'a [u8],
    flags: c_int,
}

impl Matcher<'_> {
    fn fold(&self, c: char) -> char {
        if self.flags & CASEFOLD != 0 {
            c.to_lowercase().next().unwrap_or(c)
        } else {
            c
        }
    }

    /// A dot that only a dot in the pattern matches.
    fn leading(&self, at: usize) -> bool {
        self.flags & PERIOD != 0
            && self.text.get(at) == Some(&b'.')
            && (at == 0 || self.flags & PATHNAME != 0 && self.text[at - 1] == b'/')
    }

    /// Backtracks to the last star only: enough for shell patterns, and never exponential. With PATHNAME a star ends at a
    /// slash, so an earlier star is never needed again.
    fn matches(&self, pattern: &[u8]) -> bool {
        let (mut p, mut t) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        loop {
            let ended = p == pattern.len();
            if ended
                && (t == self.text.len() || self.flags & LEADING_DIR != 0 && self.text[t] == b'/')
            {
                return true;
            }
            if !ended && pattern[p] == b'*' && !self.leading(t) {
                star = Some((p + 1, t));
                p += 1;
                continue;
            }
            if !ended
                && t < self.text.len()
                && let Some((next_p, next_t)) = self.one(pattern, p, t)
            {
                (p, t) = (next_p, next_t);
                continue;
            }
            // The star takes one character more, if it may.
            let Some((after, taken)) = star else {
                return false;
            };
            if taken >= self.text.len() || self.flags & PATHNAME != 0 && self.text[taken] == b'/' {
                return false;
            }
            let longer = taken + first(&self.text[taken..]).1;
            star = Some((after, longer));
            (p, t) = (after, longer);
        }
    }

    /// Matches one pattern element and one character.
    fn one(&self, pattern: &[u8], p: usize, t: usize) -> Option<(usize, usize)> {
        let (c, length) = first(&self.text[t..]);
        let slash = c == '/' && self.flags & PATHNAME != 0;
        match pattern[p] {
            b'?' if !slash && !self.leading(t) => Some((p + 1, t + length)),
            b'?' => None,
            b'[' if !slash && !self.leading(t) => match self.set(pattern, p + 1, c) {
                Some((end, true)) => Some((end, t + length)),
                Some((_, false)) => None,
                None if c == '[' => Some((p + 1, t + length)),
                None => None,
            },
            b'\\' if self.flags & NOESCAPE == 0 && p + 1 < pattern.len() => {
                let (wanted, size) = first(&pattern[p + 1..]);
                (self.fold(wanted) == self.fold(c)).then_some((p + 1 + size, t + length))
            }
            _ => {
                let (wanted, size) = first(&pattern[p..]);
                (self.fold(wanted) == self.fold(c)).then_some((p + size, t + length))
            }
        }
    }

    /// A bracket expression from behind its `[`: where it ends and whether `c` is in it. None: it is no expression.
    fn set(&self, pattern: &[u8], start: usize, c: char) -> Option<(usize, bool)> {
        let mut at = start;
        let inverted = matches!(pattern.get(at), Some(b'!' | b'^'));
        at += usize::from(inverted);
        let (mut found, mut first_member) = (false, true);
        let folded = self.fold(c);
        loop {
            let byte = *pattern.get(at)?;
            if byte == b']' && !first_member {
                return Some((at + 1, found != inverted));
            }
            first_member = false;
            if byte == b'[' && pattern.get(at + 1) == Some(&b':') {
                let rest = &pattern[at + 2..];
                let length = rest.windows(2).position(|pair| pair == b":]")?;
                found |= class(&rest[..length], c);
                at += 2 + length + 2;
                continue;
            }
            if byte == b'\\' && self.flags & NOESCAPE == 0 {
                at += 1;
            }
            let (low, size) = first(pattern.get(at..).filter(|rest| !rest.is_empty())?);
            at += size;
            let mut high = low;
            if pattern.get(at) == Some(&b'-') && pattern.get(at + 1).is_some_and(|&b| b != b']') {
                let (end, size) = first(&pattern[at + 1..]);
                high = end;
                at += 1 + size;
            }
            found |= (low..=high).contains(&c)
                || (self.fold(low)..=self.fold(high)).contains(&folded)
                    && self.flags & CASEFOLD != 0;
        }
    }
}

/// The first character and its length; a byte that is no UTF-8 stands for itself.
fn first(bytes: &[u8]) -> (char, usize) {
    let part = &bytes[..bytes.len().min(4)];
    let valid = match core::str::from_utf8(part) {
        Ok(text) => text,
        Err(error) => core::str::from_utf8(&part[..error.valid_up_to()]).unwrap_or(""),
    };
    match valid.chars().next() {
        Some(c) => (c, c.len_utf8()),
        None => (bytes.first().map_or('\0', |&byte| char::from(byte)), 1),
    }
}

fn class(name: &[u8], c: char) -> bool {
    match name {
        b"alnum" => c.is_alphanumeric(),
        b"alpha" => c.is_alphabetic(),
        b"blank" => c == ' ' || c == '\t',
        b"cntrl" => c.is_control(),
        b"digit" => c.is_ascii_digit(),
        b"graph" => !c.is_control() && !c.is_whitespace(),
        b"lower" => c.is_lowercase(),
        b"print" => !c.is_control(),
        b"punct" => c.is_ascii_punctuation(),
        b"space" => c.is_whitespace(),
        b"upper" => c.is_uppercase(),
        b"xdigit" => c.is_ascii_hexdigit(),
        _ => false,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fnmatch(pattern: *const c_char, text: *const c_char, flags: c_int) -> c_int {
    let matcher = Matcher {
        text: bytes(text),
        flags,
    };
    if matcher.matches(bytes(pattern)) {
        0
    } else {
        NO_MATCH
    }
}
