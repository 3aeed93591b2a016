//! Keeps the tree, udev's database and udev's listeners up to date with the devices.
//!
//! A device is looked at again whenever its driver announces it, and gone when its node is removed
//! from /dev. The order is that of udev: first /sys, then the database, then the event. When this
//! process starts again, nobody is told again of what is still there.

use crate::database::Left;
use crate::device::Device;
use crate::events::{self, Event};
use crate::tree::Tree;
use crate::{card, database, input, pci};
use anyhow::Context;
use ochre_driver::executor::now;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::Mode;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept, bind, listen, socket_with,
};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Where device nodes are, below /dev, and how a name there begins.
const NODES: [(&str, &str); 2] = [("input", "event"), ("dri", "card")];
/// By its presence libudev knows that somebody keeps its database; clients of udev that want all
/// events handled connect to it, and are let go as soon as they are.
const CONTROL: &str = "/run/udev/control";
/// Directories that programs look for, empty or not.
const DIRECTORIES: [&str; 6] = [
    "/class/input",
    "/class/drm",
    "/bus/pci/devices",
    "/dev/char",
    "/dev/block",
    "/block",
];
/// Where the kernel's own part of /sys is seen for a moment.
const KERNEL_PART: &str = "/run/sysfs";

/// What is known of a device node or a PCI function.
struct Known {
    /// From the one at the top to those below it.
    devices: Vec<Device>,
    /// When it was first seen, in microseconds.
    since: u64,
}

struct Watch<'t> {
    tree: &'t Mutex<Tree>,
    socket: OwnedFd,
    /// By the name of the node below /dev, or the place on the bus.
    known: BTreeMap<String, Known>,
    /// What an earlier process knew, as long as it was not looked for.
    left: Left,
}

/// Watches for ever.
pub fn run(tree: &Mutex<Tree>) -> anyhow::Result<Infallible> {
    let mut watch = Watch {
        tree,
        socket: events::listen().context("listening for events")?,
        known: BTreeMap::new(),
        left: Left::default(),
    };
    let removals = watch_removals().context("watching /dev")?;
    watch.make_directories();
    if let Err(error) = show_kernel_part() {
        eprintln!("devices: the kernel's part of /sys is not shown: {error}");
    }
    watch.left = database::begin().context("making the database")?;
    watch.scan_pci();
    watch.scan_nodes();
    watch.forget_left();
    let control = make_control().context("making the control socket")?;
    loop {
        let mut set = [
            PollFd::new(&watch.socket, PollFlags::IN),
            PollFd::new(&removals, PollFlags::IN),
            PollFd::new(&control, PollFlags::IN),
        ];
        // An error (a signal) is as good as a wake-up.
        let _ = poll(&mut set, None);
        watch.take_removals(&removals);
        watch.take_events();
        while accept(&control).is_ok() {}
    }
}

fn watch_removals() -> rustix::io::Result<OwnedFd> {
    let removals = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    for (directory, _) in NODES {
        let path = format!("/dev/{directory}");
        match std::fs::create_dir_all(&path) {
            Ok(()) => inotify::add_watch(&removals, path, WatchFlags::DELETE)?,
            Err(error) => return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
        };
    }
    Ok(removals)
}

/// What the kernel itself tells in /sys (processors, memory) is bound into the tree that hides it.
fn show_kernel_part() -> std::io::Result<()> {
    std::fs::create_dir_all(KERNEL_PART)?;
    mount("sysfs", KERNEL_PART, "sysfs", MountFlags::empty(), None)?;
    let shown = ["", "/devices"].iter().try_for_each(|parent| {
        for entry in std::fs::read_dir(format!("{KERNEL_PART}{parent}"))?.flatten() {
            let name = entry.file_name();
            let target = Path::new("/sys")
                .join(parent.trim_start_matches('/'))
                .join(name);
            // Of its directories, those that it alone fills.
            let ours = target.metadata()?;
            let empty = std::fs::read_dir(&target)?.next().is_none();
            if empty && ours.dev() == Path::new("/sys").metadata()?.dev() {
                mount_bind(entry.path(), target)?;
            }
        }
        Ok(())
    });
    unmount(KERNEL_PART, UnmountFlags::DETACH)?;
    std::fs::remove_dir(KERNEL_PART)?;
    shown
}

fn make_control() -> rustix::io::Result<OwnedFd> {
    match rustix::fs::unlink(CONTROL) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(CONTROL)?)?;
    rustix::fs::chmod(CONTROL, Mode::from_bits_retain(0o600))?;
    listen(&socket, 16)?;
    Ok(socket)
}

/// The unit that serves `/dev/NODE`: its mount carries the name.
fn owner(node: &str) -> String {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let target = format!("/dev/{node}");
    let served = mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (source, path) = (words.next()?, words.next()?);
        (path == target).then(|| source.to_string())
    });
    served.unwrap_or_default()
}

fn describe(node: &str) -> anyhow::Result<Vec<Device>> {
    let owner = owner(node);
    match node.split_once('/') {
        Some(("input", name)) => Ok(input::describe(name, &owner)?),
        Some(("dri", name)) => Ok(card::describe(name, &owner)?),
        _ => anyhow::bail!("no such node"),
    }
}

fn is_node(directory: &str, name: &str) -> bool {
    NODES.iter().any(|(one, begins)| {
        let number = name.strip_prefix(begins);
        *one == directory && number.is_some_and(|number| number.parse::<u32>().is_ok())
    })
}

