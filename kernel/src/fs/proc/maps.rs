//! /proc/PID/maps and smaps.

use crate::errno::{Errno, Result};
use crate::fs::namespace::Path;
use crate::mm::mapping::{Backing, Name};
use crate::task::process::Process;
use alloc::format;
use alloc::vec::Vec;
use core::fmt::Write;
use ochre_hal::PAGE_SIZE;
use ochre_hal::paging::Perms;

struct Row {
    start: usize,
    end: usize,
    perms: Perms,
    shared: bool,
    offset: u64,
    name: Shown,
}

/// What stands at the end of a row.
enum Shown {
    Nothing,
    File(Path),
    Label(&'static str),
    /// Key and number of a shared memory segment.
    Segment(i32, i32),
}

impl From<&Name> for Shown {
    fn from(name: &Name) -> Shown {
        match name {
            Name::None => Shown::Nothing,
            Name::File(path) => Shown::File(path.clone()),
            Name::Label(label) => Shown::Label(label),
            Name::Segment(attachment) => {
                let (key, id) = attachment.name();
                Shown::Segment(key, id)
            }
        }
    }
}

fn rows(process: &Process) -> Result<Vec<Row>> {
    let space = process.space().ok_or(Errno::ESRCH)?;
    let mut rows = Vec::new();
    let inner = space.lock();
    rows.try_reserve(inner.maps.len())?;
    for mapping in inner.maps.values() {
        let offset = match &mapping.backing {
            Backing::Anonymous => 0,
            Backing::Object(_, offset) => *offset,
        };
        rows.push(Row {
            start: mapping.start,
            end: mapping.end,
            perms: mapping.perms,
            shared: mapping.shared,
            offset,
            name: Shown::from(&mapping.name),
        });
    }
    drop(inner);
    Ok(rows)
}

/// Column at which names begin.
const NAME_COLUMN: usize = 73;

fn line(row: &Row, root: &Path, out: &mut Vec<u8>) {
    let bit = |perm, letter| {
        if row.perms.contains(perm) {
            letter
        } else {
            '-'
        }
    };
    let (device, ino) = match &row.name {
        Shown::File(path) => path
            .node()
            .attributes()
            .map_or((0, 0), |a| (a.dev.0, a.ino)),
        Shown::Segment(_, id) => (0, *id as u64),
        _ => (0, 0),
    };
    let mut text = format!(
        "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {ino} ",
        row.start,
        row.end,
        bit(Perms::READ, 'r'),
        bit(Perms::WRITE, 'w'),
        bit(Perms::EXEC, 'x'),
        if row.shared { 's' } else { 'p' },
        row.offset,
        device >> 8 & 0xfff,
        device & 0xff,
    );
    if !matches!(row.name, Shown::Nothing) {
        while text.len() < NAME_COLUMN {
            text.push(' ');
        }
    }
    out.extend_from_slice(text.as_bytes());
    match &row.name {
        Shown::Nothing => {}
        Shown::Label(label) => out.extend_from_slice(label.as_bytes()),
        Shown::Segment(key, _) => {
            out.extend_from_slice(format!("/SYSV{key:08x} (deleted)").as_bytes());
        }
        Shown::File(path) => {
            out.extend_from_slice(&path.name_from(root).0);
            if path.dentry.is_removed() {
                out.extend_from_slice(b" (deleted)");
            }
        }
    }
    out.push(b'\n');
}

pub fn maps(process: &Process) -> Result<Vec<u8>> {
    let root = process.fs().view().root;
    let mut out = Vec::new();
    for row in rows(process)? {
        line(&row, &root, &mut out);
    }
    Ok(out)
}

pub fn smaps(process: &Process) -> Result<Vec<u8>> {
    let root = process.fs().view().root;
    let mut out = Vec::new();
    for row in rows(process)? {
        line(&row, &root, &mut out);
        let kib = (row.end - row.start) / 1024;
        let mut text = alloc::string::String::new();
        for (name, kib) in [
            ("Size:", kib),
            ("KernelPageSize:", PAGE_SIZE / 1024),
            ("MMUPageSize:", PAGE_SIZE / 1024),
            ("Rss:", 0),
            ("Pss:", 0),
            ("Shared_Clean:", 0),
            ("Shared_Dirty:", 0),
            ("Private_Clean:", 0),
            ("Private_Dirty:", 0),
            ("Referenced:", 0),
            ("Anonymous:", 0),
            ("Swap:", 0),
        ] {
            let _ = writeln!(text, "{name:<15} {kib:>8} kB");
        }
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"VmFlags: rd\n");
    }
    Ok(out)
}
