//! `./x doctor`: what is here, what is missing, what was chosen and why.

use crate::paths;
use crate::qemu;
use crate::setup::NEEDS;
use crate::sysroot;
use crate::toolchain::{Library, Toolchain};
use std::process::ExitCode;

/// `./x doctor`.
pub fn command() -> ExitCode {
    let mut missing = 0;
    for need in &NEEDS {
        match need.found() {
            Some(place) => println!("  ok      {}: {place}", need.what),
            None => {
                missing += 1;
                println!(
                    "  MISSING {}, which {} (for {:?}): apt install {}",
                    need.what,
                    need.why,
                    need.purpose,
                    need.packages()
                );
            }
        }
    }
    if let Ok(toolchain) = Toolchain::choose() {
        let sysroot = sysroot::path(&toolchain);
        match toolchain.library {
            Library::Installed => {
                println!("  ok      the targets' libraries come with the compiler")
            }
            Library::Source if sysroot.join("lib/rustlib").is_dir() => {
                println!(
                    "  ok      the targets' libraries are built: {}",
                    sysroot.display()
                );
            }
            Library::Source => {
                println!("  later   the targets' libraries are built by the first build")
            }
        }
    }
    let why = if qemu::has_kvm() {
        "KVM: the processor has vmx or svm, and /dev/kvm opens"
    } else {
        "multi-threaded TCG: the processor shows no vmx or svm, or /dev/kvm doesn't open"
    };
    println!("  chosen  QEMU's accelerator: {why}");
    match paths::free_gib() {
        Ok(free) => match paths::too_full(free) {
            Some(advice) => println!("  later   {advice}"),
            None => println!("  ok      {free} GiB are free for what is built"),
        },
        Err(error) => println!("  later   {error:#}"),
    }
    if missing == 0 {
        println!("Nothing is missing.");
        ExitCode::SUCCESS
    } else {
        println!("{missing} missing; ./x run and ./x test install them where apt may.");
        ExitCode::FAILURE
    }
}
