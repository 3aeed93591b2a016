//! Cursors: moved at once, whatever frame is on its way.
//!
//! What is wanted of a cursor stands in its output's state. One task at a time tells the device, and
//! goes on until the device knows all: so no change overtakes another, and a client that moves its
//! cursor faster than the device can follow makes no queue.

use crate::drm::abi::{CURSOR_BO, CURSOR_MOVE, CursorArg, CursorArg2, FORMAT_ARGB8888};
use crate::drm::backend::{Backend, Cursor};
use crate::drm::card::Shared;
use crate::drm::state::{CURSOR_SIZE, Framebuffer, PlaneState};
use ochre_driver::ioctl::Argument;
use ochre_driver::{Errno, Result};
use std::rc::Rc;

/// What the device knows of an output's cursor.
#[derive(Clone, Default)]
pub struct CursorAtDevice {
    told: PlaneState,
    /// Somebody is telling it.
    busy: bool,
    /// The framebuffer that a legacy call has made of its buffer.
    legacy: Option<u32>,
}

impl<B: Backend> Shared<B> {
    /// Tells the device what is wanted of a cursor, if it doesn't know.
    pub fn show_cursor(self: &Rc<Self>, output: usize) {
        let mut objects = self.objects.borrow_mut();
        if !self.backend.has_cursor() || objects.cursors[output].busy {
            return;
        }
        objects.cursors[output].busy = true;
        drop(objects);
        let shared = self.clone();
        self.executor.spawn(async move {
            while let Some(cursor) = shared.news_of_cursor(output) {
                if let Err(error) = shared.backend.cursor(cursor).await {
                    eprintln!("display: cursor of output {output}: {error}");
                }
            }
        });
    }

    /// What the device is to be told next; if there is nothing, who asks is done.
    fn news_of_cursor(&self, output: usize) -> Option<Cursor<B::Driver>> {
        let mut objects = self.objects.borrow_mut();
        let new = objects.outputs[output].visible_cursor();
        let device = &mut objects.cursors[output];
        let old = std::mem::replace(&mut device.told, new);
        if old == new {
            device.busy = false;
            return None;
        }
        let image = objects.framebuffer(new.fb).map(|fb| fb.buffer.clone());
        Some(Cursor {
            output,
            image,
            image_changed: old.fb != new.fb || (old.hot_x, old.hot_y) != (new.hot_x, new.hot_y),
            x: new.crtc_x,
            y: new.crtc_y,
            hot_x: new.hot_x.max(0) as u32,
            hot_y: new.hot_y.max(0) as u32,
        })
    }

    /// CURSOR, which knows no hotspot.
    pub fn cursor(self: &Rc<Self>, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let c: CursorArg = argument.get()?;
        let cursor = CursorArg2 {
            flags: c.flags,
            crtc_id: c.crtc_id,
            x: c.x,
            y: c.y,
            width: c.width,
            height: c.height,
            handle: c.handle,
            hot_x: 0,
            hot_y: 0,
        };
        self.set_cursor(file, &cursor)
    }

    /// CURSOR2.
    pub fn cursor2(self: &Rc<Self>, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let cursor: CursorArg2 = argument.get()?;
        self.set_cursor(file, &cursor)
    }

