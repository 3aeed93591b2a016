//! Glyph images, kept by face, size and position within the pixel.

use std::collections::HashMap;

use ochre_raster::{Bitmap, Canvas, Color, Mask, Rect};
use parley::FontData;
use swash::FontRef;
use swash::scale::image::Content;
use swash::scale::{Render, ScaleContext, Source, StrikeWith};
use swash::zeno::{Format, Vector};

use crate::text::shape::GlyphRun;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    blob: u64,
    index: u32,
    glyph: u16,
    size: u32,
    /// Quarter pixels.
    phase: u8,
}

enum Image {
    Empty,
    Coverage {
        left: i32,
        top: i32,
        width: u32,
        height: u32,
        coverage: Vec<u8>,
    },
    Color {
        left: i32,
        top: i32,
        bitmap: Bitmap,
    },
}

pub(crate) struct GlyphCache {
    context: ScaleContext,
    images: HashMap<Key, Image>,
    /// The faces of those images, by their blob: as long as they are held, a face that parley has
    /// forgotten meanwhile comes back as the same blob.
    faces: HashMap<u64, FontData>,
}

/// Glyphs kept; at text sizes about 200 bytes each.
const KEPT: usize = 16_384;

const SOURCES: [Source; 3] = [
    Source::ColorOutline(0),
    Source::ColorBitmap(StrikeWith::BestFit),
    Source::Outline,
];

impl GlyphCache {
    pub fn new() -> GlyphCache {
        GlyphCache {
            context: ScaleContext::new(),
            images: HashMap::new(),
            faces: HashMap::new(),
        }
    }

    /// Draws the run with its text's top left at (x, y).
    pub fn draw(&mut self, canvas: &mut Canvas, run: &GlyphRun, x: f32, y: f32, color: Color) {
        let clip = canvas.clip();
        for placed in &run.glyphs {
            let (left, baseline) = (x + placed.x, (y + placed.y).round());
            // Nothing of a glyph is further than three sizes from its origin.
            let reach = run.size * 3.0;
            if left + reach < clip.x as f32 || left - reach > clip.right() as f32 {
                continue;
            }
            let phase = ((left - left.floor()) * 4.0) as u8 & 3;
            let at = (left.floor() as i32, baseline as i32);
            match self.image(run, placed.glyph, phase) {
                Image::Empty => {}
                Image::Coverage {
                    left,
                    top,
                    width,
                    height,
                    coverage,
                } => {
                    if let Some(mask) = Mask::new(coverage, *width, *height, *width as usize) {
                        canvas.fill_glyph(&mask, (at.0 + left, at.1 - top), color);
                    }
                }
                Image::Color { left, top, bitmap } => {
                    let whole = bitmap.bounds();
                    let place = (at.0 + left, at.1 - top);
                    canvas.blend(&bitmap.image(), whole, place, color.alpha());
                }
            }
        }
    }

    fn image(&mut self, run: &GlyphRun, glyph: u16, phase: u8) -> &Image {
        let key = Key {
            blob: run.font.data.id(),
            index: run.font.index,
            glyph,
            size: (run.size * 64.0) as u32,
            phase,
        };
        if self.images.len() >= KEPT && !self.images.contains_key(&key) {
            self.images.clear();
            self.faces.clear();
        }
        self.faces
            .entry(key.blob)
            .or_insert_with(|| run.font.clone());
        let context = &mut self.context;
        self.images
            .entry(key)
            .or_insert_with(|| rasterize(context, run, glyph, phase))
    }
}

fn rasterize(context: &mut ScaleContext, run: &GlyphRun, glyph: u16, phase: u8) -> Image {
    let Some(font) = FontRef::from_index(run.font.data.as_ref(), run.font.index as usize) else {
        return Image::Empty;
    };
    let mut scaler = context
        .builder_with_id(font, [run.font.data.id(), u64::from(run.font.index)])
        .size(run.size)
        .normalized_coords(&run.coords)
        .build();
    let image = Render::new(&SOURCES)
        .format(Format::Alpha)
        .offset(Vector::new(f32::from(phase) / 4.0, 0.0))
        .render(&mut scaler, glyph);
    let Some(image) = image else {
        return Image::Empty;
    };
    let placement = image.placement;
    let (left, top) = (placement.left, placement.top);
    match image.content {
        Content::Mask => Image::Coverage {
            left,
            top,
            width: placement.width,
            height: placement.height,
            coverage: image.data,
        },
        Content::Color => {
            let pixels = image.data.chunks_exact(4).map(|pixel| match *pixel {
                [red, green, blue, alpha] => Color::rgba(red, green, blue, alpha).0,
                _ => 0,
            });
            match Bitmap::from_pixels(pixels.collect(), placement.width, placement.height) {
                Some(bitmap) => Image::Color { left, top, bitmap },
                None => Image::Empty,
            }
        }
        Content::SubpixelMask => Image::Empty,
    }
}

/// Everything the runs can touch, generously: no glyph is measured for it.
pub(crate) fn ink(runs: &[GlyphRun], x: f32, y: f32, width: f32, height: f32) -> Rect {
    let size = runs.iter().map(|run| run.size).fold(0.0, f32::max);
    let margin = (size * 0.5).ceil();
    Rect::from_edges(
        (x - margin).floor() as i32,
        (y - margin / 2.0).floor() as i32,
        (x + width + margin).ceil() as i32,
        (y + height + margin / 2.0).ceil() as i32,
    )
}
