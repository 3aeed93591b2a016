//! An input device: what it can do, its state, and who listens.

use crate::evdev::abi::{
    AbsInfo, EV_ABS, EV_COUNT, EV_KEY, EV_LED, EV_REL, EV_REP, EV_SW, EV_SYN, InputEvent, InputId,
    SYN_REPORT,
};
use crate::evdev::client::Client;
use ochre_driver::Levels;
use rustix::time::{ClockId, clock_gettime};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What a device says of itself.
#[derive(Clone, Debug, Default)]
pub struct Description {
    pub name: String,
    pub phys: String,
    pub uniq: String,
    pub id: InputId,
    /// INPUT_PROP_* numbers.
    pub properties: BTreeSet<u16>,
    /// The codes of each event type that it sends.
    pub codes: BTreeMap<u16, BTreeSet<u16>>,
    pub axes: BTreeMap<u16, AbsInfo>,
}

impl Description {
    /// Declares codes of an event type.
    #[must_use]
    pub fn with(mut self, kind: u16, codes: impl IntoIterator<Item = u16>) -> Description {
        self.codes.entry(kind).or_default().extend(codes);
        self
    }

    /// Declares an absolute axis.
    #[must_use]
    pub fn with_axis(mut self, code: u16, info: AbsInfo) -> Description {
        self.axes.insert(code, info);
        self.with(EV_ABS, [code])
    }

    /// The bits of EVIOCGBIT for an event type; type 0 is the set of types.
    pub fn bits(&self, kind: u16) -> Vec<u8> {
        if kind == EV_SYN {
            let types = self.codes.keys().copied().chain([EV_SYN]);
            return bit_set(types.chain(self.repeats().then_some(EV_REP)));
        }
        self.codes
            .get(&kind)
            .map(|codes| bit_set(codes.iter().copied()))
            .unwrap_or_default()
    }

    /// Whether clients see EV_REP: keyboards, whose repeat is the clients' affair.
    fn repeats(&self) -> bool {
        self.codes
            .get(&EV_KEY)
            .is_some_and(|keys| keys.contains(&30))
    }
}

/// A bit set as EVIOCG* answer it: little-endian bytes, rounded up to eight.
pub fn bit_set(codes: impl IntoIterator<Item = u16>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for code in codes {
        let at = usize::from(code / 8);
        if bytes.len() <= at {
            bytes.resize((at + 1).next_multiple_of(8), 0);
        }
        bytes[at] |= 1 << (code % 8);
    }
    bytes
}

#[derive(Default)]
pub struct State {
    pub pressed: BTreeSet<u16>,
    pub switches: BTreeSet<u16>,
    pub leds: BTreeSet<u16>,
    pub axes: BTreeMap<u16, AbsInfo>,
    pub clients: BTreeMap<u64, Client>,
    /// The open file that grabbed the device.
    pub grabbed: Option<u64>,
    /// Events since the last SYN_REPORT.
    frame: Vec<(u16, u16, i32)>,
    next_file: u64,
}

/// Called when a client has changed a light.
type LedHook = Box<dyn Fn()>;

/// See the module's header.
pub struct Device {
    pub description: Description,
    on_leds: RefCell<Option<LedHook>>,
    pub(super) state: RefCell<State>,
    pub(super) levels: Levels,
}

impl Device {
    #[must_use]
    pub fn new(description: Description, levels: Levels) -> Device {
        let state = State {
            axes: description.axes.clone(),
            next_file: 1,
            ..State::default()
        };
        Device {
            description,
            on_leds: RefCell::default(),
            state: RefCell::new(state),
            levels,
        }
    }

    /// Adds an event to the present frame. What changes nothing (a key that is down already) is
    /// left out, as in Linux; key repeats (value 2) pass.
    pub fn event(&self, kind: u16, code: u16, value: i32) {
        let mut state = self.state.borrow_mut();
        if kind >= EV_COUNT as u16 || !self.knows(kind, code) {
            return;
        }
        let news = match kind {
            EV_KEY if value == 2 => state.pressed.contains(&code),
            EV_KEY => set(&mut state.pressed, code, value),
            EV_SW => set(&mut state.switches, code, value),
            EV_LED => set(&mut state.leds, code, value),
            EV_REL => value != 0,
            EV_ABS => match state.axes.get_mut(&code) {
                // Slots repeat their values: every slot has its own.
                Some(axis) => std::mem::replace(&mut axis.value, value) != value || code >= 0x2f,
                None => false,
            },
            _ => true,
        };
        if news {
            state.frame.push((kind, code, value));
        }
    }

    /// Calls `hook` whenever a client has changed a light ([`Device::leds`] says which are on).
    pub fn on_leds(&self, hook: LedHook) {
        *self.on_leds.borrow_mut() = Some(hook);
    }

    /// The lights that are on.
    #[must_use]
    pub fn leds(&self) -> BTreeSet<u16> {
        self.state.borrow().leds.clone()
    }

    #[must_use]
    pub fn levels(&self) -> &Levels {
        &self.levels
    }

    /// Takes events that a client wrote: lights are set, as in Linux; all else is left out.
    pub(super) fn written(&self, events: &[InputEvent]) {
        let before = self.leds();
        for event in events.iter().filter(|e| e.kind == EV_LED) {
            self.event(EV_LED, event.code, event.value);
        }
        self.sync();
        if self.leds() != before
            && let Some(hook) = &*self.on_leds.borrow()
        {
            hook();
        }
    }

