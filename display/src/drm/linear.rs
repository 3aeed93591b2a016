//! A backend for devices that are a linear framebuffer: dumb buffers are ordinary memory, and a
//! commit copies what changed.

use crate::drm::backend::{Backend, Buffer, Commit, Output, Rect};
use ochre_driver::capability::DeviceMemory;
use ochre_driver::{Errno, Result};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::cell::{Cell, RefCell};
use std::os::fd::AsFd;

/// What a driver of such a device does itself.
pub trait Screen: 'static {
    fn name(&self) -> &'static str;

    fn output(&self) -> Output;

    /// The bytes from one row of the framebuffer to the next in a mode, if the device has it.
    fn stride(&self, width: u32, height: u32) -> Result<usize>;

    /// Switches to a mode that it has.
    fn set_mode(&self, width: u32, height: u32) -> Result<()>;

    /// Stops showing anything.
    fn turn_off(&self) -> Result<()>;

    /// The framebuffer.
    fn memory(&self) -> &DeviceMemory;
}

/// See the module's header.
pub struct Linear<S> {
    screen: S,
    /// Bytes from row to row, and rows, in the present mode.
    mode: Cell<(usize, u32)>,
    shown: RefCell<Option<(u32, u32)>>,
}

impl<S: Screen> Linear<S> {
    #[must_use]
    pub fn new(screen: S) -> Linear<S> {
        Linear {
            screen,
            mode: Cell::new((0, 0)),
            shown: RefCell::new(None),
        }
    }

    fn set_mode(&self, width: u32, height: u32) -> Result<()> {
        if *self.shown.borrow() == Some((width, height)) {
            return Ok(());
        }
        let stride = self.stride(width, height)?;
        // Whatever a device that fails shows then, it is not what was shown.
        *self.shown.borrow_mut() = None;
        self.screen.set_mode(width, height)?;
        self.mode.set((stride, height));
        *self.shown.borrow_mut() = Some((width, height));
        Ok(())
    }

    /// The bytes from row to row in a mode that the device has, and the memory for.
    fn stride(&self, width: u32, height: u32) -> Result<usize> {
        let stride = self.screen.stride(width, height)?;
        let needed = stride.checked_mul(height as usize).ok_or(Errno::INVAL)?;
        if needed > self.screen.memory().len() || stride < width as usize * 4 {
            return Err(Errno::NOSPC);
        }
        Ok(stride)
    }

    /// Copies a part of the source to where it is shown.
    fn copy(&self, commit: &Commit<DeviceMemory>, from: &DeviceMemory, source: Rect, part: Rect) {
        let (stride, _) = self.mode.get();
        let len = part.width as usize * 4;
        for row in part.y..part.y + part.height {
            let from_offset =
                commit.offset as usize + row as usize * commit.pitch as usize + part.x as usize * 4;
            let to_offset = (row - source.y) as usize * stride + (part.x - source.x) as usize * 4;
            from.copy_to(from_offset, self.screen.memory(), to_offset, len);
        }
    }
}

/// What two rectangles share.
fn intersection(a: Rect, b: Rect) -> Option<Rect> {
    let (x, y) = (a.x.max(b.x), a.y.max(b.y));
    let right = (a.x + a.width).min(b.x + b.width);
    let bottom = (a.y + a.height).min(b.y + b.height);
    let (width, height) = (right.checked_sub(x)?, bottom.checked_sub(y)?);
    (width > 0 && height > 0).then_some(Rect {
        x,
        y,
        width,
        height,
    })
}

impl<S: Screen> Backend for Linear<S> {
    type Driver = DeviceMemory;

