//! Starting a unit's process.

use crate::boot::ENVIRONMENT;
use crate::capability::{HeldScheme, Named};
use crate::unit::Unit;
use anyhow::Context;
use rustix::io::{FdFlags, fcntl_setfd};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Command, Stdio};

/// A started process, and the pipe on which its output comes (none if it has the console).
pub struct Started {
    pub pid: u32,
    pub output: Option<OwnedFd>,
}

/// Starts the unit, under the name of its instance, with these descriptors, and no others of this process: all of ours are
/// close-on-exec, and these are not for the moment of the spawn. Nobody else spawns meanwhile, as
/// this process spawns from one thread only.
pub fn spawn(
    unit: &Unit,
    name: &str,
    device: Option<&str>,
    handed: &[Named],
    schemes: &[HeldScheme],
) -> anyhow::Result<Started> {
    let mut command = Command::new(&unit.exec[0]);
    command
        .args(&unit.exec[1..])
        .env_clear()
        .envs(ENVIRONMENT)
        .envs(&unit.env);
    let list: Vec<String> = handed
        .iter()
        .map(|h| format!("{}:{}", h.name, h.fd.as_raw_fd()))
        .collect();
    command.env("OCHRE_FDS", list.join(","));
    let mounts: Vec<String> = schemes
        .iter()
        .map(|s| format!("{}={}", s.name, s.mount))
        .collect();
    command.env("OCHRE_MOUNTS", mounts.join(","));
    command.env("OCHRE_UNIT", name);
    if let Some(device) = device {
        command.env("OCHRE_DEVICE", device);
    }
    let output = if unit.console {
        None
    } else {
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        rustix::fs::fcntl_setfl(&read, rustix::fs::OFlags::NONBLOCK)?;
        command.stdin(Stdio::null());
        command.stdout(Stdio::from(write.try_clone()?));
        command.stderr(Stdio::from(write));
        Some(read)
    };
    for named in handed {
        fcntl_setfd(named.fd.as_fd(), FdFlags::empty())?;
    }
    let child = command
        .spawn()
        .with_context(|| format!("starting {}", unit.exec[0]));
    for named in handed {
        fcntl_setfd(named.fd.as_fd(), FdFlags::CLOEXEC)?;
    }
    let pid = child?.id();
    if unit.is_spared() {
        // A kernel without /proc has nothing to spare it from.
        let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), "-1000");
    }
    if let Some(priority) = unit.realtime
        && let Err(error) = ochre_driver::native::set_realtime(pid, priority)
    {
        eprintln!("init: {name} is no more urgent than others: {error}");
    }
    Ok(Started { pid, output })
}
