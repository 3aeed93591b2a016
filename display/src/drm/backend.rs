//! What a display driver supplies.

use crate::drm::abi::ModeInfo;
use ochre_driver::Result;
use std::future::Future;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

impl Rect {
    /// The part inside a `width` × `height` area; none if nothing is.
    #[must_use]
    pub fn clipped(self, width: u32, height: u32) -> Option<Rect> {
        let right = self.x.saturating_add(self.width).min(width);
        let bottom = self.y.saturating_add(self.height).min(height);
        let (w, h) = (right.checked_sub(self.x)?, bottom.checked_sub(self.y)?);
        (w > 0 && h > 0).then_some(Rect {
            width: w,
            height: h,
            ..self
        })
    }
}

/// Pixel memory that clients map: a dumb buffer.
#[derive(Debug)]
pub struct Buffer<T> {
    /// For clients' mmap and PRIME.
    pub memory: OwnedFd,
    pub size: u64,
    /// Bytes from one row to the next, chosen when it was made.
    pub pitch: u32,
    /// What the driver keeps of it.
    pub driver: T,
}

/// An output as the device describes it now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    pub connected: bool,
    /// The preferred mode first.
    pub modes: Vec<ModeInfo>,
    pub edid: Vec<u8>,
    pub mm_width: u32,
    pub mm_height: u32,
}

impl PartialEq for ModeInfo {
    fn eq(&self, other: &ModeInfo) -> bool {
        bytemuck::bytes_of(self) == bytemuck::bytes_of(other)
    }
}

impl Eq for ModeInfo {}

/// A finished commit of one output's primary plane.
pub struct Commit<T> {
    pub output: usize,
    /// What to scan out, and from where in it; none turns the output off. The width and height are
    /// those of the mode.
    pub scanout: Option<(Rc<Buffer<T>>, Rect)>,
    /// The framebuffer's pitch in bytes, its offset in the buffer, and its size in pixels.
    pub pitch: u32,
    pub offset: u32,
    pub framebuffer_width: u32,
    pub framebuffer_height: u32,
    /// The parts of the framebuffer that changed.
    pub damage: Vec<Rect>,
    /// The buffer, mode or place differs from the last commit's.
    pub changed: bool,
}

/// A cursor plane's new state.
pub struct Cursor<T> {
    pub output: usize,
    /// An image of 64 × 64 ARGB pixels (premultiplied); none hides the cursor.
    pub image: Option<Rc<Buffer<T>>>,
    /// The image differs from the last one: else only the place does.
    pub image_changed: bool,
    /// Where the image's corner is, be it beyond the output's edge.
    pub x: i32,
    pub y: i32,
    pub hot_x: u32,
    pub hot_y: u32,
}

/// A device that shows pixels.
pub trait Backend: 'static {
    /// What the driver keeps with a buffer.
    type Driver: 'static;

    /// The driver's name as DRM_IOCTL_VERSION tells it.
    fn name(&self) -> &'static str;

    /// The outputs, always the same number of them.
    fn outputs(&self) -> Vec<Output>;

    /// Whether the device shows a cursor of its own over the primary plane.
    fn has_cursor(&self) -> bool {
        false
    }

    /// The largest framebuffer, each way.
    fn max_size(&self) -> u32 {
        8192
    }

    /// Memory for `height` rows of `pitch` bytes.
    fn create_buffer(
        &self,
        pitch: u32,
        height: u32,
    ) -> impl Future<Output = Result<Buffer<Self::Driver>>>;

    /// Whether the device could show the commit: else its request fails, a mere test too. It changes
    /// nothing.
    fn check(&self, _commit: &Commit<Self::Driver>) -> Result<()> {
        Ok(())
    }

    /// Shows the commit; resolves when the device has it on screen.
    fn commit(&self, commit: Commit<Self::Driver>) -> impl Future<Output = Result<()>>;

    /// Shows, moves or hides the cursor.
    fn cursor(&self, _cursor: Cursor<Self::Driver>) -> impl Future<Output = Result<()>> {
        async { Err(ochre_driver::Errno::NXIO) }
    }
}
