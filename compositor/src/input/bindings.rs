//! Which key or button does what: chords as people write them, and the bindings that are built in.

use std::{collections::HashMap, fmt, str::FromStr};

use smithay::input::keyboard::{Keysym, ModifiersState, xkb};

use super::Action;

/// The modifiers that bindings tell apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Modifiers {
    /// Super: the key with the logo.
    pub logo: bool,
    /// Ctrl.
    pub ctrl: bool,
    /// Alt.
    pub alt: bool,
    /// Shift.
    pub shift: bool,
}

impl From<&ModifiersState> for Modifiers {
    fn from(state: &ModifiersState) -> Self {
        Self {
            logo: state.logo,
            ctrl: state.ctrl,
            alt: state.alt,
            shift: state.shift,
        }
    }
}

impl Modifiers {
    /// Without Shift, which only says which way something goes.
    pub(crate) fn without_shift(self) -> Self {
        Self {
            shift: false,
            ..self
        }
    }

    /// Whether none of these is held in `now`.
    pub(crate) fn let_go(self, now: Self) -> bool {
        !(self.logo && now.logo || self.ctrl && now.ctrl || self.alt && now.alt)
    }
}

/// Which way a wheel turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wheel {
    /// Away from its user.
    Up,
    /// Towards its user.
    Down,
    /// To the left.
    Left,
    /// To the right.
    Right,
}

/// What is pressed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trigger {
    /// The key that has this symbol without modifiers.
    Key(Keysym),
    /// The Super key by itself, pressed and let go.
    SuperAlone,
    /// A pointer's button, as Linux numbers it.
    Button(u32),
    /// A notch of a wheel.
    Wheel(Wheel),
}

/// Modifiers, and what is pressed with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Chord {
    /// Exactly these are held.
    pub modifiers: Modifiers,
    /// And this is pressed.
    pub trigger: Trigger,
}

/// Why something is no chord, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoChord {
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub fix: String,
}

/// Pointer buttons by name (linux/input-event-codes.h: BTN_*).
const BUTTONS: [(&str, Trigger); 9] = [
    ("Left", Trigger::Button(0x110)),
    ("Right", Trigger::Button(0x111)),
    ("Middle", Trigger::Button(0x112)),
    ("Back", Trigger::Button(0x113)),
    ("Forward", Trigger::Button(0x114)),
    ("WheelUp", Trigger::Wheel(Wheel::Up)),
    ("WheelDown", Trigger::Wheel(Wheel::Down)),
    ("WheelLeft", Trigger::Wheel(Wheel::Left)),
    ("WheelRight", Trigger::Wheel(Wheel::Right)),
];

/// What keys are called besides their names in xkb.
const ALSO: [(&str, Keysym); 7] = [
    ("enter", Keysym::Return),
    ("esc", Keysym::Escape),
    ("pageup", Keysym::Page_Up),
    ("pagedown", Keysym::Page_Down),
    ("del", Keysym::Delete),
    ("ins", Keysym::Insert),
    ("printscreen", Keysym::Print),
];

/// No symbol's name is longer.
const LONGEST_NAME: usize = 64;

impl Chord {
    /// A key chord as people write it: `Super+Shift+1`.
    pub fn of_keys(text: &str) -> Result<Self, NoChord> {
        let (modifiers, name) = split(text)?;
        if modifiers == Modifiers::default() && modifier_named(name).is_some_and(|one| one.logo) {
            return Ok(Self {
                modifiers,
                trigger: Trigger::SuperAlone,
            });
        }
        let lower = name.to_lowercase();
        let also = ALSO.iter().find(|(also, _)| *also == lower);
        let key = match also {
            Some((_, key)) => *key,
            None => keysym_named(name, &lower),
        };
        if key == Keysym::NoSymbol {
            let names = [
                "space", "return", "escape", "tab", "left", "right", "up", "down",
            ];
            return Err(NoChord {
                message: format!("no key is called {}", short(name)),
                fix: match nearest_of(&lower, &names) {
                    Some(near) => format!("\"{}\"", short(&text.replace(name, &capitalized(near)))),
                    None => "a name as `wev` or `xkbcli interactive-wayland` shows it, \
                             for example \"Super+F5\" or \"XF86AudioMute\""
                        .into(),
                },
            });
        }
        let types = key.key_char().is_some_and(|char| !char.is_control());
        if types && modifiers.without_shift() == Modifiers::default() {
            return Err(NoChord {
                message: format!("{} by itself is for typing", short(text)),
                fix: format!("\"Super+{}\"", short(text)),
            });
        }
        Ok(Self {
            modifiers,
            trigger: Trigger::Key(key),
        })
    }

