//! /proc/PID/maps and smaps.

use super::rows::Part;
use crate::errno::Result;
use crate::fs::namespace::Path;
use crate::mm::listing::{Row, Shown, rows};
use crate::mm::mapping::Flags;
use crate::mm::space::AddressSpace;
use crate::mm::usage::Usage;
use crate::sched;
use crate::sched::cpu;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use ochre_hal::PAGE_SIZE;
use ochre_hal::admission::append;
use ochre_hal::paging::Perms;

/// Bytes that are enough for a part.
const ENOUGH: usize = PAGE_SIZE;

/// A name whose line breaks end no line.
fn escaped(out: &mut Vec<u8>, name: &[u8]) -> Result {
    for (at, part) in name.split(|&byte| byte == b'\n').enumerate() {
        if at > 0 {
            append(out, b"\\012")?;
        }
        append(out, part)?;
    }
    Ok(())
}

/// Column at which names begin.
const NAME_COLUMN: usize = 73;

fn line(row: &Row, root: &Path, out: &mut Vec<u8>) -> Result {
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
            .inode()
            .identity()
            .map_or((0, 0), |(device, ino)| (device.0, ino)),
        Shown::Object(name) => (name.device.0, name.ino),
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
    append(out, text.as_bytes())?;
    let mut name = Vec::new();
    row.name.write(root, &mut name)?;
    escaped(out, &name)?;
    Ok(append(out, b"\n")?)
}

/// A part of what `write` makes of the rows from the address `from` on.
fn part(
    space: &AddressSpace,
    from: usize,
    mut write: impl FnMut(&Row, &mut Vec<u8>) -> Result,
) -> Result<Part> {
    let mut part = Part::default();
    for row in rows(space, from)? {
        cpu::breathe();
        write(&row, &mut part.text)?;
        part.next = Some(row.end);
        if part.text.len() >= ENOUGH {
            break;
        }
    }
    Ok(part)
}

pub fn maps(space: &AddressSpace, from: usize) -> Result<Part> {
    let root = sched::current().fs().view().root;
    part(space, from, |row, out| line(row, &root, out))
}

pub fn smaps(space: &AddressSpace, from: usize) -> Result<Part> {
    let root = sched::current().fs().view().root;
    part(space, from, |row, out| {
        line(row, &root, out)?;
        let mut text = String::new();
        for (name, bytes) in [
            ("Size", row.end - row.start),
            ("KernelPageSize", PAGE_SIZE),
            ("MMUPageSize", PAGE_SIZE),
        ] {
            amount(&mut text, name, bytes);
        }
        usage_lines(&mut text, usage_of(space, row.start));
        append(out, text.as_bytes())?;
        let flags = [
            (Perms::READ, "rd "),
            (Perms::WRITE, "wr "),
            (Perms::EXEC, "ex "),
        ];
        append(out, b"VmFlags: ")?;
        for (perm, flag) in flags {
            if row.perms.contains(perm) {
                append(out, flag.as_bytes())?;
            }
        }
        if row.shared {
            append(out, b"sh ")?;
        }
        let flags = [
            (Flags::GROWS_DOWN, "gd "),
            (Flags::LOCKED, "lo "),
            (Flags::NO_FORK, "dc "),
            (Flags::NO_RESERVE, "nr "),
            (Flags::WIPE_ON_FORK, "wf "),
            (Flags::NO_DUMP, "dd "),
            (Flags::HUGE, "hg "),
            (Flags::NO_HUGE, "nh "),
        ];
        for (bit, flag) in flags {
            if row.flags.contains(bit) {
                append(out, flag.as_bytes())?;
            }
        }
        Ok(append(out, b"\n")?)
    })
}

/// The sums of what [`smaps`] has.
pub fn smaps_rollup(space: &AddressSpace) -> Result<Vec<u8>> {
    let mut sum = Usage::default();
    let mut start = None;
    let mut end = 0;
    loop {
        let rows = rows(space, end)?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            cpu::breathe();
            sum = sum + usage_of(space, row.start);
            start.get_or_insert(row.start);
            end = row.end;
        }
    }
    let start = start.unwrap_or(0);
    let mut text = format!("{start:08x}-{end:08x} ---p 00000000 00:00 0 ");
    while text.len() < NAME_COLUMN {
        text.push(' ');
    }
    text.push_str("[rollup]\n");
    usage_lines(&mut text, sum);
    Ok(text.into_bytes())
}

/// Of the mapping that begins there, if it still does: others may run in between.
fn usage_of(space: &AddressSpace, start: usize) -> Usage {
    let inner = space.lock();
    let mapping = inner.maps.get(&start);
    mapping.map_or(Usage::default(), |mapping| inner.usage(mapping))
}

fn usage_lines(text: &mut String, usage: Usage) {
    for (name, bytes) in [
        ("Rss", usage.resident),
        ("Pss", usage.proportional),
        ("Shared_Clean", usage.shared_clean),
        ("Shared_Dirty", usage.shared_dirty),
        ("Private_Clean", usage.private_clean),
        ("Private_Dirty", usage.private_dirty),
        ("Referenced", usage.referenced),
        ("Anonymous", usage.anonymous),
        ("AnonHugePages", usage.huge),
        // There is none.
        ("Swap", 0),
    ] {
        amount(text, name, bytes);
    }
}

fn amount(text: &mut String, name: &str, bytes: usize) {
    let label = format!("{name}:");
    let _ = writeln!(text, "{label:<15} {:>8} kB", bytes / 1024);
}
