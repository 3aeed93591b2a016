//! A window with two buffers, drawn in turns.

use crate::client::State;
use anyhow::Result;
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use wayland_client::QueueHandle;
use wayland_client::protocol::{wl_buffer, wl_shm, wl_surface};

/// Bytes of a pixel.
const PIXEL: i32 = 4;
/// Side of the part that changes, in pixels.
const PART: i32 = 32;

/// What changes with a frame.
#[derive(Clone, Copy)]
pub enum Draw {
    /// Every pixel.
    Whole,
    /// A square that moves.
    Part,
}

/// A window.
pub struct Window {
    surface: wl_surface::WlSurface,
    size: (i32, i32),
    /// The pixels of both buffers, one after the other. Written as a file: nothing is mapped.
    pixels: File,
    buffers: [wl_buffer::WlBuffer; 2],
    /// How many frames have been drawn.
    drawn: u32,
}

impl Window {
    pub fn new(
        surface: wl_surface::WlSurface,
        shm: &wl_shm::WlShm,
        to: &QueueHandle<State>,
        (width, height): (i32, i32),
    ) -> Result<Window> {
        let bytes = width * height * PIXEL;
        let pixels = File::from(memfd_create("frames", MemfdFlags::CLOEXEC)?);
        pixels.set_len(2 * bytes as u64)?;
        let pool = shm.create_pool(pixels.as_fd(), 2 * bytes, to, ());
        let format = wl_shm::Format::Xrgb8888;
        let buffers = [0, bytes]
            .map(|at| pool.create_buffer(at, width, height, width * PIXEL, format, to, ()));
        pool.destroy();
        Ok(Window {
            surface,
            size: (width, height),
            pixels,
            buffers,
            drawn: 0,
        })
    }

    /// Its surface.
    pub fn surface(&self) -> &wl_surface::WlSurface {
        &self.surface
    }

    /// Draws the next frame, and asks to be told when the one after it is wanted.
    pub fn draw(&mut self, draw: Draw, to: &QueueHandle<State>) -> Result<()> {
        let (width, height) = self.size;
        let (x, y, wide, high) = match draw {
            Draw::Whole => (0, 0, width, height),
            Draw::Part => {
                let step = self.drawn as i32 * 7;
                let (x, y) = (step % (width - PART), step % (height - PART));
                (x, y, PART, PART)
            }
        };
        let turn = self.drawn as usize % 2;
        let colour = self.drawn.wrapping_mul(0x0003_0507) & 0x00ff_ffff;
        let row = colour.to_le_bytes().repeat(wide as usize);
        let start = turn as i32 * width * height;
        if wide == width {
            let at = (start + y * width) * PIXEL;
            self.pixels
                .write_all_at(&row.repeat(high as usize), at as u64)?;
        } else {
            for line in y..y + high {
                let at = (start + line * width + x) * PIXEL;
                self.pixels.write_all_at(&row, at as u64)?;
            }
        }
        self.surface.attach(Some(&self.buffers[turn]), 0, 0);
        self.surface.damage_buffer(x, y, wide, high);
        self.surface.frame(to, ());
        self.surface.commit();
        self.drawn = self.drawn.wrapping_add(1);
        Ok(())
    }
}