    fn knows(&self, kind: u16, code: u16) -> bool {
        self.description
            .codes
            .get(&kind)
            .is_some_and(|codes| codes.contains(&code))
    }

    /// Ends the frame: its listeners get it.
    pub fn sync(&self) {
        let mut state = self.state.borrow_mut();
        if state.frame.is_empty() {
            return;
        }
        let mut frame = std::mem::take(&mut state.frame);
        frame.push((EV_SYN, SYN_REPORT, 0));
        let grabbed = state.grabbed;
        for (file, client) in &mut state.clients {
            if client.revoked || grabbed.is_some_and(|g| g != *file) {
                continue;
            }
            let time = clock_gettime(client.clock);
            let events: Vec<InputEvent> = frame
                .iter()
                .map(|(kind, code, value)| InputEvent {
                    seconds: time.tv_sec,
                    microseconds: time.tv_nsec / 1000,
                    kind: *kind,
                    code: *code,
                    value: *value,
                })
                .collect();
            client.push(&events);
            self.tell(*file, client);
        }
        frame.clear();
        state.frame = frame;
    }

    /// Lets all keys go: the device has gone or is reset.
    pub fn release_all(&self) {
        let pressed: Vec<u16> = self.state.borrow().pressed.iter().copied().collect();
        for code in pressed {
            self.event(EV_KEY, code, 0);
        }
        self.sync();
    }

    /// Tells the kernel how ready an open file is.
    pub(super) fn tell(&self, file: u64, client: &mut Client) {
        let level = client.level();
        #[cfg(test)]
        {
            client.told = level;
        }
        self.levels.set(file, level);
    }

    pub(super) fn open(&self) -> u64 {
        let mut state = self.state.borrow_mut();
        let file = state.next_file;
        state.next_file += 1;
        state.clients.insert(file, Client::new(ClockId::Realtime));
        file
    }

    pub(super) fn close(&self, file: u64) {
        let mut state = self.state.borrow_mut();
        state.clients.remove(&file);
        if state.grabbed == Some(file) {
            state.grabbed = None;
        }
    }
}

fn set(codes: &mut BTreeSet<u16>, code: u16, value: i32) -> bool {
    if value != 0 {
        codes.insert(code)
    } else {
        codes.remove(&code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evdev::abi::{REL_X, SYN_DROPPED};

    fn keyboard() -> Device {
        let description = Description {
            name: "test".into(),
            ..Description::default()
        };
        Device::new(
            description.with(EV_KEY, [30, 48]).with(EV_REL, [REL_X]),
            Levels::default(),
        )
    }

    fn read(device: &Device, file: u64) -> Vec<(u16, u16, i32)> {
        let mut buffer = vec![0; 1 << 16];
        let mut state = device.state.borrow_mut();
        let client = state.clients.get_mut(&file).expect("an open file");
        let len = client.read(&mut buffer).unwrap_or(0);
        buffer[..len]
            .chunks_exact(size_of::<InputEvent>())
            .map(bytemuck::pod_read_unaligned)
            .map(|e: InputEvent| (e.kind, e.code, e.value))
            .collect()
    }

    #[test]
    fn a_frame_arrives_whole_and_without_what_changes_nothing() {
        let device = keyboard();
        let file = device.open();
        device.event(EV_KEY, 30, 1);
        device.event(EV_KEY, 30, 1);
        device.event(EV_REL, REL_X, 0);
        device.event(EV_KEY, 99, 1);
        assert!(read(&device, file).is_empty(), "no frame has ended");
        device.sync();
        assert_eq!(
            read(&device, file),
            [(EV_KEY, 30, 1), (EV_SYN, SYN_REPORT, 0)]
        );
        device.sync();
        assert!(read(&device, file).is_empty(), "an empty frame is none");
    }

    #[test]
    fn a_grab_keeps_events_from_others() {
        let device = keyboard();
        let (first, second) = (device.open(), device.open());
        device.state.borrow_mut().grabbed = Some(second);
        device.event(EV_KEY, 48, 1);
        device.sync();
        assert!(read(&device, first).is_empty());
        assert_eq!(read(&device, second).len(), 2);
        device.close(second);
        device.release_all();
        assert_eq!(
            read(&device, first),
            [(EV_KEY, 48, 0), (EV_SYN, SYN_REPORT, 0)]
        );
    }

    #[test]
    fn written_lights_are_set_and_told() {
        let description = Description::default().with(EV_LED, [0, 1]);
        let device = Device::new(description, Levels::default());
        let told = std::rc::Rc::new(std::cell::Cell::new(0));
        let count = told.clone();
        device.on_leds(Box::new(move || count.set(count.get() + 1)));
        let light = |kind, code, value| InputEvent {
            kind,
            code,
            value,
            ..InputEvent::default()
        };
        device.written(&[light(EV_LED, 1, 1), light(EV_KEY, 30, 1)]);
        assert_eq!(device.leds(), BTreeSet::from([1]));
        device.written(&[light(EV_LED, 1, 1), light(EV_LED, 7, 1)]);
        assert_eq!((device.leds(), told.get()), (BTreeSet::from([1]), 1));
    }

    #[test]
    fn a_client_that_never_reads_is_told_what_it_lost() {
        let device = keyboard();
        let file = device.open();
        for n in 0..10_000 {
            device.event(EV_REL, REL_X, 1 + n % 2);
            device.sync();
        }
        let events = read(&device, file);
        assert_eq!(events[0], (EV_SYN, SYN_DROPPED, 0));
        assert!(events.len() < 1000);
    }
}
