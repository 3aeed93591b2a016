//! The device as a KMS backend: damage-only transfers, the cursor on its own queue.

use crate::gpu::Gpu;
use crate::protocol::{
    CursorPos, Flush, MOVE_CURSOR, RESOURCE_FLUSH, Rect as WireRect, SET_SCANOUT, SetScanout,
    TRANSFER_TO_HOST_2D, Transfer, UPDATE_CURSOR, UpdateCursor, header,
};
use ochre_display::drm::card::Shared;
use ochre_display::drm::{Backend, Buffer, Commit, Cursor, Output, Rect};
use ochre_driver::capability::DmaBuffer;
use ochre_driver::{Errno, Result};
use std::cell::RefCell;
use std::rc::Rc;

/// All of a cursor's picture.
const CURSOR: Rect = Rect {
    x: 0,
    y: 0,
    width: 64,
    height: 64,
};
/// Pixels of the smallest scanout, each way (QEMU's limit).
const SMALLEST: u32 = 16;
/// Rectangles transferred one by one; more are joined to one.
const RECTS: usize = 16;

/// See the module's header.
pub struct VirtioGpu {
    gpu: Rc<Gpu>,
    outputs: RefCell<Vec<Output>>,
    /// A cursor without a pixel, once one was needed.
    blank: RefCell<Option<Buffer<Resource>>>,
}

/// A host resource over guest memory. Its memory is given back after the host has let it go.
pub struct Resource {
    id: u32,
    memory: Option<DmaBuffer>,
    gpu: Rc<Gpu>,
}

impl Drop for Resource {
    fn drop(&mut self) {
        let (gpu, id, memory) = (self.gpu.clone(), self.id, self.memory.take());
        self.gpu.executor.spawn(async move {
            gpu.destroy_resource(id).await;
            drop(memory);
        });
    }
}

impl VirtioGpu {
    #[must_use]
    pub fn new(gpu: Rc<Gpu>, outputs: Vec<Output>) -> VirtioGpu {
        VirtioGpu {
            gpu,
            outputs: RefCell::new(outputs),
            blank: RefCell::default(),
        }
    }

    /// The resource of an empty cursor.
    async fn blank(&self) -> Result<u32> {
        if let Some(blank) = &*self.blank.borrow() {
            return Ok(blank.driver.id);
        }
        let pitch = CURSOR.width * 4;
        let blank = self.create_buffer(pitch, CURSOR.height).await?;
        let id = blank.driver.id;
        self.transfer(id, pitch, CURSOR).await?;
        *self.blank.borrow_mut() = Some(blank);
        Ok(id)
    }

    /// Brings parts of a buffer to the host's copy of it.
    async fn transfer(&self, resource_id: u32, pitch: u32, rect: Rect) -> Result<()> {
        let offset = u64::from(rect.y) * u64::from(pitch) + u64::from(rect.x) * 4;
        let transfer = Transfer {
            header: header(TRANSFER_TO_HOST_2D),
            rect: wire(rect),
            offset,
            resource_id,
            padding: 0,
        };
        self.gpu.command(&transfer).await
    }
}

/// Takes over what the host changes, for ever.
pub async fn follow_display(card: Rc<Shared<VirtioGpu>>) {
    loop {
        card.backend.gpu.display_change().await;
        match card.backend.gpu.describe().await {
            Ok(outputs) => {
                *card.backend.outputs.borrow_mut() = outputs;
                card.refresh();
            }
            Err(error) => eprintln!("virtio-gpu: asking for the outputs: {error}"),
        }
    }
}

fn wire(rect: Rect) -> WireRect {
    WireRect {
        x: rect.x,
        y: rect.y,
        width: rect.width,
        height: rect.height,
    }
}

/// At most [`RECTS`] rectangles that cover all of `rects`.
fn joined(rects: Vec<Rect>) -> Vec<Rect> {
    if rects.len() <= RECTS {
        return rects;
    }
    let left = rects.iter().map(|r| r.x).min().unwrap_or(0);
    let top = rects.iter().map(|r| r.y).min().unwrap_or(0);
    let right = rects.iter().map(|r| r.x + r.width).max().unwrap_or(0);
    let bottom = rects.iter().map(|r| r.y + r.height).max().unwrap_or(0);
    vec![Rect {
        x: left,
        y: top,
        width: right - left,
        height: bottom - top,
    }]
}

impl Backend for VirtioGpu {
    type Driver = Resource;

