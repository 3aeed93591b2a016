//! Device events from the kernel: a card changed its displays, a device came or went.
//!
//! No udev is needed: the kernel sends them to whoever listens (NETLINK_KOBJECT_UEVENT). Their
//! content only says where to look; what is there is asked of the devices themselves.

use std::os::fd::OwnedFd;

use rustix::{
    io,
    net::{
        AddressFamily, RecvFlags, SocketFlags, SocketType, bind,
        netlink::{KOBJECT_UEVENT, SocketAddrNetlink},
        recv, socket_with,
    },
};
use smithay::reexports::calloop::{Interest, Mode, PostAction, generic::Generic};

use crate::{Error, state::Compositor};

/// The multicast group that the kernel sends to.
const KERNEL: u32 = 1;
/// No event is longer (the kernel's own limit is 2048 and a few fields).
const LONGEST: usize = 8192;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A display card.
    Display,
    /// An input device.
    Input,
    /// Anything else.
    Other,
}

impl Subject {
    /// Reads an event: fields that end in zeroes.
    fn of(event: &[u8]) -> Self {
        let subsystem = event
            .split(|byte| *byte == 0)
            .find_map(|field| field.strip_prefix(b"SUBSYSTEM="));
        match subsystem {
            Some(b"drm") => Subject::Display,
            Some(b"input") => Subject::Input,
            _ => Subject::Other,
        }
    }
}

fn listen() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        flags,
        Some(KOBJECT_UEVENT),
    )?;
    bind(&socket, &SocketAddrNetlink::new(0, KERNEL))?;
    Ok(socket)
}

impl Compositor {
    /// Listens for device events, if the kernel lets us.
    pub(super) fn watch_uevents(&mut self) -> Result<(), Error> {
        let Ok(socket) = listen() else {
            eprintln!("ochre-compositor: no device events: hotplug goes unnoticed");
            return Ok(());
        };
        let source = Generic::new(socket, Interest::READ, Mode::Level);
        self.events.insert_source(source, |_, socket, state| {
            let mut event = [0; LONGEST];
            let (mut display, mut input) = (false, false);
            loop {
                match recv(&**socket, &mut event, RecvFlags::DONTWAIT) {
                    Ok((0, _)) => break,
                    Ok((length, _)) => match Subject::of(&event[..length.min(LONGEST)]) {
                        Subject::Display => display = true,
                        Subject::Input => input = true,
                        Subject::Other => {}
                    },
                    // Events were lost: anything may have changed.
                    Err(io::Errno::NOBUFS) => (display, input) = (true, true),
                    Err(_) => break,
                }
            }
            if display {
                state.rescan_displays();
            }
            if input {
                state.rescan_input();
            }
            Ok(PostAction::Continue)
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_s_subsystem_is_found() {
        let event = b"change@/devices/x\0ACTION=change\0SUBSYSTEM=drm\0HOTPLUG=1\0";
        assert_eq!(Subject::of(event), Subject::Display);
        assert_eq!(
            Subject::of(b"add@/devices/y\0SUBSYSTEM=input"),
            Subject::Input
        );
        assert_eq!(Subject::of(b"SUBSYSTEM=block\0"), Subject::Other);
        assert_eq!(Subject::of(b""), Subject::Other);
    }
}
