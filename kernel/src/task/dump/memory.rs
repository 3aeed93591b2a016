//! What of a process's memory goes into a core dump.

use super::image::Out;
use crate::errno::Result;
use crate::fs::namespace::Path;
use crate::mm::listing::{Row, Shown, rows};
use crate::mm::mapping::Flags;
use crate::mm::remote;
use crate::mm::space::AddressSpace;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::Ordering;
use ochre_hal::PAGE_SIZE;
use ochre_hal::admission::{self, Room};
use ochre_hal::frame::Frame;
use ochre_hal::paging::Perms;

/// The bits of /proc/PID/coredump_filter.
const OWN: u32 = 1 << 0;
const SHARED_NAMELESS: u32 = 1 << 1;
const FILES_PRIVATE: u32 = 1 << 2;
const FILES_SHARED: u32 = 1 << 3;
const HEADERS: u32 = 1 << 4;

/// Addresses whose pages are looked up at a time: what one table shows.
const WINDOW: usize = 2 << 20;

/// One mapping, and what is written of it.
pub struct Segment {
    pub row: Row,
    /// Bytes, from its start.
    pub dumped: usize,
    /// Bytes of its file's name, with a NUL; 0 for memory of no file.
    pub name: usize,
}

/// All mappings, in pieces of some.
pub struct Segments {
    pieces: Vec<Vec<Segment>>,
}

impl Segments {
    pub fn of(space: &AddressSpace, root: &Path) -> Result<Segments> {
        let filter = space.dump_filter.load(Ordering::Relaxed);
        let mut pieces = Vec::new();
        let mut from = 0;
        let mut name = Vec::new();
        loop {
            let rows = rows(space, from)?;
            let Some(last) = rows.last() else { break };
            from = last.end;
            let mut piece = Vec::new();
            piece.room_exact(rows.len())?;
            for row in rows {
                name.clear();
                if is_file(&row) {
                    row.name.write(root, &mut name)?;
                    admission::append(&mut name, b"\0")?;
                }
                let dumped = dumped(space, &row, filter);
                let name = name.len();
                piece.push(Segment { row, dumped, name });
            }
            pieces.room(1)?;
            pieces.push(piece);
            super::go_on()?;
        }
        Ok(Segments { pieces })
    }

    /// Some at a time, by address.
    pub fn pieces(&self) -> impl Iterator<Item = &[Segment]> {
        self.pieces.iter().map(Vec::as_slice)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.pieces.iter().flatten()
    }
}

fn is_file(row: &Row) -> bool {
    !matches!(row.name, Shown::Nothing | Shown::Label(_))
}

/// How much of a mapping is written (Linux's `vma_dump_size`).
fn dumped(space: &AddressSpace, row: &Row, filter: u32) -> usize {
    let whole = row.end - row.start;
    let by = |bit: u32| if filter & bit != 0 { whole } else { 0 };
    if matches!(row.name, Shown::Label("[vdso]")) {
        return whole;
    }
    let device = row.object.as_ref().is_some_and(|object| object.is_device());
    if device || row.flags.contains(Flags::NO_DUMP) || matches!(row.name, Shown::Label("[vvar]")) {
        return 0;
    }
    let mode = match &row.name {
        Shown::File(path) => path.node().attributes().ok().map(|a| (a.nlink, a.mode)),
        _ => None,
    };
    if row.shared {
        let named = mode.is_some_and(|(links, _)| links > 0);
        return by(if named { FILES_SHARED } else { SHARED_NAMELESS });
    }
    let own = row.object.is_none() || row.flags.contains(Flags::COPIED);
    if own && filter & OWN != 0 {
        return whole;
    }
    if row.object.is_none() {
        return 0;
    }
    if filter & FILES_PRIVATE != 0 {
        return whole;
    }
    // The first page of a program tells which one it was.
    if filter & HEADERS != 0 && row.offset == 0 && row.perms.contains(Perms::READ) {
        let executable = mode.is_some_and(|(_, mode)| mode & 0o111 != 0);
        let mut magic = [0; 4];
        let mut is_program =
            || remote::read(space, row.start, &mut magic).is_ok() && magic == *b"\x7fELF";
        if executable || is_program() {
            return PAGE_SIZE;
        }
    }
    0
}

/// Pages that a window has, each with what it shows from that address on.
type Present = Vec<(Range<usize>, Frame)>;

/// Writes the memory of all mappings. Pages that were never touched, or are zero, leave a hole.
pub fn write(space: &Arc<AddressSpace>, segments: &Segments, out: &mut Out) -> Result {
    let mut present = Present::new();
    present.room_exact(WINDOW / PAGE_SIZE)?;
    let mut page = admission::zeroes(PAGE_SIZE)?;
    for segment in segments.iter() {
        let end = segment.row.start + segment.dumped;
        let mut at = segment.row.start;
        while at < end {
            let next = ((at | (WINDOW - 1)) + 1).min(end);
            look_up(space, at..next, &mut present);
            window(&segment.row, at..next, &present, &mut page, out)?;
            at = next;
            present.clear();
            super::go_on()?;
        }
    }
    Ok(())
}

fn look_up(space: &AddressSpace, range: Range<usize>, present: &mut Present) {
    let inner = space.lock();
    inner.table.for_each(range, |va, entry| {
        if let Some(frame) = &entry.frame
            && present.len() < present.capacity()
        {
            present.push((va..va + entry.size, frame.clone()));
        }
    });
}

fn window(
    row: &Row,
    range: Range<usize>,
    present: &Present,
    page: &mut [u8],
    out: &mut Out,
) -> Result {
    if present.is_empty() && row.object.is_none() {
        out.skip(range.len());
        return Ok(());
    }
    let mut rest = present.iter().peekable();
    for at in range.step_by(PAGE_SIZE) {
        while rest.next_if(|(shown, _)| shown.end <= at).is_some() {}
        let there = rest.peek().filter(|(shown, _)| shown.contains(&at));
        let brought;
        let (frame, offset) = match (there, &row.object) {
            (Some((shown, frame)), _) => (Some(frame), at - shown.start),
            (None, Some(object)) => {
                let index = (row.offset + (at - row.start) as u64) / PAGE_SIZE as u64;
                brought = object.kept_frame(index);
                (brought.as_ref(), 0)
            }
            (None, None) => (None, 0),
        };
        let Some(frame) = frame else {
            out.skip(PAGE_SIZE);
            continue;
        };
        frame.read(offset, page);
        if page.iter().all(|&byte| byte == 0) {
            out.skip(PAGE_SIZE);
        } else {
            out.put(page)?;
        }
    }
    Ok(())
}