    /// A button chord as people write it: `Super+Left`.
    pub fn of_buttons(text: &str) -> Result<Self, NoChord> {
        let (modifiers, name) = split(text)?;
        let named = |(known, _): &&(&str, Trigger)| known.eq_ignore_ascii_case(name);
        let Some((_, trigger)) = BUTTONS.iter().find(named) else {
            let names = BUTTONS.map(|(name, _)| name);
            return Err(NoChord {
                message: format!("no button is called {}", short(name)),
                fix: match nearest_of(name, &names) {
                    Some(near) => format!("\"{}\"", short(&text.replace(name, near))),
                    None => format!("one of: {}", names.join(", ")),
                },
            });
        };
        let side = matches!(trigger, Trigger::Button(0x113..));
        if modifiers == Modifiers::default() && !side {
            return Err(NoChord {
                message: format!("{} by itself is what every window needs", short(text)),
                fix: format!("\"Super+{}\"", short(text)),
            });
        }
        Ok(Self {
            modifiers,
            trigger: *trigger,
        })
    }
}

/// The symbol of that name: a letter's small one, however it is written.
fn keysym_named(name: &str, lower: &str) -> Keysym {
    if name.len() > LONGEST_NAME {
        return Keysym::NoSymbol;
    }
    [
        (lower, xkb::KEYSYM_NO_FLAGS),
        (name, xkb::KEYSYM_NO_FLAGS),
        (name, xkb::KEYSYM_CASE_INSENSITIVE),
    ]
    .into_iter()
    .map(|(name, flags)| xkb::keysym_from_name(name, flags))
    .find(|key| *key != Keysym::NoSymbol)
    .unwrap_or(Keysym::NoSymbol)
}

/// The modifiers before the last word, and that word.
fn split(text: &str) -> Result<(Modifiers, &str), NoChord> {
    let mut words: Vec<&str> = text.split('+').map(str::trim).collect();
    let name = words.pop().unwrap_or_default();
    if name.is_empty() {
        return Err(NoChord {
            message: "a key is missing".into(),
            fix: "\"Super+Q\"; the key + itself is called \"plus\"".into(),
        });
    }
    let mut modifiers = Modifiers::default();
    for word in words {
        let Some(one) = modifier_named(word) else {
            let names = ["Super", "Ctrl", "Alt", "Shift"];
            return Err(NoChord {
                message: format!("no modifier is called {}", short(word)),
                fix: match nearest_of(&capitalized(&word.to_lowercase()), &names) {
                    Some(near) => format!("\"{}\"", short(&text.replacen(word, near, 1))),
                    None => format!("one of: {}", names.join(", ")),
                },
            });
        };
        modifiers.logo |= one.logo;
        modifiers.ctrl |= one.ctrl;
        modifiers.alt |= one.alt;
        modifiers.shift |= one.shift;
    }
    Ok((modifiers, name))
}

fn modifier_named(word: &str) -> Option<Modifiers> {
    let none = Modifiers::default();
    Some(match word.to_ascii_lowercase().as_str() {
        "super" | "logo" | "win" | "mod4" => Modifiers { logo: true, ..none },
        "ctrl" | "control" => Modifiers { ctrl: true, ..none },
        "alt" | "mod1" => Modifiers { alt: true, ..none },
        "shift" => Modifiers {
            shift: true,
            ..none
        },
        _ => return None,
    })
}

