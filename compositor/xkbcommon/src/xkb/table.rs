//! A compiled keymap, laid out for look-ups.
//!
//! `kbvm` resolves includes, virtual modifiers and interpretations; what is left here is what a key
//! press needs: by keycode the groups, by group the type and the levels, by level keysyms and
//! actions. Nothing changes after construction, so states share one table without a lock.

use std::sync::{Arc, OnceLock};

use kbvm::builder::Redirect;
use kbvm::xkb::keymap::{self as source, IndicatorMatcher};

use super::filter::{Action, GroupChange};
use super::{Keysym, ModMask};

/// The real modifiers, which every keymap has at these indices.
const REAL_MODIFIERS: [&str; 8] = [
    "Shift", "Lock", "Control", "Mod1", "Mod2", "Mod3", "Mod4", "Mod5",
];

/// XKB allows 32 layouts at most; a group index above is a keymap's mistake.
const MAX_LAYOUTS: usize = 32;

pub(super) struct Table {
    /// Sorted by keycode.
    keys: Vec<Key>,
    pub modifiers: Vec<Modifier>,
    pub leds: Vec<Led>,
    pub num_layouts: u32,
    source: source::Keymap,
    layout_names: OnceLock<Vec<String>>,
}

pub(super) struct Key {
    pub keycode: u32,
    pub name: String,
    pub repeats: bool,
    redirect: Redirect,
    pub groups: Vec<Arc<Group>>,
}

#[derive(Default)]
pub(super) struct Group {
    /// The modifiers that choose a level.
    pub mask: ModMask,
    mappings: Vec<Mapping>,
    pub num_levels: u32,
    levels: Vec<Level>,
}

struct Mapping {
    mods: ModMask,
    preserved: ModMask,
    level: u32,
}

struct Level {
    keysyms: Vec<Keysym>,
    actions: Vec<Action>,
}

pub(super) struct Modifier {
    pub name: String,
    /// The real modifiers it stands for.
    pub mask: ModMask,
}

pub(super) struct Led {
    pub name: String,
    pub matcher: IndicatorMatcher,
}

impl Table {
    pub fn new(source: source::Keymap) -> Table {
        let real = REAL_MODIFIERS.iter().enumerate();
        let mut modifiers: Vec<Modifier> = real
            .map(|(i, name)| Modifier {
                name: (*name).to_owned(),
                mask: 1 << i,
            })
            .collect();
        modifiers.extend(source.virtual_modifiers().map(|m| Modifier {
            name: m.name().to_owned(),
            mask: m.mask().0,
        }));
        // A mask has 32 bits; what lies beyond can't be asked for.
        modifiers.truncate(32);

        let mut keys: Vec<Key> = source.keys().map(Key::new).collect();
        keys.sort_by_key(|key| key.keycode);
        let num_layouts = keys.iter().map(|key| key.groups.len()).max().unwrap_or(0);
        let leds = source
            .indicators()
            .map(|led| Led {
                name: led.name().to_owned(),
                matcher: led.matcher(),
            })
            .collect();

        Table {
            keys,
            modifiers,
            leds,
            num_layouts: num_layouts as u32,
            source,
            layout_names: OnceLock::new(),
        }
    }

    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub fn key(&self, keycode: u32) -> Option<&Key> {
        let found = self.keys.binary_search_by_key(&keycode, |key| key.keycode);
        found.ok().map(|index| &self.keys[index])
    }

    pub fn modifier(&self, name: &str) -> Option<u32> {
        let found = self
            .modifiers
            .iter()
            .position(|modifier| modifier.name == name);
        found.map(|index| index as u32)
    }

    /// The keymap as clients get it.
    pub fn text(&self) -> String {
        portable(&format!("{}\n", self.source.format()))
    }

    /// `kbvm` tells layout names only in its text form.
    pub fn layout_names(&self) -> &[String] {
        self.layout_names.get_or_init(|| layout_names(&self.text()))
    }
}

impl Key {
    fn new(source: &source::Key) -> Key {
        let groups: Vec<Option<Arc<Group>>> = source
            .groups()
            .take(MAX_LAYOUTS)
            .map(|group| group.map(|group| Arc::new(Group::new(group))))
            .collect();
        // As libxkbcommon does: a gap repeats the first group, which may be empty.
        let first = groups.first().cloned().flatten().unwrap_or_default();
        let groups = groups
            .into_iter()
            .map(|group| group.unwrap_or_else(|| Arc::clone(&first)));
        Key {
            keycode: source.keycode().raw(),
            name: source.name().to_owned(),
            repeats: source.repeats(),
            redirect: source.redirect(),
            groups: groups.collect(),
        }
    }

    /// The key's layout when `layout` is the keyboard's, which may be out of the key's range.
    pub fn layout(&self, layout: i32) -> Option<u32> {
        wrap_layout(layout, self.groups.len() as u32, self.redirect)
    }
}

