//! The controller's own ports (xHCI 1.2, 4.3 and 5.4.8).

use crate::context::Speed;
use crate::controller::{Controller, Result, UsbError};
use crate::device::{Attached, attach};
use crate::slot::Place;
use std::rc::Rc;

const CONNECTED: u32 = 1 << 0;
const ENABLED: u32 = 1 << 1;
const RESET: u32 = 1 << 4;
const POWER: u32 = 1 << 9;
const CONNECT_CHANGE: u32 = 1 << 17;
const RESET_CHANGE: u32 = 1 << 21;
/// Bits that are cleared by writing them.
const CHANGES: u32 = 0x7f << 17;
/// What a write leaves as it is: power, indicator, and what wakes.
const KEPT: u32 = POWER | 3 << 14 | 7 << 25;
/// Milliseconds for a plug to settle (USB 2.0, 7.1.7.3), for a port's power and after a reset.
const DEBOUNCE: u64 = 100;
const POWER_GOOD: u64 = 100;
const RESET_RECOVERY: u64 = 10;
/// Looks at a port that is being reset, 10 ms apart.
const RESET_LOOKS: u32 = 50;

/// The speed in a port's status.
fn speed(status: u32) -> Option<Speed> {
    Speed::from_id(status >> 10 & 15)
}

/// Follows what is plugged into root port `port`. What an earlier process has used, `taken_over`
/// from it, has long settled.
pub async fn follow(controller: Rc<Controller>, port: u8, taken_over: bool) {
    let registers = controller.registers();
    let change = &controller.port_changes[usize::from(port) - 1];
    let mut attached: Option<Attached> = None;
    if registers.port(port) & POWER == 0 {
        registers.set_port(port, registers.port(port) & KEPT | POWER);
        controller.sleep(POWER_GOOD).await;
    }
    // A plug that was given up is tried again when it is pulled and put in again.
    let mut given_up = false;
    let mut settled = taken_over;
    loop {
        change.clear();
        // Read again once the changes are taken back: what happens between the two is not reported.
        let seen = registers.port(port);
        registers.set_port(port, seen & KEPT | seen & CHANGES);
        let status = registers.port(port) | seen & CONNECT_CHANGE;
        if status & CONNECTED == 0 || status & CONNECT_CHANGE != 0 {
            given_up = false;
            if let Some(attached) = attached.take() {
                attached.detach().await;
            }
        }
        if status & CONNECTED != 0 && attached.is_none() && !given_up {
            if !settled {
                controller.sleep(DEBOUNCE).await;
            }
            if registers.port(port) & CONNECTED == 0 {
                continue;
            }
            match attach(
                &controller,
                async || reset(&controller, port).await,
                |speed| place(port, speed),
            )
            .await
            {
                Ok(device) => attached = Some(device),
                Err(error) => {
                    given_up = true;
                    if registers.port(port) & CONNECTED != 0 {
                        eprintln!("xhci: port {port}: {error}");
                    }
                }
            }
        }
        settled = false;
        change.raised().await;
    }
}

fn place(port: u8, speed: Speed) -> Place {
    Place {
        root_port: port,
        route: 0,
        depth: 0,
        speed,
        translator: None,
    }
}

/// Resets the port; a SuperSpeed port that has come up by itself needs none.
async fn reset(controller: &Controller, port: u8) -> Result<Speed> {
    let registers = controller.registers();
    let status = registers.port(port);
    if let Some(speed) = speed(status).filter(|s| s.is_super() && status & ENABLED != 0) {
        return Ok(speed);
    }
    registers.set_port(port, status & KEPT | RESET);
    for _ in 0..RESET_LOOKS {
        controller.sleep(10).await;
        let status = registers.port(port);
        if status & CONNECTED == 0 {
            return Err(UsbError::Device("it was unplugged"));
        }
        if status & RESET == 0 && status & ENABLED != 0 {
            registers.set_port(port, status & KEPT | RESET_CHANGE);
            controller.sleep(RESET_RECOVERY).await;
            return speed(status).ok_or(UsbError::Device("it has an unknown speed"));
        }
    }
    Err(UsbError::Timeout)
}
