//! The multi-touch protocol, type B (Linux, Documentation/input/multi-touch-protocol.rst): which
//! slots have a contact, and what was said of each.

use std::collections::{BTreeMap, BTreeSet};

use evdev::{AbsoluteAxisCode, EventSummary, InputEvent as RawEvent, SynchronizationCode};

/// More contacts than a pad or a screen can tell apart are a broken device's.
const MOST_SLOTS: i32 = 16;

/// What was said of a slot's contact, in the device's units.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Said {
    /// Another contact in the same slot has another one.
    pub id: i32,
    pub x: i32,
    pub y: i32,
    /// ABS_MT_TOUCH_MAJOR.
    pub breadth: i32,
    /// ABS_MT_TOOL_TYPE.
    pub tool: i32,
}

/// The slots of a device.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slot: i32,
    /// It stays when a contact leaves: what is the same for the next one is not told again.
    said: BTreeMap<i32, Said>,
    touching: BTreeSet<i32>,
    lost: bool,
}

impl Slots {
    /// Takes an event; whether it ends a report, so that the contacts are those of one moment.
    pub(super) fn take(&mut self, event: RawEvent) -> bool {
        match event.destructure() {
            EventSummary::Synchronization(_, SynchronizationCode::SYN_DROPPED, _) => {
                // What touches now is not known: nothing does until it says so again.
                self.touching.clear();
                self.lost = true;
            }
            EventSummary::Synchronization(_, SynchronizationCode::SYN_REPORT, _) => {
                self.lost = false;
                return true;
            }
            EventSummary::AbsoluteAxis(_, axis, value) if !self.lost => self.axis(axis, value),
            _ => {}
        }
        false
    }

    fn axis(&mut self, axis: AbsoluteAxisCode, value: i32) {
        if axis == AbsoluteAxisCode::ABS_MT_SLOT {
            self.slot = value;
        }
        if !(0..MOST_SLOTS).contains(&self.slot) {
            return;
        }
        let said = self.said.entry(self.slot).or_default();
        match axis {
            AbsoluteAxisCode::ABS_MT_TRACKING_ID if value < 0 => {
                self.touching.remove(&self.slot);
            }
            AbsoluteAxisCode::ABS_MT_TRACKING_ID => {
                said.id = value;
                self.touching.insert(self.slot);
            }
            AbsoluteAxisCode::ABS_MT_POSITION_X => said.x = value,
            AbsoluteAxisCode::ABS_MT_POSITION_Y => said.y = value,
            AbsoluteAxisCode::ABS_MT_TOUCH_MAJOR => said.breadth = value,
            AbsoluteAxisCode::ABS_MT_TOOL_TYPE => said.tool = value,
            _ => {}
        }
    }

    /// Whether events were lost: none counts until the next report.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// The contacts, by their slots.
    pub(super) fn contacts(&self) -> impl Iterator<Item = (u32, Said)> {
        let touching = self.touching.iter();
        touching.filter_map(|slot| Some((slot.unsigned_abs(), *self.said.get(slot)?)))
    }

    /// No contact that is there counts any more.
    pub(super) fn let_go(&mut self) {
        self.touching.clear();
    }
}
