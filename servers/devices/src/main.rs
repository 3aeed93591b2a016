//! Which devices there are, as programs that know Linux ask it: /sys (classes, buses, attributes),
//! udev's database in /run/udev, and udev's events, so that libudev and what is built on it work.
//!
//! Nothing here is known beforehand: PCI functions are asked of the PCI server, a device of the
//! nodes in /dev/input and /dev/dri of itself, through the ioctls that any client has, and whose it
//! is is told by its mount. [`watch`] does that on a thread of its own, as a driver may take its
//! time to answer; the scheme ([`scheme`]) only shows the tree that comes of it ([`tree`]).
#![forbid(unsafe_code)]

mod card;
mod classify;
mod database;
mod device;
mod events;
mod input;
mod pci;
mod scheme;
mod tree;
mod watch;

use anyhow::Context;
use ochre_driver::executor::Executor;
use ochre_driver::{Levels, native, serve};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

fn main() -> anyhow::Result<()> {
    let server = native::inherited("scheme").context("no scheme descriptor in OCHRE_FDS")?;
    let tree = Arc::new(Mutex::new(tree::Tree::default()));
    let shown = tree.clone();
    std::thread::Builder::new()
        .name("watch".into())
        .spawn(move || {
            let Err(error) = watch::run(&shown);
            eprintln!("devices: {error:#}");
            // The next process begins anew.
            std::process::exit(1);
        })?;
    let events = server.try_clone()?;
    let scheme = Rc::new(scheme::Sysfs::new(tree, events));
    let (levels, executor) = (Levels::default(), Executor::default());
    serve(server, scheme, &[], &levels, &executor).context("serving /sys")
}
