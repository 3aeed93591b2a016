//! The UEFI loader: puts the kernel and the boot archive into memory, writes down what the firmware
//! knows, and enters the kernel (`ochre_abi::boot` says how).
//!
//! It is `/EFI/BOOT/BOOTX64.EFI` of the EFI system partition and reads from the same partition:
//!
//! - `/ochre/kernel`: the kernel's ELF file;
//! - `/ochre/boot.cpio`: the boot archive, cpio "newc";
//! - `/ochre/cmdline`: optional, the kernel's options as one line of text.
//!
//! What it finds wrong it says on the console and, after a key or ten seconds, returns to the
//! firmware, which goes on to the next boot entry.
#![cfg_attr(target_os = "uefi", no_std, no_main)]

#[cfg(any(target_os = "uefi", test))]
mod elf;
#[cfg(target_os = "uefi")]
mod files;
#[cfg(target_os = "uefi")]
mod load;

/// On a host the crate exists for its unit tests alone.
#[cfg(not(target_os = "uefi"))]
fn main() {}

#[cfg(target_os = "uefi")]
mod entry {
    use crate::load;
    use core::time::Duration;
    use uefi::prelude::*;
    use uefi::{boot, println, system};

    #[entry]
    fn main() -> Status {
        let error = match load::prepare() {
            Ok(ready) => ready.enter(),
            Err(error) => error,
        };
        println!("\r\nOchre cannot start: {error}");
        println!("Press a key, or wait ten seconds, to return to the firmware.");
        for _ in 0..100 {
            let key = system::with_stdin(|stdin| stdin.read_key());
            if matches!(key, Ok(Some(_))) {
                break;
            }
            boot::stall(Duration::from_millis(100));
        }
        Status::LOAD_ERROR
    }

    #[panic_handler]
    fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
        println!("\r\nOchre's loader failed: {info}");
        loop {
            boot::stall(Duration::from_secs(1));
        }
    }
}
