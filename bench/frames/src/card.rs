//! A window whose pixels are the display adapter's own memory: a dumb buffer, given to the compositor as
//! a dma-buf. It shows one colour until it is closed.

use crate::client::{Desk, State};
use anyhow::{Context, Result, ensure};
use drm::buffer::{Buffer, DrmFourcc};
use drm::control::Device as _;
use rustix::fs::SeekFrom;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use wayland_protocols::wp::linux_dmabuf::zv1::client::{
    zwp_linux_buffer_params_v1::{Flags, ZwpLinuxBufferParamsV1},
    zwp_linux_dmabuf_v1::ZwpLinuxDmabufV1,
};

const SIZE: (u32, u32) = (320, 240);
const CARD: &str = "/dev/dri/card0";

struct Card(File);

impl AsFd for Card {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl drm::Device for Card {}
impl drm::control::Device for Card {}

/// `frames card COLOUR`.
pub fn command(mut words: impl Iterator<Item = String>) -> Result<()> {
    let colour = words.next().context("which colour?")?;
    let colour = u32::from_str_radix(&colour, 16).context("it is RRGGBB")?;

    let card = File::options().read(true).write(true).open(CARD);
    let card = Card(card.context(CARD)?);
    let mut buffer = card.create_dumb_buffer(SIZE, DrmFourcc::Xrgb8888, 32)?;
    for pixel in card.map_dumb_buffer(&mut buffer)?.chunks_exact_mut(4) {
        pixel.copy_from_slice(&colour.to_le_bytes());
    }
    let shared = card.buffer_to_prime_fd(buffer.handle(), drm::CLOEXEC | drm::RDWR)?;
    // How programs learn a dma-buf's size.
    let length = rustix::fs::seek(&shared, SeekFrom::End(0))?;
    let needed = u64::from(buffer.pitch()) * u64::from(SIZE.1);
    ensure!(
        length >= needed,
        "the dma-buf has {length} bytes of {needed}"
    );
    ensure!(
        rustix::fs::seek(&shared, SeekFrom::Start(0))? == 0,
        "it begins elsewhere"
    );

    let mut desk = Desk::connect()?;
    let to = desk.queue.handle();
    let dmabuf: ZwpLinuxDmabufV1 = desk.globals.bind(&to, 3..=3, ())?;
    let params = dmabuf.create_params(&to, ());
    params.add(shared.as_fd(), 0, 0, buffer.pitch(), 0, 0);
    let format = DrmFourcc::Xrgb8888 as u32;
    let (width, height) = (SIZE.0.cast_signed(), SIZE.1.cast_signed());
    let pixels = params.create_immed(width, height, format, Flags::empty(), &to, ());

    let (surface, _toplevel) = desk.window("card".into());
    desk.configure()?;
    surface.attach(Some(&pixels), 0, 0);
    surface.damage_buffer(0, 0, width, height);
    surface.commit();
    while !desk.state.closed {
        desk.queue.blocking_dispatch(&mut desk.state)?;
    }
    Ok(())
}

wayland_client::delegate_noop!(State: ignore ZwpLinuxDmabufV1);
wayland_client::delegate_noop!(State: ignore ZwpLinuxBufferParamsV1);
