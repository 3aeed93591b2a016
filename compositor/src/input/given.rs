//! What clients were given of their user's input, by its serials: who names one of them was used just now.

use std::collections::VecDeque;

use smithay::{
    reexports::wayland_server::{Resource, backend::ClientId, protocol::wl_surface::WlSurface},
    utils::Serial,
};

/// As much as somebody types and clicks while a slow program makes up its mind.
const KEPT: usize = 64;

/// The last presses and releases of keys, buttons, fingers and pens.
#[derive(Debug, Default)]
pub struct Given {
    /// The latest last.
    shares: VecDeque<Share>,
    /// Who was given a press last. Its release may go to another one, as a launcher closes between.
    pressed: Option<ClientId>,
}

/// What one client was given, with its first and last serial.
#[derive(Debug)]
struct Share {
    client: ClientId,
    serials: (Serial, Serial),
}

impl Given {
    /// Input goes to the client of a surface.
    pub(crate) fn add(&mut self, to: Option<&WlSurface>, pressed: bool, serial: Serial) {
        self.add_some(to, pressed, (serial, serial));
    }

    /// Input whose serial is one of some.
    pub(crate) fn add_some(
        &mut self,
        to: Option<&WlSurface>,
        pressed: bool,
        serials: (Serial, Serial),
    ) {
        let Some(client) = to.and_then(|surface| surface.client()) else {
            return;
        };
        let client = client.id();
        if pressed {
            self.pressed = Some(client.clone());
        }
        if self.shares.len() == KEPT {
            self.shares.pop_front();
        }
        self.shares.push_back(Share { client, serials });
    }

    /// Whether a client was given input with this serial.
    pub(crate) fn knows(&self, client: &ClientId, serial: Serial) -> bool {
        self.shares.iter().any(|share| {
            let (first, last) = share.serials;
            share.client == *client
                && serial.is_no_older_than(&first)
                && last.is_no_older_than(&serial)
        })
    }

    /// Whether a client was given the last press.
    pub(crate) fn was_last(&self, client: &ClientId) -> bool {
        self.pressed.as_ref() == Some(client)
    }
}
