//! The descriptors that a unit is handed.

use crate::unit::{Capabilities, Root, Scheme};
use anyhow::Context;
use ochre_abi::native::{Derive, DeriveKind};
use ochre_abi::scheme::SchemeFlags;
use ochre_driver::native;
use std::ffi::CString;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// A descriptor and its name in OCHRE_FDS.
pub struct Named {
    pub name: String,
    pub fd: OwnedFd,
}

/// Derives what a unit's `capabilities` name.
pub fn derive(machine: &OwnedFd, what: &Capabilities) -> anyhow::Result<Vec<Named>> {
    let mut all = Vec::new();
    if what.machine {
        all.push(Named {
            name: "machine".into(),
            fd: machine.try_clone()?,
        });
    }
    for (name, range) in &what.ports {
        let kind = DeriveKind::Ports;
        let fd = narrower(machine, kind, range.start, range.length)
            .with_context(|| format!("ports `{name}`"))?;
        all.push(Named {
            name: name.clone(),
            fd,
        });
    }
    for (name, number) in &what.gsi {
        let fd = narrower(machine, DeriveKind::Gsi, u64::from(*number), 0)
            .with_context(|| format!("interrupt `{name}`"))?;
        all.push(Named {
            name: format!("irq-{name}"),
            fd,
        });
    }
    if what.framebuffer {
        let fd = narrower(machine, DeriveKind::Framebuffer, 0, 0).context("framebuffer")?;
        all.push(Named {
            name: "framebuffer".into(),
            fd,
        });
    }
    Ok(all)
}

fn narrower(
    machine: &OwnedFd,
    kind: DeriveKind,
    start: u64,
    length: u64,
) -> anyhow::Result<OwnedFd> {
    let what = Derive {
        kind: kind as u32,
        flags: 0,
        start,
        length,
    };
    Ok(native::derive(machine.as_fd(), what)?)
}

/// A scheme that this process holds for a unit, across the lives of its servers.
pub struct HeldScheme {
    pub name: String,
    control: OwnedFd,
    pub mount: String,
}

impl HeldScheme {
    /// Makes the scheme and mounts it, at the lowest free number if the path has a `%n`. It carries
    /// the name of the instance that serves it, so that /proc/mounts tells whose device that is.
    pub fn mount(scheme: &Scheme, owner: &str) -> anyhow::Result<HeldScheme> {
        let parent = Path::new(&scheme.mount).parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(parent).with_context(|| format!("creating {parent:?}"))?;
        let mount = claim(scheme).with_context(|| format!("creating {}", scheme.mount))?;
        let mut flags = SchemeFlags::empty();
        if scheme.stateless {
            flags |= SchemeFlags::STATELESS;
        }
        if scheme.root == Root::File {
            flags |= SchemeFlags::ROOT_IS_FILE;
        }
        let control = native::scheme_create(owner, flags).context("creating a scheme")?;
        native::scheme_mount(control.as_fd(), &CString::new(mount.as_str())?)
            .with_context(|| format!("mounting at {mount}"))?;
        Ok(HeldScheme {
            name: scheme.name.clone(),
            control,
            mount,
        })
    }

    /// A server descriptor for the unit's next process.
    pub fn attach(&self) -> anyhow::Result<Named> {
        let fd = native::scheme_attach(self.control.as_fd())
            .with_context(|| format!("attaching to {}", self.mount))?;
        Ok(Named {
            name: self.name.clone(),
            fd,
        })
    }
}

/// Makes what the scheme will cover: for a template, with the lowest number that is free. Drivers
/// whose devices come and go take numbers of the same directories: who makes the name has it. What
/// is mounted there is not asked, as its server may not be there yet.
fn claim(scheme: &Scheme) -> std::io::Result<String> {
    let template = &scheme.mount;
    for number in 0u32.. {
        let path = template.replace("%n", &number.to_string());
        let made = match scheme.root {
            Root::Directory => std::fs::create_dir(&path),
            Root::File => std::fs::File::create_new(&path).map(drop),
        };
        match made {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            // A fixed name may be there already.
            Err(_) if path == *template => return Ok(path),
            Err(_) => {}
        }
    }
    Err(ErrorKind::StorageFull.into())
}
