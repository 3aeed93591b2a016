//! The kinds of things a scene is made of.

use std::rc::Rc;

use smithay::{
    backend::renderer::{
        Frame,
        element::{
            Element, Id, Kind, RenderElement, UnderlyingStorage, render_elements,
            surface::WaylandSurfaceRenderElement,
        },
        utils::{CommitCounter, DamageSet, OpaqueRegions},
    },
    utils::{Buffer as BufferCoord, Physical, Point, Rectangle, Scale, Transform},
};

use ochre_raster::{Bitmap, Canvas, Color, Radii, Rect, Shadow};

use super::{RenderError, SoftFrame, SoftRenderer, SoftTexture, target::rect};

render_elements! {
    /// Anything that a scene holds.
    pub SceneElement<=SoftRenderer>;
    Surface=WaylandSurfaceRenderElement<SoftRenderer>,
    Rounded=RoundedSurface,
    Bitmap=BitmapElement,
    Surround=Drawn<Surround>,
    Preview=Drawn<Preview>,
}

/// A bitmap that is kept between frames, with the count of its changes.
#[derive(Debug, Clone)]
pub struct Kept {
    bitmap: Rc<Bitmap>,
    opaque: bool,
    commit: CommitCounter,
}

impl Kept {
    /// A bitmap that may have holes.
    pub fn new(bitmap: Bitmap) -> Self {
        Self {
            bitmap: Rc::new(bitmap),
            opaque: false,
            commit: CommitCounter::default(),
        }
    }

    /// A bitmap without any.
    pub fn opaque(bitmap: Bitmap) -> Self {
        Self {
            opaque: true,
            ..Self::new(bitmap)
        }
    }

    /// Its size in pixels.
    pub fn size(&self) -> (i32, i32) {
        (self.bitmap.width(), self.bitmap.height())
    }

    /// Shows another bitmap in the place of the one before.
    pub fn replace(&mut self, bitmap: Bitmap) {
        self.bitmap = Rc::new(bitmap);
        self.commit.increment();
    }
}

/// A bitmap at a place.
#[derive(Debug)]
pub struct BitmapElement {
    pub id: Id,
    pub kept: Kept,
    pub place: Point<i32, Physical>,
    pub alpha: f32,
    pub kind: Kind,
}

impl BitmapElement {
    /// A bitmap at a place.
    pub fn new(id: Id, kept: Kept, place: Point<i32, Physical>) -> Self {
        Self {
            id,
            kept,
            place,
            alpha: 1.0,
            kind: Kind::Unspecified,
        }
    }
}

impl Element for BitmapElement {
    fn id(&self) -> &Id {
        &self.id
    }

    fn current_commit(&self) -> CommitCounter {
        self.kept.commit
    }

    fn src(&self) -> Rectangle<f64, BufferCoord> {
        let bitmap = &self.kept.bitmap;
        Rectangle::from_size((f64::from(bitmap.width()), f64::from(bitmap.height())).into())
    }

    fn geometry(&self, _scale: Scale<f64>) -> Rectangle<i32, Physical> {
        Rectangle::new(self.place, self.kept.size().into())
    }

    fn opaque_regions(&self, scale: Scale<f64>) -> OpaqueRegions<i32, Physical> {
        if self.kept.opaque && self.alpha >= 1.0 {
            OpaqueRegions::from_slice(&[Rectangle::from_size(self.geometry(scale).size)])
        } else {
            OpaqueRegions::default()
        }
    }

    fn alpha(&self) -> f32 {
        self.alpha
    }

    fn kind(&self) -> Kind {
        self.kind
    }
}

impl RenderElement<SoftRenderer> for BitmapElement {
    fn draw(
        &self,
        frame: &mut SoftFrame<'_, '_>,
        src: Rectangle<f64, BufferCoord>,
        dst: Rectangle<i32, Physical>,
        damage: &[Rectangle<i32, Physical>],
        opaque: &[Rectangle<i32, Physical>],
    ) -> Result<(), RenderError> {
        let texture = SoftTexture::Bitmap(self.kept.bitmap.clone(), self.kept.opaque);
        frame.render_texture_from_to(
            &texture,
            src,
            dst,
            damage,
            opaque,
            Transform::Normal,
            self.alpha,
        )
    }
}

