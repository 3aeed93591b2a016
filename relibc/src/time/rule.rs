//! Zone rules in POSIX's form (`CET-1CEST,M3.5.0,M10.5.0/3`), as `TZ` and the end of zone files have them.

use super::calendar::{DAY, days_before, days_to_year, is_leap};

pub const NAME: usize = 16;

/// An abbreviation, ended by zero.
pub type Name = [u8; NAME];

#[derive(Clone, Copy)]
pub struct Period {
    pub name: Name,
    /// Seconds east of UTC.
    pub offset: i64,
}

#[derive(Clone, Copy)]
enum Day {
    /// 1 to 365, without 29 February.
    Julian(i64),
    /// 0 to 365.
    Zero(i64),
    /// Month 1 to 12, week 1 to 5 (5 the last), day of the week.
    Week(i32, i64, i64),
}

#[derive(Clone, Copy)]
struct Change {
    day: Day,
    /// Seconds after midnight, local time before the change.
    time: i64,
}

#[derive(Clone, Copy)]
pub struct Rule {
    pub standard: Period,
    pub daylight: Option<Period>,
    start: Change,
    end: Change,
}

struct Parser<'a>(&'a [u8]);

impl Parser<'_> {
    fn peek(&self) -> u8 {
        self.0.first().copied().unwrap_or(0)
    }

    fn take(&mut self, byte: u8) -> bool {
        if self.peek() == byte {
            self.0 = &self.0[1..];
            return true;
        }
        false
    }

    fn number(&mut self) -> Option<i64> {
        let mut value = None;
        while self.peek().is_ascii_digit() && value.is_none_or(|value| value < 100_000) {
            value = Some(value.unwrap_or(0) * 10 + i64::from(self.peek() - b'0'));
            self.0 = &self.0[1..];
        }
        value
    }

    fn name(&mut self) -> Option<Name> {
        let mut name = [0; NAME];
        let quoted = self.take(b'<');
        let mut length = 0;
        loop {
            let byte = self.peek();
            let fits = if quoted {
                byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'-'
            } else {
                byte.is_ascii_alphabetic()
            };
            if !fits {
                break;
            }
            *name.get_mut(length).filter(|_| length < NAME - 1)? = byte;
            length += 1;
            self.0 = &self.0[1..];
        }
        if quoted && !self.take(b'>') || length < 3 {
            return None;
        }
        Some(name)
    }

    /// `[+-]h[:m[:s]]` in seconds.
    fn time(&mut self) -> Option<i64> {
        let negative = self.take(b'-');
        if !negative {
            self.take(b'+');
        }
        let mut seconds = self.number()? * 3600;
        if self.take(b':') {
            seconds += self.number()? * 60;
            if self.take(b':') {
                seconds += self.number()?;
            }
        }
        Some(if negative { -seconds } else { seconds })
    }

    fn change(&mut self) -> Option<Change> {
        let day = if self.take(b'J') {
            Day::Julian(self.number()?)
        } else if self.take(b'M') {
            let month = self.number()?;
            let week = if self.take(b'.') {
                self.number()?
            } else {
                return None;
            };
            let day = if self.take(b'.') {
                self.number()?
            } else {
                return None;
            };
            if !(1..=12).contains(&month) || !(1..=5).contains(&week) || day > 6 {
                return None;
            }
            Day::Week(month as i32, week, day)
        } else {
            Day::Zero(self.number()?)
        };
        let time = if self.take(b'/') { self.time()? } else { 7200 };
        Some(Change { day, time })
    }
}

impl Change {
    /// When it comes in a year, in seconds of the local time before it.
    fn at(&self, year: i64) -> i64 {
        let start = days_to_year(year);
        let leap = is_leap(year);
        let day = match self.day {
            Day::Julian(day) => start + day - 1 + i64::from(leap && day > 59),
            Day::Zero(day) => start + day,
            Day::Week(month, week, wanted) => {
                let first = start + i64::from(days_before(month - 1, leap));
                let next = if month == 12 {
                    365 + i32::from(leap)
                } else {
                    days_before(month, leap)
                };
                let week_day = (first + 4).rem_euclid(7);
                let mut day = first + (wanted - week_day).rem_euclid(7) + (week - 1) * 7;
                if day >= start + i64::from(next) {
                    day -= 7;
                }
                day
            }
        };
        day * DAY + self.time
    }
}

impl Rule {
    pub fn parse(text: &[u8]) -> Option<Rule> {
        let mut parser = Parser(text);
        let standard = Period {
            name: parser.name()?,
            offset: -parser.time()?,
        };
        // POSIX leaves the default to the system: the rule of the United States.
        let mut start = Change {
            day: Day::Week(3, 2, 0),
            time: 7200,
        };
        let mut end = Change {
            day: Day::Week(11, 1, 0),
            time: 7200,
        };
        let mut daylight = None;
        if !parser.0.is_empty() {
            let name = parser.name()?;
            let given = !matches!(parser.peek(), 0 | b',');
            let offset = if given {
                -parser.time()?
            } else {
                standard.offset + 3600
            };
            daylight = Some(Period { name, offset });
            if parser.take(b',') {
                start = parser.change()?;
                if !parser.take(b',') {
                    return None;
                }
                end = parser.change()?;
            }
        }
        if parser.0.is_empty() {
            Some(Rule {
                standard,
                daylight,
                start,
                end,
            })
        } else {
            None
        }
    }

    /// The period at a moment, and whether it is daylight saving time.
    pub fn period(&self, moment: i64) -> (Period, bool) {
        let Some(daylight) = self.daylight else {
            return (self.standard, false);
        };
        let year = super::calendar::date((moment + self.standard.offset).div_euclid(DAY)).year;
        let start = self.start.at(year) - self.standard.offset;
        let end = self.end.at(year) - daylight.offset;
        let summer = if start < end {
            (start..end).contains(&moment)
        } else {
            // The southern hemisphere's summer spans the new year.
            !(end..start).contains(&moment)
        };
        if summer {
            (daylight, true)
        } else {
            (self.standard, false)
        }
    }
}
