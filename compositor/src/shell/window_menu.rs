//! The menu of a window: what can be done with it, by pointer or keys.
//!
//! It opens where a title bar is pressed with the right button, or where a client asks for it. While it is open,
//! pointer and keys are its own. What moves the keyboard elsewhere closes it, so that it never stands in the way:
//! a press beside it and keys that are bound to something mean what they always mean.

use smithay::{
    input::keyboard::Keysym,
    utils::{Logical, Point, Rectangle, SERIAL_COUNTER, Size},
};

use super::{Edges, ManagedWindow, Mode, WORKSPACES, WindowId};
use crate::{output::OutputId, state::Compositor};

/// Height of a line of it, and of what is between two groups.
const LINE: i32 = 32;
const BETWEEN: i32 = 9;
/// Within its border.
const MARGIN: i32 = 6;
/// Beside a line's text.
const INDENT: i32 = 14;
/// It is at least so wide.
const NARROWEST: i32 = 190;

/// What a line of it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Hides the window.
    Minimize,
    /// Fills the work area with it.
    Maximize,
    /// Lets it float again.
    Restore,
    /// It follows the pointer until a button is pressed.
    Move,
    /// Its nearest corner does.
    Resize,
    /// Takes it to a workspace, counted from 0.
    Workspace(usize),
    /// Asks it to close.
    Close,
}

impl Entry {
    /// Its text.
    pub fn label(self) -> String {
        match self {
            Entry::Minimize => "Minimize".into(),
            Entry::Maximize => "Maximize".into(),
            Entry::Restore => "Restore".into(),
            Entry::Move => "Move".into(),
            Entry::Resize => "Resize".into(),
            Entry::Workspace(place) => format!("Move to Workspace {}", place + 1),
            Entry::Close => "Close".into(),
        }
    }

    /// Which of its groups it is in.
    fn group(self) -> usize {
        match self {
            Entry::Minimize | Entry::Maximize | Entry::Restore | Entry::Move | Entry::Resize => 0,
            Entry::Workspace(_) => 1,
            Entry::Close => 2,
        }
    }

    /// What can be done with a window.
    fn of(window: &ManagedWindow) -> Vec<Entry> {
        let mut entries = vec![Entry::Minimize];
        entries.push(match window.mode {
            Mode::Floating => Entry::Maximize,
            _ => Entry::Restore,
        });
        if window.mode != Mode::Fullscreen {
            entries.push(Entry::Move);
        }
        if window.mode == Mode::Floating {
            entries.push(Entry::Resize);
        }
        let others = (0..WORKSPACES).filter(|place| *place != window.workspace);
        entries.extend(others.map(Entry::Workspace));
        entries.push(Entry::Close);
        entries
    }
}

/// The menu that is open.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowMenu {
    /// Whose it is.
    pub window: WindowId,
    /// The display that it is on.
    pub output: OutputId,
    /// Where it is among all displays.
    pub rect: Rectangle<i32, Logical>,
    /// Its lines.
    pub entries: Vec<Entry>,
    /// The line that is chosen.
    pub chosen: Option<usize>,
}

impl WindowMenu {
    /// Where its lines are, from its corner.
    pub fn lines(&self) -> Vec<Rectangle<i32, Logical>> {
        let width = self.rect.size.w - 2 * MARGIN;
        let line = |top| Rectangle::new((MARGIN, top).into(), (width, LINE).into());
        tops(&self.entries).map(line).collect()
    }

    /// Where a line's text is, from the menu's corner.
    pub fn text_of(line: Rectangle<i32, Logical>) -> Rectangle<i32, Logical> {
        let room = (line.size.w - 2 * INDENT).max(0);
        let corner = line.loc + Point::from((INDENT, 0));
        Rectangle::new(corner, (room, line.size.h).into())
    }

    /// What separates its groups, from its corner: lines one pixel high.
    pub fn separators(&self) -> Vec<Rectangle<i32, Logical>> {
        let width = self.rect.size.w - 2 * MARGIN;
        let pairs = self.entries.windows(2).zip(tops(&self.entries).skip(1));
        let apart = pairs.filter(|(pair, _)| pair[0].group() != pair[1].group());
        apart
            .map(|(_, top)| {
                let middle = top - BETWEEN / 2 - 1;
                Rectangle::new((MARGIN, middle).into(), (width, 1).into())
            })
            .collect()
    }

