//! USB host controllers (xHCI 1.2), and behind them hubs, keyboards, mice and tablets: one process
//! for each controller. Each input device is a node `/dev/input/eventN` that comes and goes with
//! its plug.
#![forbid(unsafe_code)]

mod context;
mod controller;
mod descriptor;
mod device;
#[cfg(test)]
mod fake;
mod hid;
mod hub;
mod node;
mod registers;
mod ring;
mod root;
mod signal;
mod slot;
mod trb;

use anyhow::Context;
use controller::Controller;
use ochre_driver::executor::Executor;
use ochre_driver::pci::PciDevice;
use std::rc::Rc;

fn main() -> anyhow::Result<()> {
    let pci = PciDevice::inherited().context("no device in OCHRE_FDS")?;
    let path = std::env::var("OCHRE_DEVICE").unwrap_or_default();
    let place = path.rsplit('/').next().unwrap_or_default().to_string();
    let taken_over = node::remove_old(&place);
    let executor = Executor::default();
    let controller =
        Controller::start(&pci, &executor, place).context("starting the controller")?;
    let controller = Rc::new(controller);
    for port in 1..=controller.limits().ports {
        executor.spawn(root::follow(controller.clone(), port, taken_over));
    }
    executor.block_on(async move { controller.follow().await })?;
    Ok(())
}
