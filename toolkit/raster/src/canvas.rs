//! Views of pixels: where to draw, and what to draw from.
//!
//! Invariant of each view: the last pixel of the last row is inside its slice, so a row inside the
//! view's rectangle can always be sliced. Constructors check it, fields are private to keep it.

use crate::rect::Rect;

/// Pixels to draw on, with a clip.
#[derive(Debug)]
pub struct Canvas<'a> {
    pixels: &'a mut [u32],
    width: i32,
    height: i32,
    stride: usize,
    clip: Rect,
}

/// Pixels to read. `opaque` says that the top byte is no alpha (XRGB8888) and may hold anything.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    pixels: &'a [u32],
    width: i32,
    height: i32,
    stride: usize,
    opaque: bool,
}

/// Coverage to read, one byte a pixel.
#[derive(Clone, Copy, Debug)]
pub struct Mask<'a> {
    coverage: &'a [u8],
    width: i32,
    height: i32,
    stride: usize,
}

/// Pixels of our own, tightly packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    pixels: Vec<u32>,
    width: i32,
    height: i32,
}

/// Whether `len` elements hold `width` × `height` with `stride`, and the sides as `i32`.
fn checked_size(len: usize, width: u32, height: u32, stride: usize) -> Option<(i32, i32)> {
    let sides = (i32::try_from(width).ok()?, i32::try_from(height).ok()?);
    if width == 0 || height == 0 {
        return Some((0, 0));
    }
    let last_row = stride.checked_mul(height as usize - 1)?;
    let fits = stride >= width as usize && last_row.checked_add(width as usize)? <= len;
    fits.then_some(sides)
}

/// The elements of row `y` from column `from` to `to`; all three must be inside the view.
fn span(stride: usize, y: i32, from: i32, to: i32) -> std::ops::Range<usize> {
    let start = y as usize * stride;
    start + from as usize..start + to as usize
}

impl<'a> Canvas<'a> {
    /// `stride` is in pixels. None when the slice is too short.
    pub fn new(pixels: &'a mut [u32], width: u32, height: u32, stride: usize) -> Option<Self> {
        let (width, height) = checked_size(pixels.len(), width, height, stride)?;
        Some(Canvas {
            pixels,
            width,
            height,
            stride,
            clip: Rect::new(0, 0, width, height),
        })
    }

    pub fn width(&self) -> i32 {
        self.width
    }

    pub fn height(&self) -> i32 {
        self.height
    }

    pub fn bounds(&self) -> Rect {
        Rect::new(0, 0, self.width, self.height)
    }

    /// Where drawing has an effect.
    pub fn clip(&self) -> Rect {
        self.clip
    }

    /// The same pixels, where only `rect` (within the present clip) can be drawn on.
    pub fn clipped(&mut self, rect: Rect) -> Canvas<'_> {
        Canvas {
            clip: self.clip.intersect(&rect),
            pixels: self.pixels,
            width: self.width,
            height: self.height,
            stride: self.stride,
        }
    }

    pub fn as_image(&self) -> Image<'_> {
        Image {
            pixels: self.pixels,
            width: self.width,
            height: self.height,
            stride: self.stride,
            opaque: false,
        }
    }

    /// Columns `from..to` of row `y`, which must be inside the clip.
    #[inline]
    pub(crate) fn row(&mut self, y: i32, from: i32, to: i32) -> &mut [u32] {
        &mut self.pixels[span(self.stride, y, from, to)]
    }
}

impl<'a> Image<'a> {
    /// Premultiplied ARGB8888; `stride` is in pixels. None when the slice is too short.
    pub fn argb(pixels: &'a [u32], width: u32, height: u32, stride: usize) -> Option<Self> {
        let (width, height) = checked_size(pixels.len(), width, height, stride)?;
        Some(Image {
            pixels,
            width,
            height,
            stride,
            opaque: false,
        })
    }

    /// XRGB8888: the top byte is not looked at.
    pub fn xrgb(pixels: &'a [u32], width: u32, height: u32, stride: usize) -> Option<Self> {
        Some(Image {
            opaque: true,
            ..Image::argb(pixels, width, height, stride)?
        })
    }

    pub fn width(&self) -> i32 {
        self.width
    }

    pub fn height(&self) -> i32 {
        self.height
    }

    pub fn bounds(&self) -> Rect {
        Rect::new(0, 0, self.width, self.height)
    }

