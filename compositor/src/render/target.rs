//! Where frames are drawn, and pictures taken of them.

use ochre_raster::{Bitmap, Canvas, Rect};
use smithay::{
    backend::{allocator::Fourcc, renderer::Texture},
    utils::{Buffer as BufferCoord, Physical, Rectangle, Size},
};

/// A size in pixels that is worth having: not empty, and small enough to allocate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    width: u32,
    height: u32,
}

/// The largest side of a picture: beyond it is no display, only a mistake.
const LARGEST_SIDE: u32 = 16_384;

impl Extent {
    /// A size, unless it is empty or absurd.
    pub fn new(width: u32, height: u32) -> Option<Self> {
        let sane = (1..=LARGEST_SIDE).contains(&width) && (1..=LARGEST_SIDE).contains(&height);
        sane.then_some(Self { width, height })
    }

    /// A signed size likewise.
    pub fn from_signed(width: i32, height: i32) -> Option<Self> {
        Self::new(u32::try_from(width).ok()?, u32::try_from(height).ok()?)
    }

    /// Columns.
    pub fn width(self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(self) -> u32 {
        self.height
    }

    /// As the signed pair that Smithay's geometry takes.
    pub fn signed(self) -> (i32, i32) {
        (self.width as i32, self.height as i32) // LARGEST_SIDE fits
    }

    /// A transparent bitmap of this size.
    pub fn bitmap(self) -> Bitmap {
        Bitmap::new(self.width, self.height).expect("LARGEST_SIDE squared can be addressed")
    }
}

/// Pixels to draw a frame into.
#[derive(Debug)]
pub struct Target<'a>(pub Canvas<'a>);

impl<'a> Target<'a> {
    /// A bitmap as a target.
    pub fn of(bitmap: &'a mut Bitmap) -> Self {
        Target(bitmap.canvas())
    }
}

impl Texture for Target<'_> {
    fn width(&self) -> u32 {
        self.0.width().unsigned_abs()
    }

    fn height(&self) -> u32 {
        self.0.height().unsigned_abs()
    }

    fn format(&self) -> Option<Fourcc> {
        Some(Fourcc::Xrgb8888)
    }

    fn size(&self) -> Size<i32, BufferCoord> {
        (self.0.width(), self.0.height()).into()
    }
}

/// Smithay's rectangle as the raster's.
pub fn rect(rect: Rectangle<i32, Physical>) -> Rect {
    Rect::new(rect.loc.x, rect.loc.y, rect.size.w, rect.size.h)
}

/// The raster's rectangle as Smithay's.
pub fn physical(part: Rect) -> Rectangle<i32, Physical> {
    Rectangle::new((part.x, part.y).into(), (part.width, part.height).into())
}

/// A part of a picture, if it has that part.
pub fn crop(picture: &Bitmap, part: Rectangle<i32, Physical>) -> Option<Bitmap> {
    let part = rect(part);
    if part.is_empty() || !picture.bounds().contains_rect(&part) {
        return None;
    }
    let mut cropped = Extent::from_signed(part.width, part.height)?.bitmap();
    cropped.canvas().copy(&picture.image(), part, (0, 0));
    Some(cropped)
}

/// A picture as a PNG file without alpha.
pub fn png(picture: &Bitmap) -> Result<Vec<u8>, png::EncodingError> {
    let rgb: Vec<u8> = picture
        .pixels()
        .iter()
        .flat_map(|pixel| [(pixel >> 16) as u8, (pixel >> 8) as u8, *pixel as u8])
        .collect();
    let (width, height) = (
        picture.width().unsigned_abs(),
        picture.height().unsigned_abs(),
    );
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header()?.write_image_data(&rgb)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_sizes_are_none() {
        assert!(Extent::new(0, 5).is_none());
        assert!(Extent::new(5, u32::MAX).is_none());
        assert!(Extent::from_signed(-5, 5).is_none());
    }

    #[test]
    fn a_crop_is_the_part() {
        let picture = Bitmap::from_pixels(vec![1, 2, 3, 4, 5, 6], 3, 2).unwrap();
        let part = crop(&picture, Rectangle::new((1, 0).into(), (2, 2).into())).unwrap();
        assert_eq!(part.pixels(), [2, 3, 5, 6]);
        assert!(crop(&picture, Rectangle::new((2, 0).into(), (2, 2).into())).is_none());
    }

    #[test]
    fn a_png_has_no_alpha() {
        let picture = Bitmap::from_pixels(vec![0x0010_2030, 0xff40_5060], 2, 1).unwrap();
        let file = png(&picture).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file))
            .read_info()
            .unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut bytes).unwrap();
        assert_eq!(bytes, [0x10, 0x20, 0x30, 0x40, 0x50, 0x60]);
    }
}
