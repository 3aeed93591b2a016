//! The device node of an input device.

use crate::evdev::abi::{
    EV_COUNT, EVIOCGID, EVIOCGRAB, EVIOCGREP, EVIOCGVERSION, EVIOCREVOKE, EVIOCSCLOCKID, EVIOCSREP,
    InputEvent, NR_ABS, NR_BIT, NR_KEY, NR_LED, NR_NAME, NR_PHYS, NR_PROP, NR_SND, NR_SW, NR_UNIQ,
    VERSION, sized,
};
use crate::evdev::device::{Device, bit_set};
use crate::uevent::{DeviceName, Subsystem};
use ochre_abi::ioctl::{BY_VALUE, Command, MATCH_ANY_SIZE};
use ochre_abi::scheme::{Attr, ROOT};
use ochre_driver::executor::wall_clock;
use ochre_driver::ioctl::Argument;
use ochre_driver::scheme::char_device;
use ochre_driver::{Caller, Errno, Opened, Result, Scheme};
use rustix::time::ClockId;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// The major number of input devices, and the minor of event0.
const MAJOR: u32 = 13;
const FIRST_MINOR: u32 = 64;
const POLLOUT: u32 = 0x4;
/// Delay and period of key repeat in milliseconds, as Linux sets them: clients repeat by
/// themselves.
const REPEAT: [u32; 2] = [250, 33];

/// The ioctl table of an input device.
#[must_use]
pub fn ioctls() -> Vec<Command> {
    let any = |nr: u32| Command::new(sized(nr), &[]).flags(MATCH_ANY_SIZE);
    let by_value = |number: u32| Command::new(number, &[]).flags(BY_VALUE);
    let mut table = vec![by_value(EVIOCGRAB), by_value(EVIOCREVOKE)];
    table.extend(
        [
            NR_NAME, NR_PHYS, NR_UNIQ, NR_PROP, NR_KEY, NR_LED, NR_SND, NR_SW,
        ]
        .into_iter()
        .map(any),
    );
    table.extend((NR_BIT..NR_BIT + EV_COUNT as u32).map(any));
    table
}

/// The scheme of one `/dev/input/eventN`.
pub struct Evdev {
    device: Rc<Device>,
    /// N.
    number: u32,
    /// When it appeared.
    since: i64,
}

impl Evdev {
    /// Device number `number`, announced through a copy of its server's descriptor.
    #[must_use]
    pub fn new(device: Rc<Device>, number: u32, server: &OwnedFd) -> Evdev {
        let since = wall_clock();
        let evdev = Evdev {
            device,
            number,
            since,
        };
        evdev.name().announce(server, "add", &[]);
        evdev
    }

    fn name(&self) -> DeviceName {
        DeviceName {
            subsystem: Subsystem::Input,
            node: format!("input/event{}", self.number),
            major: MAJOR,
            minor: FIRST_MINOR + self.number,
        }
    }

    /// Tells that the device is gone.
    pub fn withdraw(&self, server: &OwnedFd) {
        self.name().announce(server, "remove", &[]);
    }

    /// Answers a command of varying size: as much as the caller has room for, and its length.
    fn put(argument: &mut Argument<'_>, answer: &[u8]) -> Result<u32> {
        let bytes = argument.bytes()?;
        let len = answer.len().min(bytes.len());
        bytes[..len].copy_from_slice(&answer[..len]);
        Ok(len as u32)
    }

    /// A bit set, filled with zeroes up to the caller's room within `max` codes.
    fn put_bits(argument: &mut Argument<'_>, mut bits: Vec<u8>, max: usize) -> Result<u32> {
        bits.resize(max.div_ceil(64) * 8, 0);
        Evdev::put(argument, &bits)
    }

    fn put_text(argument: &mut Argument<'_>, text: &str) -> Result<u32> {
        if text.is_empty() {
            return Err(Errno::NOENT);
        }
        Evdev::put(argument, &[text.as_bytes(), &[0]].concat())
    }

    fn set_clock(&self, file: u64, clock: i32) -> Result<u32> {
        let clock = match clock {
            0 => ClockId::Realtime,
            1 => ClockId::Monotonic,
            7 => ClockId::Boottime,
            _ => return Err(Errno::INVAL),
        };
        let mut state = self.device.state.borrow_mut();
        let client = state.clients.get_mut(&file).ok_or(Errno::BADF)?;
        if client.clock != clock {
            client.clock = clock;
            client.clear();
            self.device.tell(file, client);
        }
        Ok(0)
    }

