//! Text and symbols that can't be operated.

use accesskit::{Node, Role};
use ochre_raster::{Color, Rect};
use ochre_theme::Theme;

use crate::element::Style;
use crate::paint::Painter;
use crate::text::{Family, TextSpec, Weight};
use crate::widget::{MeasureContext, Room, State, Widget, labelled};

/// Which of the theme's colours a text or symbol has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Normal,
    Muted,
    Disabled,
    Accent,
    Danger,
    Success,
    OnAccent,
}

impl Tone {
    pub fn color(self, theme: &Theme) -> Color {
        let tokens = &theme.tokens;
        match self {
            Tone::Normal => tokens.text,
            Tone::Muted => tokens.text_muted,
            Tone::Disabled => tokens.text_disabled,
            Tone::Accent => tokens.text_accent,
            Tone::Danger => tokens.text_danger,
            Tone::Success => tokens.text_success,
            Tone::OnAccent => tokens.text_on_accent,
        }
    }
}

/// Sizes by rank; the theme says how large each is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Size {
    Small,
    Body,
    Large,
    Title,
    Display,
    Px(f32),
}

/// A text.
pub struct Label {
    text: String,
    size: Size,
    weight: Weight,
    tone: Tone,
    family: Family,
    single: bool,
    centred: bool,
}

impl Label {
    pub fn new(text: impl Into<String>) -> Label {
        Label {
            text: text.into(),
            size: Size::Body,
            weight: Weight::Regular,
            tone: Tone::Normal,
            family: Family::Ui,
            single: false,
            centred: false,
        }
    }

    /// A page's heading.
    pub fn display(text: impl Into<String>) -> Label {
        Label {
            size: Size::Display,
            weight: Weight::SemiBold,
            ..Label::new(text)
        }
    }

    /// A section's or card's heading.
    pub fn title(text: impl Into<String>) -> Label {
        Label {
            size: Size::Title,
            weight: Weight::SemiBold,
            ..Label::new(text)
        }
    }

    pub fn large(text: impl Into<String>) -> Label {
        Label {
            size: Size::Large,
            ..Label::new(text)
        }
    }

    /// Captions and explanations.
    pub fn small(text: impl Into<String>) -> Label {
        Label {
            size: Size::Small,
            tone: Tone::Muted,
            ..Label::new(text)
        }
    }

    #[must_use]
    pub fn px(mut self, size: f32) -> Label {
        self.size = Size::Px(size);
        self
    }

    #[must_use]
    pub fn weight(mut self, weight: Weight) -> Label {
        self.weight = weight;
        self
    }

    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Label {
        self.tone = tone;
        self
    }

    #[must_use]
    pub fn mono(mut self) -> Label {
        self.family = Family::Mono;
        self
    }

    /// One line, cut with an ellipsis where there is no room.
    #[must_use]
    pub fn single_line(mut self) -> Label {
        self.single = true;
        self
    }

    #[must_use]
    pub fn centred(mut self) -> Label {
        self.centred = true;
        self
    }

    fn spec(&self, theme: &Theme, scale: f32) -> TextSpec {
        let metrics = &theme.metrics;
        let size = match self.size {
            Size::Small => metrics.text_small,
            Size::Body => metrics.text,
            Size::Large => metrics.text_large,
            Size::Title => metrics.text_title,
            Size::Display => metrics.text_display,
            Size::Px(size) => size,
        };
        TextSpec::new(self.text.as_str(), size * scale)
            .weight(self.weight)
            .family(self.family)
    }
}

impl<M> Widget<M> for Label {
    fn kind(&self) -> &'static str {
        "label"
    }

    fn measure(&self, room: Room, context: &MeasureContext) -> Option<(f32, f32)> {
        let spec = self.spec(context.theme, context.scale);
        let wrap = if self.single { None } else { room.width };
        let text = context.shape(&spec.wrapped(wrap));
        let width = text.width.ceil();
        let width = if self.single {
            width.min(room.width.unwrap_or(width))
        } else {
            width
        };
        Some((width, text.height.ceil()))
    }

    fn paint(&self, rect: Rect, _: &State, painter: &mut Painter) {
        let color = self.tone.color(painter.theme);
        let spec = self.spec(painter.theme, painter.scale);
        let text = if self.single {
            painter.shape_cut(&spec, rect.width as f32)
        } else {
            // A pixel more than measured, so that rounding breaks no line.
            painter.shape(&spec.wrapped(Some(rect.width as f32 + 1.0)))
        };
        if self.centred {
            painter.text_centred(&text, rect, color);
        } else {
            painter.text_in(&text, rect, color);
        }
    }

    fn access(&self, _: &State) -> Option<Node> {
        let mut node = labelled(Role::Label, &self.text);
        node.set_value(self.text.as_str());
        Some(node)
    }
}

/// A symbol that decorates; what it means must be said beside it.
pub struct Icon {
    name: String,
    size: Option<f32>,
    tone: Tone,
}

impl Icon {
    pub fn new(name: impl Into<String>) -> Icon {
        Icon {
            name: name.into(),
            size: None,
            tone: Tone::Normal,
        }
    }

    #[must_use]
    pub fn size(mut self, logical: f32) -> Icon {
        self.size = Some(logical);
        self
    }

    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Icon {
        self.tone = tone;
        self
    }
}

impl<M> Widget<M> for Icon {
    fn kind(&self) -> &'static str {
        "icon"
    }

    fn style(&self) -> Style {
        Style {
            rigid: true,
            ..Style::default()
        }
    }

    fn measure(&self, _: Room, context: &MeasureContext) -> Option<(f32, f32)> {
        let side = context.px(self.size.unwrap_or(context.theme.metrics.icon));
        Some((side, side))
    }

    fn paint(&self, rect: Rect, _: &State, painter: &mut Painter) {
        let size = self.size.unwrap_or(painter.theme.metrics.icon);
        let color = self.tone.color(painter.theme);
        painter.symbol(&self.name, size, rect, color);
    }
}
