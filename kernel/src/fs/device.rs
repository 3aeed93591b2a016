//! The kernel's own character devices, by number. Device nodes of any file system (but a scheme's)
//! lead here.

use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::node::{DeviceNumber, Node, OpenFlags};
use crate::lock_order;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use ochre_hal::sync::SpinLock;

/// A driver in the kernel: what opening its node gives.
pub trait Device: Send + Sync {
    fn open(&self, node: &Arc<Node>, flags: OpenFlags) -> Result<Arc<dyn File>>;
}

static DEVICES: SpinLock<BTreeMap<DeviceNumber, Arc<dyn Device>>> =
    SpinLock::new(lock_order::FS_NAMES, BTreeMap::new());

/// Makes `device` answer for the character device `number`.
pub fn register(number: DeviceNumber, device: Arc<dyn Device>) {
    let old = DEVICES.lock().insert(number, device);
    drop(old);
}

/// Opens the character device `number`.
pub fn open(number: DeviceNumber, node: &Arc<Node>, flags: OpenFlags) -> Result<Arc<dyn File>> {
    let device = DEVICES.lock().get(&number).cloned();
    device.ok_or(Errno::ENXIO)?.open(node, flags)
}
