//! Reading another process's memory: what is present of it, for /proc.

use super::mapping::Backing;
use super::space::AddressSpace;
use crate::errno::{Errno, Result};
use ochre_hal::PAGE_SIZE;
use ochre_hal::frame::Frame;

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

/// Copies from `addr` on; memory that is not there reads as zero, and the end of the mappings ends
/// the copy. Returns the bytes copied; EIO when not even the first is mapped.
pub fn read(space: &AddressSpace, addr: usize, out: &mut [u8]) -> Result<usize> {
    let mut done = 0;
    while done < out.len() {
        let at = addr.checked_add(done).ok_or(Errno::EIO)?;
        let within = at % PAGE_SIZE;
        let n = (PAGE_SIZE - within).min(out.len() - done);
        let chunk = &mut out[done..done + n];
        match frame_at(space, at - within) {
            Ok(Some((frame, offset))) => frame.read(offset + within, chunk),
            Ok(None) => chunk.fill(0),
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
        done += n;
    }
    Ok(done)
}
