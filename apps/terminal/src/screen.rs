//! The terminal's state: grid, scrollback, modes and selection, fed with what the shell prints.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use alacritty_terminal::event::{Event, EventListener, WindowSize};
use alacritty_terminal::grid::{Dimensions, Scroll};
use alacritty_terminal::index::{Column, Point, Side};
use alacritty_terminal::selection::{Selection, SelectionType};
use alacritty_terminal::term::{ClipboardType, Config, Term, TermMode, viewport_to_point};
use alacritty_terminal::vte::ansi::{Processor, Rgb};

use crate::palette::Palette;

/// Lines kept above the screen.
const SCROLLBACK: usize = 10_000;

/// Columns and lines of a screen, and a cell's pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub columns: u16,
    pub lines: u16,
    pub cell_width: u16,
    pub cell_height: u16,
}

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        self.screen_lines()
    }

    fn screen_lines(&self) -> usize {
        usize::from(self.lines.max(1))
    }

    fn columns(&self) -> usize {
        // A wide character needs two.
        usize::from(self.columns.max(2))
    }
}

/// What the program asks of the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Title(Option<String>),
    Bell,
    /// Put text on the clipboard.
    Copy(String),
    /// Put text into the primary selection.
    CopyPrimary(String),
    Close,
}

/// Where the terminal's own events wait until the bytes that caused them are all read.
#[derive(Clone, Default)]
pub struct Outbox(Rc<RefCell<Vec<Event>>>);

impl EventListener for Outbox {
    fn send_event(&self, event: Event) {
        self.0.borrow_mut().push(event);
    }
}

/// A terminal without a window.
pub struct Screen {
    term: Term<Outbox>,
    parser: Processor,
    outbox: Outbox,
    size: Size,
}

impl Screen {
    pub fn new(size: Size) -> Screen {
        let outbox = Outbox::default();
        let config = Config {
            scrolling_history: SCROLLBACK,
            ..Config::default()
        };
        Screen {
            term: Term::new(config, &size, outbox.clone()),
            parser: Processor::new(),
            outbox,
            size,
        }
    }

    pub fn term(&self) -> &Term<Outbox> {
        &self.term
    }

    pub fn mode(&self) -> TermMode {
        *self.term.mode()
    }

    pub fn size(&self) -> Size {
        self.size
    }

    /// Takes in what the shell printed.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.term, bytes);
    }

    /// Until when a program asked to show nothing of its half-done update.
    pub fn held_until(&self) -> Option<Instant> {
        self.parser.sync_timeout().sync_timeout()
    }

    /// Shows a half-done update whose time is over.
    pub fn stop_holding(&mut self) {
        self.parser.stop_sync(&mut self.term);
    }

    /// Answers the program's questions: what goes back to the shell, and what to the window.
    pub fn take_events(&mut self, palette: &Palette) -> (Vec<u8>, Vec<Request>) {
        let events = std::mem::take(&mut *self.outbox.0.borrow_mut());
        let mut answers = Vec::new();
        let mut requests = Vec::new();
        for event in events {
            match event {
                Event::PtyWrite(text) => answers.extend_from_slice(text.as_bytes()),
                Event::ColorRequest(index, answer) => {
                    let [r, g, b, _] = palette.numbered(index, self.term.colors()).to_rgba();
                    answers.extend_from_slice(answer(Rgb { r, g, b }).as_bytes());
                }
                Event::TextAreaSizeRequest(answer) => {
                    let size = WindowSize {
                        num_lines: self.size.lines,
                        num_cols: self.size.columns,
                        cell_width: self.size.cell_width,
                        cell_height: self.size.cell_height,
                    };
                    answers.extend_from_slice(answer(size).as_bytes());
                }
                Event::Title(title) => requests.push(Request::Title(Some(printable(&title)))),
                Event::ResetTitle => requests.push(Request::Title(None)),
                Event::Bell => requests.push(Request::Bell),
                Event::ClipboardStore(ClipboardType::Clipboard, text) => {
                    requests.push(Request::Copy(text));
                }
                Event::ClipboardStore(ClipboardType::Selection, text) => {
                    requests.push(Request::CopyPrimary(text));
                }
                Event::Exit => requests.push(Request::Close),
                // Reading the clipboard is not for programs to do (the configuration says so too).
                Event::ClipboardLoad(..)
                | Event::MouseCursorDirty
                | Event::CursorBlinkingChange
                | Event::Wakeup
                | Event::ChildExit(_) => {}
            }
        }
        (answers, requests)
    }

    pub fn resize(&mut self, size: Size) {
        self.size = size;
        self.term.resize(size);
    }

    pub fn set_focused(&mut self, focused: bool) {
        self.term.is_focused = focused;
    }

    pub fn scroll(&mut self, scroll: Scroll) {
        self.term.scroll_display(scroll);
    }

    pub fn is_scrolled_back(&self) -> bool {
        self.term.grid().display_offset() > 0
    }

    /// The place in the grid of a cell of the window.
    pub fn point(&self, column: usize, line: usize) -> Point {
        let column = Column(column.min(self.term.columns() - 1));
        let line = line.min(self.term.screen_lines() - 1);
        viewport_to_point(self.term.grid().display_offset(), Point::new(line, column))
    }

    /// Starts a selection by the number of clicks: characters, words, lines.
    pub fn select(&mut self, at: Point, side: Side, clicks: u32) {
        let kind = match clicks {
            0 | 1 => SelectionType::Simple,
            2 => SelectionType::Semantic,
            _ => SelectionType::Lines,
        };
        self.term.selection = Some(Selection::new(kind, at, side));
    }

    /// Moves the selection's end.
    pub fn extend_selection(&mut self, to: Point, side: Side) {
        if let Some(selection) = &mut self.term.selection {
            selection.update(to, side);
        }
    }

    pub fn clear_selection(&mut self) {
        self.term.selection = None;
    }

    pub fn selected_text(&self) -> Option<String> {
        self.term
            .selection_to_string()
            .filter(|text| !text.is_empty())
    }

    /// Pasted text as the program wants it: line ends as Return gives them, and bracketed on
    /// request, from within which nothing can end the bracket.
    pub fn paste(&self, text: &str) -> Vec<u8> {
        let text = text.replace("\r\n", "\r").replace('\n', "\r");
        if self.mode().contains(TermMode::BRACKETED_PASTE) {
            let text = text.replace(['\x1b', '\x03'], "");
            format!("\x1b[200~{text}\x1b[201~").into_bytes()
        } else {
            text.into_bytes()
        }
    }
}