impl Watch<'_> {
    fn make_directories(&self) {
        let mut tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        for path in DIRECTORIES {
            tree.make_directory(path);
        }
        // For the kernel's part.
        for path in ["/devices/system", "/fs", "/kernel", "/module"] {
            tree.make_directory(path);
        }
        tree.attribute("/class/drm/version", *b"drm 1.1.0 20060810\n");
    }

    fn scan_pci(&mut self) {
        for entry in std::fs::read_dir("/dev/pci")
            .into_iter()
            .flatten()
            .flatten()
        {
            let place = entry.file_name().to_string_lossy().into_owned();
            match pci::describe(&place) {
                Ok(device) => {
                    let devices = vec![device];
                    self.take_over(&place, &devices);
                    self.put(&place, devices);
                }
                Err(error) => eprintln!("devices: {place}: {error}"),
            }
        }
    }

    /// Looks at all nodes that there are.
    fn scan_nodes(&mut self) {
        let mut found: Vec<String> = self
            .known
            .keys()
            .filter(|name| name.contains('/'))
            .cloned()
            .collect();
        for (directory, _) in NODES {
            let entries = std::fs::read_dir(format!("/dev/{directory}"));
            for entry in entries.into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let device = entry.file_type().is_ok_and(|kind| !kind.is_dir());
                if device && is_node(directory, &name) {
                    found.push(format!("{directory}/{name}"));
                }
            }
        }
        found.sort();
        found.dedup();
        for node in found {
            self.look_at(&node, &Event::default());
        }
    }

    fn take_removals(&mut self, removals: &OwnedFd) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(removals, &mut buffer);
        let mut lost = false;
        while let Ok(event) = reader.next() {
            lost |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            let name = event
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            for (directory, _) in NODES {
                let node = format!("{directory}/{}", name.as_deref().unwrap_or_default());
                if !Path::new("/dev").join(&node).exists() {
                    self.forget(&node, &Event::default());
                }
            }
        }
        if lost {
            self.scan_nodes();
        }
    }

    fn take_events(&mut self) {
        loop {
            match events::next(&self.socket) {
                Ok(Some(event)) => self.take(&event),
                Ok(None) => return,
                Err(Errno::NOBUFS) => self.scan_nodes(),
                Err(error) => {
                    eprintln!("devices: reading an event: {error}");
                    return;
                }
            }
        }
    }

    fn take(&mut self, event: &Event) {
        let node = event.get("DEVNAME");
        let (directory, name) = node.split_once('/').unwrap_or_default();
        if is_node(directory, name) {
            self.look_at(node, event);
            return;
        }
        // An event that somebody asked for by writing to a device's `uevent`.
        let path = event.get("DEVPATH");
        let devices = self
            .known
            .values()
            .flat_map(|known| known.devices.iter().map(|device| (device, known.since)));
        for (device, since) in devices.filter(|(device, _)| device.path == path) {
            events::send(&self.socket, device, event.get("ACTION"), since, event);
        }
    }

    /// Learns what the device node is now, and tells of it.
    fn look_at(&mut self, node: &str, cause: &Event) {
        let devices = match describe(node) {
            Ok(devices) => devices,
            Err(error) => {
                if cause.get("ACTION") == "add" {
                    eprintln!("devices: {node}: {error}");
                }
                self.forget(node, cause);
                return;
            }
        };
        let new = !self.known.contains_key(node) && !self.take_over(node, &devices);
        self.put(node, devices);
        let action = match cause.get("ACTION") {
            "" | "remove" if !new => return,
            "" | "remove" => "add",
            action => action,
        };
        let Some(known) = self.known.get(node) else {
            return;
        };
        for device in &known.devices {
            // A device that is there brings those it consists of; later each speaks for itself.
            if action == "add" || device.path == cause.get("DEVPATH") {
                let own = device.path == cause.get("DEVPATH");
                let cause = if own { cause } else { &Event::default() };
                events::send(&self.socket, device, action, known.since, cause);
            }
        }
    }

    /// Whether an earlier process knew these devices. What was there in their place is gone.
    fn take_over(&mut self, name: &str, devices: &[Device]) -> bool {
        let mut known = true;
        for device in devices.iter().rev() {
            match self.left.take(device) {
                Ok(since) => {
                    let devices = Vec::new();
                    self.known.insert(name.into(), Known { devices, since });
                }
                Err(gone) => {
                    known = false;
                    if let Some(record) = gone {
                        events::send_removal(&self.socket, &record);
                    }
                }
            }
        }
        known
    }

    /// Tells of what an earlier process knew and is gone.
    fn forget_left(&mut self) {
        for (file, record) in self.left.take_all() {
            if let Err(error) = database::remove_file(&file) {
                eprintln!("devices: database: {error}");
            }
            events::send_removal(&self.socket, &record);
        }
    }

    fn put(&mut self, name: &str, devices: Vec<Device>) {
        let old = self.known.remove(name);
        let since = old.as_ref().map_or_else(|| now() / 1000, |old| old.since);
        {
            let mut tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
            for device in old.iter().flat_map(|old| old.devices.iter().rev()) {
                // What stays is not taken away from under those who look at it.
                if !devices.iter().any(|new| new.path == device.path) {
                    device.hide(&mut tree);
                }
            }
            for device in &devices {
                device.show(&mut tree);
            }
        }
        for device in &devices {
            if let Err(error) = database::put(device, since) {
                eprintln!("devices: database: {error}");
            }
        }
        self.known.insert(name.into(), Known { devices, since });
    }

    fn forget(&mut self, name: &str, cause: &Event) {
        let Some(known) = self.known.remove(name) else {
            return;
        };
        for device in known.devices.iter().rev() {
            device.hide(&mut self.tree.lock().unwrap_or_else(PoisonError::into_inner));
            if let Err(error) = database::remove(device) {
                eprintln!("devices: database: {error}");
            }
            let own = device.path == cause.get("DEVPATH");
            let cause = if own { cause } else { &Event::default() };
            events::send(&self.socket, device, "remove", known.since, cause);
        }
    }
}
