//! The time zone of the process: `TZ`, or `/etc/localtime`. A zone file (RFC 9636) is read once and kept; what is
//! malformed in it makes it UTC.

use super::rule::{NAME, Name, Period, Rule};
use crate::environ;
use crate::futex::Lock;
use crate::malloc::{free, malloc};
use crate::sys::sys;
use core::ffi::{CStr, c_char, c_int, c_long};
use core::ptr;

const FILE_LIMIT: usize = 1 << 20;
const TZ: usize = 256;

/// A zone file's second, 64-bit, part; offsets into `data`.
struct File {
    data: *mut u8,
    size: usize,
    times: usize,
    time_count: usize,
    kinds: usize,
    periods: usize,
    period_count: usize,
    names: usize,
    name_bytes: usize,
}

// SAFETY: the data is heap memory of the zone, reached under its lock.
unsafe impl Send for File {}

struct Zone {
    /// The value of TZ it was made from.
    tz: [u8; TZ],
    loaded: bool,
    file: Option<File>,
    rule: Option<Rule>,
}

static ZONE: Lock<Zone> = Lock::new(Zone {
    tz: [0; TZ],
    loaded: false,
    file: None,
    rule: None,
});

const UTC: Period = Period {
    name: *b"UTC\0\0\0\0\0\0\0\0\0\0\0\0\0",
    offset: 0,
};

// What `tzset` shows to C.
static mut NAMES: [Name; 2] = [UTC.name, UTC.name];
#[unsafe(no_mangle)]
static mut tzname: [*mut c_char; 2] = [
    (&raw mut NAMES).cast::<c_char>(),
    (&raw mut NAMES).cast::<c_char>(),
];
#[unsafe(no_mangle)]
static mut timezone: c_long = 0;
#[unsafe(no_mangle)]
static mut daylight: c_int = 0;

impl File {
    fn bytes(&self) -> &[u8] {
        // SAFETY: allocated with that size.
        unsafe { core::slice::from_raw_parts(self.data, self.size) }
    }

