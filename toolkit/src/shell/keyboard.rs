//! The keyboard: keymaps, dead keys and repeating, from raw `wl_keyboard` events.
//!
//! The client library's own keyboard asks for the C library libxkbcommon when it is built; this needs
//! only the keymap crate.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use smithay_client_toolkit::dispatch2::Dispatch2;
use smithay_client_toolkit::reexports::client::protocol::wl_keyboard::{self, WlKeyboard};
use smithay_client_toolkit::reexports::client::{Connection, QueueHandle, WEnum};
use xkbcommon::xkb::{self, Keysym, compose};

use crate::app::WindowId;
use crate::event::{Event, Key, KeyEvent, Modifiers};
use crate::shell::state::Shell;

/// Marks keyboards in Wayland's dispatch.
pub(super) struct KeyboardObject;

struct Repeat {
    keycode: u32,
    event: KeyEvent,
    due: Instant,
}

/// The state of the keyboard.
pub(super) struct Keyboard {
    pub object: Option<WlKeyboard>,
    pub focus: Option<WindowId>,
    context: xkb::Context,
    keymap: Option<xkb::Keymap>,
    state: Option<xkb::State>,
    compose: Option<compose::State>,
    /// Keys a second, and the delay before; none for no repeating.
    rate: Option<(Duration, Duration)>,
    repeating: Option<Repeat>,
}

impl Keyboard {
    pub fn new() -> Keyboard {
        let context = xkb::Context::new(xkb::CONTEXT_NO_FLAGS);
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
            .unwrap_or_else(|| OsString::from("C.UTF-8"));
        let table = compose::Table::new_from_locale(&context, &locale, compose::COMPILE_NO_FLAGS);
        let state = table
            .ok()
            .map(|table| compose::State::new(&table, compose::STATE_NO_FLAGS));
        Keyboard {
            object: None,
            focus: None,
            context,
            keymap: None,
            state: None,
            compose: state,
            rate: Some((Duration::from_millis(30), Duration::from_millis(500))),
            repeating: None,
        }
    }

    pub fn leave(&mut self) {
        self.focus = None;
        self.repeating = None;
        if let Some(compose) = &mut self.compose {
            compose.reset();
        }
    }

    fn set_keymap(&mut self, keymap: Option<xkb::Keymap>) {
        self.state = keymap.as_ref().map(xkb::State::new);
        self.keymap = keymap;
    }

    fn modifiers(&self) -> Modifiers {
        let Some(state) = &self.state else {
            return Modifiers::default();
        };
        let active = |name: &str| state.mod_name_is_active(name, xkb::STATE_MODS_EFFECTIVE);
        Modifiers {
            shift: active(xkb::MOD_NAME_SHIFT),
            control: active(xkb::MOD_NAME_CTRL),
            alt: active(xkb::MOD_NAME_ALT),
            logo: active(xkb::MOD_NAME_LOGO),
        }
    }

    fn key_event(&mut self, keycode: u32) -> Option<KeyEvent> {
        let code = xkb::Keycode::new(keycode);
        let modifiers = self.modifiers();
        let state = self.state.as_ref()?;
        let keysym = state.key_get_one_sym(code);
        let mut text = state.key_get_utf8(code);
        if let Some(compose) = &mut self.compose {
            compose.feed(keysym);
            match compose.status() {
                compose::Status::Composing | compose::Status::Cancelled => text.clear(),
                compose::Status::Composed => text = compose.utf8().unwrap_or_default(),
                compose::Status::Nothing => {}
            }
        }
        text.retain(|letter| !letter.is_control());
        Some(KeyEvent {
            key: named(keysym),
            modifiers,
            text,
            repeated: false,
        })
    }

    pub fn next_repeat(&self) -> Option<Instant> {
        self.repeating.as_ref().map(|repeat| repeat.due)
    }

    /// What has become due by `now`: at most one, so that a slow window isn't flooded.
    pub fn repeats(&mut self, now: Instant) -> Option<(WindowId, KeyEvent)> {
        let (window, (every, _)) = (self.focus?, self.rate?);
        let repeat = self.repeating.as_mut().filter(|repeat| repeat.due <= now)?;
        repeat.due = now + every;
        Some((window, repeat.event.clone()))
    }
}

