//! Smithay's renderer traits in software: textures are memory, frames are memory.
//!
//! Targets are XRGB: their alpha byte is garbage and never read. Outputs are drawn upright, and turned
//! by [`super::turned`]; a surface may be turned in all eight ways, and scaled.

use smithay::{
    backend::{
        allocator::{Fourcc, dmabuf::Dmabuf},
        renderer::{
            Bind, Color32F, ContextId, DebugFlags, Frame, ImportDma, ImportDmaWl, ImportMem,
            ImportMemWl, Renderer, RendererSuper, Texture, TextureFilter, sync::SyncPoint,
        },
    },
    reexports::wayland_server::protocol::{wl_buffer::WlBuffer, wl_shm},
    utils::{Buffer as BufferCoord, Physical, Rectangle, Size, Transform},
    wayland::compositor::SurfaceData,
};
use std::rc::Rc;

use ochre_raster::{Bitmap, Canvas, Color, FixedRect, Image, Transform as Turn};

use super::{
    RenderError, SHM_FORMATS, Target,
    dma::{DmaBuffers, DmaView},
    shm::{self, Imported, ShmView},
    target::{Extent, rect},
};

/// Something to draw from.
#[derive(Debug, Clone)]
pub enum SoftTexture {
    /// Pixels of our own, and whether their alpha is to be ignored.
    Bitmap(Rc<Bitmap>, bool),
    /// A client's buffer, read in place.
    Shm(ShmView),
    /// A client's dma-buf likewise.
    Dma(DmaView),
}

impl SoftTexture {
    fn is_opaque(&self) -> bool {
        match self {
            SoftTexture::Bitmap(_, opaque) => *opaque,
            SoftTexture::Shm(view) => view.is_opaque(),
            SoftTexture::Dma(view) => view.is_opaque(),
        }
    }

    fn with<T>(&self, read: impl FnOnce(Image<'_>) -> T) -> Result<T, RenderError> {
        match self {
            SoftTexture::Bitmap(bitmap, true) => Ok(read(bitmap.opaque_image())),
            SoftTexture::Bitmap(bitmap, false) => Ok(read(bitmap.image())),
            SoftTexture::Shm(view) => view.with(read),
            SoftTexture::Dma(view) => view.with(read),
        }
    }
}

impl Texture for SoftTexture {
    fn width(&self) -> u32 {
        self.size().w as u32
    }

    fn height(&self) -> u32 {
        self.size().h as u32
    }

    fn size(&self) -> Size<i32, BufferCoord> {
        match self {
            SoftTexture::Bitmap(bitmap, _) => (bitmap.width(), bitmap.height()).into(),
            SoftTexture::Shm(view) => view.extent().signed().into(),
            SoftTexture::Dma(view) => view.extent().signed().into(),
        }
    }

    fn format(&self) -> Option<Fourcc> {
        Some(if self.is_opaque() {
            Fourcc::Xrgb8888
        } else {
            Fourcc::Argb8888
        })
    }
}

/// The renderer: it holds nothing but its name and what is mapped.
#[derive(Debug)]
pub struct SoftRenderer {
    context: ContextId<SoftTexture>,
    pub(crate) dma_buffers: DmaBuffers,
}

impl SoftRenderer {
    /// A renderer.
    pub fn new() -> Self {
        Self {
            context: ContextId::new(),
            dma_buffers: DmaBuffers::default(),
        }
    }
}

impl Default for SoftRenderer {
    fn default() -> Self {
        Self::new()
    }
}

/// A frame being drawn.
#[derive(Debug)]
pub struct SoftFrame<'frame, 'buffer> {
    context: ContextId<SoftTexture>,
    target: &'frame mut Target<'buffer>,
}

impl RendererSuper for SoftRenderer {
    type Error = RenderError;
    type TextureId = SoftTexture;
    type Framebuffer<'buffer> = Target<'buffer>;
    type Frame<'frame, 'buffer>
        = SoftFrame<'frame, 'buffer>
    where
        'buffer: 'frame,
        Self: 'frame;
}

impl Renderer for SoftRenderer {
    fn context_id(&self) -> ContextId<SoftTexture> {
        self.context.clone()
    }

    fn downscale_filter(&mut self, _filter: TextureFilter) -> Result<(), RenderError> {
        Ok(()) // always bilinear
    }

