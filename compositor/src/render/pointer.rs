//! The pointer as an output shows it: as parts of its scene, or as a picture of its own.

use ochre_raster::{Bitmap, Color};
use smithay::{
    backend::renderer::{
        element::{Element, Id, Kind},
        utils::CommitCounter,
    },
    input::pointer::{CursorImageStatus, CursorImageSurfaceData},
    utils::{Physical, Point, Rectangle},
    wayland::compositor::with_states,
};

use super::{
    Extent, Scene, Target, Tone, Tracker,
    element::SceneElement,
    scene::{View, push_tree},
};
use crate::{output::OutputId, state::Compositor};

/// What an output shows of the pointer: nothing, if it points elsewhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sight {
    /// Its parts, front first, each with its changes so far and its place from the corner.
    parts: Vec<(Id, CommitCounter, Rectangle<i32, Physical>)>,
    /// The corner of all of them, in the output's pixels.
    pub(crate) corner: Point<i32, Physical>,
    /// How large they are together.
    size: (i32, i32),
    /// What it points to, from the corner.
    pub(crate) hotspot: Point<i32, Physical>,
}

impl Sight {
    /// Whether there is nothing to see.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// How large it is.
    pub(crate) fn size(&self) -> (i32, i32) {
        self.size
    }

    /// Whether a picture of this size holds it.
    pub(crate) fn fits(&self, extent: Extent) -> bool {
        let (width, height) = extent.signed();
        self.size.0 <= width && self.size.1 <= height
    }

    /// Whether it is another only by its place.
    pub(crate) fn looks_like(&self, other: &Sight) -> bool {
        (&self.parts, self.hotspot) == (&other.parts, other.hotspot)
    }
}

impl Compositor {
    /// What an output is to show of the pointer, and of what it drags.
    pub(crate) fn pointer_on(&mut self, id: OutputId) -> Option<Sight> {
        let screen = self.outputs.get(id)?;
        let (view, size) = (View::of(screen), screen.size());
        let mut elements = Vec::new();
        self.push_cursor(&mut elements, &view);
        let geometry = |element: &SceneElement| element.geometry(view.scale.into());
        let bounds = elements.iter().map(geometry).reduce(Rectangle::merge);
        let Some(bounds) = bounds.filter(|bounds| bounds.overlaps(Rectangle::from_size(size)))
        else {
            return Some(Sight::default());
        };
        let part = |element: &SceneElement| {
            let mut place = geometry(element);
            place.loc -= bounds.loc;
            (element.id().clone(), element.current_commit(), place)
        };
        Some(Sight {
            parts: elements.iter().map(part).collect(),
            corner: bounds.loc,
            size: (bounds.size.w, bounds.size.h),
            hotspot: self.pointer_place(&view).unwrap_or_default() - bounds.loc,
        })
    }

    /// A picture of what is to be seen, from its corner on.
    pub(crate) fn pointer_picture(
        &mut self,
        id: OutputId,
        sight: &Sight,
        extent: Extent,
        tone: Option<&Tone>,
    ) -> Option<Bitmap> {
        let mut view = View::of(self.outputs.get(id)?);
        let scale = view.scale;
        view.shift -= sight.corner;
        let mut elements = Vec::new();
        self.push_cursor(&mut elements, &view);
        let scene = Scene::new(elements, scale);
        let mut picture = extent.bitmap();
        let mut target = Target::of(&mut picture);
        let mut tracker = Tracker::default();
        self.painter
            .render(&mut tracker, &mut target, 0, &scene, Color::TRANSPARENT)
            .ok()?;
        if let Some(tone) = tone {
            tone.apply_through(&mut picture);
        }
        Some(picture)
    }

    /// What the pointer points to, in the output's pixels.
    fn pointer_place(&self, view: &View) -> Option<Point<i32, Physical>> {
        let at = self.seat.get_pointer()?.current_location();
        Some(view.exact(at))
    }

    pub(super) fn push_cursor(&mut self, elements: &mut Vec<SceneElement>, view: &View) {
        let Some(place) = self.pointer_place(view) else {
            return;
        };
        match &self.cursor {
            CursorImageStatus::Hidden => {}
            CursorImageStatus::Named(icon) => {
                let (image, hotspot) = self.painter.cursors.get(*icon, view.scale);
                let mut image = image;
                image.place = place - hotspot;
                image.kind = Kind::Cursor;
                elements.push(image.into());
            }
            CursorImageStatus::Surface(surface) => {
                let hotspot = with_states(surface, |states| {
                    let data = states.data_map.get::<CursorImageSurfaceData>()?;
                    data.lock().ok().map(|data| data.hotspot)
                });
                let hotspot = hotspot.unwrap_or_default();
                let place = place - hotspot.to_f64().to_physical(view.scale).to_i32_round();
                let surface = surface.clone();
                push_tree(
                    &mut self.painter.renderer,
                    elements,
                    &surface,
                    place,
                    view,
                    Kind::Cursor,
                );
            }
        }
        if let Some((icon, offset)) = self.drag_icon.clone() {
            let place = place + offset.to_f64().to_physical(view.scale).to_i32_round();
            push_tree(
                &mut self.painter.renderer,
                elements,
                &icon,
                place,
                view,
                Kind::Unspecified,
            );
        }
    }
}