/// As much of a user's word as a message has room for.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// The name that was probably meant, whatever its case.
pub(crate) fn nearest_of<'a>(written: &str, names: &[&'a str]) -> Option<&'a str> {
    ochre_theme::nearest(written, names)
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Modifiers {
            logo,
            ctrl,
            alt,
            shift,
        } = self.modifiers;
        for (held, name) in [
            (logo, "Super"),
            (ctrl, "Ctrl"),
            (alt, "Alt"),
            (shift, "Shift"),
        ] {
            if held {
                write!(f, "{name}+")?;
            }
        }
        match self.trigger {
            Trigger::SuperAlone => f.write_str("Super"),
            Trigger::Key(key) => match key {
                Keysym::Page_Up => f.write_str("PageUp"),
                Keysym::Page_Down => f.write_str("PageDown"),
                key => f.write_str(&capitalized(&xkb::keysym_get_name(key))),
            },
            trigger => {
                let name = BUTTONS.iter().find(|(_, known)| *known == trigger);
                f.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}

/// What is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bindings {
    bound: HashMap<Chord, Action>,
}

/// The keys that are bound unless the user says otherwise.
const KEYS: &[(&str, &str)] = &[
    ("Alt+Tab", "switch-next"),
    ("Alt+Shift+Tab", "switch-previous"),
    ("Super+Tab", "switch-next"),
    ("Super+Shift+Tab", "switch-previous"),
    ("Alt+F4", "close"),
    ("Super+Q", "close"),
    ("Super+Up", "maximize"),
    ("Super+Down", "restore"),
    ("Super+Left", "snap-left"),
    ("Super+Right", "snap-right"),
    ("Super+H", "minimize"),
    ("Super+F", "fullscreen"),
    ("Super+PageDown", "next-workspace"),
    ("Super+PageUp", "previous-workspace"),
    ("Super+Shift+PageDown", "move-to-next-workspace"),
    ("Super+Shift+PageUp", "move-to-previous-workspace"),
    ("Super+1", "workspace 1"),
    ("Super+2", "workspace 2"),
    ("Super+3", "workspace 3"),
    ("Super+4", "workspace 4"),
    ("Super+Shift+1", "move-to-workspace 1"),
    ("Super+Shift+2", "move-to-workspace 2"),
    ("Super+Shift+3", "move-to-workspace 3"),
    ("Super+Shift+4", "move-to-workspace 4"),
    ("Super+Space", "next-layout"),
    ("Super+Return", "terminal"),
    ("Super", "launcher"),
    ("Print", "screenshot"),
    ("Alt+Print", "screenshot-window"),
    ("Ctrl+Alt+BackSpace", "quit"),
];

/// The buttons likewise.
const POINTER: &[(&str, &str)] = &[
    ("Super+Left", "move"),
    ("Super+Right", "resize"),
    ("Super+Middle", "toggle-maximized"),
    ("Super+WheelUp", "previous-workspace"),
    ("Super+WheelDown", "next-workspace"),
];

impl Default for Bindings {
    /// Those that are built in.
    fn default() -> Self {
        let read = |chord: Result<Chord, NoChord>, action: &str| {
            let chord = chord.expect("a test reads every built-in binding");
            let action = Action::from_str(action).expect("a test reads every built-in binding");
            (chord, action)
        };
        let keys = KEYS
            .iter()
            .map(|(keys, action)| read(Chord::of_keys(keys), action));
        let buttons = POINTER
            .iter()
            .map(|(buttons, action)| read(Chord::of_buttons(buttons), action));
        Self {
            bound: keys.chain(buttons).collect(),
        }
    }
}

impl Bindings {
    /// Binds a chord, to nothing if it is to be its client's.
    pub fn bind(&mut self, chord: Chord, action: Action) {
        if action == Action::Nothing {
            self.bound.remove(&chord);
        } else {
            self.bound.insert(chord, action);
        }
    }