    fn time(&self, index: usize) -> i64 {
        let at = self.times + index * 8;
        self.bytes()
            .get(at..at + 8)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, i64::from_be_bytes)
    }

    fn period(&self, index: usize) -> (Period, bool) {
        let at = self.periods + index.min(self.period_count - 1) * 6;
        let Some(&[a, b, c, d, summer, name]) = self.bytes().get(at..at + 6) else {
            return (UTC, false);
        };
        let names = &self.bytes()[self.names..self.names + self.name_bytes];
        let text = names.get(name as usize..).unwrap_or(&[]);
        let mut short = [0; NAME];
        for (to, &from) in short[..NAME - 1].iter_mut().zip(text) {
            if from == 0 {
                break;
            }
            *to = from;
        }
        let offset = i64::from(i32::from_be_bytes([a, b, c, d]));
        (
            Period {
                name: short,
                offset,
            },
            summer != 0,
        )
    }

    /// The index of the last change at or before a moment.
    fn change(&self, moment: i64) -> Option<usize> {
        let (mut low, mut high) = (0, self.time_count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.time(middle) <= moment {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.checked_sub(1)
    }

    fn kind(&self, change: usize) -> usize {
        self.bytes()
            .get(self.kinds + change)
            .copied()
            .unwrap_or(0)
            .into()
    }

    /// Checks a file's layout; the rule at its end.
    fn parse(data: *mut u8, size: usize) -> Option<(File, Option<Rule>)> {
        let mut file = File {
            data,
            size,
            times: 0,
            time_count: 0,
            kinds: 0,
            periods: 0,
            period_count: 0,
            names: 0,
            name_bytes: 0,
        };
        let mut at = 0;
        let mut width = 4;
        loop {
            let header = file.bytes().get(at..at + 44)?;
            if &header[..4] != b"TZif" {
                return None;
            }
            let count = |n: usize| {
                let bytes = header[20 + n * 4..24 + n * 4].try_into().unwrap_or([0; 4]);
                u32::from_be_bytes(bytes) as usize
            };
            let [utc, standard, leaps, times, periods, names] =
                [count(0), count(1), count(2), count(3), count(4), count(5)];
            if [utc, standard, leaps, times, periods, names]
                .iter()
                .any(|&n| n > FILE_LIMIT)
            {
                return None;
            }
            let version = header[4];
            let body = at + 44;
            let end = body
                + times * (width + 1)
                + periods * 6
                + names
                + leaps * (width + 4)
                + standard
                + utc;
            if end > size {
                return None;
            }
            if width == 4 && version >= b'2' {
                at = end;
                width = 8;
                continue;
            }
            if width == 4 || periods == 0 {
                // Only the 64-bit part is used, which every compiler of zones has written since 2008.
                return None;
            }
            file.times = body;
            file.time_count = times;
            file.kinds = body + times * 8;
            file.periods = file.kinds + times;
            file.period_count = periods;
            file.names = file.periods + periods * 6;
            file.name_bytes = names;
            let footer = file.bytes()[end..].strip_prefix(b"\n")?;
            let length = footer.iter().position(|&byte| byte == b'\n')?;
            let rule = Rule::parse(&footer[..length]);
            return Some((file, rule));
        }
    }
}

/// Reads a whole zone file.
fn read(path: &CStr) -> Option<(File, Option<Rule>)> {
    // SAFETY: system calls on memory of this function.
    unsafe {
        let flags = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK;
        let fd = sys!(SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0);
        if fd < 0 {
            return None;
        }
        let mut stat: libc::stat = core::mem::zeroed();
        sys!(SYS_fstat, fd, &raw mut stat);
        let size = stat.st_size as usize;
        let regular = stat.st_mode & libc::S_IFMT == libc::S_IFREG;
        let data = if regular && size <= FILE_LIMIT {
            malloc(size).cast::<u8>()
        } else {
            ptr::null_mut()
        };
        let mut found = None;
        if !data.is_null() {
            if sys!(SYS_read, fd, data, size) == size as isize {
                found = File::parse(data, size);
            }
            if found.is_none() {
                free(data.cast());
            }
        }
        sys!(SYS_close, fd);
        found
    }
}

/// Follows a change of TZ.
fn refresh(zone: &mut Zone) {
    let tz = environ::find(c"TZ").map(CStr::to_bytes);
    let mut key = [0u8; TZ];
    // An unset TZ and an empty one differ: the first is the system's zone, the second UTC.
    let value = tz.unwrap_or(b"\x01");
    let length = value.len().min(TZ - 1);
    key[..length].copy_from_slice(&value[..length]);
    if zone.loaded && zone.tz == key {
        return;
    }
    if let Some(file) = zone.file.take() {
        // SAFETY: the zone's own memory.
        unsafe { free(file.data.cast()) };
    }
    zone.tz = key;
    zone.loaded = true;
    zone.rule = None;
    let found = match tz {
        None => read(c"/etc/localtime"),
        Some(name) => {
            let name = name.strip_prefix(b":").unwrap_or(name);
            zone.rule = Rule::parse(name);
            if zone.rule.is_some() || name.is_empty() {
                None
            } else {
                named(name)
            }
        }
    };
    if let Some((file, rule)) = found {
        zone.file = Some(file);
        zone.rule = rule;
    }
    show(zone);
}

/// A zone of the system's folder, or an absolute path. No name climbs out of the folder.
fn named(name: &[u8]) -> Option<(File, Option<Rule>)> {
    let mut path = [0u8; TZ + 24];
    let mut text = crate::text::Writer::new(&mut path);
    if name.first() != Some(&b'/') {
        if name.split(|&byte| byte == b'/').any(|part| part == b"..") {
            return None;
        }
        text.put(b"/usr/share/zoneinfo/");
    }
    text.put(name);
    read(CStr::from_bytes_until_nul(&path).ok()?)
}

fn show(zone: &Zone) {
    let (mut standard, mut summer) = (UTC, None);
    if let Some(rule) = &zone.rule {
        standard = rule.standard;
        summer = rule.daylight;
    } else if let Some(file) = &zone.file {
        for index in 0..file.period_count {
            let (period, is_summer) = file.period(index);
            if is_summer {
                summer = Some(period);
            } else {
                standard = period;
            }
        }
    }
    // SAFETY: C's variables, which only `tzset` and its callers change, under the zone's lock.
    unsafe {
        NAMES = [
            standard.name,
            summer.map_or(standard.name, |period| period.name),
        ];
        let names = (&raw mut NAMES).cast::<Name>();
        tzname = [names.cast(), names.add(1).cast()];
        timezone = -standard.offset;
        daylight = c_int::from(summer.is_some());
    }
}

fn period_in(zone: &Zone, moment: i64) -> (Period, bool) {
    if let Some(file) = &zone.file {
        match file.change(moment) {
            Some(last) if last + 1 == file.time_count && zone.rule.is_some() => {}
            Some(change) => return file.period(file.kind(change)),
            None if file.time_count > 0 || zone.rule.is_none() => return file.period(0),
            None => {}
        }
    }
    zone.rule
        .as_ref()
        .map_or((UTC, false), |rule| rule.period(moment))
}

/// The period at a moment; its name as a pointer that stays.
pub fn at(moment: i64) -> (i64, bool, *const c_char) {
    let mut zone = ZONE.lock();
    refresh(&mut zone);
    let (period, summer) = period_in(&zone, moment);
    (period.offset, summer, intern(&period.name))
}

/// Names that `tm_zone` ever pointed at: they stay for the life of the process.
static INTERNED: Lock<([Name; 32], usize)> = Lock::new(([[0; NAME]; 32], 0));

fn intern(name: &Name) -> *const c_char {
    let mut interned = INTERNED.lock();
    let count = interned.1;
    let index = interned.0[..count]
        .iter()
        .position(|known| known == name)
        .unwrap_or_else(|| {
            let slot = count.min(interned.0.len() - 1);
            interned.0[slot] = *name;
            interned.1 = slot + 1;
            slot
        });
    interned.0[index].as_ptr().cast()
}

#[unsafe(no_mangle)]
pub extern "C" fn tzset() {
    refresh(&mut ZONE.lock());
}
