//! When the night light is on, and how warm it is then: it comes and goes little by little.

/// Seconds of a day.
const DAY: u32 = 86_400;
/// How long it takes to come or go.
const FADE: u32 = 30 * 60;
/// How often it is a little warmer meanwhile.
const STEP: u32 = 60;
/// Daylight, at which displays show colours as they are.
const DAYLIGHT: f64 = 6500.0;

/// The night light's choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NightLight {
    /// Colour temperature at its warmest.
    pub kelvin: u32,
    /// From when to when, in seconds of the day; always without.
    pub hours: Option<(u32, u32)>,
}

impl NightLight {
    /// How long it is on, and since when at this second of the day.
    fn since(&self, second: u32) -> Option<(u32, u32)> {
        let (from, until) = self.hours?;
        let length = (until + DAY - from) % DAY;
        Some((length, (second + DAY - from % DAY) % DAY))
    }

    /// The colour temperature at a second of the day; none while it is off.
    pub fn at(&self, second: u32) -> Option<u32> {
        let Some((length, since)) = self.since(second) else {
            return Some(self.kelvin);
        };
        if since >= length {
            return None;
        }
        let fade = FADE.min(length / 2).max(1);
        // In steps, so that nothing has to be drawn between them.
        let part = |time: u32| f64::from((time / STEP + 1) * STEP) / f64::from(fade);
        let share = part(since).min(part(length - 1 - since)).min(1.0);
        let kelvin = DAYLIGHT + (f64::from(self.kelvin) - DAYLIGHT) * share;
        Some(kelvin.round() as u32)
    }

    /// In how many seconds it may be another.
    pub fn changes_in(&self, second: u32) -> Option<u32> {
        let (length, since) = self.since(second)?;
        let fade = FADE.min(length / 2);
        let fades = since < fade || (length.saturating_sub(fade)..length).contains(&since);
        Some(if fades {
            (STEP - since % STEP).min(if since < length { length - since } else { STEP })
        } else if since < length {
            length - fade - since
        } else {
            DAY - since
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u32 = 3600;
    const LIGHT: NightLight = NightLight {
        kelvin: 3500,
        hours: Some((20 * HOUR, 6 * HOUR)),
    };

    #[test]
    fn it_is_on_at_night_and_comes_little_by_little() {
        assert_eq!(LIGHT.at(12 * HOUR), None);
        assert_eq!(LIGHT.at(20 * HOUR - 1), None);
        assert_eq!(LIGHT.at(20 * HOUR), Some(6400));
        assert_eq!(LIGHT.at(20 * HOUR + 15 * 60), Some(4900));
        for warmest in [21 * HOUR, 0, 3 * HOUR] {
            assert_eq!(LIGHT.at(warmest), Some(3500));
        }
        assert_eq!(LIGHT.at(6 * HOUR - 60), Some(6400));
        assert_eq!(LIGHT.at(6 * HOUR), None);
    }

    #[test]
    fn nothing_wakes_for_it_but_its_changes() {
        assert_eq!(LIGHT.changes_in(12 * HOUR), Some(8 * HOUR));
        assert_eq!(LIGHT.changes_in(21 * HOUR), Some(8 * HOUR + HOUR / 2));
        assert_eq!(LIGHT.changes_in(20 * HOUR + 5), Some(55));
        let always = NightLight {
            hours: None,
            ..LIGHT
        };
        assert_eq!(always.at(HOUR), Some(3500));
        assert_eq!(always.changes_in(HOUR), None);
    }

    /// Whoever looks only when told to sees every change.
    #[test]
    fn between_its_changes_it_stays() {
        for hours in [
            (20 * HOUR, 6 * HOUR),
            (0, 600),
            (6 * HOUR, 6 * HOUR + 30),
            (5, 5),
        ] {
            let light = NightLight {
                hours: Some(hours),
                ..LIGHT
            };
            let (mut second, mut end) = (0, 0);
            while end < DAY {
                let next = light.changes_in(second).unwrap();
                assert!(next > 0, "{hours:?} at {second}");
                for between in second..second + next {
                    let (here, there) = (light.at(second), light.at(between % DAY));
                    assert_eq!(here, there, "{hours:?}: {second} and {between}");
                }
                end += next;
                second = (second + next) % DAY;
            }
        }
    }
}
