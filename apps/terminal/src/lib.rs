//! A terminal window: a shell behind a pseudoterminal, its screen drawn cell by cell.
//!
//! Bytes flow one way: [`session`] reads them from the shell, [`screen`] turns them into a grid
//! of cells (parsing is `alacritty_terminal`'s), [`frame`] resolves the grid into what is to be
//! seen, [`painter`] draws the cells that differ from those on screen, [`window`] shows the pixels.
//! Keys and the mouse go back by [`keys`] and [`mouse`]. All but [`window`] runs without a display,
//! which is how it is tested.
#![forbid(unsafe_code)]

pub mod boxes;
pub mod font;
pub mod frame;
pub mod keys;
pub mod mouse;
pub mod painter;
pub mod palette;
pub mod screen;
pub mod session;
pub mod window;
