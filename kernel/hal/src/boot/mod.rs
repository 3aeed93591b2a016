//! From the boot loader to the kernel's `main`: what the loader told, in one form for both ways in
//! ([`pvh`] and [`page`]), and the order in which everything is set up ([`start`]).

mod archive;
mod entry;
mod page;
mod pvh;
mod start;

pub use archive::BootArchive;
pub use start::start;

use crate::addr::PhysAddr;
use crate::memory::Regions;
use crate::sync::{Once, SpinLock};
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// A linear framebuffer that the firmware set up.
#[derive(Clone, Copy, Debug)]
pub struct FramebufferInfo {
    pub addr: PhysAddr,
    pub width: u32,
    pub height: u32,
    /// Bytes from one row to the next.
    pub stride: u32,
    pub format: PixelFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// 32 bits, blue in the lowest byte (DRM's XRGB8888).
    Bgrx,
    /// 32 bits, red in the lowest byte (DRM's XBGR8888).
    Rgbx,
}

pub struct BootInfo {
    pub cmdline: &'static str,
    pub rsdp: Option<PhysAddr>,
    pub framebuffer: Option<FramebufferInfo>,
    /// Usable RAM in bytes, the kernel's own included.
    pub memory_bytes: u64,
    archive: SpinLock<Option<BootArchive>>,
}

impl BootInfo {
    /// The boot archive; the first call gets it, later ones get none.
    #[must_use]
    pub fn take_archive(&self) -> Option<BootArchive> {
        self.archive.lock().take()
    }

    /// The value of `key=value` on the command line, or "" for a bare `key`.
    #[must_use]
    pub fn option(&self, key: &str) -> Option<&'static str> {
        option(self.cmdline, key)
    }
}

fn option<'a>(cmdline: &'a str, key: &str) -> Option<&'a str> {
    cmdline
        .split_ascii_whitespace()
        .find_map(|word| match word.split_once('=') {
            Some((k, v)) => (k == key).then_some(v),
            None => (word == key).then_some(""),
        })
}

/// What a loader's own form is turned into; still about physical memory.
struct Told {
    ram: Regions,
    /// RAM in use: the archive, the loader's own structures.
    cmdline: Cmdline,
    rsdp: Option<PhysAddr>,
    framebuffer: Option<FramebufferInfo>,
    /// First byte and length.
    archive: Option<(u64, u64)>,
}

const MAX_CMDLINE: usize = 2048;

/// The command line, copied out of the loader's memory.
struct Cmdline {
    bytes: [u8; MAX_CMDLINE],
    len: usize,
}

impl Cmdline {
    const fn new() -> Cmdline {
        Cmdline {
            bytes: [0; MAX_CMDLINE],
            len: 0,
        }
    }

    /// Takes bytes up to a NUL or the end; what doesn't fit is cut.
    fn set(&mut self, bytes: impl Iterator<Item = u8>) {
        for byte in bytes.take_while(|&b| b != 0).take(MAX_CMDLINE) {
            self.bytes[self.len] = byte;
            self.len += 1;
        }
    }
}

static CMDLINE: Once<Cmdline> = Once::new();

/// The command line as the loader gave it.
#[must_use]
pub fn cmdline() -> &'static str {
    let Some(cmdline) = CMDLINE.get() else {
        return "";
    };
    let bytes = &cmdline.bytes[..cmdline.len];
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => core::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or(""),
    }
}

/// What ends a panic.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum PanicAction {
    Halt = 0,
    Reboot = 1,
    Exit = 2,
}

static PANIC_ACTION: AtomicU8 = AtomicU8::new(PanicAction::Halt as u8);
static DEBUG_EXIT: AtomicBool = AtomicBool::new(false);

/// Reads the hal's own options: `panic=halt|reboot|exit`, `debug_exit`, `fail-nth`.
fn take_options() {
    let cmdline = cmdline();
    let debug_exit = option(cmdline, "debug_exit").is_some();
    DEBUG_EXIT.store(debug_exit, Ordering::Relaxed);
    if option(cmdline, "fail-nth").is_some() {
        crate::admission::allow_faults();
    }
    let action = match option(cmdline, "panic") {
        Some("reboot") => PanicAction::Reboot,
        Some("exit") => PanicAction::Exit,
        Some("halt") => PanicAction::Halt,
        _ if debug_exit => PanicAction::Exit,
        _ => PanicAction::Halt,
    };
    PANIC_ACTION.store(action as u8, Ordering::Relaxed);
}

pub(crate) fn panic_action() -> PanicAction {
    match PANIC_ACTION.load(Ordering::Relaxed) {
        1 => PanicAction::Reboot,
        2 => PanicAction::Exit,
        _ => PanicAction::Halt,
    }
}

pub(crate) fn has_debug_exit() -> bool {
    DEBUG_EXIT.load(Ordering::Relaxed)
}

/// The option `cpus=N`: how many CPUs may run.
pub(crate) fn max_cpus() -> usize {
    option(cmdline(), "cpus")
        .and_then(|n| n.parse().ok())
        .unwrap_or(crate::cpu::MAX_CPUS)
}
