//! A button: text, a symbol, or both; also rows and tiles, when it has children.

use accesskit::{Action, Node, Role, Toggled};
use ochre_raster::{Color, Rect};

use crate::element::{Align, Direction, Justify, Padding, Style};
use crate::event::{Cursor, Key};
use crate::paint::Painter;
use crate::text::{TextSpec, Weight};
use crate::widget::{Input, InputContext, MeasureContext, Room, State, Widget, labelled};

/// How much a button stands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    #[default]
    Normal,
    /// The one that does what the window is for.
    Primary,
    Danger,
    /// No surface until the pointer is on it.
    Flat,
    /// A navigation entry or list row.
    Row,
    /// A part of a segmented control.
    Segment,
    /// Nothing to see, and nothing for the keyboard: a place that can be pressed.
    Bare,
}

/// Something to press. With children it is their surface, and the label only names it.
pub struct Button<M> {
    label: String,
    icon: Option<String>,
    icon_size: Option<f32>,
    look: Look,
    selected: bool,
    enabled: bool,
    shows_label: bool,
    radius: Option<f32>,
    message: M,
}

impl<M: Clone> Button<M> {
    /// `label` is shown, and says to everyone what it does.
    pub fn new(label: impl Into<String>, message: M) -> Button<M> {
        Button {
            label: label.into(),
            icon: None,
            icon_size: None,
            look: Look::Normal,
            selected: false,
            enabled: true,
            shows_label: true,
            radius: None,
            message,
        }
    }

    /// Only the symbol shows; `label` says what it means.
    pub fn icon_only(label: impl Into<String>, icon: impl Into<String>, message: M) -> Button<M> {
        Button {
            shows_label: false,
            look: Look::Flat,
            ..Button::new(label, message)
        }
        .icon(icon)
    }

    /// A surface for children, named `label`.
    pub fn surface(label: impl Into<String>, message: M) -> Button<M> {
        Button {
            shows_label: false,
            look: Look::Row,
            ..Button::new(label, message)
        }
    }

    #[must_use]
    pub fn icon(mut self, icon: impl Into<String>) -> Button<M> {
        self.icon = Some(icon.into());
        self
    }

    #[must_use]
    pub fn icon_size(mut self, logical: f32) -> Button<M> {
        self.icon_size = Some(logical);
        self
    }

    #[must_use]
    pub fn look(mut self, look: Look) -> Button<M> {
        self.look = look;
        self
    }

    #[must_use]
    pub fn selected(mut self, selected: bool) -> Button<M> {
        self.selected = selected;
        self
    }

    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Button<M> {
        self.enabled = enabled;
        self
    }

    #[must_use]
    pub fn radius(mut self, logical: f32) -> Button<M> {
        self.radius = Some(logical);
        self
    }

    fn weight(&self) -> Weight {
        match self.look {
            Look::Row if self.selected => Weight::SemiBold,
            Look::Row => Weight::Regular,
            _ => Weight::Medium,
        }
    }

    fn is_leading(&self) -> bool {
        self.look == Look::Row
    }
}

/// Space between symbol and label.
const GAP: f32 = 8.0;