    fn name(&self) -> &'static str {
        self.screen.name()
    }

    fn outputs(&self) -> Vec<Output> {
        vec![self.screen.output()]
    }

    async fn create_buffer(&self, pitch: u32, height: u32) -> Result<Buffer<DeviceMemory>> {
        let size = u64::from(pitch) * u64::from(height);
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let memory = memfd_create("dumb-buffer", flags)?;
        rustix::fs::ftruncate(&memory, size.next_multiple_of(4096))?;
        // Whoever is given it (PRIME) may rely on it: nobody who has it can take it from the others.
        fcntl_add_seals(
            &memory,
            SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
        )?;
        let driver = DeviceMemory::map(memory.as_fd(), 0, size.next_multiple_of(4096) as usize)?;
        Ok(Buffer {
            memory,
            size,
            pitch,
            driver,
        })
    }

    fn check(&self, commit: &Commit<DeviceMemory>) -> Result<()> {
        match &commit.scanout {
            Some((_, source)) => self.stride(source.width, source.height).map(drop),
            None => Ok(()),
        }
    }

    async fn commit(&self, commit: Commit<DeviceMemory>) -> Result<()> {
        let Some((buffer, source)) = &commit.scanout else {
            *self.shown.borrow_mut() = None;
            return self.screen.turn_off();
        };
        self.set_mode(source.width, source.height)?;
        for rect in &commit.damage {
            if let Some(part) = intersection(*rect, *source) {
                self.copy(&commit, &buffer.driver, *source, part);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ochre_driver::executor::Executor;
    use std::rc::Rc;

    #[test]
    fn rectangles_that_only_touch_share_nothing() {
        let a = Rect {
            x: 0,
            y: 0,
            width: 10,
            height: 10,
        };
        assert_eq!(intersection(a, Rect { x: 10, ..a }), None);
        let b = Rect {
            x: 5,
            y: 5,
            width: 10,
            height: 10,
        };
        assert_eq!(
            intersection(a, b),
            Some(Rect {
                x: 5,
                y: 5,
                width: 5,
                height: 5
            })
        );
    }

    /// A screen of a page's memory that notes its modes, and may fail to switch.
    struct Page {
        memory: DeviceMemory,
        modes: RefCell<Vec<(u32, u32)>>,
        broken: Cell<bool>,
    }

    impl Screen for Page {
        fn name(&self) -> &'static str {
            "test"
        }

        fn output(&self) -> Output {
            Output::default()
        }

        fn stride(&self, width: u32, _height: u32) -> Result<usize> {
            Ok(width as usize * 4)
        }

        fn set_mode(&self, width: u32, height: u32) -> Result<()> {
            self.modes.borrow_mut().push((width, height));
            match self.broken.get() {
                true => Err(Errno::IO),
                false => Ok(()),
            }
        }

        fn turn_off(&self) -> Result<()> {
            Ok(())
        }

        fn memory(&self) -> &DeviceMemory {
            &self.memory
        }
    }

    #[test]
    fn a_mode_is_checked_before_it_is_set_and_set_again_after_a_failure() {
        let file = memfd_create("screen", MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::ftruncate(&file, 4096).unwrap();
        let linear = Rc::new(Linear::new(Page {
            memory: DeviceMemory::map(file.as_fd(), 0, 4096).unwrap(),
            modes: RefCell::default(),
            broken: Cell::new(false),
        }));
        let executor = Executor::default();
        let device = linear.clone();
        let buffer = async move { device.create_buffer(64 * 4, 64).await };
        let buffer = Rc::new(executor.block_on(buffer).unwrap());
        let commit = |width, height| {
            let source = Rect {
                x: 0,
                y: 0,
                width,
                height,
            };
            Commit {
                output: 0,
                scanout: Some((buffer.clone(), source)),
                pitch: 64 * 4,
                offset: 0,
                framebuffer_width: 64,
                framebuffer_height: 64,
                damage: vec![source],
                changed: true,
            }
        };
        let show = |width, height| {
            let (device, commit) = (linear.clone(), commit(width, height));
            executor.block_on(async move { device.commit(commit).await })
        };
        let modes = || linear.screen.modes.take();
        assert_eq!(show(32, 32), Ok(()));
        assert_eq!(modes(), [(32, 32)]);
        assert_eq!(linear.check(&commit(64, 64)), Err(Errno::NOSPC));
        assert_eq!(show(64, 64), Err(Errno::NOSPC));
        assert!(modes().is_empty(), "the device was left alone");
        linear.screen.broken.set(true);
        assert_eq!(show(16, 16), Err(Errno::IO));
        linear.screen.broken.set(false);
        assert_eq!(show(32, 32), Ok(()));
        assert_eq!(modes(), [(16, 16), (32, 32)]);
    }
}