/// A client's surface whose lower corners are cut round, as its window's frame is above.
#[derive(Debug)]
pub struct RoundedSurface {
    pub inner: WaylandSurfaceRenderElement<SoftRenderer>,
    /// The window's content: the corners cut are its lower ones.
    pub clip: Rectangle<i32, Physical>,
    pub radius: u32,
}

impl RoundedSurface {
    /// The squares that the two corners lie in.
    fn squares(&self) -> [Rectangle<i32, Physical>; 2] {
        let radius = self.radius as i32;
        let size = (radius, radius).into();
        let bottom = self.clip.loc.y + self.clip.size.h - radius;
        let right = self.clip.loc.x + self.clip.size.w - radius;
        [
            Rectangle::new((self.clip.loc.x, bottom).into(), size),
            Rectangle::new((right, bottom).into(), size),
        ]
    }
}

impl Element for RoundedSurface {
    fn id(&self) -> &Id {
        self.inner.id()
    }

    fn current_commit(&self) -> CommitCounter {
        self.inner.current_commit()
    }

    fn src(&self) -> Rectangle<f64, BufferCoord> {
        self.inner.src()
    }

    fn geometry(&self, scale: Scale<f64>) -> Rectangle<i32, Physical> {
        self.inner.geometry(scale)
    }

    fn transform(&self) -> Transform {
        self.inner.transform()
    }

    fn damage_since(
        &self,
        scale: Scale<f64>,
        commit: Option<CommitCounter>,
    ) -> DamageSet<i32, Physical> {
        self.inner.damage_since(scale, commit)
    }

    fn opaque_regions(&self, scale: Scale<f64>) -> OpaqueRegions<i32, Physical> {
        let origin = self.inner.geometry(scale).loc;
        let cut = self.squares().map(|mut square| {
            square.loc -= origin;
            square
        });
        let regions: Vec<_> = self.inner.opaque_regions(scale).into_iter().collect();
        Rectangle::subtract_rects_many_in_place(regions, cut)
            .into_iter()
            .collect()
    }

    fn alpha(&self) -> f32 {
        self.inner.alpha()
    }

    fn kind(&self) -> Kind {
        self.inner.kind()
    }
}

impl RenderElement<SoftRenderer> for RoundedSurface {
    fn draw(
        &self,
        frame: &mut SoftFrame<'_, '_>,
        src: Rectangle<f64, BufferCoord>,
        dst: Rectangle<i32, Physical>,
        damage: &[Rectangle<i32, Physical>],
        opaque: &[Rectangle<i32, Physical>],
    ) -> Result<(), RenderError> {
        // What is behind the corners is put back after the surface was drawn over it.
        let touched = |square: Rectangle<i32, Physical>| {
            damage
                .iter()
                .any(|part| Rectangle::new(part.loc + dst.loc, part.size).overlaps(square))
        };
        let squares = self
            .squares()
            .map(|square| touched(square).then_some(rect(square)));
        let behind = squares.map(|square| square.and_then(|square| saved(frame.canvas(), square)));
        RenderElement::<SoftRenderer>::draw(&self.inner, frame, src, dst, damage, opaque)?;
        for (square, behind) in squares.into_iter().zip(behind) {
            let (Some(square), Some(mut behind)) = (square, behind) else {
                continue;
            };
            // The surface's pixels, cut round, over what was behind.
            let drawn = saved(frame.canvas(), square);
            let Some(drawn) = drawn else { continue };
            let clip = rect(self.clip).translate(-square.x, -square.y);
            let whole = behind.bounds();
            behind.canvas().blend_rounded(
                &drawn.opaque_image(),
                whole,
                (0, 0),
                255,
                clip,
                Radii::bottom(self.radius),
            );
            frame
                .canvas()
                .copy(&behind.image(), whole, (square.x, square.y));
        }
        Ok(())
    }

    fn underlying_storage(&self, renderer: &mut SoftRenderer) -> Option<UnderlyingStorage<'_>> {
        self.inner.underlying_storage(renderer)
    }
}

/// A copy of what is drawn at a place; what lies outside the canvas is zero.
fn saved(canvas: &Canvas<'_>, place: Rect) -> Option<Bitmap> {
    let mut copy = Bitmap::new(
        u32::try_from(place.width).ok()?,
        u32::try_from(place.height).ok()?,
    )?;
    let (x, y) = (place.x.min(0), place.y.min(0));
    copy.canvas().copy(&canvas.as_image(), place, (-x, -y));
    Some(copy)
}

