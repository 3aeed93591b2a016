//! Hubs (USB 2.0, 11; USB 3.2, 10): their ports, as the root's.

use crate::context::{HubFields, Speed};
use crate::controller::{Result, UsbError};
use crate::descriptor::{HUB, HubDescriptor, InterruptIn, SUPER_HUB};
use crate::device::{Attached, Device, attach};
use crate::slot::{CLEAR_FEATURE, GET_DESCRIPTOR, Place, Request};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// Hubs in a row (USB 2.0, 4.1.1): the route string has five places.
const DEPTH_MAX: u8 = 5;

const GET_STATUS: u8 = 0;
const SET_FEATURE: u8 = 3;
const SET_HUB_DEPTH: u8 = 12;

const PORT_RESET: u16 = 4;
const PORT_POWER: u16 = 8;
const C_PORT_CONNECTION: u16 = 16;
const C_PORT_RESET: u16 = 20;
/// Change bits of a port's status and the features that clear them: of USB 2 and of SuperSpeed.
const CHANGES: [(u32, u16); 8] = [
    (1 << 16, C_PORT_CONNECTION),
    (1 << 17, 17),
    (1 << 18, 18),
    (1 << 19, 19),
    (1 << 20, C_PORT_RESET),
    (1 << 21, 29),
    (1 << 22, 25),
    (1 << 23, 26),
];

const CONNECTED: u32 = 1 << 0;
const ENABLED: u32 = 1 << 1;
const RESETTING: u32 = 1 << 4;
const CONNECT_CHANGE: u32 = 1 << 16;
const LOW_SPEED: u32 = 1 << 9;
const HIGH_SPEED: u32 = 1 << 10;

const DEBOUNCE: u64 = 100;
const RESET_RECOVERY: u64 = 10;
const RESET_LOOKS: u32 = 50;
/// Looks at a port that changes again each time; it is reported anew, so others have their turn.
const SETTLE_LOOKS: u32 = 10;

/// Runs the hub, until it fails or the task is ended. A hub's devices may be hubs, so the future's
/// type must not contain itself.
pub fn run<'a>(
    device: &'a Rc<Device>,
    changes: &'a InterruptIn,
) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>> {
    Box::pin(async move {
        let hub = Hub::start(device).await?;
        hub.follow(changes).await
    })
}

struct Hub<'a> {
    device: &'a Rc<Device>,
    ports: u8,
}

