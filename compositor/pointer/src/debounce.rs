//! Button debouncing: a worn switch opens and closes several times for one press.
//!
//! A change is reported at once, unless one of the same button was reported less than 25 ms before:
//! then it counts only if it still holds when that time is over. No hand clicks that fast.

use std::{collections::BTreeMap, time::Duration};

/// How long a switch may chatter.
const CHATTER: Duration = Duration::from_millis(25);

/// The buttons of one device.
#[derive(Debug, Clone, Default)]
pub struct Debounce {
    buttons: BTreeMap<u32, Switch>,
}

#[derive(Debug, Clone, Copy)]
struct Switch {
    /// What was last reported, and when.
    told: bool,
    since: Duration,
    /// What the switch says now.
    closed: bool,
}

impl Debounce {
    /// A switch changed: whether that is to be reported now.
    pub fn change(&mut self, button: u32, closed: bool, time: Duration) -> bool {
        let Some(switch) = self.buttons.get_mut(&button) else {
            let since = time;
            let told = closed;
            self.buttons.insert(
                button,
                Switch {
                    told,
                    since,
                    closed,
                },
            );
            return true;
        };
        switch.closed = closed;
        let due = time >= switch.since + CHATTER && switch.told != closed;
        if due {
            (switch.told, switch.since) = (closed, time);
        }
        due
    }

    /// The device is gone: the buttons that were reported down, to be let go.
    pub fn let_go(&mut self) -> Vec<u32> {
        let buttons = std::mem::take(&mut self.buttons).into_iter();
        buttons
            .filter(|(_, switch)| switch.told)
            .map(|(button, _)| button)
            .collect()
    }

    /// When a change that was held back is to be looked at.
    pub fn deadline(&self) -> Option<Duration> {
        self.buttons
            .values()
            .filter(|switch| switch.told != switch.closed)
            .map(|switch| switch.since + CHATTER)
            .min()
    }

    /// Changes that were held back and still hold: (button, closed).
    pub fn expire(&mut self, time: Duration) -> Vec<(u32, bool)> {
        let mut due = Vec::new();
        for (button, switch) in &mut self.buttons {
            let settled = switch.since + CHATTER;
            if switch.told != switch.closed && time >= settled {
                // However late it is told: what the hand did since then is no chatter.
                (switch.told, switch.since) = (switch.closed, settled);
                due.push((*button, switch.closed));
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_clean_click_is_reported_at_once() {
        let mut debounce = Debounce::default();
        assert!(debounce.change(1, true, ms(0)));
        assert_eq!(debounce.deadline(), None);
        assert!(debounce.change(1, false, ms(80)));
        assert!(debounce.change(1, true, ms(160)), "a double click");
    }

    #[test]
    fn chatter_is_one_press() {
        let mut debounce = Debounce::default();
        assert!(debounce.change(1, true, ms(0)));
        assert!(!debounce.change(1, false, ms(3)));
        assert!(!debounce.change(1, true, ms(5)));
        assert_eq!(debounce.deadline(), None);
        assert!(debounce.expire(ms(30)).is_empty());
        assert!(debounce.change(1, false, ms(200)));
    }

    #[test]
    fn a_very_short_click_ends_when_the_switch_has_settled() {
        let mut debounce = Debounce::default();
        assert!(debounce.change(1, true, ms(0)));
        assert!(!debounce.change(1, false, ms(10)));
        assert_eq!(debounce.deadline(), Some(ms(25)));
        assert!(debounce.expire(ms(24)).is_empty());
        assert_eq!(debounce.expire(ms(25)), [(1, false)]);
        assert_eq!(debounce.deadline(), None);
    }

    #[test]
    fn who_tells_late_takes_no_click_for_chatter() {
        let mut debounce = Debounce::default();
        assert!(debounce.change(1, true, ms(0)));
        assert!(!debounce.change(1, false, ms(10)));
        assert_eq!(debounce.expire(ms(400)), [(1, false)]);
        assert!(debounce.change(1, true, ms(401)));
    }

    #[test]
    fn buttons_do_not_disturb_each_other() {
        let mut debounce = Debounce::default();
        assert!(debounce.change(1, true, ms(0)));
        assert!(debounce.change(2, true, ms(2)));
    }
}
