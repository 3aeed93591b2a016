//! A card over a device that only notes what it is told, for tests.

use crate::drm::abi::{CURSOR_BO, CURSOR_MOVE, CursorArg2, FORMAT_ARGB8888};
use crate::drm::backend::{Backend, Buffer, Commit, Cursor, Output};
use crate::drm::card::{Card, Shared};
use crate::drm::commit::{Change, How};
use crate::drm::events::Notify;
use crate::drm::mode;
use crate::drm::objects::Object;
use crate::drm::state::{CURSOR_SIZE, Framebuffer, PlaneState};
use ochre_driver::executor::{Executor, now};
use ochre_driver::{Errno, Levels, Result};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub const NOW: How = How {
    test_only: false,
    nonblock: false,
    allow_modeset: true,
    listener: None,
};

/// What became of a commit, once it is over.
pub type Outcome = Rc<Cell<Option<Result<()>>>>;

/// A device of two outputs that notes what it is told, and may be slow.
#[derive(Default)]
pub struct Device {
    pub frames: Cell<u32>,
    /// It can show nothing that it is asked for.
    pub refuses: Cell<bool>,
    /// Whether there was an image, whether it was another, and the place.
    cursors: RefCell<Vec<(bool, bool, i32, i32)>>,
    pub slow: Rc<Cell<bool>>,
    pub woken: Rc<Notify>,
}

impl Backend for Device {
    type Driver = ();

    fn name(&self) -> &'static str {
        "test"
    }

    fn outputs(&self) -> Vec<Output> {
        let modes = vec![mode::mode(640, 480, true)];
        let connected = true;
        let output = Output {
            connected,
            modes,
            ..Output::default()
        };
        vec![output.clone(), output]
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
        let slow = self.slow.clone();
        self.woken.until(move || !slow.get()).await;
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
        driven.light(0);
        driven
    }

    /// A framebuffer of an output's size.
    pub fn picture(&self) -> u32 {
        let handle = self.buffer(640 * 4, 480);
        let mut objects = self.shared.objects.borrow_mut();
        let buffer = objects.client(self.file).unwrap().buffer(handle).unwrap();
        let framebuffer = Framebuffer {
            buffer,
            width: 640,
            height: 480,
            pitch: 640 * 4,
            offset: 0,
            format: FORMAT_ARGB8888,
        };
        objects.add_framebuffer(framebuffer, self.file).unwrap()
    }

    /// Shows a picture on an output.
    pub fn light(&self, output: usize) {
        let fb = self.picture();
        let mut change = self.shared.change(output);
        change.state.active = true;
        change.state.routed = true;
        change.state.mode = Some(mode::mode(640, 480, true));
        change.state.primary = PlaneState {
            fb,
            crtc: Object::Crtc(output).id(),
            src_w: 640 << 16,
            src_h: 480 << 16,
            crtc_w: 640,
            crtc_h: 480,
            ..PlaneState::default()
        };
        change.presented = true;
        self.commit(change).unwrap();
    }

    /// The first output as it is, to be changed.
    pub fn change(&self) -> Change {
        self.shared.change(0)
    }

    pub fn commit(&self, change: Change) -> Result<()> {
        self.commit_as(vec![change], NOW)
    }

    /// Another client's commit.
    pub fn commit_of(&self, file: u64, changes: Vec<Change>) -> Result<()> {
        let shared = self.shared.clone();
        let commit = async move { shared.commit(file, || Ok(changes.clone()), NOW).await };
        self.executor.block_on(commit)
    }

    pub fn commit_as(&self, changes: Vec<Change>, how: How) -> Result<()> {
        let (shared, file) = (self.shared.clone(), self.file);
        let commit = async move { shared.commit(file, || Ok(changes.clone()), how).await };
        self.executor.block_on(commit)
    }

    /// Begins a commit, which says in the end what came of it.
    pub fn start(&self, request: impl Fn(&Shared<Device>) -> Vec<Change> + 'static) -> Outcome {
        let (shared, file) = (self.shared.clone(), self.file);
        let outcome = Outcome::default();
        let place = outcome.clone();
        self.executor.spawn(async move {
            let done = shared.commit(file, || Ok(request(&shared)), NOW).await;
            place.set(Some(done));
        });
        outcome
    }

    /// Waits for the end of a commit that succeeds.
    pub fn wait(&self, outcome: &Outcome) {
        while outcome.get().is_none() {
            let executor = self.executor.clone();
            let turn = async move { executor.sleep_until(now() + 1_000_000).await };
            self.executor.block_on(turn);
        }
        assert_eq!(outcome.get(), Some(Ok(())));
    }

    /// The device does at once again what it is told, from the executor's next turn on.
    pub fn hurry(&self) {
        self.shared.backend.slow.set(false);
        self.shared.backend.woken.notify();
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