    /// What a chord does.
    pub fn of(&self, chord: Chord) -> Option<&Action> {
        self.bound.get(&chord)
    }

    /// What a key does with these modifiers: by the symbol that it has without any, or else by the one
    /// that Shift gives it.
    pub(super) fn of_key(
        &self,
        modifiers: Modifiers,
        raw: Keysym,
        shown: Keysym,
    ) -> Option<&Action> {
        let find = |modifiers, key| {
            self.of(Chord {
                modifiers,
                trigger: Trigger::Key(key),
            })
        };
        let shifted = || find(modifiers.without_shift(), shown);
        find(modifiers, raw).or_else(|| (shown != raw).then(shifted).flatten())
    }

    /// All of them, in an order that stays the same: keys, then buttons.
    pub fn list(&self) -> Vec<(Chord, &Action)> {
        let mut list: Vec<_> = self
            .bound
            .iter()
            .map(|(chord, act)| (*chord, act))
            .collect();
        list.sort_by_key(|(chord, _)| (chord.trigger, chord.modifiers));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_keys(modifiers: Modifiers, key: Keysym) -> Option<Action> {
        Bindings::default().of_key(modifiers, key, key).cloned()
    }

    #[test]
    fn clients_keep_their_keys() {
        let none = Modifiers::default();
        assert_eq!(of_keys(none, Keysym::Tab), None);
        assert_eq!(of_keys(none, Keysym::Escape), None);
        let ctrl = Modifiers { ctrl: true, ..none };
        assert_eq!(of_keys(ctrl, Keysym::q), None);
    }

    #[test]
    fn the_desktop_s_keys_are_its_own() {
        let alt = Modifiers {
            alt: true,
            ..Modifiers::default()
        };
        assert_eq!(of_keys(alt, Keysym::Tab), Some(Action::SwitchNext));
        let back = Modifiers { shift: true, ..alt };
        assert_eq!(of_keys(back, Keysym::Tab), Some(Action::SwitchPrevious));
    }

    #[test]
    fn every_built_in_binding_is_read_as_it_is_written() {
        let bindings = Bindings::default();
        assert_eq!(bindings.list().len(), KEYS.len() + POINTER.len());
        for (chord, _) in bindings.list() {
            let again = match chord.trigger {
                Trigger::Key(_) | Trigger::SuperAlone => Chord::of_keys(&chord.to_string()),
                _ => Chord::of_buttons(&chord.to_string()),
            };
            assert_eq!(again, Ok(chord), "{chord}");
        }
    }

    #[test]
    fn chords_are_read_however_they_are_written() {
        let chord = Chord::of_keys("super + SHIFT+q").unwrap();
        assert_eq!(chord.to_string(), "Super+Shift+Q");
        assert_eq!(Chord::of_keys("Shift+Mod4+Q"), Ok(chord));
        assert!(Chord::of_keys("XF86AudioMute").is_ok());
        assert!(Chord::of_keys("F12").is_ok());
        assert!(Chord::of_buttons("Forward").is_ok());
    }

    #[test]
    fn what_is_no_chord_says_what_would_be() {
        let keys = |text: &str| {
            let error = Chord::of_keys(text).unwrap_err();
            format!("{}: {}", error.message, error.fix)
        };
        assert_eq!(keys("Spuer+Q"), "no modifier is called Spuer: \"Super+Q\"");
        assert_eq!(
            keys("Super+Retrun"),
            "no key is called Retrun: \"Super+Return\""
        );
        assert_eq!(keys("q"), "q by itself is for typing: \"Super+q\"");
        assert_eq!(
            keys("Super+"),
            "a key is missing: \"Super+Q\"; the key + itself is called \"plus\""
        );
        assert!(keys(&"+x".repeat(50_000)).len() < 400);
        let left = Chord::of_buttons("Left").unwrap_err();
        assert_eq!(left.fix, "\"Super+Left\"");
        let wheel = Chord::of_buttons("Alt+WheelUpp").unwrap_err();
        assert_eq!(wheel.fix, "\"Alt+WheelUp\"");
    }
}