/// A title that can't disturb who shows it.
fn printable(title: &str) -> String {
    title
        .chars()
        .filter(|c| !c.is_control())
        .take(256)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen() -> Screen {
        Screen::new(Size {
            columns: 20,
            lines: 4,
            cell_width: 8,
            cell_height: 16,
        })
    }

    fn palette() -> Palette {
        Palette::from(&ochre_theme::Store::at(Vec::new(), None).active_or_usual())
    }

    #[test]
    fn questions_are_answered() {
        let mut screen = screen();
        let [r, g, b, _] = palette().background().to_rgba();
        screen.feed(b"ab\x1b[6n\x1b[18t\x1b]11;?\x07\x1b]2;a\tb\x07\x07");
        let (answers, requests) = screen.take_events(&palette());
        let answers = String::from_utf8(answers).unwrap();
        assert_eq!(
            answers,
            format!(
                "\x1b[1;3R\x1b[8;4;20t\x1b]11;rgb:{r:02x}{r:02x}/{g:02x}{g:02x}/{b:02x}{b:02x}\x07"
            )
        );
        assert_eq!(
            requests,
            [Request::Title(Some("ab".to_owned())), Request::Bell]
        );
    }

    #[test]
    fn words_and_lines_are_selected() {
        let mut screen = screen();
        screen.feed(b"one two three\r\nfour");
        let inside_two = screen.point(5, 0);
        screen.select(inside_two, Side::Left, 2);
        assert_eq!(screen.selected_text().as_deref(), Some("two"));
        screen.extend_selection(screen.point(9, 0), Side::Right);
        assert_eq!(screen.selected_text().as_deref(), Some("two three"));
        screen.select(inside_two, Side::Left, 3);
        assert_eq!(screen.selected_text().as_deref(), Some("one two three\n"));
        screen.select(inside_two, Side::Left, 1);
        assert_eq!(
            screen.selected_text(),
            None,
            "a click alone selects nothing"
        );
    }

    #[test]
    fn the_selection_stays_on_its_text_when_scrolled() {
        let mut screen = screen();
        screen.feed(b"one\r\ntwo\r\nthree\r\nfour");
        screen.select(screen.point(0, 1), Side::Left, 2);
        screen.feed(b"\r\nfive\r\nsix");
        assert_eq!(screen.selected_text().as_deref(), Some("two"));
        screen.scroll(Scroll::Top);
        assert!(screen.is_scrolled_back());
        assert_eq!(screen.point(0, 0).line.0, -2);
    }

    #[test]
    fn a_paste_can_not_leave_its_bracket() {
        let mut screen = screen();
        assert_eq!(screen.paste("a\r\nb\n"), b"a\rb\r");
        screen.feed(b"\x1b[?2004h");
        assert_eq!(
            screen.paste("a\x1b[201~rm\n"),
            b"\x1b[200~a[201~rm\r\x1b[201~"
        );
    }

    #[test]
    fn no_size_and_no_bytes_break_it() {
        let mut screen = screen();
        let mut seed = 1u32;
        for (columns, lines) in [(0, 0), (1, 1), (2, 1), (500, 2), (3, 300), (20, 4)] {
            screen.resize(Size {
                columns,
                lines,
                cell_width: 1,
                cell_height: 1,
            });
            let noise: Vec<u8> = (0..20_000)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    // Escape sequences need their openers more often than chance gives them.
                    match seed >> 28 {
                        0 => 0x1b,
                        1 => b'[',
                        2 => b'0' + (seed >> 16 & 7) as u8,
                        _ => (seed >> 16) as u8,
                    }
                })
                .collect();
            screen.feed(&noise);
            screen.take_events(&palette());
        }
    }
}
