//! Keyboards, mice and tablets through /dev/input, without libinput.
//!
//! A device may vanish at any time (its driver died, its cable came out): what it held down is let
//! go, and /dev/input is looked through again until it is back.

use std::{
    cell::RefCell,
    collections::{BTreeMap, btree_map::Entry},
    fs, io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    rc::Rc,
    time::{Duration, SystemTime},
};

use evdev::raw_stream::RawDevice;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
};
use smithay::reexports::calloop::{
    Interest, Mode, PostAction, RegistrationToken, generic::Generic,
};

use super::{gather::Gather, hands::Hands, kind::Kind, readings::Readings};
use crate::{
    clock::Due,
    config::Config,
    input::{InputEvent, TabletId, TabletInfo},
    state::Compositor,
};

/// Where devices are.
const DEVICES: &str = "/dev/input";
/// How long after a device vanished to look for it, at first.
const FIRST_LOOK: Duration = Duration::from_millis(50);
/// How many times to look before waiting for a device event only.
const LOOKS: u32 = 40;
/// So often a turn asks whether there is more: one whose device never ends would be no turn.
const MOST_ROUNDS: usize = 8;

/// The devices that are open.
#[derive(Debug, Default)]
pub struct Devices {
    open: BTreeMap<PathBuf, Open>,
    looks_left: u32,
}

/// A device that is open, and what wakes us for it.
#[derive(Debug)]
struct Open {
    token: RegistrationToken,
    readable: Rc<OwnedFd>,
    device: Rc<RefCell<Device>>,
    /// What clients know it as, if it is a tablet.
    tablet: Option<TabletId>,
}

/// A device, and what is going on with it.
#[derive(Debug)]
struct Device {
    raw: RawDevice,
    hands: Hands,
    /// It vanished: what wakes us for it is still to be removed.
    gone: bool,
}

impl Device {
    /// Reads what it has to say.
    fn read(&mut self, readings: &mut Readings) {
        match self.raw.fetch_events() {
            Ok(events) => {
                for event in events {
                    let moment = readings.moment(event.timestamp());
                    readings.take(&mut self.hands, event, moment);
                }
            }
            Err(err) => {
                self.gone = !matches!(
                    err.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                );
                if self.gone {
                    readings.let_go(&mut self.hands);
                }
            }
        }
    }
}

impl Devices {
    /// Lets every device behave as its user wants now.
    pub(crate) fn set_up(&self, config: &Config) {
        for device in self.open.values() {
            device.device.borrow_mut().hands.set_up(config);
        }
    }

    /// Those that have something to say, or are gone. The kernel knows: no driver is asked.
    fn ready(&self) -> Vec<&Open> {
        let there = |open: &&Open| !open.device.borrow().gone;
        let open: Vec<&Open> = self.open.values().filter(there).collect();
        let fds = open
            .iter()
            .map(|open| PollFd::new(&open.readable, PollFlags::IN));
        let mut fds: Vec<PollFd<'_>> = fds.collect();
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        if poll(&mut fds, Some(&at_once)).is_err() {
            return Vec::new(); // a signal: what is to be read still wakes us
        }
        let said = open.into_iter().zip(&fds);
        said.filter(|(_, fd)| !fd.revents().is_empty())
            .map(|(open, _)| open)
            .collect()
    }
}

