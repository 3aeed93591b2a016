//! Menus: popups that have the keyboard and the pointer for as long as they are open.
//!
//! Smithay's grabs do what is inside a menu. What they leave to the next key or motion happens here
//! at once: whoever opened the menu has the keyboard back in the turn in which it went, so that a
//! caret blinks on and the next key isn't one that was down already as the window was entered.
//!
//! Menus belong to who is being used. Nobody takes keys by opening one in the background, or under
//! the lock, and whatever takes the keyboard from their window closes them.

use smithay::{
    desktop::{
        PopupGrab, PopupKeyboardGrab, PopupKind, PopupManager, PopupPointerGrab,
        PopupUngrabStrategy, find_popup_root_surface,
    },
    input::{
        keyboard::KeyboardHandle,
        pointer::{ClickGrab, Focus, PointerGrab, PointerHandle},
    },
    reexports::wayland_server::{Resource, protocol::wl_surface::WlSurface},
    utils::{IsAlive, SERIAL_COUNTER, Serial},
    wayland::shell::xdg::PopupSurface,
};

use super::{Hit, ManagedWindow};
use crate::state::Compositor;

/// The menus that are open, all of one window or layer.
#[derive(Debug)]
pub struct Menus {
    /// The window's or layer's surface.
    root: WlSurface,
    grab: PopupGrab<Compositor>,
}

impl Compositor {
    /// Opens a popup as a menu, or tells its client that it is closed.
    pub(crate) fn open_menu(&mut self, popup: PopupSurface, serial: Serial) {
        let kind = PopupKind::Xdg(popup.clone());
        let Ok(root) = find_popup_root_surface(&kind) else {
            return;
        };
        if !self.may_open_menus(&root) {
            let mut known = PopupManager::popups_for_surface(&root);
            if known.any(|(other, _)| other == kind) {
                // It fails only for a popup that is gone already.
                let _ = PopupManager::dismiss_popup(&root, &kind);
            } else {
                popup.send_popup_done(); // a layer's is known from its first commit on
            }
            return;
        }
        if self.shell.menus.as_ref().is_some_and(|it| it.root != root) {
            self.close_menus();
        }
        let seat = self.seat.clone();
        let Ok(mut grab) = self.popups.grab_popup(root.clone(), kind, &seat, serial) else {
            return;
        };
        let before = grab.previous_serial().unwrap_or(serial);
        let (keyboard, pointer) = (seat.get_keyboard(), seat.get_pointer());
        let keys = keyboard.as_ref().map_or(Keys::Free, keys_of);
        let keys_taken = keys == Keys::Menu
            && keyboard
                .as_ref()
                .is_some_and(|it| !(it.has_grab(serial) || it.has_grab(before)));
        let pointer_taken = pointer.as_ref().is_some_and(|it| {
            let ours = it.has_grab(serial) || it.has_grab(before) || pressed_in(it, &root);
            it.is_grabbed() && !ours
        });
        if keys_taken || pointer_taken {
            grab.ungrab(PopupUngrabStrategy::All); // nobody lost anything by it yet
            return;
        }
        if let Some(keyboard) = keyboard {
            keyboard.set_focus(self, grab.current_grab(), serial);
            if keys != Keys::InputMethod {
                keyboard.set_grab(self, PopupKeyboardGrab::new(&grab), serial);
            }
        }
        if let Some(pointer) = pointer {
            // A grab that goes takes the keyboard's of the same serial along: a menu that is opened
            // from another one without a press of its own goes on with the grab of that one.
            let goes_on = |menus: &Menus| menus.grab.serial() == serial;
            if !(self.shell.menus.as_ref().is_some_and(goes_on) && pointer.has_grab(serial)) {
                pointer.set_grab(self, PopupPointerGrab::new(&grab), serial, Focus::Keep);
            }
        }
        self.shell.menus = Some(Menus { root, grab });
    }

    fn may_open_menus(&self, root: &WlSurface) -> bool {
        if self.is_locked() {
            return false;
        }
        if let Some(layer) = self.exclusive_layer() {
            return layer == *root;
        }
        // A layer's menu, as a panel's, opens though the panel never has the keyboard.
        match self.shell.id_of(root) {
            Some(_) => self.active_surface().as_ref() == Some(root),
            None => self.shows_layer(root),
        }
    }

