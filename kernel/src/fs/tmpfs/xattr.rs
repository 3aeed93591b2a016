//! Extended attributes of one inode.

use crate::errno::{Errno, Result};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use ochre_hal::admission;

/// All names and values of one inode together.
const TOTAL_MAX: usize = 128 << 10;

#[derive(Default)]
pub struct Xattrs {
    map: BTreeMap<Box<[u8]>, Box<[u8]>>,
    total: usize,
}

/// Whether tmpfs stores attributes of this name's class.
fn supported(name: &[u8]) -> bool {
    [&b"user."[..], b"trusted.", b"security."]
        .iter()
        .any(|class| name.starts_with(class))
}

impl Xattrs {
    pub fn get(&self, name: &[u8]) -> Result<Vec<u8>> {
        if !supported(name) && !name.starts_with(b"system.posix_acl_") {
            return Err(Errno::EOPNOTSUPP);
        }
        self.map
            .get(name)
            .map(|value| value.to_vec())
            .ok_or(Errno::ENODATA)
    }

    pub fn set(&mut self, name: &[u8], value: &[u8], must: Option<bool>) -> Result {
        if !supported(name) {
            return Err(Errno::EOPNOTSUPP);
        }
        let old = self.map.get(name).map(|value| name.len() + value.len());
        match (must, old) {
            (Some(true), None) => return Err(Errno::ENODATA),
            (Some(false), Some(_)) => return Err(Errno::EEXIST),
            _ => {}
        }
        let total = self.total - old.unwrap_or(0) + name.len() + value.len();
        if total > TOTAL_MAX {
            return Err(Errno::ENOSPC);
        }
        let value = admission::copy(value)?.into_boxed_slice();
        self.map.insert(Box::from(name), value);
        self.total = total;
        Ok(())
    }

    pub fn remove(&mut self, name: &[u8]) -> Result {
        if !supported(name) {
            return Err(Errno::EOPNOTSUPP);
        }
        let value = self.map.remove(name).ok_or(Errno::ENODATA)?;
        self.total -= name.len() + value.len();
        Ok(())
    }

    pub fn list(&self) -> Vec<u8> {
        let mut names = Vec::new();
        for name in self.map.keys() {
            names.extend_from_slice(name);
            names.push(0);
        }
        names
    }
}
