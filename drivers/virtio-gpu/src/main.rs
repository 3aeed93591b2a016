//! The virtio display (virtio 1.2, 5.7), two-dimensional: one process for each device, serving
//! `/dev/dri/cardN`.
#![forbid(unsafe_code)]

mod backend;
mod gpu;
mod protocol;

use anyhow::Context;
use ochre_display::drm::{Card, abi};
use ochre_driver::executor::Executor;
use ochre_driver::pci::PciDevice;
use ochre_driver::{Levels, native, serve};
use std::rc::Rc;

fn main() -> anyhow::Result<()> {
    let server = native::inherited("scheme").context("no scheme descriptor in OCHRE_FDS")?;
    let device = PciDevice::inherited().context("no device in OCHRE_FDS")?;
    let (levels, executor) = (Levels::default(), Executor::default());
    let gpu = gpu::Gpu::start(&device, &executor).context("starting the device")?;
    let outputs = gpu
        .clone()
        .describe_blocking()
        .context("asking for the outputs")?;
    eprintln!("virtio-gpu: {} outputs", outputs.len());
    let backend = backend::VirtioGpu::new(gpu.clone(), outputs);
    let events = server.try_clone()?;
    let minor = native::mount_number("scheme");
    let card = Card::new(
        backend,
        minor,
        Some(events),
        levels.clone(),
        executor.clone(),
    );
    executor.spawn(backend::follow_display(card.0.clone()));
    serve(server, Rc::new(card), &abi::IOCTLS, &levels, &executor).context("serving the card")
}
