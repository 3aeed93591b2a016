//! A window as it looks now, frame and shadow and all, kept as a picture.

use smithay::{
    backend::renderer::{
        Renderer,
        element::{Element, Id, RenderElement},
    },
    utils::{Physical, Point, Rectangle, Scale, Transform},
};

use super::{
    SoftRenderer, Target,
    element::{BitmapElement, Kept, SceneElement},
    scene::View,
    target::Extent,
};
use crate::{output::OutputId, shell::WindowId, state::Compositor};

/// The picture, and where on which output it was taken.
#[derive(Debug)]
pub struct Picture {
    pub(crate) output: OutputId,
    id: Id,
    kept: Kept,
    place: Point<i32, Physical>,
}

impl Picture {
    /// The picture as an element of its output's scene.
    pub(super) fn element(&self, shift: Point<i32, Physical>, alpha: f32) -> BitmapElement {
        let mut element =
            BitmapElement::new(self.id.clone(), self.kept.clone(), self.place + shift);
        element.alpha = alpha;
        element
    }
}

impl Compositor {
    /// Takes a window's picture on the output that most of it is on, as far as it is on it.
    pub(crate) fn picture(&mut self, id: WindowId) -> Option<Picture> {
        let window = self.shell.get(id)?;
        if !crate::handlers::has_buffer(&window.surface()?) {
            return None;
        }
        let screen = self.outputs.most_on(window.frame_rect(&self.look))?;
        let (output, size) = (screen.id, screen.size());
        let mut view = View::of(screen);
        let mut elements = Vec::new();
        self.push_window(&mut elements, id, &view);
        let scale = Scale::from(view.scale);
        let bounds = elements
            .iter()
            .map(|element| element.geometry(scale))
            .reduce(|all, one| all.merge(one))?;
        let bounds = bounds.intersection(Rectangle::from_size(size))?;
        let mut bitmap = Extent::from_signed(bounds.size.w, bounds.size.h)?.bitmap();
        elements.clear();
        view.shift -= bounds.loc;
        self.push_window(&mut elements, id, &view);
        let mut target = Target::of(&mut bitmap);
        let renderer = &mut self.painter.renderer;
        let mut frame = renderer
            .render(&mut target, bounds.size, Transform::Normal)
            .ok()?;
        for element in elements.iter().rev() {
            let place = element.geometry(scale);
            let whole = [Rectangle::from_size(place.size)];
            <SceneElement as RenderElement<SoftRenderer>>::draw(
                element,
                &mut frame,
                element.src(),
                place,
                &whole,
                &[],
            )
            .ok()?;
        }
        drop(frame);
        Some(Picture {
            output,
            id: Id::new(),
            kept: Kept::new(bitmap),
            place: bounds.loc,
        })
    }
}
