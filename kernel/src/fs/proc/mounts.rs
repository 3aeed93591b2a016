//! /proc/PID/mounts and mountinfo.

use crate::errno::Result;
use crate::fs::context::FsView;
use crate::fs::namespace::{Mount, MountFlags};
use crate::fs::node::DeviceNumber;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use ochre_hal::admission::append;

fn options(mount: &Mount) -> String {
    let flags = mount.flags();
    let mut text = String::from(if flags.contains(MountFlags::READ_ONLY) {
        "ro"
    } else {
        "rw"
    });
    for (flag, name) in [
        (MountFlags::NO_SUID, ",nosuid"),
        (MountFlags::NO_DEV, ",nodev"),
        (MountFlags::NO_EXEC, ",noexec"),
        (MountFlags::NO_ATIME, ",noatime"),
        (MountFlags::RELATIME, ",relatime"),
    ] {
        if flags.contains(flag) {
            text.push_str(name);
        }
    }
    text
}

/// A name with the characters escaped that separate fields.
fn escape(name: &[u8], out: &mut Vec<u8>) -> Result {
    for &byte in name {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => append(out, format!("\\{byte:03o}").as_bytes())?,
            byte => append(out, &[byte])?,
        }
    }
    Ok(())
}

/// The mounts that `view` can reach, with where it sees them.
fn visible(view: &FsView) -> impl Iterator<Item = Result<(Arc<Mount>, Vec<u8>)>> {
    let mounts = view.namespace.mounts().into_iter();
    mounts.filter_map(|mount| {
        let name = match mount.point() {
            None => Ok((b"/".to_vec(), true)),
            Some(point) => point.name_from(&view.root, usize::MAX),
        };
        match name {
            Ok((name, true)) => Some(Ok((mount, name))),
            Ok((_, false)) => None,
            Err(error) => Some(Err(error)),
        }
    })
}

pub fn mounts(view: &FsView) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for seen in visible(view) {
        let (mount, name) = seen?;
        escape(mount.source.as_bytes(), &mut out)?;
        append(&mut out, b" ")?;
        escape(&name, &mut out)?;
        let rest = format!(" {} {} 0 0\n", mount.kind, options(&mount));
        append(&mut out, rest.as_bytes())?;
    }
    Ok(out)
}

pub fn mountinfo(view: &FsView) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for seen in visible(view) {
        let (mount, name) = seen?;
        let parent = mount.point().map_or(mount.id, |point| point.mount.id);
        let device = mount
            .root()
            .node()
            .inode()
            .identity()
            .map_or(DeviceNumber::default(), |(device, _)| device);
        let head = format!(
            "{} {parent} {}:{} / ",
            mount.id,
            device.major(),
            device.minor()
        );
        append(&mut out, head.as_bytes())?;
        escape(&name, &mut out)?;
        let shared = if mount.is_unbindable() {
            " unbindable"
        } else {
            ""
        };
        append(
            &mut out,
            format!(" {}{shared} - {} ", options(&mount), mount.kind).as_bytes(),
        )?;
        escape(mount.source.as_bytes(), &mut out)?;
        append(&mut out, b" rw\n")?;
    }
    Ok(out)
}
