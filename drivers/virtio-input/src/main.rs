//! Virtio input devices (virtio 1.2, 5.8): one process for each, serving `/dev/input/eventN`.
#![forbid(unsafe_code)]

mod config;
mod events;

use anyhow::Context;
use ochre_display::evdev::{self, Device, Evdev};
use ochre_driver::executor::Executor;
use ochre_driver::pci::PciDevice;
use ochre_driver::{Levels, native, serve};
use ochre_virtio::Transport;
use std::rc::Rc;

fn main() -> anyhow::Result<()> {
    let server = native::inherited("scheme").context("no scheme descriptor in OCHRE_FDS")?;
    let pci = PciDevice::inherited().context("no device in OCHRE_FDS")?;
    let (levels, executor) = (Levels::default(), Executor::default());
    let transport = Transport::new(&pci, &[]).context("starting the device")?;
    let description = config::describe(&transport);
    eprintln!("virtio-input: {}", description.name);
    let device = Rc::new(Device::new(description, levels.clone()));
    let events = events::Events::start(transport).context("the event queue")?;
    executor.spawn(events.follow(device.clone(), executor.clone()));
    let scheme = Rc::new(Evdev::new(device, native::mount_number("scheme"), &server));
    serve(server, scheme, &evdev::ioctls(), &levels, &executor).context("serving events")
}