    /// The legacy calls take a buffer, and wait for no blank.
    pub fn set_cursor(self: &Rc<Self>, file: u64, cursor: &CursorArg2) -> Result<u32> {
        const KNOWN: u32 = CURSOR_BO | CURSOR_MOVE;
        if cursor.flags == 0 || cursor.flags & !KNOWN != 0 {
            return Err(Errno::INVAL);
        }
        if !self.backend.has_cursor() {
            return Err(Errno::NXIO);
        }
        let mut objects = self.objects.borrow_mut();
        if objects.master != Some(file) {
            return Err(Errno::ACCESS);
        }
        let output = objects.crtc(cursor.crtc_id)?;
        let mut plane = objects.outputs[output].cursor;
        if cursor.flags & CURSOR_BO != 0 {
            let mut made = None;
            if cursor.handle != 0 {
                let buffer = objects.client(file)?.buffer(cursor.handle)?;
                let framebuffer = Framebuffer {
                    width: cursor.width,
                    height: cursor.height,
                    pitch: CURSOR_SIZE * 4,
                    offset: 0,
                    format: FORMAT_ARGB8888,
                    buffer,
                };
                if !framebuffer.is_cursor() {
                    return Err(Errno::INVAL);
                }
                made = Some(objects.add_framebuffer(framebuffer, file)?);
            }
            let before = std::mem::replace(&mut objects.cursors[output].legacy, made);
            if let Some(before) = before {
                objects.framebuffers.remove(&before);
            }
            plane.fb = made.unwrap_or(0);
            plane.crtc = made.map_or(0, |_| cursor.crtc_id);
            plane.hot_x = cursor.hot_x;
            plane.hot_y = cursor.hot_y;
        }
        if cursor.flags & CURSOR_MOVE != 0 {
            plane.crtc_x = cursor.x;
            plane.crtc_y = cursor.y;
        }
        objects.outputs[output].cursor = plane;
        objects.sweep();
        drop(objects);
        self.show_cursor(output);
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drm::fixture::{Device, Driven};

    #[test]
    fn a_cursor_moves_without_a_frame() {
        let card = Driven::new();
        let frames = card.shared.backend.frames.get();
        let image = card.buffer(256, 64);
        card.set(image).unwrap();
        card.go(10, 20);
        card.go(-3, -4);
        assert_eq!(
            card.told(),
            [
                (true, true, 0, 0),
                (true, false, 10, 20),
                (true, false, -3, -4)
            ]
        );
        card.set(0).unwrap();
        assert_eq!(card.told(), [(false, true, 0, 0)]);
        card.go(5, 5);
        assert!(card.told().is_empty(), "there is none to move");
        assert_eq!(card.shared.backend.frames.get(), frames);
    }

    #[test]
    fn a_device_that_is_slow_is_told_the_newest() {
        let card = Driven::new();
        let (one, other) = (card.buffer(256, 64), card.buffer(256, 64));
        card.slow(true);
        card.set(one).unwrap();
        for x in 0..1000 {
            card.go(x, 7);
        }
        card.set(other).unwrap();
        card.go(5, 6);
        assert_eq!(card.told(), [(true, true, 0, 0)]);
        card.slow(false);
        assert_eq!(card.told(), [(true, true, 5, 6)]);
        let objects = card.shared.objects.borrow();
        assert_eq!(objects.framebuffers.len(), 2, "the picture and the cursor");
    }

    #[test]
    fn a_commit_that_says_nothing_of_the_cursor_leaves_it() {
        let card = Driven::new();
        let image = card.buffer(256, 64);
        card.set(image).unwrap();
        card.go(10, 10);
        card.told();
        let present = |shared: &Shared<Device>| {
            let mut change = shared.change(0);
            change.presented = true;
            vec![change]
        };
        card.slow(true);
        let first = card.start(present);
        let second = card.start(present);
        // Until the second has its turn the cursor is moved, and is another one.
        card.set(image).unwrap();
        card.go(20, 30);
        card.slow(false);
        card.told();
        card.wait(&first);
        card.wait(&second);
        assert!(card.told().is_empty());
        let cursor = card.shared.objects.borrow().outputs[0].cursor;
        assert_eq!((cursor.crtc_x, cursor.crtc_y), (20, 30));
    }

    #[test]
    fn a_cursor_goes_with_its_output_its_buffer_and_its_client() {
        let card = Driven::new();
        let image = card.buffer(256, 64);
        card.set(image).unwrap();
        card.told();
        let mut change = card.change();
        change.state.active = false;
        card.commit(change).unwrap();
        assert_eq!(card.told(), [(false, true, 0, 0)]);
        let mut change = card.change();
        change.state.active = true;
        card.commit(change).unwrap();
        assert_eq!(card.told(), [(true, true, 0, 0)]);
        let frames = card.shared.backend.frames.get();
        card.shared.close(card.file);
        assert_eq!(card.told(), [(false, true, 0, 0)]);
        assert_eq!(card.shared.backend.frames.get(), frames + 1);
    }

    #[test]
    fn a_framebuffer_is_its_makers() {
        let card = Driven::new();
        let mut objects = card.shared.objects.borrow_mut();
        let other = objects.open(false);
        assert_eq!(objects.framebuffers_of(card.file).count(), 1);
        assert_eq!(objects.framebuffers_of(other).count(), 0);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let card = Driven::new();
        for (pitch, height) in [(256, 32), (512, 64), (256, 65)] {
            let image = card.buffer(pitch, height);
            assert_eq!(card.set(image), Err(Errno::INVAL), "{pitch} {height}");
        }
        assert_eq!(card.set(999), Err(Errno::NOENT));
        assert!(card.told().is_empty());
        assert_eq!(card.shared.objects.borrow().framebuffers.len(), 1);
    }
}