impl<M: Clone> Widget<M> for Button<M> {
    fn kind(&self) -> &'static str {
        "button"
    }

    fn style(&self) -> Style {
        Style {
            direction: Direction::Row,
            align: Align::Center,
            justify: Justify::Start,
            padding: Padding::default(),
            rigid: true,
            ..Style::default()
        }
    }

    fn measure(&self, _: Room, context: &MeasureContext) -> Option<(f32, f32)> {
        if !self.shows_label && self.icon.is_none() {
            return None;
        }
        let metrics = &context.theme.metrics;
        let height = context.px(metrics.control_height);
        let icon = context.px(self.icon_size.unwrap_or(metrics.icon));
        if !self.shows_label {
            return Some((height, height));
        }
        let spec = TextSpec::new(self.label.as_str(), metrics.text * context.scale);
        let mut width = context.shape(&spec.weight(self.weight())).width.ceil();
        if self.icon.is_some() {
            width += icon + context.px(GAP);
        }
        let sides = if self.is_leading() { 3.0 } else { 3.5 };
        Some((width + context.px(metrics.space * sides) * 2.0, height))
    }

    fn paint(&self, rect: Rect, state: &State, painter: &mut Painter) {
        let (tokens, metrics) = (&painter.theme.tokens, &painter.theme.metrics);
        let radius = self.radius.unwrap_or(metrics.radius_control);
        let (hover, press) = (state.hover.part(), state.press.part());
        let warm = |rest: Color, hovered: Color, pressed: Color| {
            rest.mix(hovered, hover).mix(pressed, press)
        };
        let clear =
            |hovered: Color, pressed: Color| hovered.mix(pressed, press).faded(hover.max(press));
        let border = metrics.border;
        let icon_size = self.icon_size.unwrap_or(metrics.icon);
        let mut line = Color::TRANSPARENT;
        let (surface, mut ink) = match self.look {
            Look::Normal => {
                line = tokens.border.mix(tokens.border_strong, hover);
                (
                    warm(tokens.control, tokens.control_hover, tokens.control_pressed),
                    tokens.text,
                )
            }
            Look::Primary => (
                warm(tokens.accent, tokens.accent_hover, tokens.accent_pressed),
                tokens.text_on_accent,
            ),
            Look::Danger => (
                warm(tokens.danger, tokens.danger_hover, tokens.danger_hover),
                tokens.text_on_danger,
            ),
            Look::Flat | Look::Row if self.selected => {
                if painter.theme.contrast == ochre_theme::Contrast::High {
                    line = tokens.border_strong; // a shade alone is not enough
                }
                let color = warm(
                    tokens.selected,
                    tokens.selected_hover,
                    tokens.selected_hover,
                );
                (color, tokens.text)
            }
            Look::Flat | Look::Row => (clear(tokens.hover, tokens.pressed), tokens.text),
            Look::Segment if self.selected => {
                line = tokens.border;
                let raised = if painter.theme.is_dark() {
                    tokens.control_pressed
                } else {
                    tokens.card
                };
                (raised, tokens.text)
            }
            Look::Segment => (clear(tokens.hover, tokens.pressed), tokens.text_muted),
            Look::Bare => return,
        };
        let mut icon_ink = match self.look {
            Look::Row if self.selected => tokens.text_accent,
            Look::Row => tokens.text_muted,
            _ => ink,
        };
        if !self.enabled {
            (ink, icon_ink) = (tokens.text_disabled, tokens.text_disabled);
        }
        painter.fill(rect, radius, surface);
        painter.outline(rect, radius, border, line);
        if state.focus_visible {
            painter.focus_ring(rect, radius);
        }
        self.paint_content(rect, painter, icon_size, ink, icon_ink);
    }

    fn presses(&self) -> bool {
        self.enabled
    }

    fn focuses(&self) -> bool {
        self.enabled && self.look != Look::Bare
    }

    fn cursor(&self) -> Cursor {
        Cursor::Arrow
    }

    fn input(&self, input: &Input, context: &mut InputContext<M>) -> bool {
        match input {
            Input::Released { inside: true } => context.send(self.message.clone()),
            Input::Key(key) if matches!(key.key, Key::Enter | Key::Character(' ')) => {
                if key.repeated {
                    return true;
                }
                context.send(self.message.clone());
            }
            _ => return false,
        }
        true
    }

    fn access(&self, _: &State) -> Option<Node> {
        let mut node = labelled(Role::Button, &self.label);
        if self.look == Look::Segment {
            node = labelled(Role::RadioButton, &self.label);
        }
        if self.selected {
            node.set_selected(true);
            node.set_toggled(Toggled::True);
        }
        if self.enabled {
            node.add_action(Action::Click);
            node.add_action(Action::Focus);
        } else {
            node.set_disabled();
        }
        Some(node)
    }
}

impl<M: Clone> Button<M> {
    fn paint_content(
        &self,
        rect: Rect,
        painter: &mut Painter,
        icon_size: f32,
        ink: Color,
        icon_ink: Color,
    ) {
        let metrics = &painter.theme.metrics;
        let side = painter.px(icon_size);
        let inset = painter.px(metrics.space * 3.0);
        let gap = painter.px(GAP);
        let icon = self.icon.as_deref();
        if !self.shows_label {
            if let Some(icon) = icon {
                painter.symbol(icon, icon_size, rect, icon_ink);
            }
            return;
        }
        let spec = TextSpec::new(self.label.as_str(), metrics.text * painter.scale);
        let before = if icon.is_some() { side + gap } else { 0 };
        let room = (rect.width - before - inset).max(0) as f32;
        let text = painter.shape_cut(&spec.weight(self.weight()), room);
        let content = before + text.width.ceil() as i32;
        let mut x = if self.is_leading() {
            rect.x + inset
        } else {
            rect.x + (rect.width - content) / 2
        };
        if let Some(icon) = icon {
            let place = Rect::new(x, rect.y, side, rect.height);
            painter.symbol(icon, icon_size, place, icon_ink);
            x += side + gap;
        }
        let place = Rect::new(x, rect.y, text.width.ceil() as i32, rect.height);
        painter.text_in(&text, place, ink);
    }
}