/// Something that is drawn anew wherever it is damaged.
pub trait Drawing {
    /// All that drawing it can touch, in the output's pixels.
    fn bounds(&self) -> Rect;
    /// Draws it, within what the canvas is clipped to.
    fn draw(&self, canvas: &mut Canvas<'_>);
    /// Whatever changes how it looks at the same place.
    fn variant(&self) -> usize;
    /// How much of it is seen, 0 to 1.
    fn alpha(&self) -> f32 {
        1.0
    }
}

/// A drawing on an output.
#[derive(Debug)]
pub struct Drawn<D> {
    /// Stays the same from frame to frame.
    pub id: Id,
    /// What is drawn.
    pub drawing: D,
}

impl<D: Drawing> Element for Drawn<D> {
    fn id(&self) -> &Id {
        &self.id
    }

    fn current_commit(&self) -> CommitCounter {
        CommitCounter::from(self.drawing.variant())
    }

    fn src(&self) -> Rectangle<f64, BufferCoord> {
        Rectangle::default()
    }

    fn geometry(&self, _scale: Scale<f64>) -> Rectangle<i32, Physical> {
        let around = self.drawing.bounds();
        Rectangle::new(
            (around.x, around.y).into(),
            (around.width, around.height).into(),
        )
    }

    fn alpha(&self) -> f32 {
        self.drawing.alpha()
    }

    fn kind(&self) -> Kind {
        Kind::Unspecified
    }
}

impl<D: Drawing> RenderElement<SoftRenderer> for Drawn<D> {
    fn draw(
        &self,
        frame: &mut SoftFrame<'_, '_>,
        _src: Rectangle<f64, BufferCoord>,
        dst: Rectangle<i32, Physical>,
        damage: &[Rectangle<i32, Physical>],
        _opaque: &[Rectangle<i32, Physical>],
    ) -> Result<(), RenderError> {
        for part in damage {
            let part = Rectangle::new(part.loc + dst.loc, part.size);
            self.drawing.draw(&mut frame.canvas().clipped(rect(part)));
        }
        Ok(())
    }
}

/// The soft shadow and the thin line around a window.
#[derive(Debug)]
pub struct Surround {
    /// The window's frame, which casts it.
    pub frame: Rectangle<i32, Physical>,
    /// The layers of the shadow, and how far down each falls.
    pub layers: [(Shadow, i32); 2],
    pub outline: Color,
    /// Radius of the frame's corners.
    pub radius: u32,
    /// Whether its window has the keyboard: all that changes how it looks.
    pub active: bool,
    /// How much of it is seen, 0 to 1.
    pub alpha: f32,
}

impl Surround {
    fn caster(&self, drop: i32) -> Rect {
        rect(self.frame).translate(0, drop)
    }
}

impl Drawing for Surround {
    fn bounds(&self) -> Rect {
        let line = rect(self.frame).inset(-1);
        let reach = |(shadow, drop): &(Shadow, i32)| shadow.bounds(self.caster(*drop));
        self.layers
            .iter()
            .map(reach)
            .fold(line, |all, one| all.union(&one))
    }

    fn draw(&self, canvas: &mut Canvas<'_>) {
        let strength = (self.alpha.clamp(0.0, 1.0) * 255.0).round() as u8;
        for (shadow, drop) in &self.layers {
            let shadow = Shadow {
                color: shadow.color.faded(strength),
                ..*shadow
            };
            canvas.shadow(self.caster(*drop), &shadow);
        }
        let line = rect(self.frame).inset(-1);
        canvas.outline(line, self.radius + 1, 1, self.outline.faded(strength));
    }

    fn alpha(&self) -> f32 {
        self.alpha
    }

    fn variant(&self) -> usize {
        usize::from(self.active)
    }
}

/// Where a dragged window would go.
#[derive(Debug)]
pub struct Preview {
    pub place: Rectangle<i32, Physical>,
    pub radius: u32,
    pub ground: Color,
    pub line: Color,
    /// How thick the line is.
    pub width: u32,
}

impl Drawing for Preview {
    fn bounds(&self) -> Rect {
        rect(self.place)
    }

    fn draw(&self, canvas: &mut Canvas<'_>) {
        canvas.fill_rounded(self.bounds(), self.radius, self.ground);
        canvas.outline(self.bounds(), self.radius, self.width, self.line);
    }

    fn variant(&self) -> usize {
        0
    }
}