    fn grab(&self, file: u64, on: bool) -> Result<u32> {
        let mut state = self.device.state.borrow_mut();
        match (on, state.grabbed) {
            (true, Some(_)) => return Err(Errno::BUSY),
            (true, None) => state.grabbed = Some(file),
            (false, Some(other)) if other == file => state.grabbed = None,
            (false, _) => return Err(Errno::INVAL),
        }
        Ok(0)
    }

    fn revoke(&self, file: u64) -> Result<u32> {
        let mut state = self.device.state.borrow_mut();
        if state.grabbed == Some(file) {
            state.grabbed = None;
        }
        let client = state.clients.get_mut(&file).ok_or(Errno::BADF)?;
        client.revoked = true;
        client.clear();
        // Who sleeps on it wakes up.
        self.device.tell(file, client);
        Ok(0)
    }

    /// What every call asks first: whether the open file still has the device.
    fn check(&self, file: u64) -> Result<()> {
        match self.device.state.borrow().clients.get(&file) {
            None => Err(Errno::BADF),
            Some(client) if client.revoked => Err(Errno::NODEV),
            Some(_) => Ok(()),
        }
    }

    fn varying(&self, argument: &mut Argument<'_>) -> Result<u32> {
        let description = &self.device.description;
        let state = self.device.state.borrow();
        match argument.command().0 & 0xff {
            NR_NAME => Evdev::put_text(argument, &description.name),
            NR_PHYS => Evdev::put_text(argument, &description.phys),
            NR_UNIQ => Evdev::put_text(argument, &description.uniq),
            NR_PROP => {
                let bits = bit_set(description.properties.iter().copied());
                Evdev::put_bits(argument, bits, 0x20)
            }
            NR_KEY => Evdev::put_bits(argument, bit_set(state.pressed.iter().copied()), 0x300),
            NR_LED => Evdev::put_bits(argument, bit_set(state.leds.iter().copied()), 0x10),
            NR_SND => Evdev::put_bits(argument, Vec::new(), 0x08),
            NR_SW => Evdev::put_bits(argument, bit_set(state.switches.iter().copied()), 0x11),
            nr @ NR_BIT..NR_ABS => {
                let kind = (nr - NR_BIT) as u16;
                Evdev::put_bits(argument, description.bits(kind), codes(kind))
            }
            nr @ NR_ABS..0x80 => {
                let axis = state
                    .axes
                    .get(&((nr - NR_ABS) as u16))
                    .ok_or(Errno::INVAL)?;
                Evdev::put(argument, bytemuck::bytes_of(axis)).map(|_| 0)
            }
            _ => Err(Errno::INVAL),
        }
    }
}

/// How many codes an event type has (KEY_CNT and its like).
fn codes(kind: u16) -> usize {
    match kind {
        0x00 => 0x20,
        0x01 => 0x300,
        0x02 | 0x11 => 0x10,
        0x03 => 0x40,
        0x05 => 0x11,
        0x15 => 0x80,
        _ => 0x08,
    }
}

impl Scheme for Evdev {
    async fn getattr(&self, node: u64) -> Result<Attr> {
        if node != ROOT {
            return Err(Errno::NOENT);
        }
        let minor = FIRST_MINOR + self.number;
        Ok(char_device(ROOT, MAJOR, minor, 0o660, self.since))
    }

    async fn open(&self, _caller: Caller, _node: u64, _flags: u32) -> Result<Opened> {
        Ok(Opened {
            file: self.device.open(),
            level: POLLOUT,
        })
    }

    fn close(&self, file: u64) {
        self.device.close(file);
    }

    async fn read(&self, file: u64, _offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.check(file)?;
        let mut state = self.device.state.borrow_mut();
        let client = state.clients.get_mut(&file).ok_or(Errno::BADF)?;
        let len = client.read(buffer)?;
        self.device.tell(file, client);
        Ok(len)
    }