    pub fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// The pixel, with its alpha made 255 in an opaque image; None outside.
    pub fn pixel(&self, x: i32, y: i32) -> Option<u32> {
        let word = self
            .bounds()
            .contains(x, y)
            .then(|| self.row(y, x, x + 1)[0])?;
        Some(if self.opaque {
            word | 0xff00_0000
        } else {
            word
        })
    }

    /// Columns `from..to` of row `y`, which must be inside the image.
    #[inline]
    pub(crate) fn row(&self, y: i32, from: i32, to: i32) -> &'a [u32] {
        &self.pixels[span(self.stride, y, from, to)]
    }

    pub(crate) fn pixels(&self) -> &'a [u32] {
        self.pixels
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }
}

impl<'a> Mask<'a> {
    /// `stride` is in bytes. None when the slice is too short.
    pub fn new(coverage: &'a [u8], width: u32, height: u32, stride: usize) -> Option<Self> {
        let (width, height) = checked_size(coverage.len(), width, height, stride)?;
        Some(Mask {
            coverage,
            width,
            height,
            stride,
        })
    }

    pub fn width(&self) -> i32 {
        self.width
    }

    pub fn height(&self) -> i32 {
        self.height
    }

    #[inline]
    pub(crate) fn row(&self, y: i32, from: i32, to: i32) -> &'a [u8] {
        &self.coverage[span(self.stride, y, from, to)]
    }
}

impl Bitmap {
    /// A transparent bitmap. None when it can't be addressed.
    pub fn new(width: u32, height: u32) -> Option<Bitmap> {
        let len = (width as usize).checked_mul(height as usize)?;
        let (width, height) = checked_size(len, width, height, width as usize)?;
        Some(Bitmap {
            pixels: vec![0; len],
            width,
            height,
        })
    }

    /// Takes over `width` × `height` pixels. None when the count is another.
    pub fn from_pixels(pixels: Vec<u32>, width: u32, height: u32) -> Option<Bitmap> {
        if pixels.len() != (width as usize).checked_mul(height as usize)? {
            return None;
        }
        let (width, height) = checked_size(pixels.len(), width, height, width as usize)?;
        Some(Bitmap {
            pixels,
            width,
            height,
        })
    }

    pub fn width(&self) -> i32 {
        self.width
    }

    pub fn height(&self) -> i32 {
        self.height
    }

    pub fn bounds(&self) -> Rect {
        Rect::new(0, 0, self.width, self.height)
    }

    pub fn pixels(&self) -> &[u32] {
        &self.pixels
    }

    pub fn canvas(&mut self) -> Canvas<'_> {
        Canvas {
            pixels: &mut self.pixels,
            width: self.width,
            height: self.height,
            stride: self.width as usize,
            clip: Rect::new(0, 0, self.width, self.height),
        }
    }

    pub fn image(&self) -> Image<'_> {
        Image {
            pixels: &self.pixels,
            width: self.width,
            height: self.height,
            stride: self.width as usize,
            opaque: false,
        }
    }

    /// The bitmap as an image without alpha.
    pub fn opaque_image(&self) -> Image<'_> {
        Image {
            opaque: true,
            ..self.image()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_slice_is_no_view() {
        let mut pixels = vec![0; 10 * 4 + 5];
        assert!(
            Canvas::new(&mut pixels, 5, 5, 10).is_some(),
            "the last row needs no padding"
        );
        assert!(Canvas::new(&mut pixels, 6, 5, 10).is_none());
        assert!(
            Image::argb(&pixels, 5, 5, 4).is_none(),
            "rows would overlap"
        );
        assert!(Image::argb(&pixels, u32::MAX, 2, usize::MAX).is_none());
        assert!(Image::argb(&pixels, 1, u32::MAX, usize::MAX / 2).is_none());
        assert!(Mask::new(&[0; 4], 2, 2, 2).is_some());
        assert!(Bitmap::new(u32::MAX, u32::MAX).is_none());
    }

    #[test]
    fn a_clip_only_narrows() {
        let mut bitmap = Bitmap::new(8, 8).unwrap();
        let mut canvas = bitmap.canvas();
        let mut once = canvas.clipped(Rect::new(2, 2, 3, 3));
        assert_eq!(
            once.clipped(Rect::new(0, 0, 100, 3)).clip(),
            Rect::new(2, 2, 3, 1)
        );
    }
}