fn named(keysym: Keysym) -> Key {
    match keysym {
        Keysym::Return | Keysym::KP_Enter => Key::Enter,
        Keysym::Escape => Key::Escape,
        Keysym::Tab | Keysym::ISO_Left_Tab => Key::Tab,
        Keysym::BackSpace => Key::Backspace,
        Keysym::Delete | Keysym::KP_Delete => Key::Delete,
        Keysym::Insert | Keysym::KP_Insert => Key::Insert,
        Keysym::Left | Keysym::KP_Left => Key::Left,
        Keysym::Right | Keysym::KP_Right => Key::Right,
        Keysym::Up | Keysym::KP_Up => Key::Up,
        Keysym::Down | Keysym::KP_Down => Key::Down,
        Keysym::Home | Keysym::KP_Home => Key::Home,
        Keysym::End | Keysym::KP_End => Key::End,
        Keysym::Page_Up | Keysym::KP_Page_Up => Key::PageUp,
        Keysym::Page_Down | Keysym::KP_Page_Down => Key::PageDown,
        Keysym::Menu => Key::Menu,
        other => {
            let function = other.raw().wrapping_sub(Keysym::F1.raw());
            if function < 24 {
                return Key::Function(function as u8 + 1);
            }
            match other.key_char() {
                Some(letter) if !letter.is_control() => {
                    Key::Character(letter.to_lowercase().next().unwrap_or(letter))
                }
                _ => Key::Other,
            }
        }
    }
}

/// evdev codes are 8 below X11's, which keymaps use.
const OFFSET: u32 = 8;

impl Dispatch2<WlKeyboard, Shell> for KeyboardObject {
    fn event(
        &self,
        shell: &mut Shell,
        _: &WlKeyboard,
        event: wl_keyboard::Event,
        _: &Connection,
        _: &QueueHandle<Shell>,
    ) {
        let keyboard = &mut shell.keyboard;
        match event {
            wl_keyboard::Event::Keymap { format, fd, size } => {
                let keymap = match format {
                    WEnum::Value(wl_keyboard::KeymapFormat::XkbV1) => xkb::Keymap::new_from_fd(
                        &keyboard.context,
                        fd,
                        size as usize,
                        xkb::KEYMAP_FORMAT_TEXT_V1,
                        xkb::KEYMAP_COMPILE_NO_FLAGS,
                    )
                    .ok()
                    .flatten(),
                    _ => None,
                };
                keyboard.set_keymap(keymap);
            }
            wl_keyboard::Event::Enter {
                serial, surface, ..
            } => {
                shell.serial = serial;
                if let Some(window) = shell.window_of(&surface) {
                    shell.keyboard.focus = Some(window);
                    shell.event(window, &Event::Focused(true));
                }
            }
            wl_keyboard::Event::Leave { serial, .. } => {
                shell.serial = serial;
                let left = shell.keyboard.focus;
                shell.keyboard.leave();
                if let Some(window) = left {
                    shell.event(window, &Event::Focused(false));
                }
            }
            wl_keyboard::Event::Modifiers {
                mods_depressed,
                mods_latched,
                mods_locked,
                group,
                ..
            } => {
                if let Some(state) = &mut keyboard.state {
                    state.update_mask(mods_depressed, mods_latched, mods_locked, 0, 0, group);
                }
            }
            wl_keyboard::Event::RepeatInfo { rate, delay } => {
                keyboard.rate = u64::try_from(rate)
                    .ok()
                    .filter(|rate| *rate > 0)
                    .map(|rate| {
                        let delay = u64::try_from(delay).unwrap_or(0).clamp(50, 5_000);
                        (
                            Duration::from_millis((1_000 / rate).max(5)),
                            Duration::from_millis(delay),
                        )
                    });
            }
            wl_keyboard::Event::Key {
                serial, key, state, ..
            } => {
                shell.serial = serial;
                let Some(keycode) = key.checked_add(OFFSET) else {
                    return;
                };
                let pressed = matches!(state, WEnum::Value(wl_keyboard::KeyState::Pressed));
                shell.key(keycode, pressed);
            }
            _ => {}
        }
    }
}

impl Shell {
    fn key(&mut self, keycode: u32, pressed: bool) {
        let Some(window) = self.keyboard.focus else {
            return;
        };
        let keyboard = &mut self.keyboard;
        if !pressed {
            if keyboard
                .repeating
                .as_ref()
                .is_some_and(|repeat| repeat.keycode == keycode)
            {
                keyboard.repeating = None;
            }
            let modifiers = keyboard.modifiers();
            let keysym = keyboard
                .state
                .as_ref()
                .map(|state| state.key_get_one_sym(keycode.into()));
            let key = keysym.map_or(Key::Other, named);
            let released = KeyEvent {
                key,
                modifiers,
                text: String::new(),
                repeated: false,
            };
            return self.event(window, &Event::KeyReleased(released));
        }
        let Some(event) = keyboard.key_event(keycode) else {
            return;
        };
        let code = xkb::Keycode::new(keycode);
        let repeats = keyboard
            .keymap
            .as_ref()
            .is_some_and(|keymap| keymap.key_repeats(code));
        keyboard.repeating = keyboard.rate.filter(|_| repeats).map(|(_, delay)| Repeat {
            keycode,
            event: KeyEvent {
                repeated: true,
                ..event.clone()
            },
            due: Instant::now() + delay,
        });
        self.event(window, &Event::KeyPressed(event));
    }
}
