//! What a person has before them: a screen, a keyboard and a pointer, and how QEMU is told of them.

use std::time::Duration;

/// The USB keyboard, as QEMU's `-device` takes it, and `device_add` when it is plugged in again.
pub const USB_KEYBOARD: &str = "usb-kbd,id=keyboard,bus=usb.0,port=2.3";

/// What a person has of the machine.
#[derive(Clone, Copy, Default, clap::Args)]
pub struct Seat {
    /// The screen's size in pixels [default: the display adapter's own].
    #[arg(long, value_name = "WxH", value_parser = size_of)]
    pub size: Option<(u32, u32)>,
    /// The display adapter.
    #[arg(long, value_enum, default_value = "virtio")]
    pub gpu: Gpu,
    /// The keyboard and the pointer.
    #[arg(long, value_enum, default_value = "virtio")]
    pub input: Input,
}

impl Seat {
    /// The devices, as QEMU's `-device` takes them.
    pub fn devices(self) -> Vec<String> {
        let mut adapter = self.gpu.device().to_owned();
        if let (Some((width, height)), true) = (self.size, self.gpu.takes_size()) {
            adapter += &format!(",xres={width},yres={height}");
        }
        let input = self
            .input
            .devices()
            .iter()
            .map(|device| (*device).to_owned());
        std::iter::once(adapter).chain(input).collect()
    }
}

/// How keyboard and pointer are plugged in.
#[derive(Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Input {
    /// virtio keyboard and tablet.
    #[default]
    Virtio,
    /// USB: a tablet, and a keyboard behind a hub, on an xHCI controller.
    Usb,
    /// The PS/2 keyboard and mouse that a PC's board has.
    Ps2,
}

impl Input {
    /// How long one event must be apart from the next, lest it is lost: QEMU keeps 16 of them for
    /// a USB or PS/2 keyboard, and a USB one is asked every 8 ms; for a virtio keyboard it keeps 32,
    /// which pass in no time but on a host that lets the guest wait.
    pub fn pace(self) -> Duration {
        match self {
            Input::Usb | Input::Ps2 => Duration::from_millis(16),
            Input::Virtio => Duration::from_millis(5),
        }
    }

    fn devices(self) -> &'static [&'static str] {
        match self {
            Input::Virtio => &["virtio-keyboard-pci", "virtio-tablet-pci"],
            Input::Usb => &[
                "qemu-xhci,id=usb",
                "usb-tablet,bus=usb.0,port=1",
                "usb-hub,bus=usb.0,port=2",
                USB_KEYBOARD,
            ],
            Input::Ps2 => &[],
        }
    }
}

/// A display adapter that QEMU has.
#[derive(Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Gpu {
    /// virtio-gpu.
    #[default]
    Virtio,
    /// The standard VGA, with the Bochs display interface.
    Bochs,
    /// A Cirrus adapter, for which Ochre has no driver: with --uefi, the screen is as the firmware
    /// has set it up.
    Cirrus,
}

impl Gpu {
    fn device(self) -> &'static str {
        match self {
            Gpu::Virtio => "virtio-vga",
            Gpu::Bochs => "VGA,edid=on",
            Gpu::Cirrus => "cirrus-vga",
        }
    }

    fn takes_size(self) -> bool {
        self != Gpu::Cirrus
    }
}

/// A screen's size, of `WIDTHxHEIGHT`.
fn size_of(text: &str) -> Result<(u32, u32), String> {
    let (width, height) = text.split_once('x').ok_or("expected WIDTHxHEIGHT")?;
    let number = |text: &str| match text.parse() {
        Ok(number @ 64..=16384) => Ok(number),
        _ => Err(format!(
            "{text} is no number of pixels between 64 and 16384"
        )),
    };
    Ok((number(width)?, number(height)?))
}
