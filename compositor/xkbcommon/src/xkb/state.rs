//! A keyboard's state: which modifiers and layout are active, and what a key means under them.
//!
//! A compositor feeds key events ([`State::update_key`]); a client feeds the masks that the
//! compositor sent ([`State::update_mask`]). A state follows one of the two, not both.

use std::borrow::Borrow;
use std::sync::Arc;

use kbvm::builder::Redirect;
use kbvm::{ControlsMask, GroupDelta, GroupIndex, ModifierMask};

use super::filter::{Change, Components, Event, Filter};
use super::table::{Group, Key, Table, wrap_layout};
use super::*;

/// Whether a key was pressed or let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyDirection {
    Up,
    Down,
}

/// The modifiers, layout and pressed actions of one keyboard.
#[derive(Clone)]
pub struct State {
    table: Arc<Table>,
    components: Components,
    /// How many held keys keep each modifier down.
    holders: [u16; 32],
    filters: Vec<Filter>,
}

const CAPS: ModMask = 1 << 1;
const CONTROL: ModMask = 1 << 2;

impl State {
    #[must_use]
    pub fn new(keymap: &Keymap) -> State {
        State {
            table: Arc::clone(keymap.table()),
            components: Components::default(),
            holders: [0; 32],
            filters: Vec::new(),
        }
    }

    /// An address that tells states of different keymaps apart in a debug print, where the bindings
    /// have the C object's.
    #[must_use]
    pub fn get_raw_ptr(&self) -> *const () {
        Arc::as_ptr(&self.table).cast()
    }

    #[must_use]
    pub fn get_keymap(&self) -> Keymap {
        Keymap::from_table(Arc::clone(&self.table))
    }

    /// Takes a key event into account and tells what changed. Ask for the key's keysyms before:
    /// an event does not affect itself.
    pub fn update_key(&mut self, key: Keycode, direction: KeyDirection) -> StateComponent {
        let table = Arc::clone(&self.table);
        let Some(key) = table.key(key.raw()) else {
            return 0;
        };
        let before = self.snapshot();

        let actions = self.group_of(key).map_or(&[][..], |group| {
            let (level, _) = group.level(self.components.mods);
            group.actions(level)
        });
        let down = direction == KeyDirection::Down;
        let event = Event {
            keycode: key.keycode,
            down,
            actions,
        };
        let mut change = Change {
            components: &mut self.components,
            set_mods: 0,
            clear_mods: 0,
        };
        let mut consumed = false;
        self.filters.retain_mut(|filter| {
            let verdict = filter.see(&event, &mut change);
            consumed |= verdict.consumed;
            !verdict.done
        });
        if down && !consumed {
            for action in actions {
                self.filters
                    .extend(Filter::start(key.keycode, *action, &mut change));
            }
        }

        let (set, clear) = (change.set_mods, change.clear_mods);
        for (index, holders) in self.holders.iter_mut().enumerate() {
            let bit = 1 << index;
            if set & bit != 0 {
                *holders = holders.saturating_add(1);
                self.components.base_mods |= bit;
            }
            if clear & bit != 0 {
                *holders = holders.saturating_sub(1);
                if *holders == 0 {
                    self.components.base_mods &= !bit;
                }
            }
        }
        self.derive();
        self.changes_since(&before)
    }

    /// Takes over the masks that a compositor sent and tells what changed.
    pub fn update_mask(
        &mut self,
        depressed_mods: ModMask,
        latched_mods: ModMask,
        locked_mods: ModMask,
        depressed_layout: LayoutIndex,
        latched_layout: LayoutIndex,
        locked_layout: LayoutIndex,
    ) -> StateComponent {
        let before = self.snapshot();
        self.components.base_mods = depressed_mods;
        self.components.latched_mods = latched_mods;
        self.components.locked_mods = locked_mods;
        self.components.base_group = depressed_layout as i32;
        self.components.latched_group = latched_layout as i32;
        self.components.locked_group = locked_layout as i32;
        self.derive();
        self.changes_since(&before)
    }

    /// The keysyms that pressing `key` gives now.
    #[must_use]
    pub fn key_get_syms(&self, key: Keycode) -> &[Keysym] {
        let Some(group) = self.group(key) else {
            return &[];
        };
        group.keysyms(group.level(self.components.mods).0)
    }

    /// The one keysym that pressing `key` gives now, in capitals under Caps Lock; NoSymbol if there
    /// are none or several.
    #[must_use]
    pub fn key_get_one_sym(&self, key: Keycode) -> Keysym {
        match self.key_get_syms(key) {
            [sym] if self.unused(key, CAPS) => keysym::uppercase(*sym),
            [sym] => *sym,
            _ => Keysym::NoSymbol,
        }
    }

