//! Reading and writing an object's bytes.

use super::{Kind, MAX_SIZE, MemoryObject, PAGE, Slot, pages_of};
use crate::errno::{Errno, Result};
use crate::sched::cpu;
use crate::sched::wait::Interrupt;
use crate::uio::{Dest, Source};
use ochre_hal::PAGE_SIZE;
use ochre_hal::frame::Frame;

/// In the midst of much, at this page: lets others run now and then. False for who is killed.
pub(super) fn goes_on(index: u64) -> bool {
    /// Pages between two looks.
    const STEP: u64 = 64;
    if !index.is_multiple_of(STEP) {
        return true;
    }
    cpu::breathe();
    cpu::try_current().is_none_or(|thread| !thread.is_interrupted(Interrupt::Kill))
}

impl MemoryObject {
    /// Reads from `offset`; stops at the end of the object or of `dst`.
    pub fn read(&self, offset: u64, dst: &mut Dest<'_>) -> Result<usize> {
        let before = dst.done();
        let mut at = offset;
        while !dst.is_full() {
            let size = self.size();
            if at >= size {
                break;
            }
            let within = (at % PAGE) as usize;
            let n = (PAGE_SIZE - within)
                .min(dst.remaining())
                .min(usize::try_from(size - at).unwrap_or(usize::MAX));
            let index = at / PAGE;
            if dst.done() > before && !goes_on(index) {
                break;
            }
            let frame = match (self.resident_frame(index), &self.kind) {
                (Some(frame), _) => Some(frame),
                (None, Kind::Anonymous) => None,
                (None, Kind::Device(..)) => return Err(Errno::EIO),
                (None, Kind::Paged(_)) => match self.frame(index) {
                    Ok(frame) => Some(frame),
                    // Truncated meanwhile.
                    Err(Errno::ENXIO) => break,
                    Err(_) if dst.done() > before => break,
                    Err(error) => return Err(error),
                },
            };
            let moved = match frame {
                Some(frame) => dst.put_frame(&frame, within, n),
                None => dst.put_zeroes(n),
            };
            if let Err(error) = moved {
                if dst.done() > before {
                    break;
                }
                return Err(error);
            }
            at += n as u64;
        }
        Ok(dst.done() - before)
    }

    /// Writes at `offset`, growing the object as needed (the caller has checked limits).
    pub fn write(&self, offset: u64, src: &mut Source<'_>) -> Result<usize> {
        let before = src.done();
        let mut at = offset;
        let finish = |done: usize, error: Errno| {
            if done > before {
                Ok(done - before)
            } else {
                Err(error)
            }
        };
        while !src.is_full() {
            if at >= MAX_SIZE {
                return finish(src.done(), Errno::EFBIG);
            }
            if src.done() > before && !goes_on(at / PAGE) {
                break;
            }
            let within = (at % PAGE) as usize;
            let n = (PAGE_SIZE - within).min(src.remaining());
            let frame = match self.frame_for_write(at / PAGE, within, n) {
                Ok(frame) => frame,
                Err(error) => return finish(src.done(), error),
            };
            let taken = src.done();
            let result = src.take_to_frame(&frame, within, n);
            let index = at / PAGE;
            at += (src.done() - taken) as u64;
            if src.done() > taken {
                let mut pages = self.pages.lock();
                pages.size = pages.size.max(at);
                if let Some(Slot::Present { dirty, .. }) = pages.slots.get_mut(&index) {
                    *dirty = true;
                }
            }
            if let Err(error) = result {
                return finish(src.done(), error);
            }
        }
        Ok(src.done() - before)
    }

    /// The frame that bytes are about to be written to, also just past the end.
    fn frame_for_write(&self, index: u64, within: usize, n: usize) -> Result<Frame> {
        {
            let mut pages = self.pages.lock();
            match pages.slots.get(&index) {
                Some(Slot::Present { frame, .. }) => return Ok(frame.clone()),
                Some(Slot::Loading) => {}
                // A page that is new, or overwritten whole, need not be asked for.
                None if matches!(self.kind, Kind::Anonymous)
                    || index >= pages_of(pages.size)
                    || (within == 0 && n == PAGE_SIZE && !self.is_device()) =>
                {
                    let frame = self.new_frame()?;
                    pages.put(index, frame.clone(), true);
                    return Ok(frame);
                }
                None => {}
            }
        }
        self.frame(index)
    }
}