    fn upscale_filter(&mut self, _filter: TextureFilter) -> Result<(), RenderError> {
        Ok(()) // always bilinear
    }

    fn set_debug_flags(&mut self, _flags: DebugFlags) {}

    fn debug_flags(&self) -> DebugFlags {
        DebugFlags::empty()
    }

    fn render<'frame, 'buffer>(
        &'frame mut self,
        framebuffer: &'frame mut Target<'buffer>,
        _output_size: Size<i32, Physical>,
        transform: Transform,
    ) -> Result<SoftFrame<'frame, 'buffer>, RenderError>
    where
        'buffer: 'frame,
    {
        if transform != Transform::Normal {
            return Err(RenderError::RotatedOutput);
        }
        Ok(SoftFrame {
            context: self.context.clone(),
            target: framebuffer,
        })
    }

    fn wait(&mut self, _sync: &SyncPoint) -> Result<(), RenderError> {
        Ok(()) // drawing is done when the call returns
    }
}

impl Bind<Bitmap> for SoftRenderer {
    fn bind<'a>(&mut self, bitmap: &'a mut Bitmap) -> Result<Target<'a>, RenderError> {
        Ok(Target::of(bitmap))
    }
}

impl ImportMem for SoftRenderer {
    fn import_memory(
        &mut self,
        data: &[u8],
        format: Fourcc,
        size: Size<i32, BufferCoord>,
        _flipped: bool,
    ) -> Result<SoftTexture, RenderError> {
        let opaque = match format {
            Fourcc::Argb8888 => false,
            Fourcc::Xrgb8888 => true,
            _ => return Err(RenderError::BadBuffer),
        };
        let extent = Extent::from_signed(size.w, size.h).ok_or(RenderError::BadBuffer)?;
        let count = extent.width() as usize * extent.height() as usize;
        let words = data.chunks_exact(4).take(count);
        let pixels = words.map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        Bitmap::from_pixels(pixels.collect(), extent.width(), extent.height())
            .map(|bitmap| SoftTexture::Bitmap(Rc::new(bitmap), opaque))
            .ok_or(RenderError::BadBuffer)
    }

    fn update_memory(
        &mut self,
        _texture: &SoftTexture,
        _data: &[u8],
        _region: Rectangle<i32, BufferCoord>,
    ) -> Result<(), RenderError> {
        Err(RenderError::BadBuffer) // a texture is never changed, only replaced
    }

    fn mem_formats(&self) -> Box<dyn Iterator<Item = Fourcc>> {
        Box::new([Fourcc::Argb8888, Fourcc::Xrgb8888].into_iter())
    }
}

impl ImportMemWl for SoftRenderer {
    fn import_shm_buffer(
        &mut self,
        buffer: &WlBuffer,
        _surface: Option<&SurfaceData>,
        _damage: &[Rectangle<i32, BufferCoord>],
    ) -> Result<SoftTexture, RenderError> {
        Ok(match shm::import(buffer)? {
            Imported::View(view) => SoftTexture::Shm(view),
            Imported::Copy { pixels, opaque } => SoftTexture::Bitmap(Rc::new(pixels), opaque),
        })
    }

    fn shm_formats(&self) -> Box<dyn Iterator<Item = wl_shm::Format>> {
        Box::new(SHM_FORMATS.into_iter())
    }
}

impl ImportDma for SoftRenderer {
    fn import_dmabuf(
        &mut self,
        _dmabuf: &Dmabuf,
        _damage: Option<&[Rectangle<i32, BufferCoord>]>,
    ) -> Result<SoftTexture, RenderError> {
        Err(RenderError::BadBuffer) // only clients have some
    }
}

impl ImportDmaWl for SoftRenderer {
    fn import_dma_buffer(
        &mut self,
        buffer: &WlBuffer,
        _surface: Option<&SurfaceData>,
        _damage: &[Rectangle<i32, BufferCoord>],
    ) -> Result<SoftTexture, RenderError> {
        self.dma_buffers.view(buffer).map(SoftTexture::Dma)
    }
}

impl Frame for SoftFrame<'_, '_> {
    type Error = RenderError;
    type TextureId = SoftTexture;

    fn context_id(&self) -> ContextId<SoftTexture> {
        self.context.clone()
    }

