//! What mount(2) is told of a tmpfs: `size=`, `nr_blocks=`, `nr_inodes=`, `mode=`, `uid=`, `gid=`.

use crate::errno::{Errno, Result};
use crate::mm::allowance::UNLIMITED;
use ochre_hal::PAGE_SIZE;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// In pages.
    pub size: Option<u64>,
    pub inodes: Option<u64>,
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

impl Options {
    /// `ram` is the machine's memory in pages, which percentages are of.
    pub fn parse(text: &str, ram: u64) -> Result<Options> {
        let mut options = Options::default();
        for word in text.split(',').filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').ok_or(Errno::EINVAL)?;
            match name {
                "size" => {
                    let pages = match value.strip_suffix('%') {
                        Some(percent) => number(percent)?.saturating_mul(ram) / 100,
                        None => number(value)?.div_ceil(PAGE_SIZE as u64),
                    };
                    options.size = Some(limit(pages));
                }
                "nr_blocks" => options.size = Some(limit(number(value)?)),
                "nr_inodes" => options.inodes = Some(limit(number(value)?)),
                "mode" => {
                    let mode = u32::from_str_radix(value, 8).map_err(|_| Errno::EINVAL)?;
                    options.mode = Some(mode & 0o7777);
                }
                "uid" => options.uid = Some(value.parse().map_err(|_| Errno::EINVAL)?),
                "gid" => options.gid = Some(value.parse().map_err(|_| Errno::EINVAL)?),
                // Where its pages are, and how large, are hints.
                "huge" | "mpol" => {}
                _ => return Err(Errno::EINVAL),
            }
        }
        Ok(options)
    }
}

/// 0 asks for none.
fn limit(count: u64) -> u64 {
    if count == 0 { UNLIMITED } else { count }
}

/// A number as Linux's memparse reads it, with a unit behind it.
fn number(text: &str) -> Result<u64> {
    let shift = match text.bytes().last().map(|b| b.to_ascii_lowercase()) {
        Some(b'k') => 10,
        Some(b'm') => 20,
        Some(b'g') => 30,
        Some(b't') => 40,
        Some(b'p') => 50,
        Some(b'e') => 60,
        _ => 0,
    };
    let digits = if shift == 0 {
        text
    } else {
        &text[..text.len() - 1]
    };
    let value = match (digits.strip_prefix("0x"), digits.strip_prefix('0')) {
        (Some(hex), _) => u64::from_str_radix(hex, 16),
        (None, Some(octal)) if !octal.is_empty() => u64::from_str_radix(octal, 8),
        _ => digits.parse(),
    };
    let value = value.map_err(|_| Errno::EINVAL)?;
    value.checked_mul(1 << shift).ok_or(Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::Options;
    use crate::errno::Errno;
    use crate::mm::allowance::UNLIMITED;

    fn parse(text: &str) -> Result<Options, Errno> {
        Options::parse(text, 1000)
    }

    #[test]
    fn sizes_have_units() {
        for (text, pages) in [
            ("size=1", 1),
            ("size=4097", 2),
            ("size=8k", 2),
            ("size=1M", 256),
            ("size=0x2000", 2),
            ("size=50%", 500),
            ("nr_blocks=7", 7),
            ("size=0", UNLIMITED),
        ] {
            let size = parse(text).map(|options| options.size);
            assert_eq!(size, Ok(Some(pages)), "{text}");
        }
    }

    #[test]
    fn all_of_them_together() {
        let options = parse("mode=0750,uid=3,gid=4,,nr_inodes=2k").expect("valid");
        assert_eq!(options.mode, Some(0o750));
        assert_eq!((options.uid, options.gid), (Some(3), Some(4)));
        assert_eq!((options.size, options.inodes), (None, Some(2048)));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "size",
            "size=",
            "size=x",
            "size=-1",
            "size=k",
            "mode=9",
            "uid=a",
            "what=1",
            "ro",
            "size=99999999999999999999",
            "size=99e",
            "nr_inodes=é",
        ] {
            assert_eq!(parse(text), Err(Errno::EINVAL), "{text}");
        }
    }
}
