//! A card over a device that only notes what it is told, for tests.

use crate::drm::abi::{CURSOR_BO, CURSOR_MOVE, CursorArg2, FORMAT_ARGB8888};
use crate::drm::backend::{Backend, Buffer, Commit, Cursor, Output};
use crate::drm::card::{Card, Shared};
use crate::drm::commit::{Change, How};
use crate::drm::events::Notify;
use crate::drm::mode;
use crate::drm::objects::Object;
use crate::drm::state::{CURSOR_SIZE, Framebuffer, PlaneState};
use ochre_driver::executor::Executor;
use ochre_driver::{Errno, Levels, Result};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub const NOW: How = How {
    test_only: false,
    nonblock: false,
    allow_modeset: true,
    listener: None,
};

/// A device that notes what it is told, and may be slow with cursors.
#[derive(Default)]
pub struct Device {
    pub frames: Cell<u32>,
    /// It can show nothing that it is asked for.
    pub refuses: Cell<bool>,
    /// Whether there was an image, whether it was another, and the place.
    cursors: RefCell<Vec<(bool, bool, i32, i32)>>,
    slow: Rc<Cell<bool>>,
    woken: Rc<Notify>,
}

impl Backend for Device {
    type Driver = ();

    fn name(&self) -> &'static str {
        "test"
    }

    fn outputs(&self) -> Vec<Output> {
        let modes = vec![mode::mode(640, 480, true)];
        let connected = true;
        vec![Output {
            connected,
            modes,
            ..Output::default()
        }]
    }

    fn has_cursor(&self) -> bool {
        true
    }

    async fn create_buffer(&self, pitch: u32, height: u32) -> Result<Buffer<()>> {
        Ok(Buffer {
            memory: rustix::pipe::pipe()?.0,
            size: u64::from(pitch * height),
            pitch,
            driver: (),
        })
    }

    fn check(&self, _commit: &Commit<()>) -> Result<()> {
        match self.refuses.get() {
            true => Err(Errno::INVAL),
            false => Ok(()),
        }
    }

    async fn commit(&self, _commit: Commit<()>) -> Result<()> {
        self.frames.set(self.frames.get() + 1);
        Ok(())
    }

    async fn cursor(&self, cursor: Cursor<()>) -> Result<()> {
        let note = (
            cursor.image.is_some(),
            cursor.image_changed,
            cursor.x,
            cursor.y,
        );
        self.cursors.borrow_mut().push(note);
        let slow = self.slow.clone();
        self.woken.until(move || !slow.get()).await;
        Ok(())
    }
}

/// A card that shows a picture, driven by this client.
pub struct Driven {
    pub shared: Rc<Shared<Device>>,
    pub executor: Executor,
    pub file: u64,
}

impl Driven {
    pub fn new() -> Driven {
        let executor = Executor::default();
        let device = Device::default();
        let card = Card::new(device, 0, None, Levels::default(), executor.clone());
        let shared = card.0;
        let file = shared.objects.borrow_mut().open(true);
        let driven = Driven {
            shared,
            executor,
            file,
        };
        let mut change = driven.change();
        let handle = driven.buffer(640 * 4, 480);
        let fb = {
            let mut objects = driven.shared.objects.borrow_mut();
            let buffer = objects.client(file).unwrap().buffer(handle).unwrap();
            let framebuffer = Framebuffer {
                buffer,
                width: 640,
                height: 480,
                pitch: 640 * 4,
                offset: 0,
                format: FORMAT_ARGB8888,
            };
            objects.add_framebuffer(framebuffer, file).unwrap()
        };
        change.state.active = true;
        change.state.routed = true;
        change.state.mode = Some(mode::mode(640, 480, true));
        change.state.primary = PlaneState {
            fb,
            crtc: Object::Crtc(0).id(),
            src_w: 640 << 16,
            src_h: 480 << 16,
            crtc_w: 640,
            crtc_h: 480,
            ..PlaneState::default()
        };
        change.presented = true;
        driven.commit(change).unwrap();
        driven
    }

    pub fn change(&self) -> Change {
        Change {
            output: 0,
            state: self.shared.objects.borrow().outputs[0].clone(),
            damage: None,
            presented: false,
            moves_cursor: false,
        }
    }

    pub fn commit(&self, change: Change) -> Result<()> {
        self.commit_as(vec![change], NOW)
    }

    /// Another client's commit.
    pub fn commit_of(&self, file: u64, changes: Vec<Change>) -> Result<()> {
        let shared = self.shared.clone();
        let commit = async move { shared.commit(file, changes, NOW).await };
        self.executor.block_on(commit)
    }

    pub fn commit_as(&self, changes: Vec<Change>, how: How) -> Result<()> {
        let (shared, file) = (self.shared.clone(), self.file);
        let commit = async move { shared.commit(file, changes, how).await };
        self.executor.block_on(commit)
    }

    pub fn buffer(&self, pitch: u32, height: u32) -> u32 {
        let shared = self.shared.clone();
        let file = self.file;
        let buffer = async move { shared.make_buffer(file, pitch, height).await };
        self.executor.block_on(buffer).unwrap().0
    }

    pub fn set(&self, handle: u32) -> Result<u32> {
        let cursor = CursorArg2 {
            flags: CURSOR_BO,
            crtc_id: Object::Crtc(0).id(),
            x: 0,
            y: 0,
            width: CURSOR_SIZE,
            height: CURSOR_SIZE,
            handle,
            hot_x: 4,
            hot_y: 3,
        };
        self.shared.set_cursor(self.file, &cursor)
    }

    pub fn go(&self, x: i32, y: i32) {
        let cursor = CursorArg2 {
            flags: CURSOR_MOVE,
            crtc_id: Object::Crtc(0).id(),
            x,
            y,
            width: 0,
            height: 0,
            handle: 0,
            hot_x: 0,
            hot_y: 0,
        };
        self.shared.set_cursor(self.file, &cursor).unwrap();
    }

    pub fn slow(&self, slow: bool) {
        let device = &self.shared.backend;
        device.slow.set(slow);
        device.woken.notify();
        self.executor.run_ready();
    }

    pub fn told(&self) -> Vec<(bool, bool, i32, i32)> {
        self.executor.run_ready();
        self.shared.backend.cursors.take()
    }
}
