//! Keys: the desktop's own first, then the focused client's.

use std::time::Duration;

use smithay::{
    backend::input::{KeyState, Keycode},
    input::keyboard::{FilterResult, Keysym},
    utils::SERIAL_COUNTER,
    wayland::keyboard_shortcuts_inhibit::{
        KeyboardShortcutsInhibitor, KeyboardShortcutsInhibitorSeat,
    },
};

use super::{Action, Chord, Modifiers, Trigger};
use crate::{clock::Due, state::Compositor};

/// xkb counts key codes from 8 where Linux counts from 0.
pub(super) const XKB_OFFSET: u32 = 8;

/// A launcher that is not there after this long does not come.
const LONGEST_AHEAD: Duration = Duration::from_secs(1);

/// The left Super key.
const KEY_LEFTMETA: u32 = 125;

/// The Linux key codes that exist: anything above is a broken device's.
pub(crate) const LAST_KEY: u32 = 0x2ff;

/// Takes the desktop's keys back from a client that has all of them, and gives them again: whatever that client
/// is, it can be left.
const TAKE_BACK: (Modifiers, Keysym) = (
    Modifiers {
        logo: true,
        ctrl: false,
        alt: false,
        shift: false,
    },
    Keysym::Escape,
);

/// What a key means that is the desktop's.
enum Meaning {
    /// Nothing, now.
    Nothing,
    /// What it is bound to.
    Bound(Action),
    /// Something to the menu of a window.
    Menu(Keysym),
    /// That the focused client is to have all keys no more, or again.
    TakeBack,
    /// That a window that follows the pointer has been moved enough.
    PutDown,
}

impl Compositor {
    pub(super) fn key(&mut self, code: u32, pressed: bool, time: u32) {
        if code > LAST_KEY {
            return;
        }
        if let Some(held) = &mut self.typed_ahead {
            held.push((code, pressed, time));
            return;
        }
        let Some(keyboard) = self.seat.get_keyboard() else {
            return;
        };
        let keycode = Keycode::new(code + XKB_OFFSET);
        let state = if pressed {
            KeyState::Pressed
        } else {
            KeyState::Released
        };
        let serial = SERIAL_COUNTER.next_serial();
        let switching = self.shell.switcher.is_some();
        let modal = switching || self.shell.window_menu.is_some();
        let inhibited = self.keys_are_a_client_s();
        let inhibits = self.inhibitor().is_some();
        let meaning = keyboard.input(
            self,
            keycode,
            state,
            serial,
            time,
            |state, modifiers, key| {
                let sym = key.modified_sym();
                let held = Modifiers::from(modifiers);
                if pressed {
                    if state.window_menu_knows(sym) {
                        state.swallowed_keys.insert(code);
                        return FilterResult::Intercept(Meaning::Menu(sym));
                    }
                    if state.shell.carrying && matches!(sym, Keysym::Return | Keysym::Escape) {
                        state.swallowed_keys.insert(code);
                        return FilterResult::Intercept(Meaning::PutDown);
                    }
                    let raw = key.raw_latin_sym_or_raw_current_sym().unwrap_or(sym);
                    if inhibits && (held, raw) == TAKE_BACK {
                        state.swallowed_keys.insert(code);
                        return FilterResult::Intercept(Meaning::TakeBack);
                    }
                    let action = if switching && sym == Keysym::Escape {
                        Some(Action::SwitchCancel)
                    } else {
                        state.config.bindings.of_key(held, raw, sym).cloned()
                    };
                    return match action.filter(|it| !inhibited && state.allows(it)) {
                        Some(action) => {
                            state.swallowed_keys.insert(code);
                            if matches!(action, Action::SwitchNext | Action::SwitchPrevious) {
                                state.switch_held = Some(held.without_shift());
                            }
                            FilterResult::Intercept(Meaning::Bound(action))
                        }
                        None if modal => {
                            state.swallowed_keys.insert(code);
                            FilterResult::Intercept(Meaning::Nothing)
                        }
                        None => FilterResult::Forward,
                    };
                }
                let swallowed = state.swallowed_keys.remove(&code);
                // The client saw the modifier go down, so it has to see it go up.
                state.switch_let_go =
                    switching && state.switch_held.is_some_and(|chord| chord.let_go(held));
                if swallowed {
                    FilterResult::Intercept(Meaning::Nothing)
                } else {
                    FilterResult::Forward
                }
            },
        );
        if meaning.is_none() {
            let focus = keyboard.current_focus();
            self.given.add(focus.as_ref(), pressed, serial);
        }
        if std::mem::take(&mut self.switch_let_go) {
            self.end_switch(true);
        }
        match (code, pressed) {
            (KEY_LEFTMETA, true) => self.meta_alone = true,
            (KEY_LEFTMETA, false) if std::mem::take(&mut self.meta_alone) && !inhibited => {
                self.super_alone();
            }
            _ => self.meta_alone = false,
        }
        match meaning {
            Some(Meaning::Bound(action)) => self.act(action),
            Some(Meaning::Menu(key)) => self.window_menu_key(key),
            Some(Meaning::TakeBack) => self.take_keys_back(),
            Some(Meaning::PutDown) => self.put_down(),
            Some(Meaning::Nothing) | None => {}
        }
    }

