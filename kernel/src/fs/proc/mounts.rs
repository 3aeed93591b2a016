//! /proc/PID/mounts and mountinfo.

use crate::fs::context::FsView;
use crate::fs::namespace::{Mount, MountFlags};
use crate::fs::node::DeviceNumber;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

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
fn escape(name: &[u8], out: &mut Vec<u8>) {
    for &byte in name {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => {
                out.extend_from_slice(format!("\\{byte:03o}").as_bytes());
            }
            byte => out.push(byte),
        }
    }
}

/// The mounts that `view` can reach, with where it sees them.
fn visible(view: &FsView) -> Vec<(Arc<Mount>, Vec<u8>)> {
    view.namespace
        .mounts()
        .into_iter()
        .filter_map(|mount| {
            let name = match mount.point() {
                None => b"/".to_vec(),
                Some(point) => match point.name_from(&view.root) {
                    (name, true) => name,
                    (_, false) => return None,
                },
            };
            Some((mount, name))
        })
        .collect()
}

pub fn mounts(view: &FsView) -> Vec<u8> {
    let mut out = Vec::new();
    for (mount, name) in visible(view) {
        escape(mount.source.as_bytes(), &mut out);
        out.push(b' ');
        escape(&name, &mut out);
        let rest = format!(" {} {} 0 0\n", mount.kind, options(&mount));
        out.extend_from_slice(rest.as_bytes());
    }
    out
}

pub fn mountinfo(view: &FsView) -> Vec<u8> {
    let mut out = Vec::new();
    for (mount, name) in visible(view) {
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
        out.extend_from_slice(head.as_bytes());
        escape(&name, &mut out);
        out.extend_from_slice(format!(" {} - {} ", options(&mount), mount.kind).as_bytes());
        escape(mount.source.as_bytes(), &mut out);
        out.extend_from_slice(b" rw\n");
    }
    out
}