    /// The text that pressing `key` gives now, control characters included.
    #[must_use]
    pub fn key_get_utf8(&self, key: Keycode) -> String {
        let control = self.unused(key, CONTROL);
        let text: String = match self.text_sym(key) {
            Some(sym) => keysym::character(sym).into_iter().collect(),
            None => self
                .key_get_syms(key)
                .iter()
                .filter_map(|s| keysym::character(*s))
                .collect(),
        };
        match text.as_bytes() {
            [byte] if control => char::from(control_character(*byte)).to_string(),
            _ => text,
        }
    }

    /// The code point that pressing `key` gives now, or 0.
    #[must_use]
    pub fn key_get_utf32(&self, key: Keycode) -> u32 {
        let point = self.text_sym(key).map_or(0, keysym_to_utf32);
        match u8::try_from(point) {
            Ok(byte) if byte < 128 && self.unused(key, CONTROL) => {
                u32::from(control_character(byte))
            }
            _ => point,
        }
    }

    /// The layout in which `key` is looked up now.
    #[must_use]
    pub fn key_get_layout(&self, key: Keycode) -> LayoutIndex {
        let layout = self
            .table
            .key(key.raw())
            .and_then(|key| key.layout(self.components.group));
        layout.unwrap_or(LAYOUT_INVALID)
    }

    /// The shift level of `key` in `layout` now.
    #[must_use]
    pub fn key_get_level(&self, key: Keycode, layout: LayoutIndex) -> LevelIndex {
        let group = self
            .table
            .key(key.raw())
            .and_then(|key| key.groups.get(layout as usize));
        group.map_or(LEVEL_INVALID, |group| group.level(self.components.mods).0)
    }

    /// The modifiers of the given components, as a compositor sends them.
    #[must_use]
    pub fn serialize_mods(&self, components: StateComponent) -> ModMask {
        if components & STATE_MODS_EFFECTIVE != 0 {
            return self.components.mods;
        }
        let part = |component, mods| if components & component != 0 { mods } else { 0 };
        part(STATE_MODS_DEPRESSED, self.components.base_mods)
            | part(STATE_MODS_LATCHED, self.components.latched_mods)
            | part(STATE_MODS_LOCKED, self.components.locked_mods)
    }

    /// The layout of the given components, as a compositor sends it.
    #[must_use]
    pub fn serialize_layout(&self, components: StateComponent) -> LayoutIndex {
        if components & STATE_LAYOUT_EFFECTIVE != 0 {
            return self.components.group as u32;
        }
        let part = |component, group: i32| {
            if components & component != 0 {
                group
            } else {
                0
            }
        };
        part(STATE_LAYOUT_DEPRESSED, self.components.base_group)
            .wrapping_add(part(STATE_LAYOUT_LATCHED, self.components.latched_group))
            .wrapping_add(part(STATE_LAYOUT_LOCKED, self.components.locked_group)) as u32
    }

    /// Whether a modifier is active; a virtual one is if all that it stands for is.
    pub fn mod_name_is_active<S: Borrow<str> + ?Sized>(
        &self,
        name: &S,
        type_: StateComponent,
    ) -> bool {
        let index = self.table.modifier(name.borrow());
        index.is_some_and(|index| self.mod_index_is_active(index, type_))
    }

    #[must_use]
    pub fn mod_index_is_active(&self, idx: ModIndex, type_: StateComponent) -> bool {
        let mask = self.modifier_mask(idx);
        mask != 0 && self.serialize_mods(type_) & mask == mask
    }

    /// Whether choosing the key's level uses this modifier up, so that a shortcut must not.
    #[must_use]
    pub fn mod_index_is_consumed(&self, key: Keycode, idx: ModIndex) -> bool {
        let mask = self.modifier_mask(idx);
        mask != 0 && self.key_get_consumed_mods(key) & mask == mask
    }

    #[must_use]
    pub fn mod_mask_remove_consumed(&self, key: Keycode, mask: ModMask) -> ModMask {
        mask & !self.key_get_consumed_mods(key)
    }

    #[must_use]
    pub fn key_get_consumed_mods(&self, key: Keycode) -> ModMask {
        self.group(key)
            .map_or(0, |group| group.level(self.components.mods).1)
    }

    pub fn layout_name_is_active<S: Borrow<str> + ?Sized>(
        &self,
        name: &S,
        type_: StateComponent,
    ) -> bool {
        let index = self
            .table
            .layout_names()
            .iter()
            .position(|n| n == name.borrow());
        index.is_some_and(|index| self.layout_index_is_active(index as u32, type_))
    }

    #[must_use]
    pub fn layout_index_is_active(&self, idx: LayoutIndex, type_: StateComponent) -> bool {
        let c = &self.components;
        idx < self.table.num_layouts
            && [
                (STATE_LAYOUT_EFFECTIVE, c.group),
                (STATE_LAYOUT_DEPRESSED, c.base_group),
                (STATE_LAYOUT_LATCHED, c.latched_group),
                (STATE_LAYOUT_LOCKED, c.locked_group),
            ]
            .iter()
            .any(|(component, group)| type_ & component != 0 && *group == idx as i32)
    }

