//! Another process's memory: what is present of it, for /proc; and all of it, for tracers.

use super::fault::{self, Denied};
use super::mapping::{Backing, Flags};
use super::space::AddressSpace;
use crate::errno::{Errno, Result};
use alloc::sync::Arc;
use ochre_hal::PAGE_SIZE;
use ochre_hal::frame::Frame;
use ochre_hal::paging::Perms;

/// The frame that shows at page-aligned `page`, and the page's offset in it. None for memory that
/// was never touched.
fn frame_at(space: &AddressSpace, page: usize) -> Result<Option<(Frame, usize)>> {
    let inner = space.lock();
    let mapping = inner.find(page).ok_or(Errno::EIO)?;
    if let Some(entry) = inner.table.get(page) {
        let offset = page % entry.size;
        return Ok(entry.frame.map(|frame| (frame, offset)));
    }
    let object = match &mapping.backing {
        Backing::Object(..) => mapping
            .object_page(page)
            .map(|(o, index)| (o.clone(), index)),
        Backing::Anonymous => None,
    };
    drop(inner);
    Ok(object
        .and_then(|(object, index)| object.resident_frame(index))
        .map(|frame| (frame, 0)))
}

/// Calls `each` for the part of `[addr, addr + len)` in each page, with its place in the range,
/// until one fails. Returns the bytes done; the error when there are none.
fn by_pages(
    addr: usize,
    len: usize,
    mut each: impl FnMut(usize, core::ops::Range<usize>) -> Result,
) -> Result<usize> {
    let mut done = 0;
    while done < len {
        let at = addr.checked_add(done).ok_or(Errno::EIO)?;
        let n = (PAGE_SIZE - at % PAGE_SIZE).min(len - done);
        match each(at, done..done + n) {
            Ok(()) => done += n,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Copies from `addr` on; memory that is not there reads as zero, and the end of the mappings ends
/// the copy. Returns the bytes copied; EIO when not even the first is mapped.
pub fn read(space: &AddressSpace, addr: usize, out: &mut [u8]) -> Result<usize> {
    by_pages(addr, out.len(), |at, part| {
        let within = at % PAGE_SIZE;
        let chunk = &mut out[part];
        match frame_at(space, at - within)? {
            Some((frame, offset)) => frame.read(offset + within, chunk),
            None => chunk.fill(0),
        }
        Ok(())
    })
}

/// How often a page is brought in anew that vanished meanwhile.
const TRIES: usize = 16;

fn denied(_: Denied) -> Errno {
    Errno::EIO
}

/// As [`read`], but what is not there is brought in, as the process itself would.
pub fn fetch(space: &Arc<AddressSpace>, addr: usize, out: &mut [u8]) -> Result<usize> {
    by_pages(addr, out.len(), |at, part| {
        let within = at % PAGE_SIZE;
        let page = at - within;
        for _ in 0..TRIES {
            let entry = space.lock().table.get(page);
            if let Some(entry) = entry {
                let frame = entry.frame.ok_or(Errno::EIO)?;
                frame.read(page % entry.size + within, &mut out[part]);
                return Ok(());
            }
            fault::handle(space, page, Perms::READ).map_err(denied)?;
        }
        Err(Errno::EIO)
    })
}

/// Writes to the process's memory as it would itself. With `force` also where it must not, if
/// that is private: it gets a copy of the page (a debugger's breakpoints).
pub fn store(space: &Arc<AddressSpace>, addr: usize, bytes: &[u8], force: bool) -> Result<usize> {
    by_pages(addr, bytes.len(), |at, part| {
        let within = at % PAGE_SIZE;
        let page = at - within;
        for _ in 0..TRIES {
            if write_page(space, page, within, &bytes[part.clone()], force)? {
                return Ok(());
            }
        }
        Err(Errno::EIO)
    })
}

/// False: the page changed meanwhile.
fn write_page(
    space: &Arc<AddressSpace>,
    page: usize,
    within: usize,
    bytes: &[u8],
    force: bool,
) -> Result<bool> {
    let writable = {
        let inner = space.lock();
        let mapping = inner.find(page).ok_or(Errno::EIO)?;
        let writable = mapping.perms.contains(Perms::WRITE);
        if !writable && (!force || mapping.shared) {
            return Err(Errno::EIO);
        }
        writable
    };
    let wish = if writable { Perms::WRITE } else { Perms::READ };
    fault::handle(space, page, wish).map_err(denied)?;
    let mut inner = space.lock();
    let perms = match inner.find(page) {
        Some(mapping) if mapping.perms.contains(Perms::WRITE) == writable => mapping.perms,
        _ => return Ok(false),
    };
    if !writable {
        let mut alone = false;
        inner
            .table
            .protect_with(page..page + PAGE_SIZE, |frame, old| {
                alone = frame.is_some_and(Frame::is_unique);
                old
            });
        if !alone {
            let Some(entry) = inner.table.get(page) else {
                return Ok(false);
            };
            let old = entry.frame.ok_or(Errno::EIO)?;
            let copy = Frame::alloc()?;
            copy.copy_from(&old, page % old.size());
            inner.table.replace(page, copy, perms)?;
            if let Some((_, mapping)) = inner.maps.range_mut(..=page).next_back() {
                mapping.flags |= Flags::COPIED;
            }
        }
    }
    let Some(entry) = inner.table.get(page) else {
        return Ok(false);
    };
    if writable && !entry.perms.contains(Perms::WRITE) {
        return Ok(false);
    }
    let frame = entry.frame.ok_or(Errno::EIO)?;
    frame.write(page % entry.size + within, bytes);
    Ok(true)
}
