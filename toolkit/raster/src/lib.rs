//! Pixel kernels: what the compositor and the toolkit draw with.
//!
//! Everything works on rows of premultiplied `0xAARRGGBB` words in ordinary memory. A [`Canvas`] is
//! where to draw, an [`Image`] what to draw from; both are borrowed views with a stride, so a shared
//! memory pool, a dumb buffer and a `Vec` are all the same. Every operation takes integer rectangles
//! in any position and clips them: nothing a peer sends can make it read or write outside a view.
//!
//! Bounds are proven once a row, by slicing; the loops over pixels then run on slices of equal length,
//! without a check per pixel. Arithmetic packs two channels in a `u32` and divides by 255 exactly with
//! rounding, so that all paths and machines give the same bytes.

#![forbid(unsafe_code)]

mod blit;
mod canvas;
mod color;
mod corner;
mod fill;
mod kernel;
mod mask;
mod rect;
mod region;
mod scale;
mod shadow;
mod transform;

pub use canvas::{Bitmap, Canvas, Image, Mask};
pub use color::Color;
pub use corner::Radii;
pub use fill::Direction;
pub use kernel::{Kernel, kernel, set_kernel};
pub use rect::Rect;
pub use region::Region;
pub use scale::FixedRect;
pub use shadow::Shadow;
pub use transform::Transform;
