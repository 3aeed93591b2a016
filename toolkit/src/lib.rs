//! The GUI toolkit for native apps.
//!
//! An app is a struct with [`App::update`] and [`App::view`]. What `view` describes is diffed into a
//! retained [`tree`], and four passes go over that, each one way: *event* finds the widget and makes
//! messages, *layout* (taffy) gives every widget its rectangle, *paint* emits a closed display list,
//! *access* says it all again for a screen reader. Two display lists differ by ink: only that is drawn,
//! by `ochre-raster`, and only that is told to the compositor.
//!
//! [`Ui`] is one window's worth of that, without a window system: the [`harness`] renders it to an
//! image in a millisecond, [`shell`] puts it on Wayland. A widget that can be operated can't be made
//! without its accessible label.

#![forbid(unsafe_code)]

pub mod access;
mod anim;
pub mod app;
pub mod display;
mod element;
pub mod event;
pub mod harness;
mod icons;
mod layout;
mod paint;
pub mod shell;
mod text;
mod tree;
mod ui;
pub mod widget;

pub use app::{App, Context, Layer, WindowId, WindowKind, WindowSpec};
pub use element::{Align, Direction, Element, Justify, Length, Padding, Style};
pub use icons::Icons;
pub use ochre_raster as raster;
pub use ochre_theme as theme;
pub use paint::Painter;
pub use text::{Family, Text, TextSpec, Weight};
pub use ui::{Resources, Ui};