impl Group {
    fn new(source: &source::KeyGroup) -> Group {
        let mappings: Vec<Mapping> = source
            .ty()
            .mappings()
            .map(|mapping| Mapping {
                mods: mapping.mask().0,
                preserved: mapping.preserved().0,
                level: mapping.level() as u32,
            })
            .collect();
        let levels: Vec<Level> = source
            .levels()
            .map(|level| Level {
                keysyms: level
                    .symbols()
                    .iter()
                    .map(|sym| Keysym::new(sym.0))
                    .collect(),
                actions: level.actions().iter().map(action).collect(),
            })
            .collect();
        let highest = mappings
            .iter()
            .map(|mapping| mapping.level)
            .max()
            .unwrap_or(0);
        Group {
            mask: source.ty().mask().0,
            mappings,
            num_levels: highest + 1,
            levels,
        }
    }

    /// The level that `mods` choose, and the modifiers which that choice uses up.
    pub fn level(&self, mods: ModMask) -> (u32, ModMask) {
        let active = mods & self.mask;
        match self.mappings.iter().find(|mapping| mapping.mods == active) {
            Some(mapping) => (mapping.level, self.mask & !mapping.preserved),
            None => (0, self.mask),
        }
    }

    pub fn keysyms(&self, level: u32) -> &[Keysym] {
        self.levels
            .get(level as usize)
            .map_or(&[], |level| &level.keysyms)
    }

    pub fn actions(&self, level: u32) -> &[Action] {
        self.levels
            .get(level as usize)
            .map_or(&[], |level| &level.actions)
    }
}

/// Brings `layout` into `0..count` (XKB protocol, "Computing Effective Group").
pub(super) fn wrap_layout(layout: i32, count: u32, redirect: Redirect) -> Option<u32> {
    if count == 0 {
        return None;
    }
    if let Ok(layout) = u32::try_from(layout)
        && layout < count
    {
        return Some(layout);
    }
    Some(match redirect {
        Redirect::Wrap => i64::from(layout).rem_euclid(i64::from(count)) as u32,
        Redirect::Clamp if layout < 0 => 0,
        Redirect::Clamp => count - 1,
        Redirect::Fixed(to) => u32::try_from(to).ok().filter(|to| *to < count).unwrap_or(0),
    })
}

fn action(source: &source::Action) -> Action {
    match source {
        source::Action::ModsSet(a) => Action::ModSet {
            mods: a.mask().0,
            clear_locks: a.clear_locks(),
        },
        source::Action::ModsLatch(a) => Action::ModLatch {
            mods: a.mask().0,
            clear_locks: a.clear_locks(),
            latch_to_lock: a.latch_to_lock(),
        },
        source::Action::ModsLock(a) => Action::ModLock {
            mods: a.mask().0,
            lock: a.lock(),
            unlock: a.unlock(),
        },
        source::Action::GroupSet(a) => Action::GroupSet {
            change: change(a.group()),
            clear_locks: a.clear_locks(),
        },
        source::Action::GroupLatch(a) => Action::GroupLatch {
            change: change(a.group()),
            clear_locks: a.clear_locks(),
            latch_to_lock: a.latch_to_lock(),
        },
        source::Action::GroupLock(a) => Action::GroupLock {
            change: change(a.group()),
        },
        // Redirections and controls: libxkbcommon does nothing on them either.
        _ => Action::Other,
    }
}

fn change(source: source::GroupChange) -> GroupChange {
    match source {
        source::GroupChange::Absolute(index) => GroupChange::To(index.0 as i32),
        source::GroupChange::Relative(delta) => GroupChange::By(delta.0 as i32),
    }
}

/// Writes keysyms in the form that clients' older libraries know, outside of strings and key names.
fn portable(text: &str) -> String {
    fn in_word(c: char) -> bool {
        c.is_ascii_alphanumeric() || c == '_'
    }
    let quoted = |text: &str, close| text[1..].find(close).map_or(text.len(), |at| at + 2);
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' => quoted(rest, '"'),
            '<' => quoted(rest, '>'),
            _ if in_word(first) => rest.find(|c| !in_word(c)).unwrap_or(rest.len()),
            _ => rest
                .find(|c| matches!(c, '"' | '<') || in_word(c))
                .unwrap_or(rest.len()),
        };
        let (token, tail) = rest.split_at(end);
        match portable_keysym(token) {
            Some(keysym) => written.push_str(&keysym),
            None => written.push_str(token),
        }
        rest = tail;
    }
    written
}

/// Another form for a keysym that older libraries would leave out, and so make its key dead: names
/// that came late, and control characters by code point.
fn portable_keysym(token: &str) -> Option<String> {
    let raw = kbvm::Keysym::from_str(token)?.0;
    match raw {
        0x0100_0100..=0x0110_ffff => Some(format!("U{:04X}", raw & 0xff_ffff)),
        // dead_hamza and dead_apostrophe; XF86's
        0x0100_0000..=0x0100_00ff | 0xfe8d | 0xfe8e | 0x1008_0000.. => Some(format!("0x{raw:08x}")),
        _ => None,
    }
}

/// Reads lines of the form `name[Group2] = "German";`.
fn layout_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in text.lines() {
        let Some(rest) = line.trim_start().strip_prefix("name[Group") else {
            continue;
        };
        let Some((index, value)) = rest.split_once("] = \"") else {
            continue;
        };
        let Ok(index @ 1..=MAX_LAYOUTS) = index.parse::<usize>() else {
            continue;
        };
        if names.len() < index {
            names.resize(index, String::new());
        }
        names[index - 1] = value
            .trim_end()
            .trim_end_matches(';')
            .trim_end_matches('"')
            .to_owned();
    }
    names
}