    async fn write(&self, file: u64, _offset: u64, data: &[u8]) -> Result<usize> {
        self.check(file)?;
        let events = data.chunks_exact(size_of::<InputEvent>());
        let events: Vec<InputEvent> = events.map(bytemuck::pod_read_unaligned).collect();
        if events.is_empty() {
            return Err(Errno::INVAL);
        }
        self.device.written(&events);
        Ok(size_of_val(&events[..]))
    }

    async fn ioctl(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        self.check(file)?;
        match argument.command().0 {
            EVIOCGVERSION => argument.set(&VERSION).map(|()| 0),
            EVIOCGID => argument.set(&self.device.description.id).map(|()| 0),
            EVIOCGREP => argument.set(&REPEAT).map(|()| 0),
            EVIOCSREP => Ok(0),
            EVIOCGRAB => self.grab(file, argument.integer() != 0),
            EVIOCREVOKE if argument.integer() == 0 => self.revoke(file),
            EVIOCSCLOCKID => {
                let clock = argument.get()?;
                self.set_clock(file, clock)
            }
            _ => self.varying(argument),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evdev::abi::{EV_KEY, EV_LED, EV_SYN, SYN_REPORT};
    use crate::evdev::device::Description;
    use ochre_driver::Levels;
    use ochre_driver::executor::Executor;

    const POLLIN: u32 = 0x1;
    const POLLERR: u32 = 0x8;
    const POLLHUP: u32 = 0x10;

    /// A keyboard, and calls of its clients.
    struct Keyboard {
        evdev: Rc<Evdev>,
        executor: Executor,
    }

    impl Keyboard {
        fn new() -> Keyboard {
            let description = Description::default().with(EV_KEY, [30]).with(EV_LED, [0]);
            let device = Rc::new(Device::new(description, Levels::default()));
            Keyboard {
                evdev: Rc::new(Evdev {
                    device,
                    number: 0,
                    since: 0,
                }),
                executor: Executor::default(),
            }
        }

        fn device(&self) -> &Device {
            &self.evdev.device
        }

        fn key(&self, value: i32) {
            self.device().event(EV_KEY, 30, value);
            self.device().sync();
        }

        /// What the kernel was told last of an open file.
        fn level(&self, file: u64) -> u32 {
            self.device().state.borrow().clients[&file].told
        }

        fn read(&self, file: u64) -> Result<Vec<(u16, u16, i32)>> {
            let evdev = self.evdev.clone();
            let read = async move {
                let mut buffer = [0; 1024];
                let len = evdev.read(file, 0, &mut buffer).await?;
                let events = buffer[..len].chunks_exact(size_of::<InputEvent>());
                Ok(events
                    .map(bytemuck::pod_read_unaligned)
                    .map(|e: InputEvent| (e.kind, e.code, e.value))
                    .collect())
            };
            self.executor.block_on(read)
        }
    }

    #[test]
    fn a_new_clock_leaves_nothing_to_read() {
        let keyboard = Keyboard::new();
        let file = keyboard.device().open();
        keyboard.key(1);
        assert_eq!(keyboard.level(file), POLLIN | POLLOUT);
        keyboard.evdev.set_clock(file, 1).unwrap();
        assert_eq!(keyboard.level(file), POLLOUT);
        assert_eq!(keyboard.read(file), Err(Errno::AGAIN));
    }

    #[test]
    fn a_revoked_file_has_nothing_of_the_device() {
        let keyboard = Keyboard::new();
        let (revoked, other) = (keyboard.device().open(), keyboard.device().open());
        keyboard.evdev.grab(revoked, true).unwrap();
        keyboard.key(1);
        keyboard.evdev.revoke(revoked).unwrap();
        assert_eq!(
            keyboard.level(revoked),
            POLLHUP | POLLERR,
            "who sleeps wakes"
        );
        assert_eq!(keyboard.evdev.check(revoked), Err(Errno::NODEV));
        keyboard.key(0);
        assert_eq!(keyboard.level(revoked), POLLHUP | POLLERR);
        assert_eq!(keyboard.read(revoked), Err(Errno::NODEV));
        let released = vec![(EV_KEY, 30, 0), (EV_SYN, SYN_REPORT, 0)];
        assert_eq!(keyboard.read(other), Ok(released), "the grab has ended");
        assert_eq!(keyboard.evdev.grab(other, true), Ok(0));
    }
}
