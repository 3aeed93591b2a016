//! A switch that is on or off.

use accesskit::{Action, Node, Role, Toggled};
use ochre_raster::{Color, Rect};

use crate::element::Style;
use crate::event::Key;
use crate::paint::Painter;
use crate::widget::{Input, InputContext, MeasureContext, Room, State, Widget, labelled};

pub struct Toggle<M> {
    label: String,
    on: bool,
    message: M,
}

impl<M: Clone> Toggle<M> {
    /// `message` is sent to turn it over; `label` names it, shown or not.
    pub fn new(label: impl Into<String>, on: bool, message: M) -> Toggle<M> {
        Toggle {
            label: label.into(),
            on,
            message,
        }
    }
}

const WIDTH: f32 = 42.0;
const HEIGHT: f32 = 24.0;

impl<M: Clone> Widget<M> for Toggle<M> {
    fn kind(&self) -> &'static str {
        "toggle"
    }

    fn style(&self) -> Style {
        Style {
            rigid: true,
            ..Style::default()
        }
    }

    fn measure(&self, _: Room, context: &MeasureContext) -> Option<(f32, f32)> {
        Some((context.px(WIDTH), context.px(HEIGHT)))
    }

    fn paint(&self, rect: Rect, state: &State, painter: &mut Painter) {
        // Stretched it would be no switch any more.
        let (width, height) = (painter.px(WIDTH), painter.px(HEIGHT));
        let rect = Rect::new(rect.x, rect.y + (rect.height - height) / 2, width, height);
        let tokens = &painter.theme.tokens;
        let (on, hover) = (state.on.part(), state.hover.part());
        let off_track = tokens.track.mix(tokens.track_hover, hover);
        let on_track = tokens.accent.mix(tokens.accent_hover, hover);
        let track = off_track.mix(on_track, on);
        let knob = tokens.knob.mix(tokens.text_on_accent, on);
        let shade = tokens.shadow.faded(50);
        let line = tokens.border_strong.mix(Color::TRANSPARENT, on);
        painter.fill(rect, HEIGHT / 2.0, track);
        if painter.theme.contrast == ochre_theme::Contrast::High {
            painter.outline(rect, HEIGHT / 2.0, 1.0, line);
        }
        let gap = painter.px(3.0);
        let side = rect.height - 2 * gap;
        let way = (rect.width - 2 * gap - side) as f32 * state.on.value();
        let place = Rect::new(rect.x + gap + way.round() as i32, rect.y + gap, side, side);
        painter.fill(place.translate(0, painter.px(1.0)), HEIGHT, shade);
        painter.fill(place, HEIGHT, knob);
        if state.focus_visible {
            painter.focus_ring(rect, HEIGHT / 2.0);
        }
    }

    fn presses(&self) -> bool {
        true
    }

    fn focuses(&self) -> bool {
        true
    }

    fn is_on(&self) -> bool {
        self.on
    }

    fn input(&self, input: &Input, context: &mut InputContext<M>) -> bool {
        let turned = match input {
            Input::Released { inside } => *inside,
            Input::Key(key) => matches!(key.key, Key::Enter | Key::Character(' ')) && !key.repeated,
            _ => false,
        };
        if turned {
            context.send(self.message.clone());
        }
        turned
    }

    fn access(&self, _: &State) -> Option<Node> {
        let mut node = labelled(Role::Switch, &self.label);
        node.set_toggled(if self.on {
            Toggled::True
        } else {
            Toggled::False
        });
        node.add_action(Action::Click);
        Some(node)
    }
}
