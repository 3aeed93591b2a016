//! A window that draws all the time, and tells by each pixel which frame this is of which size: whoever looks at
//! the screen sees whether it shows a frame whole, and one of the size that the window should have.
//!
//! All pixels of a frame have one colour but for a seam of the opposite colour along its edges. The colour's red
//! and the upper half of its green are the frame's number, the lower half of green is [`MARK`], blue is of the size.

use crate::client::{Desk, State};
use anyhow::{Result, ensure};
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wayland_client::protocol::{wl_buffer, wl_shm};
use wayland_client::{Connection, Dispatch, QueueHandle};
use wayland_protocols::xdg::decoration::zv1::client::{
    zxdg_decoration_manager_v1::ZxdgDecorationManagerV1,
    zxdg_toplevel_decoration_v1::ZxdgToplevelDecorationV1,
};

/// How large the window is where it may choose.
const SIZE: (i32, i32) = (560, 400);
/// How wide the seam is.
const SEAM: usize = 4;
/// The lower half of green.
const MARK: u32 = 5;
/// More buffers than this a compositor doesn't hold.
const MOST_BUFFERS: usize = 8;

/// A frame's pixels, which the compositor may be reading.
struct Buffer {
    size: (i32, i32),
    pixels: File,
    buffer: wl_buffer::WlBuffer,
    free: Arc<AtomicBool>,
}

/// `frames sizes`.
pub fn command() -> Result<()> {
    let mut desk = Desk::connect()?;
    let to = desk.queue.handle();
    let shm: wl_shm::WlShm = desk.globals.bind(&to, 1..=1, ())?;
    let decorations: ZxdgDecorationManagerV1 = desk.globals.bind(&to, 1..=1, ())?;
    let (surface, toplevel) = desk.window("sizes".into());
    decorations.get_toplevel_decoration(&toplevel, &to, ());
    desk.configure()?;
    let mut buffers: Vec<Buffer> = Vec::new();
    for number in 0.. {
        let size = desk.state.told.unwrap_or(SIZE);
        buffers.retain(|buffer| buffer.size == size || !buffer.free.load(Ordering::Relaxed));
        let free = buffers
            .iter()
            .position(|buffer| buffer.size == size && buffer.free.load(Ordering::Relaxed));
        let at = match free {
            Some(at) => at,
            None => {
                ensure!(buffers.len() < MOST_BUFFERS, "no buffer comes back");
                buffers.push(Buffer::new(&shm, size, &to)?);
                buffers.len() - 1
            }
        };
        let buffer = &buffers[at];
        buffer.draw(number)?;
        buffer.free.store(false, Ordering::Relaxed);
        surface.attach(Some(&buffer.buffer), 0, 0);
        surface.damage_buffer(0, 0, size.0, size.1);
        // A callback of a frame that was not waited for comes with this one's.
        desk.state.waiting += 1;
        surface.frame(&to, ());
        surface.commit();
        while desk.state.waiting > 0 && desk.state.told.unwrap_or(SIZE) == size {
            desk.queue.blocking_dispatch(&mut desk.state)?;
            if desk.state.closed {
                return Ok(());
            }
        }
    }
    Ok(())
}

impl Buffer {
    fn new(shm: &wl_shm::WlShm, size: (i32, i32), to: &QueueHandle<State>) -> Result<Buffer> {
        let (width, height) = size;
        let pixels = File::from(memfd_create("sizes", MemfdFlags::CLOEXEC)?);
        let bytes = width * height * 4;
        pixels.set_len(u64::from(bytes.unsigned_abs()))?;
        let pool = shm.create_pool(pixels.as_fd(), bytes, to, ());
        let free = Arc::new(AtomicBool::new(true));
        let format = wl_shm::Format::Xrgb8888;
        let buffer = pool.create_buffer(0, width, height, width * 4, format, to, free.clone());
        pool.destroy();
        Ok(Buffer {
            size,
            pixels,
            buffer,
            free,
        })
    }

    fn draw(&self, number: u32) -> Result<()> {
        let [width, height] = [self.size.0, self.size.1].map(|side| side.unsigned_abs() as usize);
        let inner = colour(number, width, height);
        let seam = !inner & 0x00ff_ffff;
        let pixel = |x: usize, y: usize| {
            let inside = |at: usize, side: usize| at >= SEAM && at + SEAM < side;
            if inside(x, width) && inside(y, height) {
                inner
            } else {
                seam
            }
        };
        let row = |y: usize| -> Vec<u8> {
            let pixels = (0..width).flat_map(|x| pixel(x, y).to_le_bytes());
            pixels.collect()
        };
        let (edge, middle) = (row(0), row(height / 2));
        let edges = edge.repeat(SEAM.min(height / 2));
        let between = middle.repeat(height.saturating_sub(2 * SEAM));
        let all = [&edges[..], &between, &edges].concat();
        Ok(self.pixels.write_all_at(&all, 0)?)
    }
}

fn colour(number: u32, width: usize, height: usize) -> u32 {
    let red = number & 0xff;
    let green = (number >> 8 & 0xf) << 4 | MARK;
    let blue = (width as u32 * 7 + height as u32 * 13) & 0xff;
    red << 16 | green << 8 | blue
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.buffer.destroy();
    }
}

impl Dispatch<wl_buffer::WlBuffer, Arc<AtomicBool>> for State {
    fn event(
        _: &mut State,
        _: &wl_buffer::WlBuffer,
        event: wl_buffer::Event,
        free: &Arc<AtomicBool>,
        _: &Connection,
        _: &QueueHandle<State>,
    ) {
        if let wl_buffer::Event::Release = event {
            free.store(true, Ordering::Relaxed);
        }
    }
}

wayland_client::delegate_noop!(State: ZxdgDecorationManagerV1);
wayland_client::delegate_noop!(State: ignore ZxdgToplevelDecorationV1);