impl Hub<'_> {
    async fn start(device: &Rc<Device>) -> Result<Hub<'_>> {
        let (controller, slot) = (&device.controller, &device.slot);
        let depth = slot.place.depth;
        if depth >= DEPTH_MAX {
            return Err(UsbError::Device("there are too many hubs before this one"));
        }
        let is_super = slot.place.speed.is_super();
        let kind = if is_super { SUPER_HUB } else { HUB };
        let request = Request {
            kind: 0xa0,
            request: GET_DESCRIPTOR,
            value: u16::from(kind) << 8,
            index: 0,
        };
        let bytes = slot.control_in(controller, request, 12).await?;
        let found =
            HubDescriptor::parse(&bytes).ok_or(UsbError::Device("its hub descriptor is broken"))?;
        let fields = HubFields {
            ports: found.ports,
            think_time: found.think_time,
        };
        slot.configure(controller, &[], Some(fields)).await?;
        let hub = Hub {
            device,
            ports: found.ports,
        };
        if is_super {
            let request = Request {
                kind: 0x20,
                request: SET_HUB_DEPTH,
                value: depth.into(),
                index: 0,
            };
            slot.control_out(controller, request, &[]).await?;
        }
        for port in 1..=found.ports {
            hub.feature(SET_FEATURE, port, PORT_POWER).await?;
        }
        controller.sleep(found.power_good.max(20)).await;
        Ok(hub)
    }

    async fn feature(&self, request: u8, port: u8, feature: u16) -> Result<()> {
        let request = Request {
            kind: 0x23,
            request,
            value: feature,
            index: port.into(),
        };
        let device = self.device;
        device
            .slot
            .control_out(&device.controller, request, &[])
            .await
    }

    async fn status(&self, port: u8) -> Result<u32> {
        let request = Request {
            kind: 0xa3,
            request: GET_STATUS,
            value: 0,
            index: port.into(),
        };
        let device = self.device;
        let bytes = device
            .slot
            .control_in(&device.controller, request, 4)
            .await?;
        match bytes[..] {
            [a, b, c, d] => Ok(u32::from_le_bytes([a, b, c, d])),
            _ => Err(UsbError::Device("a port's status is too short")),
        }
    }

    async fn follow(&self, changes: &InterruptIn) -> Result<()> {
        let mut attached: Vec<Option<Attached>> = (0..self.ports).map(|_| None).collect();
        for port in 1..=self.ports {
            self.look(port, &mut attached[usize::from(port) - 1], true)
                .await?;
        }
        let mut failures = 0;
        loop {
            // A bit for the hub itself, then one for each port.
            let length = usize::from(changes.packet);
            let device = self.device;
            let bitmap = device
                .slot
                .interrupt_in(&device.controller, changes, length)
                .await;
            let bitmap = match bitmap {
                Ok(bitmap) => bitmap,
                Err(UsbError::Code(_)) if failures < 3 => {
                    failures += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            failures = 0;
            for port in 1..=self.ports {
                let byte = bitmap.get(usize::from(port / 8)).copied().unwrap_or(0);
                if byte >> (port % 8) & 1 != 0 {
                    self.look(port, &mut attached[usize::from(port) - 1], false)
                        .await?;
                }
            }
        }
    }

    /// A port's status, with all that has changed since it was asked for last. It is read again once
    /// the changes are taken back: what happens between the reading and that is not reported anew.
    async fn settled(&self, port: u8) -> Result<u32> {
        let mut changes = 0;
        let mut status = self.status(port).await?;
        for _ in 0..SETTLE_LOOKS {
            let fresh: Vec<_> = CHANGES.iter().filter(|c| status & c.0 != 0).collect();
            if fresh.is_empty() {
                break;
            }
            for (bit, feature) in fresh {
                self.feature(CLEAR_FEATURE, port, *feature).await?;
                changes |= bit;
            }
            status = self.status(port).await?;
        }
        Ok(status | changes)
    }

    /// Finds out what happened at a port, and acts on it.
    async fn look(&self, port: u8, attached: &mut Option<Attached>, fresh: bool) -> Result<()> {
        let status = self.settled(port).await?;
        if (status & CONNECTED == 0 || status & CONNECT_CHANGE != 0)
            && let Some(attached) = attached.take()
        {
            attached.detach().await;
        }
        let plugged = fresh || status & CONNECT_CHANGE != 0;
        if status & CONNECTED == 0 || !plugged || attached.is_some() {
            return Ok(());
        }
        let controller = &self.device.controller;
        controller.sleep(DEBOUNCE).await;
        let result = attach(
            controller,
            async || self.reset(port).await,
            |speed| self.place(port, speed),
        )
        .await;
        match result {
            Ok(device) => *attached = Some(device),
            Err(UsbError::Dead) => return Err(UsbError::Dead),
            Err(error) => {
                let path = self.device.slot.place.path();
                eprintln!("xhci: port {path}.{port}: {error}");
            }
        }
        Ok(())
    }

    async fn reset(&self, port: u8) -> Result<Speed> {
        self.feature(SET_FEATURE, port, PORT_RESET).await?;
        for _ in 0..RESET_LOOKS {
            self.device.controller.sleep(10).await;
            let status = self.status(port).await?;
            if status & CONNECTED == 0 {
                return Err(UsbError::Device("it was unplugged"));
            }
            if status & RESETTING == 0 && status & ENABLED != 0 {
                self.feature(CLEAR_FEATURE, port, C_PORT_RESET).await?;
                self.device.controller.sleep(RESET_RECOVERY).await;
                return Ok(speed(self.device.slot.place.speed, status));
            }
        }
        Err(UsbError::Timeout)
    }

    fn place(&self, port: u8, speed: Speed) -> Place {
        below(
            &self.device.slot.place,
            self.device.slot.number,
            port,
            speed,
        )
    }
}

/// The speed of a device at a hub's port (USB 2.0, 11.24.2.7.1).
fn speed(hub: Speed, status: u32) -> Speed {
    match hub {
        Speed::Super | Speed::SuperPlus => hub,
        _ if status & LOW_SPEED != 0 => Speed::Low,
        _ if status & HIGH_SPEED != 0 => Speed::High,
        _ => Speed::Full,
    }
}

/// Where a device at a port of a hub is.
fn below(hub: &Place, slot: u8, port: u8, speed: Speed) -> Place {
    let translator = if !speed.is_slow() {
        None
    } else if hub.speed == Speed::High {
        Some((slot, port))
    } else {
        hub.translator
    };
    Place {
        root_port: hub.root_port,
        route: hub.route | u32::from(port & 15) << (4 * hub.depth),
        depth: hub.depth + 1,
        speed,
        translator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_and_translators_below_hubs() {
        let root = Place {
            root_port: 2,
            route: 0,
            depth: 0,
            speed: Speed::High,
            translator: None,
        };
        let full_hub = below(&root, 4, 3, Speed::Full);
        assert_eq!((full_hub.route, full_hub.translator), (3, Some((4, 3))));
        let mouse = below(&full_hub, 5, 7, Speed::Low);
        assert_eq!((mouse.route, mouse.translator), (0x73, Some((4, 3))));
        assert_eq!(mouse.path(), "2.3.7");
        assert_eq!(below(&root, 4, 1, Speed::High).translator, None);
    }

    #[test]
    fn speeds_by_status() {
        assert_eq!(speed(Speed::High, LOW_SPEED), Speed::Low);
        assert_eq!(speed(Speed::High, HIGH_SPEED), Speed::High);
        assert_eq!(speed(Speed::High, 0), Speed::Full);
        assert_eq!(speed(Speed::Super, LOW_SPEED), Speed::Super);
    }
}
