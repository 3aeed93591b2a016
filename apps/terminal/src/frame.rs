//! What is to be seen: every cell's text and colours, with selection and cursor worked in.
//!
//! A frame is compared with the one on screen, cell by cell, so whatever changes a cell's look has
//! to be in it, and nothing else.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::Point;
use alacritty_terminal::term::cell::{Cell as Source, Flags};
use alacritty_terminal::term::point_to_viewport;
use alacritty_terminal::vte::ansi::{CursorShape, NamedColor};
use ochre_raster::Color;

use crate::palette::Palette;
use crate::screen::Screen;

/// One cell's look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub character: char,
    /// Accents that sit on the character.
    pub accents: Option<Box<[char]>>,
    pub text: Color,
    pub ground: Color,
    pub bold: bool,
    pub italic: bool,
    pub underline: Underline,
    pub underline_color: Color,
    pub struck: bool,
    /// Cells that the character takes: 1 or 2; 0 for the second cell of a wide one.
    pub width: u8,
    /// A cursor that is drawn over the cell, and its colour.
    pub cursor: Option<(Cursor, Color)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Underline {
    None,
    Single,
    Double,
    Curly,
    Dotted,
    Dashed,
}

/// A cursor's shape, where it is not simply a cell in other colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    Beam,
    Underline,
    Hollow,
}

/// All cells of the window, line by line.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    pub columns: usize,
    pub lines: usize,
    pub cells: Vec<Cell>,
}

impl Frame {
    /// Takes the screen's present look into `self`, whose memory is used again.
    pub fn capture(&mut self, screen: &Screen, palette: &Palette, focused: bool) {
        let content = screen.term().renderable_content();
        let overrides = content.colors;
        self.columns = screen.term().columns();
        self.lines = screen.term().screen_lines();
        self.cells.clear();
        self.cells.reserve(self.columns * self.lines);

        for item in content.display_iter {
            let mut cell = look(item.cell, palette, |color| {
                palette.resolve(color, overrides)
            });
            let selected = content
                .selection
                .is_some_and(|range| range.contains(item.point));
            if selected {
                cell.ground = palette.selection();
                if item.cell.flags.contains(Flags::INVERSE) {
                    cell.text = palette.foreground();
                }
            }
            self.cells.push(cell);
        }

        let shape = match content.cursor.shape {
            CursorShape::Block if !focused => CursorShape::HollowBlock,
            shape => shape,
        };
        let place = point_to_viewport(content.display_offset, content.cursor.point);
        let index = place.filter(|place| place.line < self.lines);
        let Some(cell) = index.and_then(|place: Point<usize>| {
            self.cells
                .get_mut(place.line * self.columns + place.column.0)
        }) else {
            return;
        };
        let color = palette.numbered(NamedColor::Cursor as usize, overrides);
        match shape {
            CursorShape::Hidden => {}
            CursorShape::Block => {
                cell.text = if color.luma() > 128 {
                    Color::BLACK
                } else {
                    Color::WHITE
                };
                cell.ground = color;
            }
            CursorShape::HollowBlock => cell.cursor = Some((Cursor::Hollow, color)),
            CursorShape::Beam => cell.cursor = Some((Cursor::Beam, color)),
            CursorShape::Underline => cell.cursor = Some((Cursor::Underline, color)),
        }
    }
}

fn look(
    source: &Source,
    palette: &Palette,
    resolve: impl Fn(alacritty_terminal::vte::ansi::Color) -> Color,
) -> Cell {
    let flags = source.flags;
    let mut text = resolve(source.fg);
    let mut ground = resolve(source.bg);
    if flags.contains(Flags::DIM) {
        text = palette.dim(text);
    }
    if flags.contains(Flags::INVERSE) {
        std::mem::swap(&mut text, &mut ground);
    }
    if flags.contains(Flags::HIDDEN) {
        text = ground;
    }
    let underline = if flags.contains(Flags::UNDERCURL) {
        Underline::Curly
    } else if flags.contains(Flags::DOUBLE_UNDERLINE) {
        Underline::Double
    } else if flags.contains(Flags::DASHED_UNDERLINE) {
        Underline::Dashed
    } else if flags.contains(Flags::DOTTED_UNDERLINE) {
        Underline::Dotted
    } else if flags.contains(Flags::UNDERLINE) {
        Underline::Single
    } else if source.hyperlink().is_some() {
        Underline::Dotted
    } else {
        Underline::None
    };
    let spacer = flags.contains(Flags::WIDE_CHAR_SPACER);
    Cell {
        character: if spacer { ' ' } else { source.c },
        accents: source.zerowidth().filter(|_| !spacer).map(Box::from),
        text,
        ground,
        bold: flags.contains(Flags::BOLD),
        italic: flags.contains(Flags::ITALIC),
        underline,
        underline_color: source.underline_color().map_or(text, resolve),
        struck: flags.contains(Flags::STRIKEOUT),
        width: match () {
            () if spacer => 0,
            () if flags.contains(Flags::WIDE_CHAR) => 2,
            () => 1,
        },
        cursor: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Size;
    use alacritty_terminal::term::color::Colors;

    fn palette() -> Palette {
        Palette::from(&ochre_theme::Store::at(Vec::new(), None).active_or_usual())
    }

    fn capture(bytes: &[u8], focused: bool) -> Frame {
        let mut screen = Screen::new(Size {
            columns: 8,
            lines: 2,
            cell_width: 8,
            cell_height: 16,
        });
        screen.feed(bytes);
        let mut frame = Frame::default();
        frame.capture(&screen, &palette(), focused);
        frame
    }

    #[test]
    fn attributes_become_colours() {
        let (palette, none) = (palette(), Colors::default());
        let red = palette.numbered(1, &none);
        let frame = capture(
            b"\x1b[31mr\x1b[7mi\x1b[0;2md\x1b[0;8mh\x1b[0;38;2;1;2;3mt",
            true,
        );
        let colors: Vec<_> = frame.cells[..5]
            .iter()
            .map(|c| (c.text, c.ground))
            .collect();
        assert_eq!(colors[0], (red, palette.background()));
        assert_eq!(colors[1], (palette.background(), red));
        assert_eq!(colors[2].0, palette.dim(palette.foreground()));
        assert_eq!(colors[3], (palette.background(), palette.background()));
        assert_eq!(colors[4].0, Color::rgb(0x010203));
    }

    #[test]
    fn wide_characters_take_two_cells() {
        let frame = capture("a漢e\u{301}".as_bytes(), true);
        let widths: Vec<_> = frame.cells[..4].iter().map(|c| c.width).collect();
        assert_eq!(widths, [1, 2, 0, 1]);
        assert_eq!(frame.cells[3].accents.as_deref(), Some(&['\u{301}'][..]));
    }

    #[test]
    fn the_cursor_says_who_has_the_focus() {
        let focused = capture(b"a", true);
        assert_eq!(focused.cells[1].ground, palette().cursor());
        let other = capture(b"a", false);
        assert_eq!(
            other.cells[1].cursor,
            Some((Cursor::Hollow, palette().cursor()))
        );
        let hidden = capture(b"a\x1b[?25l", true);
        assert_eq!(hidden.cells[1].ground, palette().background());
        let beam = capture(b"a\x1b[6 q", true);
        assert!(matches!(beam.cells[1].cursor, Some((Cursor::Beam, _))));
    }
}
