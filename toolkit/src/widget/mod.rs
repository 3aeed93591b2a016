//! Widgets: one file each. A widget is a description made anew by each `view`; what lasts between
//! views (hover, focus, a caret) is the retained node's [`State`].

mod button;
mod container;
mod field;
mod label;
mod picture;
mod segmented;
mod slider;
mod toggle;

use accesskit::{Node, Role};
use ochre_raster::Rect;
use ochre_theme::Theme;

pub use button::{Button, Look};
pub use container::{Container, Surface, card, divider};
pub use field::TextField;
pub use label::{Icon, Label, Tone};
pub use picture::Picture;
pub use segmented::segmented;
pub use slider::Slider;
pub use toggle::Toggle;

use crate::anim::Anim;
use crate::element::Style;
use crate::event::{Cursor, KeyEvent};
use crate::paint::Painter;
use crate::text::Text;
use crate::ui::Resources;

/// What a retained node remembers for its widget.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub(crate) hovered: bool,
    pub(crate) pressed: bool,
    pub(crate) focused: bool,
    /// The keyboard moved the focus here, so show it.
    pub(crate) focus_visible: bool,
    pub(crate) hover: Anim,
    pub(crate) press: Anim,
    /// A switch on its way.
    pub(crate) on: Anim,
    /// How far the content is scrolled, and how far it can be; physical pixels.
    pub(crate) scroll: i32,
    pub(crate) scroll_most: i32,
    /// A text field's contents while it is edited.
    pub(crate) edit: Option<field::Edit>,
}

/// How much room text may take; physical pixels.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub width: Option<f32>,
}

/// What measuring and painting ask about besides the widget.
pub struct MeasureContext<'a> {
    pub theme: &'a Theme,
    pub scale: f32,
    pub(crate) resources: &'a Resources,
}

impl MeasureContext<'_> {
    pub fn px(&self, logical: f32) -> f32 {
        (logical * self.scale).round()
    }

    pub fn shape(&self, spec: &crate::text::TextSpec) -> std::rc::Rc<Text> {
        self.resources.shaper.borrow_mut().shape(spec)
    }
}

/// Something that happened to this widget. Positions are physical, from its top left.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The left button went down here; `clicks` counts quick ones.
    Pressed {
        x: f32,
        y: f32,
        clicks: u32,
    },
    /// The pointer moved while the button is held.
    Dragged {
        x: f32,
        y: f32,
    },
    /// The button went up, inside the widget or elsewhere.
    Released {
        inside: bool,
    },
    Key(&'a KeyEvent),
    Pasted(&'a str),
}

/// What a widget answers with.
pub struct InputContext<'a, M> {
    pub theme: &'a Theme,
    pub scale: f32,
    pub rect: Rect,
    pub state: &'a mut State,
    pub(crate) resources: &'a Resources,
    pub(crate) messages: &'a mut Vec<M>,
    pub(crate) clipboard: &'a mut Option<String>,
    pub(crate) wants_paste: &'a mut bool,
}

impl<M> InputContext<'_, M> {
    pub fn send(&mut self, message: M) {
        self.messages.push(message);
    }
}

/// A widget: defaults make it a passive box.
pub trait Widget<M> {
    /// What it is: nodes keep their state while this stays the same.
    fn kind(&self) -> &'static str;

    fn style(&self) -> Style {
        Style::default()
    }

    /// Size of the content in physical pixels; none when only children count.
    fn measure(&self, _room: Room, _context: &MeasureContext) -> Option<(f32, f32)> {
        None
    }

    /// Draws below the children.
    fn paint(&self, _rect: Rect, _state: &State, _painter: &mut Painter) {}

    /// Whether the pointer can press it.
    fn presses(&self) -> bool {
        false
    }

    /// Whether the keyboard can reach it.
    fn focuses(&self) -> bool {
        false
    }

    /// Whether it takes the keyboard as soon as it appears.
    fn autofocus(&self) -> bool {
        false
    }

    fn cursor(&self) -> Cursor {
        Cursor::Arrow
    }

    /// Whether it is on, for widgets that move between two places.
    fn is_on(&self) -> bool {
        false
    }

    /// Takes over what a new view changed about lasting state.
    fn sync(&self, _state: &mut State) {}

    /// Whether the input was of use; keys that weren't go on to the window.
    fn input(&self, _input: &Input, _context: &mut InputContext<M>) -> bool {
        false
    }

    /// Says it to a screen reader; none for what only groups or decorates.
    fn access(&self, _state: &State) -> Option<Node> {
        None
    }
}

/// A node with its label.
pub(crate) fn labelled(role: Role, label: &str) -> Node {
    let mut node = Node::new(role);
    node.set_label(label);
    node
}
