//! A choice of a few, side by side: exactly one holds.

use ochre_raster::Rect;

use crate::element::{Direction, Element, Padding, Style};
use crate::paint::Painter;
use crate::widget::{Button, Look, State, Widget};

struct Trough;

impl<M> Widget<M> for Trough {
    fn kind(&self) -> &'static str {
        "segmented"
    }

    fn style(&self) -> Style {
        Style {
            direction: Direction::Row,
            padding: Padding::from(3.0),
            gap: 2.0,
            ..Style::default()
        }
    }

    fn paint(&self, rect: Rect, _: &State, painter: &mut Painter) {
        let (tokens, metrics) = (&painter.theme.tokens, &painter.theme.metrics);
        let dark = painter.theme.is_dark();
        let color = if dark {
            tokens.field
        } else {
            tokens.control_pressed
        };
        let line = tokens.divider;
        let radius = metrics.radius_control + 2.0;
        painter.fill(rect, radius, color);
        painter.outline(rect, radius, 1.0, line);
    }
}

/// One button for each choice: its label, its symbol, whether it holds, and its message.
pub fn segmented<M: Clone + 'static>(
    choices: impl IntoIterator<Item = (String, Option<String>, bool, M)>,
) -> Element<M> {
    let buttons = choices.into_iter().map(|(label, icon, selected, message)| {
        let mut button = Button::new(label, message)
            .look(Look::Segment)
            .selected(selected);
        if let Some(icon) = icon {
            button = button.icon(icon).icon_size(16.0);
        }
        Element::new(button).grow(1.0)
    });
    Element::new(Trough).with_children(buttons)
}
