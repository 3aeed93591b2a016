//! Keys: the desktop's own first, then the focused client's.

use smithay::{
    backend::input::{KeyState, Keycode},
    input::keyboard::{FilterResult, Keysym},
    utils::SERIAL_COUNTER,
};

use super::{Action, bindings::action_of};
use crate::state::Compositor;

/// xkb counts key codes from 8 where Linux counts from 0.
pub(super) const XKB_OFFSET: u32 = 8;

/// The left Super key.
const KEY_LEFTMETA: u32 = 125;

/// The Linux key codes that exist: anything above is a broken device's.
const LAST_KEY: u32 = 0x2ff;

impl Compositor {
    pub(super) fn key(&mut self, code: u32, pressed: bool, time: u32) {
        if code > LAST_KEY {
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
        let action = keyboard.input(
            self,
            keycode,
            state,
            serial,
            time,
            |state, modifiers, key| {
                let sym = key.modified_sym();
                if pressed {
                    let latin = key.raw_latin_sym_or_raw_current_sym().unwrap_or(sym);
                    let tab = sym == Keysym::ISO_Left_Tab;
                    let action = action_of(modifiers, if tab { sym } else { latin }, switching);
                    return match action {
                        Some(action) => {
                            state.swallowed_keys.insert(code);
                            FilterResult::Intercept(Some(action))
                        }
                        None if switching => {
                            state.swallowed_keys.insert(code);
                            FilterResult::Intercept(None)
                        }
                        None => FilterResult::Forward,
                    };
                }
                let swallowed = state.swallowed_keys.remove(&code);
                if switching
                    && !modifiers.alt
                    && matches!(sym, Keysym::Alt_L | Keysym::Alt_R | Keysym::Meta_L)
                {
                    // The client saw Alt go down, so it has to see it go up.
                    state.switch_let_go = true;
                }
                if swallowed {
                    FilterResult::Intercept(None)
                } else {
                    FilterResult::Forward
                }
            },
        );
        if std::mem::take(&mut self.switch_let_go) {
            self.end_switch(true);
        }
        // The Super key, pressed and let go with nothing between, opens the launcher.
        match (code, pressed) {
            (KEY_LEFTMETA, true) => self.meta_alone = true,
            (KEY_LEFTMETA, false) if std::mem::take(&mut self.meta_alone) => {
                self.act(Action::Launcher);
            }
            _ => self.meta_alone = false,
        }
        if let Some(Some(action)) = action {
            self.act(action);
        }
    }

    pub(super) fn next_keyboard_layout(&mut self) {
        if let Some(keyboard) = self.seat.get_keyboard() {
            keyboard.with_xkb_state(self, |mut xkb| xkb.cycle_next_layout());
        }
    }
}
