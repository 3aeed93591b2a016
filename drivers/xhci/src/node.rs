//! An input device's place in the tree: `/dev/input/eventN`, there as long as the device is.
//!
//! Devices come and go, so this process makes and mounts their schemes itself, by the supervisor's
//! rule: the lowest number whose file can be made is taken. Mounts carry this
//! process's name, as the supervisor's do; by it the next process finds and removes those that a dead
//! one left.

use crate::controller::{Controller, Result};
use crate::signal::{Signal, first};
use ochre_abi::scheme::SchemeFlags;
use ochre_display::evdev::{self, Device, Evdev};
use ochre_driver::{Errno, Server, native};
use rustix::fs::{Mode, OFlags};
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

const DIRECTORY: &str = "/dev/input";
const NUMBERS: u32 = 1024;

/// See the module's header. Dropping it removes the node; open files answer ENODEV from then on.
pub struct Node {
    path: String,
    scheme: Rc<Evdev>,
    /// The server's descriptor: the node's life ends with it.
    server: OwnedFd,
    gone: Signal,
    _control: OwnedFd,
}

impl Node {
    pub fn appear(controller: &Controller, device: Rc<Device>) -> Result<Node> {
        let (number, path) = claim()?;
        let made = Node::mount(controller, device, number, &path);
        if made.is_err() {
            withdraw(&path);
        }
        made
    }

    fn mount(controller: &Controller, device: Rc<Device>, number: u32, path: &str) -> Result<Node> {
        let name = mount_name(&controller.place);
        let control = native::scheme_create(&name, SchemeFlags::ROOT_IS_FILE)?;
        let target = CString::new(path).map_err(|_| Errno::INVAL)?;
        native::scheme_mount(control.as_fd(), &target)?;
        let server = native::scheme_attach(control.as_fd())?;
        let copy = rustix::io::fcntl_dupfd_cloexec(&server, 0)?;
        let levels = device.levels().clone();
        let scheme = Rc::new(Evdev::new(device, number, &server));
        let serving = Server::new(
            server,
            scheme.clone(),
            &evdev::ioctls(),
            &levels,
            &controller.executor,
        )?;
        let gone = Signal::default();
        let end = gone.clone();
        controller.executor.spawn(async move {
            first(end.raised(), serving.serve()).await;
        });
        Ok(Node {
            path: path.to_string(),
            scheme,
            server: copy,
            gone,
            _control: control,
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        withdraw(&self.path);
        self.scheme.withdraw(&self.server);
        self.gone.raise();
    }
}

fn mount_name(place: &str) -> String {
    format!("xhci@{place}")
}

/// Makes the file of the lowest number that is free.
fn claim() -> Result<(u32, String)> {
    std::fs::create_dir_all(DIRECTORY)
        .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
    for number in 0..NUMBERS {
        let path = format!("{DIRECTORY}/event{number}");
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        match rustix::fs::open(&path, flags, Mode::from_bits_retain(0o600)) {
            Ok(_) => return Ok((number, path)),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Errno::NOSPC.into())
}

/// Uncovers the file and removes it. What fails is only untidy, and said.
fn withdraw(path: &str) {
    let target = CString::new(path).map_err(|_| Errno::INVAL);
    let unmounted = match target.and_then(|target| native::scheme_unmount(&target)) {
        // Nothing was mounted yet.
        Err(Errno::INVAL) => Ok(()),
        other => other,
    };
    if let Err(error) = unmounted.and_then(|()| rustix::fs::unlink(path)) {
        eprintln!("xhci: removing {path}: {error}");
    }
}

/// Removes the nodes that an earlier process of the same controller left; whether there were any.
pub fn remove_old(place: &str) -> bool {
    let mut found = false;
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let name = mount_name(place);
    for line in mounts.lines() {
        let mut words = line.split(' ');
        if let (Some(source), Some(path)) = (words.next(), words.next())
            && source == name
            && Path::new(path).starts_with(DIRECTORY)
        {
            withdraw(path);
            found = true;
        }
    }
    found
}