impl Compositor {
    /// Opens the devices that there are and are not open yet.
    pub(crate) fn rescan_input(&mut self) {
        let Ok(entries) = fs::read_dir(DEVICES) else {
            return;
        };
        let is_event = |path: &Path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| {
                    name.strip_prefix("event")
                        .is_some_and(|rest| rest.parse::<u32>().is_ok())
                })
        };
        let paths = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| is_event(path));
        for path in paths.collect::<Vec<_>>() {
            if self.devices.open.contains_key(&path) {
                continue;
            }
            match self.open_input(&path) {
                Ok(()) => {}
                // It vanished again, or is not ready: the next look finds it.
                Err(err) if err.kind() == io::ErrorKind::NotFound => {}
                Err(err) if err.raw_os_error() == Some(NODEV) => {}
                Err(err) => eprintln!("ochre-compositor: {}: {err}", path.display()),
            }
        }
    }

    fn open_input(&mut self, path: &Path) -> io::Result<()> {
        let device = RawDevice::open(path)?;
        let flags = rustix::fs::fcntl_getfl(&device)?;
        rustix::fs::fcntl_setfl(&device, flags | OFlags::NONBLOCK)?;
        let mut tablet = None;
        let mut hands = match Kind::of(&device)? {
            Kind::TouchScreen(x, y) => {
                self.add_touch();
                Hands::touch_screen(x, y)
            }
            Kind::Touchpad(x, y) => Hands::touchpad(x, y),
            Kind::Tablet(axes, direct) => {
                let ids = device.input_id();
                let id = self.add_tablet(TabletInfo {
                    name: device.name().unwrap_or("tablet").to_owned(),
                    vendor: ids.vendor(),
                    product: ids.product(),
                    pressure: axes.pressure.is_some(),
                    distance: axes.distance.is_some(),
                    tilt: axes.tilt.is_some(),
                });
                tablet = Some(id);
                Hands::tablet(id, axes, direct)
            }
            Kind::Plain(place) => Hands::new(Gather::new(place)),
        };
        hands.set_up(&self.config);
        let readable = Rc::new(device.as_fd().try_clone_to_owned()?);
        let device = Rc::new(RefCell::new(Device {
            raw: device,
            hands,
            gone: false,
        }));
        let name = path.to_path_buf();
        let ours = device.clone();
        let source = Generic::new(readable.clone(), Interest::READ, Mode::Level);
        let token = self
            .events
            .insert_source(source, move |_, _, state| {
                state.read_input();
                if ours.borrow().gone {
                    state.input_vanished(&name);
                    return Ok(PostAction::Remove);
                }
                Ok(PostAction::Continue)
            })
            .map_err(|err| io::Error::other(err.error))?;
        let open = Open {
            token,
            readable,
            device,
            tablet,
        };
        match self.devices.open.entry(path.to_path_buf()) {
            Entry::Vacant(entry) => _ = entry.insert(open),
            Entry::Occupied(mut entry) => {
                let before = entry.insert(open);
                self.events.remove(before.token);
                if let Some(tablet) = before.tablet {
                    self.remove_tablet(tablet);
                }
            }
        }
        Ok(())
    }

    /// Reads all devices, not only the one that woke us.
    fn read_input(&mut self) {
        let mut readings = Readings::new(self.clock.now(), SystemTime::now());
        for _ in 0..MOST_ROUNDS {
            let ready = self.devices.ready();
            if ready.is_empty() {
                break;
            }
            for open in ready {
                let first = readings.count();
                let mut device = open.device.borrow_mut();
                device.read(&mut readings);
                if device.hands.turn_with_display() {
                    readings.from(first).for_each(|event| self.upright(event));
                }
            }
        }
        self.hands_meant(readings.in_order());
    }

    /// Acts on what hands meant, and comes back when a tap or a switch is waited for.
    fn hands_meant(&mut self, events: Vec<(Duration, InputEvent)>) {
        for (moment, event) in events {
            if matches!(event, InputEvent::Key { code, pressed: true } if types(code)) {
                for open in self.devices.open.values() {
                    open.device.borrow_mut().hands.typed(moment);
                }
            }
            self.input(event, moment.as_millis() as u32); // wraps as Clock::millis() does
        }
        let devices = self.devices.open.values();
        let deadlines = devices.filter_map(|open| open.device.borrow().hands.deadline());
        match deadlines.min() {
            Some(at) => self.deadlines.set(at, Due::Hands),
            None => self.deadlines.cancel(Due::Hands),
        }
    }

    /// A tap or a switch has been waited for.
    pub(crate) fn expire_hands(&mut self) {
        self.read_input(); // what was done until then counts
        let now = self.clock.now();
        let mut meant = Vec::new();
        for open in self.devices.open.values() {
            open.device.borrow_mut().hands.expire(now, &mut meant);
        }
        self.hands_meant(meant.into_iter().map(|event| (now, event)).collect());
    }

    fn input_vanished(&mut self, path: &Path) {
        if let Some(tablet) = self.devices.open.remove(path).and_then(|open| open.tablet) {
            self.remove_tablet(tablet);
        }
        self.devices.looks_left = LOOKS;
        self.deadlines
            .set(self.clock.now() + FIRST_LOOK, Due::Rescan);
    }

    /// Looks for vanished devices, for a while.
    pub(super) fn look_for_input(&mut self) {
        if self.devices.looks_left == 0 {
            return;
        }
        self.devices.looks_left -= 1;
        self.rescan_input();
        self.deadlines
            .set(self.clock.now() + FIRST_LOOK, Due::Rescan);
    }
}

/// Whether a key is one that text is typed with, and no modifier.
fn types(code: u32) -> bool {
    let modifiers = [29, 42, 54, 56, 58, 97, 100, 125, 126];
    (1..=111).contains(&code) && !modifiers.contains(&code)
}

/// ENODEV: the device is gone.
const NODEV: i32 = 19;