    fn name(&self) -> &'static str {
        "virtio_gpu"
    }

    fn outputs(&self) -> Vec<Output> {
        self.outputs.borrow().clone()
    }

    fn has_cursor(&self) -> bool {
        true
    }

    async fn create_buffer(&self, pitch: u32, height: u32) -> Result<Buffer<Resource>> {
        let size = u64::from(pitch) * u64::from(height);
        let memory = self
            .gpu
            .dma()
            .alloc(usize::try_from(size).map_err(|_| Errno::NOMEM)?)?;
        // Before there is a resource, which a failure would leave to the host.
        let shared = memory.fd.try_clone().map_err(|_| Errno::MFILE)?;
        let id = self.gpu.create_resource(pitch / 4, height, &memory).await?;
        let driver = Resource {
            id,
            memory: Some(memory),
            gpu: self.gpu.clone(),
        };
        Ok(Buffer {
            memory: shared,
            size,
            pitch,
            driver,
        })
    }

    fn check(&self, commit: &Commit<Resource>) -> Result<()> {
        showable(commit)
    }

    async fn commit(&self, commit: Commit<Resource>) -> Result<()> {
        let scanout_id = commit.output as u32;
        let Some((buffer, source)) = &commit.scanout else {
            let off = SetScanout {
                header: header(SET_SCANOUT),
                scanout_id,
                ..SetScanout::default()
            };
            return self.gpu.command(&off).await;
        };
        let resource_id = buffer.driver.id;
        let damage = joined(commit.damage);
        for rect in &damage {
            self.transfer(resource_id, buffer.pitch, *rect).await?;
        }
        if commit.changed {
            let scanout = SetScanout {
                header: header(SET_SCANOUT),
                rect: wire(*source),
                scanout_id,
                resource_id,
            };
            self.gpu.command(&scanout).await?;
        }
        for rect in &damage {
            let flush = Flush {
                header: header(RESOURCE_FLUSH),
                rect: wire(*rect),
                resource_id,
                padding: 0,
            };
            self.gpu.command(&flush).await?;
        }
        Ok(())
    }

    async fn cursor(&self, cursor: Cursor<Resource>) -> Result<()> {
        let shows = |resource_id| command_of(&cursor, resource_id);
        let Some(image) = &cursor.image else {
            // A viewer that shows cursors by itself, as VNC's do, keeps the last picture of one that is
            // hidden: so it is given an empty one before.
            let blank = self.blank().await?;
            self.gpu.cursor_command(&shows(blank)).await?;
            return self.gpu.cursor_command(&shows(0)).await;
        };
        if cursor.image_changed {
            self.transfer(image.driver.id, image.pitch, CURSOR).await?;
        }
        self.gpu.cursor_command(&shows(image.driver.id)).await
    }
}

/// A resource's rows have its buffer's pitch, and it begins where the buffer does; hosts show none
/// that is smaller than a few pixels.
fn showable<T>(commit: &Commit<T>) -> Result<()> {
    let Some((buffer, source)) = &commit.scanout else {
        return Ok(());
    };
    let alike = commit.pitch == buffer.pitch && commit.offset == 0;
    if !alike || source.width < SMALLEST || source.height < SMALLEST {
        return Err(Errno::INVAL);
    }
    Ok(())
}

/// The command that makes the device show a cursor. The device shows none for a move without a
/// resource, though it takes no new picture from it (QEMU), so both kinds name it.
fn command_of<T>(cursor: &Cursor<T>, resource_id: u32) -> UpdateCursor {
    let kind = if cursor.image_changed {
        UPDATE_CURSOR
    } else {
        MOVE_CURSOR
    };
    UpdateCursor {
        header: header(kind),
        pos: CursorPos {
            scanout_id: cursor.output as u32,
            // Beyond the left and the upper edge in two's complement, as Linux says it.
            x: cursor.x.cast_unsigned(),
            y: cursor.y.cast_unsigned(),
            padding: 0,
        },
        resource_id,
        hot_x: cursor.hot_x,
        hot_y: cursor.hot_y,
        padding: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_rectangles_become_their_bounds() {
        let rects: Vec<Rect> = (0..40)
            .map(|n| Rect {
                x: n * 10,
                y: n,
                width: 5,
                height: 2,
            })
            .collect();
        let bounds = Rect {
            x: 0,
            y: 0,
            width: 395,
            height: 41,
        };
        assert_eq!(joined(rects), [bounds]);
    }

    #[test]
    fn a_framebuffer_that_is_no_whole_resource_is_not_showable() {
        let commit = |pitch, offset, width| {
            let buffer = Buffer {
                memory: std::fs::File::open("/dev/null").unwrap().into(),
                size: 256 * 64,
                pitch: 256,
                driver: (),
            };
            let source = Rect { width, ..CURSOR };
            Commit {
                output: 0,
                scanout: Some((Rc::new(buffer), source)),
                pitch,
                offset,
                framebuffer_width: 64,
                framebuffer_height: 64,
                damage: Vec::new(),
                changed: true,
            }
        };
        assert_eq!(showable(&commit(256, 0, 64)), Ok(()));
        assert_eq!(showable(&commit(512, 0, 64)), Err(Errno::INVAL));
        assert_eq!(showable(&commit(256, 256, 64)), Err(Errno::INVAL));
        assert_eq!(showable(&commit(256, 0, 8)), Err(Errno::INVAL));
    }

    #[test]
    fn a_moved_cursor_keeps_its_picture_and_may_hang_over_the_edge() {
        let mut cursor = Cursor::<()> {
            output: 1,
            image: None,
            image_changed: false,
            x: -4,
            y: 700,
            hot_x: 4,
            hot_y: 3,
        };
        let moved = command_of(&cursor, 9);
        assert_eq!((moved.header.kind, moved.resource_id), (MOVE_CURSOR, 9));
        assert_eq!((moved.pos.scanout_id, moved.pos.y), (1, 700));
        assert_eq!(moved.pos.x, u32::MAX - 3);
        cursor.image_changed = true;
        let shown = command_of(&cursor, 9);
        assert_eq!(shown.header.kind, UPDATE_CURSOR);
        assert_eq!((shown.hot_x, shown.hot_y), (4, 3));
    }
}
