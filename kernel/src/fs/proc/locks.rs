//! /proc/locks: who holds which advisory lock. There is no list of all locks: whoever has one has a
//! descriptor of what is locked.

use crate::errno::Result;
use crate::sched::cpu;
use crate::task::tree;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use ochre_hal::admission::{append, ask};

pub fn locks() -> Result<Vec<u8>> {
    // By address, and kept so that each stays what it is.
    let mut seen = BTreeMap::new();
    let mut text = Vec::new();
    let mut number = 0;
    for process in tree::processes() {
        let files = process.files();
        let mut next = 0;
        while let Some(fd) = files.next_used(next) {
            next = fd as usize + 1;
            cpu::breathe();
            let Some(node) = files.get(fd).ok().and_then(|open| open.node()) else {
                continue;
            };
            let held = node.locks.held()?;
            let address = Arc::as_ptr(&node).addr();
            if held.is_empty() || seen.contains_key(&address) {
                continue;
            }
            let identity = node.inode().identity().unwrap_or_default();
            ask()?;
            seen.insert(address, node);
            for lock in held {
                number += 1;
                append(
                    &mut text,
                    format!("{number}: {}", lock.line(identity)).as_bytes(),
                )?;
            }
        }
    }
    Ok(text)
}
