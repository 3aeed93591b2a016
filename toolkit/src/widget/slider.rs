//! A value between two ends, by dragging or with the arrow keys.

use accesskit::{Action, Node, Role};
use ochre_raster::Rect;

use crate::event::Key;
use crate::paint::Painter;
use crate::widget::{Input, InputContext, MeasureContext, Room, State, Widget, labelled};

pub struct Slider<M> {
    label: String,
    value: f32,
    least: f32,
    most: f32,
    step: f32,
    marks: bool,
    on_change: Box<dyn Fn(f32) -> M>,
}

impl<M> Slider<M> {
    pub fn new(
        label: impl Into<String>,
        value: f32,
        ends: (f32, f32),
        step: f32,
        on_change: impl Fn(f32) -> M + 'static,
    ) -> Slider<M> {
        let (least, most) = ends;
        Slider {
            label: label.into(),
            value: value.clamp(least.min(most), most.max(least)),
            least,
            most,
            step: step.max(f32::EPSILON),
            marks: false,
            on_change: Box::new(on_change),
        }
    }

    /// Shows where the steps are.
    #[must_use]
    pub fn marks(mut self) -> Slider<M> {
        self.marks = true;
        self
    }

    fn snapped(&self, value: f32) -> f32 {
        let steps = ((value - self.least) / self.step).round();
        (self.least + steps * self.step).clamp(self.least, self.most)
    }

    fn part(&self, value: f32) -> f32 {
        ((value - self.least) / (self.most - self.least).max(f32::EPSILON)).clamp(0.0, 1.0)
    }
}

const KNOB: f32 = 20.0;
const TRACK: f32 = 4.0;

impl<M> Widget<M> for Slider<M> {
    fn kind(&self) -> &'static str {
        "slider"
    }

    fn measure(&self, _: Room, context: &MeasureContext) -> Option<(f32, f32)> {
        Some((context.px(160.0), context.px(KNOB + 4.0)))
    }

    fn paint(&self, rect: Rect, state: &State, painter: &mut Painter) {
        let tokens = &painter.theme.tokens;
        let (track, filled, knob) = (
            tokens.track,
            tokens.accent.mix(tokens.accent_hover, state.hover.part()),
            tokens.knob,
        );
        let (line, shade) = (tokens.border_strong, tokens.shadow.faded(46));
        let side = painter.px(KNOB);
        let thick = painter.px(TRACK).max(2);
        let way = rect.width - side;
        let middle = rect.y + rect.height / 2;
        let bar = Rect::new(rect.x + side / 2, middle - thick / 2, way, thick);
        let done = (way as f32 * self.part(self.value)).round() as i32;
        painter.fill(bar, TRACK, track);
        if self.marks {
            let steps = ((self.most - self.least) / self.step).round() as i32;
            let mark = painter.px(3.0).max(2);
            for step in 0..=steps.clamp(0, 64) {
                let x = bar.x + way * step / steps.max(1) - mark / 2;
                let place = Rect::new(x, middle + side / 2 + painter.px(1.0), mark, mark);
                painter.fill(place, TRACK, track);
            }
        }
        painter.fill(Rect { width: done, ..bar }, TRACK, filled);
        let place = Rect::new(rect.x + done, middle - side / 2, side, side);
        painter.fill(place.translate(0, painter.px(1.0)), KNOB, shade);
        painter.fill(place, KNOB, knob);
        painter.outline(place, KNOB, 1.0, line);
        if state.focus_visible {
            painter.focus_ring(place, KNOB / 2.0);
        }
    }

    fn presses(&self) -> bool {
        true
    }

    fn focuses(&self) -> bool {
        true
    }

    fn input(&self, input: &Input, context: &mut InputContext<M>) -> bool {
        let wished = match input {
            Input::Pressed { x, .. } | Input::Dragged { x, .. } => {
                let side = KNOB * context.scale;
                let way = (context.rect.width as f32 - side).max(1.0);
                self.least + (x - side / 2.0) / way * (self.most - self.least)
            }
            Input::Key(key) => match key.key {
                Key::Left | Key::Down => self.value - self.step,
                Key::Right | Key::Up => self.value + self.step,
                Key::PageDown => self.value - self.step * 5.0,
                Key::PageUp => self.value + self.step * 5.0,
                Key::Home => self.least,
                Key::End => self.most,
                _ => return false,
            },
            _ => return false,
        };
        let value = self.snapped(wished);
        if value != self.value {
            context.send((self.on_change)(value));
        }
        true
    }

    fn access(&self, _: &State) -> Option<Node> {
        let mut node = labelled(Role::Slider, &self.label);
        node.set_numeric_value(f64::from(self.value));
        node.set_min_numeric_value(f64::from(self.least));
        node.set_max_numeric_value(f64::from(self.most));
        node.set_numeric_value_step(f64::from(self.step));
        node.add_action(Action::SetValue);
        Some(node)
    }
}
