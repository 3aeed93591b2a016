//! Broken-down time: `gmtime`, `localtime`, `mktime`, `timegm`.

use super::calendar::{self, DAY};
use super::clock::time_t;
use super::zone;
use crate::errno;
use core::ffi::{c_char, c_int};
use core::ptr;
use libc::tm;

/// The fields of a moment, at an offset.
fn fields(moment: i64, offset: i64, summer: bool, name: *const c_char) -> Option<tm> {
    let local = moment.checked_add(offset)?;
    let date = calendar::date(local.div_euclid(DAY));
    let second = local.rem_euclid(DAY);
    Some(tm {
        tm_sec: (second % 60) as c_int,
        tm_min: (second / 60 % 60) as c_int,
        tm_hour: (second / 3600) as c_int,
        tm_mday: date.day,
        tm_mon: date.month,
        tm_year: c_int::try_from(date.year - 1900).ok()?,
        tm_wday: date.week_day,
        tm_yday: date.year_day,
        tm_isdst: summer.into(),
        tm_gmtoff: offset,
        tm_zone: name,
    })
}

unsafe fn give(found: Option<tm>, out: *mut tm) -> *mut tm {
    match found {
        Some(found) => {
            out.write(found);
            out
        }
        None => {
            errno::set(libc::EOVERFLOW);
            ptr::null_mut()
        }
    }
}

/// Moments whose year is no `int` are far outside these.
fn sane(moment: i64) -> Option<i64> {
    if moment.unsigned_abs() < 1 << 56 {
        Some(moment)
    } else {
        None
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gmtime_r(time: *const time_t, out: *mut tm) -> *mut tm {
    give(
        sane(*time).and_then(|moment| fields(moment, 0, false, c"UTC".as_ptr())),
        out,
    )
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn localtime_r(time: *const time_t, out: *mut tm) -> *mut tm {
    let found = sane(*time).and_then(|moment| {
        let (offset, summer, name) = zone::at(moment);
        fields(moment, offset, summer, name)
    });
    give(found, out)
}

static mut SHARED: tm = tm {
    tm_sec: 0,
    tm_min: 0,
    tm_hour: 0,
    tm_mday: 0,
    tm_mon: 0,
    tm_year: 0,
    tm_wday: 0,
    tm_yday: 0,
    tm_isdst: 0,
    tm_gmtoff: 0,
    tm_zone: ptr::null(),
};

#[unsafe(no_mangle)]
unsafe extern "C" fn gmtime(time: *const time_t) -> *mut tm {
    gmtime_r(time, &raw mut SHARED)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn localtime(time: *const time_t) -> *mut tm {
    zone::tzset();
    localtime_r(time, &raw mut SHARED)
}

fn seconds(time: &tm) -> Option<i64> {
    calendar::seconds(
        i64::from(time.tm_year) + 1900,
        time.tm_mon.into(),
        time.tm_mday.into(),
        time.tm_hour.into(),
        time.tm_min.into(),
        time.tm_sec.into(),
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timegm(time: *mut tm) -> time_t {
    let found = seconds(&*time)
        .and_then(|moment| Some((moment, fields(moment, 0, false, c"UTC".as_ptr())?)));
    match found {
        Some((moment, found)) => {
            time.write(found);
            moment
        }
        None => errno::fail(libc::EOVERFLOW) as time_t,
    }
}

/// The moment whose local form is given. Where there are two (clocks set back) `tm_isdst` decides, where there is
/// none (set forward) the offset before the gap is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mktime(time: *mut tm) -> time_t {
    zone::tzset();
    let Some(local) = seconds(&*time).and_then(sane) else {
        return errno::fail(libc::EOVERFLOW) as time_t;
    };
    let wanted = (*time).tm_isdst;
    let before = zone::at(local - DAY);
    let after = zone::at(local + DAY);
    let mut best = None;
    for (offset, ..) in [before, after, zone::at(local - before.0)] {
        let moment = local - offset;
        let (really, summer, _) = zone::at(moment);
        if really == offset {
            let fits = wanted < 0 || summer == (wanted > 0);
            if best.is_none() || fits && wanted >= 0 {
                best = Some(moment);
            }
            if fits && wanted >= 0 {
                break;
            }
        }
    }
    let mut moment = best.unwrap_or(local - before.0);
    // Daylight saving time that is asked for but not in force counts from its own offset.
    let (offset, summer, _) = zone::at(moment);
    if wanted >= 0 && summer != (wanted > 0) {
        let year = 183 * DAY;
        let other = [moment - year, moment + year].map(zone::at).into_iter();
        if let Some(found) = other.into_iter().find(|found| found.1 == (wanted > 0)) {
            moment += offset - found.0;
        }
    }
    if localtime_r(&raw const moment, time).is_null() {
        -1
    } else {
        moment
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timelocal(time: *mut tm) -> time_t {
    mktime(time)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn asctime_r(time: *const tm, buffer: *mut c_char) -> *mut c_char {
    super::print::strftime(buffer, 26, c"%a %b %e %H:%M:%S %Y\n".as_ptr(), time);
    buffer
}

#[unsafe(no_mangle)]
unsafe extern "C" fn asctime(time: *const tm) -> *mut c_char {
    static mut TEXT: [c_char; 32] = [0; 32];
    asctime_r(time, (&raw mut TEXT).cast())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ctime(time: *const time_t) -> *mut c_char {
    let found = localtime(time);
    if found.is_null() {
        ptr::null_mut()
    } else {
        asctime(found)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ctime_r(time: *const time_t, buffer: *mut c_char) -> *mut c_char {
    let mut found = core::mem::zeroed();
    if localtime_r(time, &raw mut found).is_null() {
        return ptr::null_mut();
    }
    asctime_r(&raw const found, buffer)
}
