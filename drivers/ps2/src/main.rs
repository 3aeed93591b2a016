//! The PS/2 controller (i8042), its keyboard and its mouse: `/dev/input/eventN` each.
#![forbid(unsafe_code)]

mod controller;
mod keyboard;
mod mouse;

use anyhow::Context;
use controller::{Controller, Source};
use ochre_display::evdev::{self, Device, Evdev};
use ochre_driver::capability::{Interrupt, Ports};
use ochre_driver::executor::Executor;
use ochre_driver::{Levels, native, serve};
use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

fn capability(name: &str) -> anyhow::Result<OwnedFd> {
    native::inherited(name).with_context(|| format!("no `{name}` in OCHRE_FDS"))
}

/// Both devices and what decodes their bytes.
struct Devices {
    controller: Controller,
    keyboard: (Rc<Device>, RefCell<keyboard::Decoder>),
    mouse: (Rc<Device>, RefCell<mouse::Decoder>),
}

impl Devices {
    /// Takes all bytes that wait in the controller, whichever device's interrupt came.
    fn drain(&self) {
        while let Some((source, byte)) = self.controller.read() {
            match source {
                Source::Keyboard => self.keyboard.1.borrow_mut().byte(byte, &self.keyboard.0),
                Source::Mouse => self.mouse.1.borrow_mut().byte(byte, &self.mouse.0),
            }
        }
    }
}

async fn follow(devices: Rc<Devices>, interrupt: Interrupt, executor: Executor) {
    loop {
        devices.drain();
        if let Err(error) = interrupt.wait(&executor).await {
            eprintln!("ps2: interrupt: {error}");
            return;
        }
        devices.drain();
        if let Err(error) = interrupt.done() {
            eprintln!("ps2: interrupt: {error}");
            return;
        }
    }
}

fn main() -> anyhow::Result<()> {
    let keyboard_server = capability("keyboard")?;
    let mouse_server = capability("mouse")?;
    let keyboard_interrupt = Interrupt::new(capability("irq-keyboard")?);
    let mouse_interrupt = Interrupt::new(capability("irq-mouse")?);
    let controller = Controller::new(
        Ports::new(capability("data")?),
        Ports::new(capability("command")?),
    );
    let Some(found) = controller.start().context("starting the controller")? else {
        eprintln!("ps2: no controller");
        return Ok(());
    };
    let levels = [Levels::default(), Levels::default()];
    let keyboard = Rc::new(Device::new(keyboard::description(), levels[0].clone()));
    let mouse = Rc::new(Device::new(
        mouse::description(found.wheel),
        levels[1].clone(),
    ));
    let devices = Rc::new(Devices {
        controller,
        keyboard: (keyboard.clone(), RefCell::default()),
        mouse: (
            mouse.clone(),
            RefCell::new(mouse::Decoder::new(found.wheel)),
        ),
    });
    let executor = Executor::default();
    executor.spawn(follow(
        devices.clone(),
        keyboard_interrupt,
        executor.clone(),
    ));
    executor.spawn(follow(devices, mouse_interrupt, executor.clone()));
    let keyboard_scheme = Rc::new(Evdev::new(
        keyboard,
        native::mount_number("keyboard"),
        &keyboard_server,
    ));
    let mouse_scheme = Rc::new(Evdev::new(
        mouse,
        native::mount_number("mouse"),
        &mouse_server,
    ));
    let table = evdev::ioctls();
    let second =
        ochre_driver::Server::new(mouse_server, mouse_scheme, &table, &levels[1], &executor)
            .context("serving the mouse")?;
    executor.spawn(second.serve());
    serve(
        keyboard_server,
        keyboard_scheme,
        &table,
        &levels[0],
        &executor,
    )
    .context("serving the keyboard")
}
