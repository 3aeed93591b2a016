//! What falls to the first process of a system that has no init: mounting what the kernel offers,
//! and reaping whatever is left to it.
//!
//! Ochre's kernel mounts `/dev`, `/proc` and the rest itself; Linux leaves it to us, so each is
//! mounted only where its sign isn't there yet.

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, mount};
use rustix::process::{Pid, WaitOptions};
use rustix::system::RebootCommand;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};

/// File system, where, options, and a name that exists once it is mounted.
const MOUNTS: [(&str, &str, &str, &str); 7] = [
    ("proc", "/proc", "", "/proc/self"),
    ("sysfs", "/sys", "", "/sys/devices"),
    ("devtmpfs", "/dev", "", "/dev/ttyS3"),
    ("devpts", "/dev/pts", "ptmxmode=0666", "/dev/pts/ptmx"),
    ("tmpfs", "/dev/shm", "mode=1777", "/dev/shm"),
    ("tmpfs", "/tmp", "mode=1777", "/tmp"),
    ("tmpfs", "/run", "mode=0755", "/run"),
];

/// Makes the system's virtual file systems be there.
pub fn set_up() {
    for (kind, place, options, sign) in MOUNTS {
        if Path::new(sign).exists() {
            continue;
        }
        let options = std::ffi::CString::new(options).unwrap_or_default();
        let mounted = std::fs::create_dir_all(place).and_then(|()| {
            Ok(mount(
                kind,
                place,
                kind,
                MountFlags::empty(),
                options.as_c_str(),
            )?)
        });
        // The command may not need it; if it does, the console says why it isn't there.
        if let Err(error) = mounted {
            eprintln!("boot-command: mounting {place}: {error}");
        }
    }
    for (link, target) in [
        ("fd", "self/fd"),
        ("stdin", "self/fd/0"),
        ("stdout", "self/fd/1"),
        ("stderr", "self/fd/2"),
    ] {
        // Already there on Ochre.
        let _ = std::os::unix::fs::symlink(
            Path::new("/proc").join(target),
            Path::new("/dev").join(link),
        );
    }
}

/// Waits for the command; as the first process, for everyone else who ends meanwhile too.
pub fn wait(mut child: Child) -> Result<ExitStatus> {
    if std::process::id() != 1 {
        return child.wait().context("cannot wait for the command");
    }
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == Pid::from_child(&child) => {
                return Ok(ExitStatus::from_raw(status.as_raw()));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait for the command"),
        }
    }
}

/// Ends the machine, for hosts that have not done so on the report. Returns where that is denied.
pub fn power_off() {
    if let Err(error) = rustix::system::reboot(RebootCommand::PowerOff) {
        eprintln!("boot-command: cannot power off: {error}");
        loop {
            std::thread::park();
        }
    }
}
