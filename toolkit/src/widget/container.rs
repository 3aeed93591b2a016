//! Boxes: rows and columns, and the surfaces they can be.

use ochre_raster::{Color, Rect};

use crate::element::{Element, Style};
use crate::paint::Painter;
use crate::widget::{State, Widget};

/// What a box is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Surface {
    /// Nothing: only its children show.
    #[default]
    None,
    Window,
    Sidebar,
    Card,
    Popover,
    Panel,
    /// A hairline.
    Divider,
    Color(Color),
}

/// A box of children.
#[derive(Clone, Copy, Debug, Default)]
pub struct Container {
    surface: Surface,
}

impl Container {
    pub fn new(surface: Surface) -> Container {
        Container { surface }
    }
}

impl<M> Widget<M> for Container {
    fn kind(&self) -> &'static str {
        "container"
    }

    fn style(&self) -> Style {
        Style::default()
    }

    /// A popover keeps presses from what lies under it.
    fn presses(&self) -> bool {
        self.surface == Surface::Popover
    }

    fn paint(&self, rect: Rect, _: &State, painter: &mut Painter) {
        let (tokens, metrics) = (&painter.theme.tokens, &painter.theme.metrics);
        let border = metrics.border;
        match self.surface {
            Surface::None => {}
            Surface::Window => painter.fill(rect, 0.0, tokens.window),
            Surface::Sidebar => painter.fill(rect, 0.0, tokens.sidebar),
            Surface::Panel => painter.fill(rect, 0.0, tokens.panel),
            Surface::Divider => painter.fill(rect, 0.0, tokens.divider),
            Surface::Color(color) => painter.fill(rect, 0.0, color),
            Surface::Card => {
                let (color, line, radius) = (tokens.card, tokens.border, metrics.radius_card);
                painter.fill(rect, radius, color);
                painter.outline(rect, radius, border, line);
            }
            Surface::Popover => {
                let radius = metrics.radius_window;
                let (color, line) = (tokens.popover, tokens.border);
                let layers = metrics.shadow_popover;
                painter.shadow(rect, radius, &layers);
                painter.fill(rect, radius, color);
                painter.outline(rect, radius, border, line);
            }
        }
    }
}

/// A group of rows on its own surface.
pub fn card<M: 'static>(children: impl IntoIterator<Item = Element<M>>) -> Element<M> {
    Element::new(Container::new(Surface::Card)).with_children(children)
}

/// A line between rows.
pub fn divider<M: 'static>() -> Element<M> {
    Element::new(Container::new(Surface::Divider))
        .height(1.0)
        .rigid()
}
