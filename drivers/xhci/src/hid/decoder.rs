//! Reports as events.

use crate::hid::layout::{Control, Item, Layout, take};
use ochre_display::evdev::abi::{EV_ABS, EV_KEY, EV_REL};
use std::collections::BTreeSet;

/// A notch of a wheel in fine steps, as Linux counts them.
const NOTCH: i32 = 120;

/// What is known from earlier reports.
pub struct Decoder<'a> {
    layout: &'a Layout,
    states: Vec<State>,
}

#[derive(Clone, Default)]
struct State {
    /// Codes that an array says are down.
    down: BTreeSet<u16>,
    /// Fine steps of a wheel that make no notch yet.
    steps: i32,
}

impl Decoder<'_> {
    pub fn new(layout: &Layout) -> Decoder<'_> {
        Decoder {
            layout,
            states: vec![State::default(); layout.items.len()],
        }
    }

    /// Takes a report; `send` gets what it says: application, event type, code, value. States that
    /// did not change are among it.
    pub fn report(&mut self, report: &[u8], mut send: impl FnMut(usize, u16, u16, i32)) {
        let number = match (self.layout.numbered, report.first()) {
            (_, None) => return,
            (true, Some(number)) => *number,
            (false, _) => 0,
        };
        for (item, state) in self.layout.items.iter().zip(&mut self.states) {
            if item.report == number {
                take_item(item, state, report, |kind, code, value| {
                    send(item.application, kind, code, value);
                });
            }
        }
    }
}

fn take_item(item: &Item, state: &mut State, report: &[u8], mut send: impl FnMut(u16, u16, i32)) {
    if let Control::Array {
        size,
        first,
        codes,
        overflow,
    } = &item.control
    {
        let places = item.bits.clone().step_by((*size).max(1));
        let numbers: Vec<i32> = places
            .filter_map(|start| take(report, &(start..start + size), item.signed))
            .collect();
        if numbers.iter().any(|number| overflow.contains(number)) {
            return;
        }
        let down: BTreeSet<u16> = numbers
            .iter()
            .filter_map(|number| usize::try_from(number.checked_sub(*first)?).ok())
            .filter_map(|index| codes.get(index).copied())
            .filter(|code| *code != 0)
            .collect();
        for code in state.down.difference(&down) {
            send(EV_KEY, *code, 0);
        }
        for code in down.difference(&state.down) {
            send(EV_KEY, *code, 1);
        }
        state.down = down;
        return;
    }
    let Some(value) = take(report, &item.bits, item.signed) else {
        return;
    };
    match item.control {
        Control::Key(code) => send(EV_KEY, code, i32::from(value != 0)),
        Control::Relative(code) => send(EV_REL, code, value),
        // Out of its range: no position (HID 1.11, 5.10).
        Control::Absolute(code) => {
            if (item.range.0..=item.range.1).contains(&value) {
                send(EV_ABS, code, value);
            }
        }
        Control::Wheel { code, fine, notch } => {
            let steps = value.saturating_mul(NOTCH) / notch.max(1);
            send(EV_REL, fine, steps);
            state.steps = state.steps.saturating_add(steps);
            send(EV_REL, code, state.steps / NOTCH);
            state.steps %= NOTCH;
        }
        Control::Array { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hid::layout::tests::{KEYBOARD, MOUSE};

    /// What changes by these reports.
    fn play(layout: &Layout, reports: &[&[u8]]) -> Vec<(u16, u16, i32)> {
        let mut decoder = Decoder::new(layout);
        let (mut heard, mut down) = (Vec::new(), BTreeSet::new());
        for report in reports {
            decoder.report(report, |_, kind, code, value| {
                let news = match kind {
                    EV_KEY if value != 0 => down.insert(code),
                    EV_KEY => down.remove(&code),
                    _ => value != 0,
                };
                if news {
                    heard.push((kind, code, value));
                }
            });
        }
        heard
    }

    #[test]
    fn keys_go_down_and_up_and_overflow_changes_nothing() {
        let layout = Layout::parse(&KEYBOARD).expect("a layout");
        let heard = play(
            &layout,
            &[
                &[2, 0, 4, 0, 0, 0, 0, 0],
                &[2, 0, 1, 1, 1, 1, 1, 1],
                &[0, 0, 4, 5, 0, 0, 0, 0],
                &[0, 0, 0, 0, 0, 0, 0, 0],
            ],
        );
        let keys: Vec<(u16, i32)> = heard
            .iter()
            .map(|(_, code, value)| (*code, *value))
            .collect();
        let expected = [(42, 1), (30, 1), (42, 0), (48, 1), (30, 0), (48, 0)];
        assert_eq!(keys, expected);
    }

    #[test]
    fn motion_is_signed_and_fine_wheels_make_notches() {
        let mut layout = Layout::parse(&MOUSE).expect("a layout");
        layout.multiplied(1);
        // Report 1, left button, X −1, Y 2, four steps of eight; then four more.
        let heard = play(
            &layout,
            &[
                &[1, 1, 0xff, 0x2f, 0x00, 4],
                &[1, 1, 0, 0, 0, 4],
                &[2, 1],
                &[2, 0],
                &[9, 1, 1, 1],
                &[1],
                &[],
            ],
        );
        let of = |kind, code| -> Vec<i32> {
            let all = heard.iter().filter(|e| (e.0, e.1) == (kind, code));
            all.map(|e| e.2).collect()
        };
        assert_eq!(of(EV_REL, 0), [-1]);
        assert_eq!(of(EV_REL, 1), [2]);
        assert_eq!(of(EV_REL, 11), [60, 60]);
        assert_eq!(of(EV_REL, 8), [1]);
        assert_eq!(of(EV_KEY, 0x110), [1]);
        assert_eq!(of(EV_KEY, 115), [1, 0]);
    }
}
