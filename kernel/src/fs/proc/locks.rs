//! /proc/locks: who holds which advisory lock. There is no list of all locks: whoever has one has a
//! descriptor of what is locked.

use crate::errno::Result;
use crate::fs::fd_table::FdTable;
use crate::sched::cpu;
use crate::task::process::Process;
use crate::task::tree;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use ochre_hal::admission::{Room, append, ask};

/// The tables of its threads: mostly one.
fn tables_of(process: &Process) -> Vec<Arc<FdTable>> {
    let mut tables: Vec<Arc<FdTable>> = Vec::new();
    for thread in process.threads() {
        let files = thread.files();
        let known = tables.iter().any(|table| Arc::ptr_eq(table, &files));
        if !known && tables.room(1).is_ok() {
            tables.push(files);
        }
    }
    tables
}

pub fn locks() -> Result<Vec<u8>> {
    // By address, and kept so that each stays what it is.
    let mut seen = BTreeMap::new();
    let mut text = Vec::new();
    let mut number = 0;
    let tables = tree::processes().flat_map(|process| tables_of(&process));
    for files in tables {
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