    fn clear(
        &mut self,
        color: Color32F,
        at: &[Rectangle<i32, Physical>],
    ) -> Result<(), RenderError> {
        let colour = premultiplied(color);
        for part in at {
            self.target.0.replace(rect(*part), colour);
        }
        Ok(())
    }

    fn draw_solid(
        &mut self,
        dst: Rectangle<i32, Physical>,
        damage: &[Rectangle<i32, Physical>],
        color: Color32F,
    ) -> Result<(), RenderError> {
        let colour = premultiplied(color);
        for part in placed(damage, dst) {
            self.target.0.fill(rect(part), colour);
        }
        Ok(())
    }

    fn render_texture_from_to(
        &mut self,
        texture: &SoftTexture,
        src: Rectangle<f64, BufferCoord>,
        dst: Rectangle<i32, Physical>,
        damage: &[Rectangle<i32, Physical>],
        _opaque_regions: &[Rectangle<i32, Physical>],
        src_transform: Transform,
        alpha: f32,
    ) -> Result<(), RenderError> {
        let alpha = (alpha.clamp(0.0, 1.0) * 255.0).round() as u8;
        // A buffer that went bad is its client's end, not the frame's.
        let _ = texture.with(|image| {
            let upright;
            let (image, src) = match upright_turn(src_transform) {
                Turn::Normal => (image, src),
                turn => {
                    let size = (f64::from(image.width()), f64::from(image.height())).into();
                    let src = undo(src_transform).transform_rect_in(src, &size);
                    upright = turned(&image, turn);
                    match (&upright, image.is_opaque()) {
                        (Some(upright), true) => (upright.opaque_image(), src),
                        (Some(upright), false) => (upright.image(), src),
                        (None, _) => return,
                    }
                }
            };
            let src = snapped(src, dst.size);
            for part in placed(damage, dst) {
                let mut canvas = self.target.0.clipped(rect(part));
                canvas.blend_scaled(&image, src, rect(dst), alpha);
            }
        });
        Ok(())
    }

    fn transformation(&self) -> Transform {
        Transform::Normal
    }

    fn wait(&mut self, _sync: &SyncPoint) -> Result<(), RenderError> {
        Ok(())
    }

    fn finish(self) -> Result<SyncPoint, RenderError> {
        Ok(SyncPoint::signaled())
    }
}

impl<'buffer> SoftFrame<'_, 'buffer> {
    /// What is drawn on, for elements that draw themselves.
    pub fn canvas(&mut self) -> &mut Canvas<'buffer> {
        &mut self.target.0
    }
}

/// The parts of `dst` that are damaged, in the target's coordinates.
fn placed(
    damage: &[Rectangle<i32, Physical>],
    dst: Rectangle<i32, Physical>,
) -> impl Iterator<Item = Rectangle<i32, Physical>> + '_ {
    damage.iter().filter_map(move |rect| {
        let mut rect = *rect;
        rect.loc += dst.loc;
        rect.intersection(dst)
    })
}

/// A colour as the target holds it.
fn premultiplied(color: Color32F) -> Color {
    let byte = |share: f32| (share.clamp(0.0, 1.0) * 255.0).round() as u32;
    Color(byte(color.a()) << 24 | byte(color.r()) << 16 | byte(color.g()) << 8 | byte(color.b()))
}

/// The turn that shows a buffer upright which its client has turned so.
fn upright_turn(transform: Transform) -> Turn {
    match transform {
        Transform::Normal => Turn::Normal,
        Transform::_90 => Turn::Rotate90,
        Transform::_180 => Turn::Rotate180,
        Transform::_270 => Turn::Rotate270,
        Transform::Flipped => Turn::Flipped,
        // Smithay maps rectangles of these two (and so damage) as the raster's other.
        Transform::Flipped90 => Turn::Flipped270,
        Transform::Flipped180 => Turn::Flipped180,
        Transform::Flipped270 => Turn::Flipped90,
    }
}

/// The transform that takes a buffer's rectangle to the upright surface.
fn undo(transform: Transform) -> Transform {
    match transform {
        Transform::_90 => Transform::_270,
        Transform::_270 => Transform::_90,
        itself => itself, // the others undo themselves (`Transform::invert` is wrong for two)
    }
}

/// A turned copy of an image.
fn turned(image: &Image<'_>, turn: Turn) -> Option<Bitmap> {
    let (width, height) = turn.size(image.width(), image.height());
    let mut upright = Extent::from_signed(width, height)?.bitmap();
    upright.canvas().blend_transformed(image, turn, (0, 0), 255);
    Some(upright)
}