    /// Whether a surface is a window's or that of a layer that shows: all that menus hang on in the end.
    pub(crate) fn holds_menus(&self, root: &WlSurface) -> bool {
        self.shell.id_of(root).is_some() || self.shows_layer(root)
    }

    /// Whether a surface is that of a layer that shows.
    pub(super) fn shows_layer(&self, surface: &WlSurface) -> bool {
        let mut screens = self.outputs.iter();
        screens.any(|screen| screen.layers.shown().any(|it| it.wl_surface() == surface))
    }

    /// The surface of the window that has the keyboard, itself or by its menus.
    fn active_surface(&self) -> Option<WlSurface> {
        let active = self.shell.windows.iter().find(|window| window.active);
        active.and_then(ManagedWindow::surface)
    }

    /// The keyboard follows the menus that their client has closed.
    pub(crate) fn follow_menus(&mut self) {
        self.popups.cleanup();
        let Some(menus) = &self.shell.menus else {
            return;
        };
        if menus.grab.has_ended() || !self.holds_menus(&menus.root) {
            self.close_menus();
            return;
        }
        let focus = menus.grab.current_grab();
        if let Some(keyboard) = self.seat.get_keyboard()
            && keyboard.current_focus() != focus
        {
            keyboard.set_focus(self, focus, SERIAL_COUNTER.next_serial());
        }
    }

    /// Closes all menus and gives keyboard and pointer back.
    pub(crate) fn close_menus(&mut self) {
        let Some(Menus { root, mut grab }) = self.shell.menus.take() else {
            return;
        };
        grab.ungrab(PopupUngrabStrategy::All);
        let serial = SERIAL_COUNTER.next_serial();
        if let Some(keyboard) = self.seat.get_keyboard() {
            if keys_of(&keyboard) == Keys::Menu {
                keyboard.unset_grab(self);
            }
            let root = Some(root).filter(|root| self.holds_menus(root));
            let focus = self.active_surface().or(root).filter(IsAlive::alive);
            keyboard.set_focus(self, focus, serial);
        }
        if let Some(pointer) = self.seat.get_pointer()
            && pointer.has_grab(grab.serial())
        {
            pointer.unset_grab(self, serial, self.clock.millis());
        }
        self.pointer_moved_under();
    }

    /// Closes the menus of a window that loses the keyboard to `surface`.
    pub(super) fn close_menus_but_of(&mut self, surface: Option<&WlSurface>) {
        let lost =
            |menus: &Menus| surface != Some(&menus.root) && self.shell.id_of(&menus.root).is_some();
        if self.shell.menus.as_ref().is_some_and(lost) {
            self.close_menus();
        }
    }

    /// A press beside the menus' client closes them, and then means what it always means.
    pub(crate) fn close_menus_by_press(&mut self, hit: &Hit) {
        let beside = |menus: &Menus| match hit {
            Hit::Surface { surface, .. } => !surface.id().same_client_as(&menus.root.id()),
            _ => true,
        };
        if self.shell.menus.as_ref().is_some_and(beside) {
            self.close_menus();
        }
    }
}

/// Who is given the keys before they go to what has the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    Free,
    Menu,
    /// It keeps them while menus are open, as there is no giving them back: it types into menus, too.
    InputMethod,
}

fn keys_of(keyboard: &KeyboardHandle<Compositor>) -> Keys {
    let taken = keyboard.with_grab(|_, grab| match grab.is::<PopupKeyboardGrab<Compositor>>() {
        true => Keys::Menu,
        false => Keys::InputMethod,
    });
    taken.unwrap_or(Keys::Free)
}

/// Whether a button that was pressed in a client of `surface` is still down, and no more than that. A
/// menu may open meanwhile whichever press it is of: GTK names the last one, be it a key's.
fn pressed_in(pointer: &PointerHandle<Compositor>, surface: &WlSurface) -> bool {
    let pressed = |_, grab: &dyn PointerGrab<Compositor>| {
        let focus = grab.start_data().focus.as_ref();
        grab.is::<ClickGrab<Compositor>>()
            && focus.is_some_and(|(over, _)| over.id().same_client_as(&surface.id()))
    };
    pointer.with_grab(pressed).unwrap_or_default()
}
