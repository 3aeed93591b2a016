//! The display of last resort: the framebuffer that the firmware set up, in the one mode it has.
#![forbid(unsafe_code)]

use anyhow::Context;
use ochre_display::drm::linear::{Linear, Screen};
use ochre_display::drm::{Card, Output, abi, mode};
use ochre_driver::capability::DeviceMemory;
use ochre_driver::executor::Executor;
use ochre_driver::{Errno, Levels, Result, native, serve};
use std::os::fd::AsFd;
use std::rc::Rc;

/// The screen.
struct Firmware {
    memory: DeviceMemory,
    width: u32,
    height: u32,
    stride: usize,
}

impl Screen for Firmware {
    fn name(&self) -> &'static str {
        "simpledrm"
    }

    fn output(&self) -> Output {
        let modes = vec![mode::mode(self.width, self.height, true)];
        Output {
            connected: true,
            modes,
            ..Output::default()
        }
    }

    fn stride(&self, width: u32, height: u32) -> Result<usize> {
        if (width, height) != (self.width, self.height) {
            return Err(Errno::INVAL);
        }
        Ok(self.stride)
    }

    /// It is in the one that it has.
    fn set_mode(&self, _width: u32, _height: u32) -> Result<()> {
        Ok(())
    }

    /// It cannot be turned off; black is as dark as it gets.
    fn turn_off(&self) -> Result<()> {
        let row = vec![0; self.width as usize * 4];
        for y in 0..self.height as usize {
            self.memory.copy_in(y * self.stride, &row);
        }
        Ok(())
    }

    fn memory(&self) -> &DeviceMemory {
        &self.memory
    }
}

fn main() -> anyhow::Result<()> {
    let server = native::inherited("scheme").context("no scheme descriptor in OCHRE_FDS")?;
    let capability = native::inherited("framebuffer").context("no framebuffer in OCHRE_FDS")?;
    let info = native::framebuffer_info(capability.as_fd())?;
    let (width, height, stride) = (info.width, info.height, info.stride as usize);
    let memory = DeviceMemory::map(capability.as_fd(), 0, stride * height as usize)
        .context("mapping the framebuffer")?;
    eprintln!("framebuffer: {width}x{height}");
    let (levels, executor) = (Levels::default(), Executor::default());
    let backend = Linear::new(Firmware {
        memory,
        width,
        height,
        stride,
    });
    let events = server.try_clone()?;
    let minor = native::mount_number("scheme");
    let card = Card::new(
        backend,
        minor,
        Some(events),
        levels.clone(),
        executor.clone(),
    );
    serve(server, Rc::new(card), &abi::IOCTLS, &levels, &executor).context("serving the card")
}