    /// The Super key was pressed and let go with nothing between.
    fn super_alone(&mut self) {
        let chord = Chord {
            modifiers: Modifiers::default(),
            trigger: Trigger::SuperAlone,
        };
        let Some(action) = self.config.bindings.of(chord).cloned() else {
            return;
        };
        let launches = action == Action::Launcher;
        self.act(action);
        if launches {
            self.type_ahead();
        }
    }

    /// Holds the keys that are meant for the launcher back until it is there: who knows a program's
    /// name types it at once.
    fn type_ahead(&mut self) {
        if self.exclusive_layer().is_none() && !self.is_locked() {
            self.typed_ahead = Some(Vec::new());
            let until = self.clock.now() + LONGEST_AHEAD;
            self.deadlines.set(until, Due::TypedAhead);
        }
    }

    /// Lets the keys through that were held back.
    pub(crate) fn release_typed_ahead(&mut self) {
        self.deadlines.cancel(Due::TypedAhead);
        for (code, pressed, time) in self.typed_ahead.take().unwrap_or_default() {
            self.key(code, pressed, time);
        }
    }

    /// Whether the focused client has all keys to itself (a virtual machine, a remote desktop).
    pub(super) fn keys_are_a_client_s(&self) -> bool {
        self.inhibitor().is_some_and(|it| it.is_active())
    }

    /// What the focused client asked for all keys with, in force or not.
    fn inhibitor(&self) -> Option<KeyboardShortcutsInhibitor> {
        if self.is_locked() || self.shell.switcher.is_some() || self.shell.window_menu.is_some() {
            return None;
        }
        let focus = self.seat.get_keyboard()?.current_focus()?;
        self.seat.keyboard_shortcuts_inhibitor_for_surface(&focus)
    }

    fn take_keys_back(&mut self) {
        let Some(inhibitor) = self.inhibitor() else {
            return;
        };
        if inhibitor.is_active() {
            inhibitor.inactivate();
            self.keys_kept_from = Some(inhibitor.wl_surface().clone());
        } else {
            inhibitor.activate();
            self.keys_kept_from = None;
        }
    }

    pub(super) fn next_keyboard_layout(&mut self) {
        if let Some(keyboard) = self.seat.get_keyboard() {
            keyboard.with_xkb_state(self, |mut xkb| xkb.cycle_next_layout());
        }
    }

    pub(super) fn choose_keyboard_layout(&mut self, place: usize) {
        if let Some(keyboard) = self.seat.get_keyboard() {
            keyboard.with_xkb_state(self, |mut xkb| {
                let layout = xkb
                    .xkb()
                    .lock()
                    .ok()
                    .and_then(|xkb| xkb.layouts().nth(place));
                if let Some(layout) = layout {
                    xkb.set_layout(layout);
                }
            });
        }
    }
}
