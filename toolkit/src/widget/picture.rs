//! A widget painted by the app itself: previews, swatches, app icons.

use ochre_raster::Rect;

use crate::element::Style;
use crate::paint::Painter;
use crate::widget::{MeasureContext, Room, State, Widget};

type Paint = Box<dyn Fn(Rect, &mut Painter)>;

/// Paints with a function; decoration, like [`crate::widget::Icon`].
pub struct Picture {
    width: f32,
    height: f32,
    paint: Paint,
}

impl Picture {
    /// Of this logical size.
    pub fn new(width: f32, height: f32, paint: impl Fn(Rect, &mut Painter) + 'static) -> Picture {
        Picture {
            width,
            height,
            paint: Box::new(paint),
        }
    }
}

impl<M> Widget<M> for Picture {
    fn kind(&self) -> &'static str {
        "picture"
    }

    fn style(&self) -> Style {
        Style {
            rigid: true,
            ..Style::default()
        }
    }

    fn measure(&self, _: Room, context: &MeasureContext) -> Option<(f32, f32)> {
        Some((context.px(self.width), context.px(self.height)))
    }

    fn paint(&self, rect: Rect, _: &State, painter: &mut Painter) {
        (self.paint)(rect, painter);
    }
}