    pub fn led_name_is_active<S: Borrow<str> + ?Sized>(&self, name: &S) -> bool {
        let led = self.table.leds.iter().find(|led| led.name == name.borrow());
        led.is_some_and(|led| led.matcher.matches(&self.matched()))
    }

    #[must_use]
    pub fn led_index_is_active(&self, idx: LedIndex) -> bool {
        let led = self.table.leds.get(idx as usize);
        led.is_some_and(|led| led.matcher.matches(&self.matched()))
    }

    fn group(&self, key: Keycode) -> Option<&Group> {
        self.group_of(self.table.key(key.raw())?)
    }

    fn group_of<'a>(&self, key: &'a Key) -> Option<&'a Group> {
        let layout = key.layout(self.components.group)?;
        key.groups.get(layout as usize).map(Arc::as_ref)
    }

    fn modifier_mask(&self, index: ModIndex) -> ModMask {
        self.table
            .modifiers
            .get(index as usize)
            .map_or(0, |modifier| modifier.mask)
    }

    /// Whether the modifier is active and left over by the key's choice of level.
    fn unused(&self, key: Keycode, modifier: ModMask) -> bool {
        self.components.mods & modifier != 0 && self.key_get_consumed_mods(key) & modifier == 0
    }

    /// The keysym that text is made of. With Control, a key without a Latin letter gives that of
    /// another layout which has one, so that Control-C works on a Greek keyboard.
    fn text_sym(&self, key: Keycode) -> Option<Keysym> {
        let [sym] = *self.key_get_syms(key) else {
            return None;
        };
        let mut sym = sym;
        if sym.raw() > 127 && self.unused(key, CONTROL) {
            let groups = self.table.key(key.raw()).map_or(&[][..], |key| &key.groups);
            let latin = groups.iter().find_map(|group| {
                match group.keysyms(group.level(self.components.mods).0) {
                    [sym] if sym.raw() <= 127 => Some(*sym),
                    _ => None,
                }
            });
            sym = latin.unwrap_or(sym);
        }
        Some(if self.unused(key, CAPS) {
            keysym::uppercase(sym)
        } else {
            sym
        })
    }

    /// Brings the sums up to date with their parts.
    fn derive(&mut self) {
        let c = &mut self.components;
        let wrap = |group| wrap_layout(group, self.table.num_layouts, Redirect::Wrap).unwrap_or(0);
        c.mods = c.base_mods | c.latched_mods | c.locked_mods;
        c.locked_group = wrap(c.locked_group) as i32;
        let sum = c
            .base_group
            .wrapping_add(c.latched_group)
            .wrapping_add(c.locked_group);
        c.group = wrap(sum) as i32;
    }

    fn matched(&self) -> kbvm::Components {
        let c = &self.components;
        let mut matched = kbvm::Components::default();
        matched.mods_pressed = ModifierMask(c.base_mods);
        matched.mods_latched = ModifierMask(c.latched_mods);
        matched.mods_locked = ModifierMask(c.locked_mods);
        matched.mods = ModifierMask(c.mods);
        matched.group_pressed = GroupDelta(c.base_group as u32);
        matched.group_latched = GroupDelta(c.latched_group as u32);
        matched.group_locked = GroupIndex(c.locked_group as u32);
        matched.group = GroupIndex(c.group as u32);
        matched.controls = ControlsMask::default();
        matched
    }

    fn lit(&self) -> LedMask {
        let matched = self.matched();
        let leds = self.table.leds.iter().take(32).enumerate();
        leds.fold(0, |lit, (i, led)| {
            lit | u32::from(led.matcher.matches(&matched)) << i
        })
    }

    fn snapshot(&self) -> (Components, LedMask) {
        (self.components, self.lit())
    }

    fn changes_since(&self, (before, lit): &(Components, LedMask)) -> StateComponent {
        let now = &self.components;
        let flag = |changed, component| if changed { component } else { 0 };
        flag(now.base_mods != before.base_mods, STATE_MODS_DEPRESSED)
            | flag(now.latched_mods != before.latched_mods, STATE_MODS_LATCHED)
            | flag(now.locked_mods != before.locked_mods, STATE_MODS_LOCKED)
            | flag(now.mods != before.mods, STATE_MODS_EFFECTIVE)
            | flag(now.base_group != before.base_group, STATE_LAYOUT_DEPRESSED)
            | flag(
                now.latched_group != before.latched_group,
                STATE_LAYOUT_LATCHED,
            )
            | flag(now.locked_group != before.locked_group, STATE_LAYOUT_LOCKED)
            | flag(now.group != before.group, STATE_LAYOUT_EFFECTIVE)
            | flag(self.lit() != *lit, STATE_LEDS)
    }
}

/// What Control makes of an ASCII character (the table of XLookupString).
fn control_character(c: u8) -> u8 {
    match c {
        b'@'..=b'~' | b' ' => c & 0x1f,
        b'2' => 0,
        b'3'..=b'7' => c - b'3' + 0x1b,
        b'8' => 0x7f,
        b'/' => b'_' & 0x1f,
        _ => c,
    }
}