    /// The line at a point among all displays.
    fn at(&self, point: Point<f64, Logical>) -> Option<usize> {
        let point = point - self.rect.loc.to_f64();
        let lines = self.lines();
        lines.iter().position(|line| line.to_f64().contains(point))
    }

    /// Chooses the next line (or the one before), going round.
    fn step(&mut self, forward: bool) {
        let count = self.entries.len();
        self.chosen = Some(match (self.chosen, forward) {
            (None, true) => 0,
            (None, false) => count - 1,
            (Some(now), true) => (now + 1) % count,
            (Some(now), false) => (now + count - 1) % count,
        });
    }
}

/// Where lines begin, from the menu's corner downwards.
fn tops(entries: &[Entry]) -> impl Iterator<Item = i32> {
    let mut next = MARGIN;
    let mut before = None;
    entries.iter().map(move |entry| {
        if before
            .replace(entry.group())
            .is_some_and(|group| group != entry.group())
        {
            next += BETWEEN;
        }
        let top = next;
        next += LINE;
        top
    })
}

/// How large a menu of these lines is, whose longest text is so long.
fn size(entries: &[Entry], text: i32) -> Size<i32, Logical> {
    let last = tops(entries).last().unwrap_or_default();
    let width = (text + 2 * (INDENT + MARGIN)).max(NARROWEST);
    (width, last + LINE + MARGIN).into()
}

/// Where something of a length begins that is to begin or else to end at a place.
fn beside(place: i32, length: i32, (start, room): (i32, i32)) -> i32 {
    let end = start + room;
    let begins = if place + length <= end {
        place
    } else {
        place - length
    };
    begins.min(end - length).max(start)
}

impl Compositor {
    /// Opens the menu of a window that is on screen, with a corner at a place among all displays.
    pub(crate) fn open_window_menu(&mut self, id: WindowId, at: Point<i32, Logical>) {
        if self.exclusive_layer().is_some() || !self.shell.visible().any(|window| window.id == id) {
            return;
        }
        let at = self.outputs.clamp(at.to_f64());
        let Some((output, screen)) = self.outputs.at(at).map(|it| (it.id, it.rect())) else {
            return;
        };
        self.end_switch(false);
        self.close_menus();
        let entries = self.shell.get(id).map(Entry::of).unwrap_or_default();
        let text_size = self.look.text_size;
        let painter = &mut self.painter;
        let lengths = entries
            .iter()
            .map(|entry| painter.text_width(&entry.label(), text_size));
        let size = size(&entries, lengths.fold(0.0, f32::max).ceil() as i32);
        let at = at.to_i32_floor::<i32>();
        let corner = (
            beside(at.x, size.w, (screen.loc.x, screen.size.w)),
            beside(at.y, size.h, (screen.loc.y, screen.size.h)),
        );
        self.shell.window_menu = Some(WindowMenu {
            window: id,
            output,
            rect: Rectangle::new(corner.into(), size),
            entries,
            chosen: None,
        });
        // Whoever was pressed on hears no more of that button.
        if let Some(pointer) = self.seat.get_pointer() {
            pointer.unset_grab(self, SERIAL_COUNTER.next_serial(), self.clock.millis());
        }
        self.shell.hovered = None;
        self.pointer_moved_under();
        self.outputs.queue_all();
    }

    /// Closes the menu, if it is open.
    pub(crate) fn close_window_menu(&mut self) {
        if self.shell.window_menu.take().is_some() {
            self.pointer_moved_under();
            self.outputs.queue_all();
        }
    }

    /// The pointer is at a place: the line there is chosen.
    pub(crate) fn point_in_window_menu(&mut self, point: Point<f64, Logical>) {
        if let Some(menu) = &mut self.shell.window_menu {
            let chosen = menu.at(point);
            if std::mem::replace(&mut menu.chosen, chosen) != chosen {
                self.outputs.queue_all();
            }
        }
    }