/// The source rectangle in fixed point, where what is whole but for rounding is whole: or an
/// unscaled surface would be filtered.
fn snapped(src: Rectangle<f64, BufferCoord>, dst: Size<i32, Physical>) -> FixedRect {
    const NEAR: f64 = 1.0 / 256.0;
    let whole = |value: f64| {
        if (value - value.round()).abs() < NEAR {
            value.round()
        } else {
            value
        }
    };
    let side = |length: f64, target: i32| {
        let target = f64::from(target);
        if (length - target).abs() < NEAR {
            target
        } else {
            length
        }
    };
    FixedRect::from_f64(
        whole(src.loc.x),
        whole(src.loc.y),
        side(src.size.w, dst.w),
        side(src.size.h, dst.h),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(x: i32, y: i32, w: i32, h: i32) -> Rectangle<i32, Physical> {
        Rectangle::new((x, y).into(), (w, h).into())
    }

    /// Draws a 3x2 picture as a whole into a 4x4 target and gives the target's low bytes.
    fn drawn(transform: Transform, dst: Rectangle<i32, Physical>) -> Vec<u32> {
        let mut bitmap = Bitmap::new(4, 4).unwrap();
        let mut renderer = SoftRenderer::new();
        let mut target = Target::of(&mut bitmap);
        let mut frame = renderer
            .render(&mut target, (4, 4).into(), Transform::Normal)
            .unwrap();
        let picture = Bitmap::from_pixels(vec![1, 2, 3, 4, 5, 6], 3, 2).unwrap();
        let texture = SoftTexture::Bitmap(Rc::new(picture), true);
        let src = Rectangle::from_size((3.0, 2.0).into());
        let damage = [Rectangle::from_size(dst.size)];
        frame
            .render_texture_from_to(&texture, src, dst, &damage, &[], transform, 1.0)
            .unwrap();
        bitmap.pixels().iter().map(|pixel| pixel & 0xff).collect()
    }

    #[test]
    fn a_plain_picture_is_copied_and_clipped() {
        #[rustfmt::skip]
        assert_eq!(drawn(Transform::Normal, area(2, -1, 3, 2)), [
            0, 0, 4, 5,
            0, 0, 0, 0,
            0, 0, 0, 0,
            0, 0, 0, 0,
        ]);
    }

    #[test]
    fn each_transform_is_undone() {
        // The client drew (1 2 3 / 4 5 6) as its buffer and says how it had turned it.
        #[rustfmt::skip]
        let cases = [
            (Transform::_180, area(0, 0, 3, 2), [6, 5, 4, 0, 3, 2, 1, 0, 0, 0, 0, 0]),
            (Transform::Flipped, area(0, 0, 3, 2), [3, 2, 1, 0, 6, 5, 4, 0, 0, 0, 0, 0]),
            (Transform::Flipped180, area(0, 0, 3, 2), [4, 5, 6, 0, 1, 2, 3, 0, 0, 0, 0, 0]),
            (Transform::_90, area(0, 0, 2, 3), [3, 6, 0, 0, 2, 5, 0, 0, 1, 4, 0, 0]),
            (Transform::_270, area(0, 0, 2, 3), [4, 1, 0, 0, 5, 2, 0, 0, 6, 3, 0, 0]),
            (Transform::Flipped90, area(0, 0, 2, 3), [6, 3, 0, 0, 5, 2, 0, 0, 4, 1, 0, 0]),
            (Transform::Flipped270, area(0, 0, 2, 3), [1, 4, 0, 0, 2, 5, 0, 0, 3, 6, 0, 0]),
        ];
        for (transform, dst, expected) in cases {
            assert_eq!(drawn(transform, dst)[..12], expected, "{transform:?}");
        }
    }

    #[test]
    fn a_scale_of_almost_one_is_one() {
        let third = 1001.0 / 3.0;
        let src = Rectangle::new((1e-9, 0.0).into(), (third * 3.0 + 1e-9, 700.0).into());
        let whole = ochre_raster::Rect::new(0, 0, 1001, 700);
        assert_eq!(snapped(src, (1001, 700).into()), whole.into());
        let half = Rectangle::from_size((1000.5, 700.0).into());
        assert_ne!(snapped(half, (1001, 700).into()), whole.into());
    }
}
