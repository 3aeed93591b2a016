//! What `view` returns: a tree of widgets with their layout style.

use crate::widget::{Container, Widget};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    Row,
    #[default]
    Column,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Length {
    /// As large as the content.
    #[default]
    Auto,
    /// Logical pixels.
    Px(f32),
    /// A part of the parent, 0 to 1.
    Part(f32),
}

/// Across the direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    Start,
    Center,
    End,
    #[default]
    Stretch,
}

/// Along the direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Justify {
    #[default]
    Start,
    Center,
    End,
    Between,
}

/// Distances inside the edges, in logical pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Padding {
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
    pub left: f32,
}

impl From<f32> for Padding {
    fn from(all: f32) -> Padding {
        Padding {
            top: all,
            right: all,
            bottom: all,
            left: all,
        }
    }
}

/// (vertical, horizontal)
impl From<(f32, f32)> for Padding {
    fn from((vertical, horizontal): (f32, f32)) -> Padding {
        Padding {
            top: vertical,
            right: horizontal,
            bottom: vertical,
            left: horizontal,
        }
    }
}

/// How an element is laid out: flexbox in logical pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Style {
    pub direction: Direction,
    pub gap: f32,
    pub padding: Padding,
    pub width: Length,
    pub height: Length,
    pub min_width: Option<f32>,
    pub min_height: Option<f32>,
    pub max_width: Option<f32>,
    /// The size along the parent's direction before room is shared out.
    pub basis: Option<f32>,
    pub grow: f32,
    /// May not become smaller than its content.
    pub rigid: bool,
    pub align: Align,
    pub align_self: Option<Align>,
    pub justify: Justify,
    pub wrap: bool,
    /// Content beyond the bottom edge is reached by scrolling.
    pub scrolls: bool,
}

/// A widget, its layout, and its children.
pub struct Element<M> {
    pub(crate) widget: Box<dyn Widget<M>>,
    pub(crate) style: Style,
    pub(crate) children: Vec<Element<M>>,
    pub(crate) key: Option<String>,
}

impl<M: 'static> Element<M> {
    pub fn new(widget: impl Widget<M> + 'static) -> Element<M> {
        let style = widget.style();
        Element {
            widget: Box::new(widget),
            style,
            children: Vec::new(),
            key: None,
        }
    }

    /// Children one below the other.
    pub fn column(children: impl IntoIterator<Item = Element<M>>) -> Element<M> {
        Element::new(Container::default()).with_children(children)
    }

    /// Children side by side, centred across.
    pub fn row(children: impl IntoIterator<Item = Element<M>>) -> Element<M> {
        let mut row = Element::new(Container::default()).with_children(children);
        row.style.direction = Direction::Row;
        row.style.align = Align::Center;
        row
    }

    /// Takes all the room that is left.
    pub fn spacer() -> Element<M> {
        Element::new(Container::default()).grow(1.0)
    }

    #[must_use]
    pub fn with_children(mut self, children: impl IntoIterator<Item = Element<M>>) -> Self {
        self.children.extend(children);
        self
    }

    /// What keeps its state (focus, scroll position) when siblings come and go.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    #[must_use]
    pub fn gap(mut self, gap: f32) -> Self {
        self.style.gap = gap;
        self
    }

    #[must_use]
    pub fn padding(mut self, padding: impl Into<Padding>) -> Self {
        self.style.padding = padding.into();
        self
    }

    #[must_use]
    pub fn width(mut self, pixels: f32) -> Self {
        self.style.width = Length::Px(pixels);
        self.style.rigid = true;
        self
    }

    #[must_use]
    pub fn height(mut self, pixels: f32) -> Self {
        self.style.height = Length::Px(pixels);
        self
    }

    #[must_use]
    pub fn fill_width(mut self) -> Self {
        self.style.width = Length::Part(1.0);
        self
    }

    #[must_use]
    pub fn fill_height(mut self) -> Self {
        self.style.height = Length::Part(1.0);
        self
    }

    #[must_use]
    pub fn min_width(mut self, pixels: f32) -> Self {
        self.style.min_width = Some(pixels);
        self
    }

    #[must_use]
    pub fn min_height(mut self, pixels: f32) -> Self {
        self.style.min_height = Some(pixels);
        self
    }

    #[must_use]
    pub fn max_width(mut self, pixels: f32) -> Self {
        self.style.max_width = Some(pixels);
        self
    }

    /// Wants this much along the parent's direction, and takes less where there is less.
    #[must_use]
    pub fn basis(mut self, pixels: f32) -> Self {
        self.style.basis = Some(pixels);
        self.style.rigid = false;
        self
    }

    #[must_use]
    pub fn grow(mut self, share: f32) -> Self {
        self.style.grow = share;
        self
    }

    #[must_use]
    pub fn rigid(mut self) -> Self {
        self.style.rigid = true;
        self
    }

    #[must_use]
    pub fn align(mut self, align: Align) -> Self {
        self.style.align = align;
        self
    }

    #[must_use]
    pub fn align_self(mut self, align: Align) -> Self {
        self.style.align_self = Some(align);
        self
    }

    #[must_use]
    pub fn justify(mut self, justify: Justify) -> Self {
        self.style.justify = justify;
        self
    }

    #[must_use]
    pub fn wrap(mut self) -> Self {
        self.style.wrap = true;
        self
    }

    /// Lets the content scroll within the room that the element gets.
    #[must_use]
    pub fn scroll(mut self) -> Self {
        self.style.scrolls = true;
        self
    }
}
