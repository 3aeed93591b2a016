//! Buffers: two or three in shared memory, each kept up to date by what it has missed.

use ochre_raster::{Bitmap, Canvas, Rect};
use smithay_client_toolkit::reexports::client::protocol::wl_shm::Format;
use smithay_client_toolkit::reexports::client::protocol::wl_surface::WlSurface;
use smithay_client_toolkit::shm::slot::{Buffer, SlotPool};
use smithay_client_toolkit::shm::{CreatePoolError, Shm};

/// More are never needed: one on screen, one on its way there, one to draw in.
const MAX_BUFFERS: usize = 3;
/// Rectangles kept for a buffer before all of it counts as missed.
const MAX_MISSED: usize = 256;

pub struct Presenter {
    pool: SlotPool,
    buffers: Vec<Kept>,
    size: (i32, i32),
}

struct Kept {
    buffer: Buffer,
    missed: Vec<Rect>,
}

#[derive(Debug, thiserror::Error)]
pub enum PresentError {
    #[error("the compositor holds all buffers")]
    NoneFree,
    #[error("{0}")]
    Create(#[from] smithay_client_toolkit::shm::slot::CreateBufferError),
    #[error("{0}")]
    Attach(#[from] smithay_client_toolkit::shm::slot::ActivateSlotError),
}

impl Presenter {
    pub fn new(shm: &Shm) -> Result<Presenter, CreatePoolError> {
        Ok(Presenter {
            pool: SlotPool::new(4096, shm)?,
            buffers: Vec::new(),
            size: (0, 0),
        })
    }

    /// Attaches a buffer with these pixels, `damage` of which are new. The caller commits.
    pub fn present(
        &mut self,
        surface: &WlSurface,
        pixels: &Bitmap,
        damage: &[Rect],
    ) -> Result<(), PresentError> {
        let size = (pixels.width(), pixels.height());
        if size != self.size {
            self.buffers.clear();
            self.size = size;
        }
        for kept in &mut self.buffers {
            kept.missed.extend_from_slice(damage);
            if kept.missed.len() > MAX_MISSED {
                kept.missed = vec![pixels.bounds()];
            }
        }
        let index = self.free_buffer(pixels)?;
        let kept = &mut self.buffers[index];
        let bytes = kept
            .buffer
            .canvas(&mut self.pool)
            .ok_or(PresentError::NoneFree)?;
        let words: &mut [u32] =
            bytemuck::try_cast_slice_mut(bytes).expect("slots begin at multiples of 64 bytes");
        let (width, height) = (size.0 as u32, size.1 as u32);
        let mut canvas = Canvas::new(words, width, height, width as usize)
            .expect("the buffer was made for this size");
        for rect in kept.missed.drain(..) {
            canvas.copy(&pixels.opaque_image(), rect, (rect.x, rect.y));
        }
        kept.buffer.attach_to(surface)?;
        for rect in damage {
            surface.damage_buffer(rect.x, rect.y, rect.width, rect.height);
        }
        Ok(())
    }

    fn free_buffer(&mut self, pixels: &Bitmap) -> Result<usize, PresentError> {
        let pool = &mut self.pool;
        let free = self
            .buffers
            .iter()
            .position(|kept| kept.buffer.canvas(pool).is_some());
        if let Some(index) = free {
            return Ok(index);
        }
        if self.buffers.len() >= MAX_BUFFERS {
            return Err(PresentError::NoneFree);
        }
        let (width, height) = self.size;
        let (buffer, _) = pool.create_buffer(width, height, width * 4, Format::Xrgb8888)?;
        self.buffers.push(Kept {
            buffer,
            missed: vec![pixels.bounds()],
        });
        Ok(self.buffers.len() - 1)
    }
}
