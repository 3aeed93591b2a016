//! The proleptic Gregorian calendar: days to dates and back, in whole numbers.

pub const DAY: i64 = 86_400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    pub year: i64,
    /// From 0.
    pub month: i32,
    /// From 1.
    pub day: i32,
    /// From 0, in the year.
    pub year_day: i32,
    /// Sunday is 0.
    pub week_day: i32,
}

pub fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of the year before a month.
pub fn days_before(month: i32, leap: bool) -> i32 {
    const BEFORE: [i32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    BEFORE[month as usize] + i32::from(leap && month > 1)
}

/// Days from 1970-01-01 to the first of January of a year.
pub fn days_to_year(year: i64) -> i64 {
    let before = year - 1;
    let leaps = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    365 * (year - 1970) + leaps - 477
}

/// The date of a day counted from 1970-01-01.
pub fn date(days: i64) -> Date {
    // 400 years are 146,097 days; an estimate of the year is at most one off.
    let mut year = 1970 + (days * 400).div_euclid(146_097);
    while days_to_year(year) > days {
        year -= 1;
    }
    while days_to_year(year + 1) <= days {
        year += 1;
    }
    let year_day = (days - days_to_year(year)) as i32;
    let leap = is_leap(year);
    let month = (0..12)
        .rev()
        .find(|&month| days_before(month, leap) <= year_day)
        .unwrap_or(0);
    Date {
        year,
        month,
        day: year_day - days_before(month, leap) + 1,
        year_day,
        week_day: (days + 4).rem_euclid(7) as i32,
    }
}

/// Seconds since 1970 of fields that may be out of range, as C's `mktime` takes them.
pub fn seconds(
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
) -> Option<i64> {
    let year = year.checked_add(month.div_euclid(12))?;
    if year.unsigned_abs() > 1 << 40 {
        return None;
    }
    let month = month.rem_euclid(12) as i32;
    let days = days_to_year(year) + i64::from(days_before(month, is_leap(year))) + day - 1;
    days.checked_mul(DAY)?
        .checked_add(hour.checked_mul(3600)?)?
        .checked_add(minute.checked_mul(60)?)?
        .checked_add(second)
}
