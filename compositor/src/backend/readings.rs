//! What is read from all devices in one turn, each event at the moment in which it was made.
//!
//! A busy machine reads late, and much at once. Who took the time of reading for the events' own
//! would see two clicks as one of a worn switch, and a slow hand as a fast one; and who told one
//! device after the other would let a click be without the key that was held for it.

use std::time::{Duration, SystemTime};

use evdev::InputEvent as RawEvent;

use super::hands::Hands;
use crate::input::InputEvent;

/// No event waits longer than this: what seems older is of before the wall's clock was set.
const OLDEST: Duration = Duration::from_secs(10);

/// A turn's readings.
#[derive(Debug)]
pub(super) struct Readings {
    now: Duration,
    /// The same moment by the clock that stamps events.
    wall: SystemTime,
    made: Vec<(Duration, InputEvent)>,
}

impl Readings {
    /// Begins a turn: `now` by our clock is `wall` by CLOCK_REALTIME, evdev's.
    pub(super) fn new(now: Duration, wall: SystemTime) -> Self {
        Self {
            now,
            wall,
            made: Vec::new(),
        }
    }

    /// When, by our clock, an event was made that has this stamp.
    pub(super) fn moment(&self, stamp: SystemTime) -> Duration {
        let age = self.wall.duration_since(stamp).unwrap_or_default();
        self.now.saturating_sub(age.min(OLDEST))
    }

    /// Takes a device's next event, made at `moment`.
    pub(super) fn take(&mut self, hands: &mut Hands, event: RawEvent, moment: Duration) {
        let mut meant = Vec::new();
        let moment = hands.take(event, moment, &mut meant);
        self.made.extend(meant.into_iter().map(|it| (moment, it)));
    }

    /// The device is gone: what it held down is let go.
    pub(super) fn let_go(&mut self, hands: &mut Hands) {
        let mut meant = Vec::new();
        hands.let_go(&mut meant);
        self.made.extend(meant.into_iter().map(|it| (self.now, it)));
    }

    /// How many events were meant so far.
    pub(super) fn count(&self) -> usize {
        self.made.len()
    }

    /// Those that came after the first so many.
    pub(super) fn from(&mut self, first: usize) -> impl Iterator<Item = &mut InputEvent> {
        self.made.iter_mut().skip(first).map(|(_, event)| event)
    }

    /// All that was meant, in the order in which it was made; one device's in the order in which it
    /// said it.
    pub(super) fn in_order(mut self) -> Vec<(Duration, InputEvent)> {
        self.made.sort_by_key(|(moment, _)| *moment);
        self.made
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{backend::gather::Gather, input::BTN_LEFT};
    use evdev::EventType;

    const META: u16 = 125;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn key(readings: &mut Readings, hands: &mut Hands, at: u64, code: u16, value: i32) {
        let report = [
            (EventType::KEY, code, value),
            (EventType::SYNCHRONIZATION, 0, 0),
        ];
        for (kind, code, value) in report {
            readings.take(hands, RawEvent::new(kind.0, code, value), ms(at));
        }
    }

    fn readings() -> Readings {
        Readings::new(ms(5000), SystemTime::UNIX_EPOCH + ms(70_000))
    }

    fn button(at: u64, pressed: bool) -> (Duration, InputEvent) {
        let button = BTN_LEFT;
        (ms(at), InputEvent::Button { button, pressed })
    }

    #[test]
    fn what_was_done_on_two_devices_keeps_its_order() {
        let (mut keyboard, mut mouse) =
            (Hands::new(Gather::new(None)), Hands::new(Gather::new(None)));
        let mut turn = readings();
        key(&mut turn, &mut mouse, 4120, 0x110, 1);
        key(&mut turn, &mut mouse, 4200, 0x110, 0);
        key(&mut turn, &mut keyboard, 4050, META, 1);
        key(&mut turn, &mut keyboard, 4300, META, 0);
        let meta = |at, pressed| (ms(at), InputEvent::Key { code: 125, pressed });
        let all = [
            meta(4050, true),
            button(4120, true),
            button(4200, false),
            meta(4300, false),
        ];
        assert_eq!(turn.in_order(), all);
    }

    #[test]
    fn two_clicks_that_are_read_late_are_two() {
        let mut mouse = Hands::new(Gather::new(None));
        let mut turn = readings();
        let clicks = [(4000, 1), (4080, 0), (4160, 1), (4170, 0)];
        for (at, value) in clicks {
            key(&mut turn, &mut mouse, at, 0x110, value);
        }
        // The last was so short that its end is told when the switch has settled.
        let told = [button(4000, true), button(4080, false), button(4160, true)];
        assert_eq!(turn.in_order(), told);
        // So late that what was waited for is over when the next event comes.
        let mut turn = readings();
        key(&mut turn, &mut mouse, 4300, 0x110, 1);
        assert_eq!(turn.in_order(), [button(4300, false), button(4300, true)]);
    }

    #[test]
    fn a_stamp_is_as_old_as_the_clock_of_the_wall_says() {
        let turn = readings();
        let stamp = |millis| SystemTime::UNIX_EPOCH + ms(millis);
        assert_eq!(turn.moment(stamp(69_400)), ms(4400));
        assert_eq!(turn.moment(stamp(70_000)), ms(5000));
        assert_eq!(
            turn.moment(stamp(99_000)),
            ms(5000),
            "the clock was set back"
        );
        let turn = Readings::new(ms(50_000), stamp(70_000));
        assert_eq!(
            turn.moment(stamp(0)),
            ms(40_000),
            "the clock was set forward"
        );
    }

    #[test]
    fn no_device_goes_back_in_time() {
        let mut mouse = Hands::new(Gather::new(None));
        let mut turn = readings();
        key(&mut turn, &mut mouse, 4200, 0x110, 1);
        key(&mut turn, &mut mouse, 4100, 0x111, 1);
        let right = InputEvent::Button {
            button: 0x111,
            pressed: true,
        };
        assert_eq!(turn.in_order(), [button(4200, true), (ms(4200), right)]);
    }
}