    /// Whether a key means something to the menu that is open.
    pub(crate) fn window_menu_knows(&self, key: Keysym) -> bool {
        use Keysym as Key;
        let known = [
            Key::Up,
            Key::Down,
            Key::Home,
            Key::End,
            Key::Return,
            Key::KP_Enter,
            Key::space,
            Key::Escape,
        ];
        self.shell.window_menu.is_some() && known.contains(&key)
    }

    /// Such a key was pressed.
    pub(crate) fn window_menu_key(&mut self, key: Keysym) {
        let Some(menu) = &mut self.shell.window_menu else {
            return;
        };
        match key {
            Keysym::Up => menu.step(false),
            Keysym::Down => menu.step(true),
            Keysym::Home => menu.chosen = Some(0),
            Keysym::End => menu.chosen = Some(menu.entries.len() - 1),
            Keysym::Escape => self.close_window_menu(),
            _ => self.take_from_window_menu(),
        }
        self.outputs.queue_all();
    }

    /// Does what the chosen line says, if one is chosen.
    pub(crate) fn take_from_window_menu(&mut self) {
        let chosen = |menu: &WindowMenu| Some((menu.window, *menu.entries.get(menu.chosen?)?));
        let Some((id, entry)) = self.shell.window_menu.as_ref().and_then(chosen) else {
            return;
        };
        self.close_window_menu();
        match entry {
            Entry::Minimize => self.minimize(id),
            Entry::Maximize => self.maximize(id),
            Entry::Restore => match self.shell.get(id).map(|window| window.mode) {
                Some(Mode::Fullscreen) => self.unfullscreen(id),
                _ => self.unmaximize(id),
            },
            Entry::Move | Entry::Resize => self.carry(id, entry),
            Entry::Workspace(place) => self.move_to_workspace(id, place),
            Entry::Close => self.close(id),
        }
    }

    /// The window, or its nearest corner, follows the pointer until a button or a key puts it down.
    fn carry(&mut self, id: WindowId, what: Entry) {
        let (Some(window), Some(pointer)) = (self.shell.get(id), self.seat.get_pointer()) else {
            return;
        };
        let at = pointer.current_location();
        let edges = Edges::nearest(window.rect().to_f64(), at);
        let serial = SERIAL_COUNTER.next_serial();
        match what {
            Entry::Resize => self.start_resize(id, edges, at, serial),
            _ => self.start_move(id, at, serial),
        }
        self.shell.carrying = pointer.has_grab(serial);
    }

    /// Closes the menu of a window that is no longer on screen.
    pub(super) fn update_window_menu(&mut self) {
        let menu = self.shell.window_menu.as_ref();
        let gone = |menu: &WindowMenu| !self.shell.visible().any(|it| it.id == menu.window);
        if menu.is_some_and(gone) {
            self.close_window_menu();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_follow_one_another_and_groups_are_apart() {
        let entries = vec![
            Entry::Minimize,
            Entry::Maximize,
            Entry::Workspace(1),
            Entry::Close,
        ];
        let size = size(&entries, 300);
        let menu = WindowMenu {
            window: WindowId(0),
            output: OutputId(0),
            rect: Rectangle::new((50, 40).into(), size),
            entries,
            chosen: None,
        };
        let lines = menu.lines();
        assert_eq!(lines[0].loc.y + LINE, lines[1].loc.y);
        assert_eq!(lines[1].loc.y + LINE + BETWEEN, lines[2].loc.y);
        assert_eq!(lines[3].loc.y + LINE + MARGIN, size.h);
        assert!(WindowMenu::text_of(lines[0]).size.w >= 300);
        let separators = menu.separators();
        assert_eq!(separators.len(), 2);
        for separator in separators {
            assert!(lines.iter().all(|line| !line.overlaps(separator)));
        }
        let middle = lines[2].to_f64().loc + menu.rect.loc.to_f64() + Point::from((5.0, 5.0));
        assert_eq!(menu.at(middle), Some(2));
        assert_eq!(menu.at((51.0, 41.0).into()), None, "its border");
    }

    #[test]
    fn it_stays_on_its_display_with_a_corner_at_the_place() {
        assert_eq!(beside(100, 50, (0, 800)), 100);
        assert_eq!(beside(790, 50, (0, 800)), 740);
        assert_eq!(beside(30, 500, (0, 400)), 0, "larger than the display");
        assert_eq!(beside(-20, 50, (0, 800)), 0);
    }
}
