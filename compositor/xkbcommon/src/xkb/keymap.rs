//! Keymaps: compiled from names, text, files or file descriptors, and what they hold.

use std::borrow::Borrow;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::os::unix::io::OwnedFd;
use std::sync::Arc;

use kbvm::xkb::diagnostic::{Diagnostic, DiagnosticHandler, DiagnosticKind};
use kbvm::xkb::rmlvo;

use super::table::{Key, Table};
use super::*;

/// No keymap is larger; a peer that says so is wrong.
const MAX_KEYMAP_BYTES: usize = 16 << 20;

/// A compiled keymap. Clones share it.
#[derive(Clone)]
pub struct Keymap {
    table: Arc<Table>,
}

impl Keymap {
    /// Compiles from RMLVO names; empty ones take the context's defaults. `None` if there are no
    /// rules of that name, or no such layout.
    pub fn new_from_names<S: Borrow<str> + ?Sized>(
        context: &Context,
        rules: &S,
        model: &S,
        layout: &S,
        variant: &S,
        options: Option<String>,
        _flags: KeymapCompileFlags,
    ) -> Option<Keymap> {
        fn given(name: &str) -> Option<&str> {
            (!name.is_empty()).then_some(name)
        }
        let groups: Option<Vec<rmlvo::Group<'_>>> = given(layout.borrow()).map(|layout| {
            rmlvo::Group::from_layouts_and_variants(layout, variant.borrow()).collect()
        });
        let options: Option<Vec<&str>> = options.as_deref().map(|o| o.split(',').collect());
        let mut missing = Missing(false);
        let source = context.compiler().keymap_from_names(
            &mut missing,
            given(rules.borrow()),
            given(model.borrow()),
            groups.as_deref(),
            options.as_deref(),
        );
        if missing.0 { None } else { Keymap::new(source) }
    }

    pub fn new_from_file(
        context: &Context,
        file: &mut File,
        format: KeymapFormat,
        flags: KeymapCompileFlags,
    ) -> Option<Keymap> {
        let mut text = String::new();
        file.take(MAX_KEYMAP_BYTES as u64)
            .read_to_string(&mut text)
            .ok()?;
        Keymap::new_from_string(context, text, format, flags)
    }

    #[must_use]
    pub fn new_from_string(
        context: &Context,
        string: String,
        format: KeymapFormat,
        _flags: KeymapCompileFlags,
    ) -> Option<Keymap> {
        Keymap::new_from_bytes(context, string.as_bytes(), format)
    }

    /// Compiles what a compositor sent in a file descriptor of `size` bytes, its closing NUL
    /// included. The file is read, not mapped: a peer that truncates it harms nobody, so this needs
    /// no `unsafe` as it does in the bindings.
    #[cfg(feature = "wayland")]
    pub fn new_from_fd(
        context: &Context,
        fd: OwnedFd,
        size: usize,
        format: KeymapFormat,
        _flags: KeymapCompileFlags,
    ) -> io::Result<Option<Keymap>> {
        if size > MAX_KEYMAP_BYTES {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut text = vec![0; size];
        File::from(fd).read_exact_at(&mut text, 0)?;
        Ok(Keymap::new_from_bytes(context, &text, format))
    }

    fn new_from_bytes(context: &Context, text: &[u8], format: KeymapFormat) -> Option<Keymap> {
        if format != KEYMAP_FORMAT_TEXT_V1 {
            return None;
        }
        let end = text
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(text.len());
        let source = context
            .compiler()
            .keymap_from_bytes(Quiet, None, &text[..end]);
        source.ok().and_then(Keymap::new)
    }

    fn new(source: kbvm::xkb::Keymap) -> Option<Keymap> {
        let table = Table::new(source);
        (!table.keys().is_empty()).then(|| Keymap::from_table(Arc::new(table)))
    }

    pub(super) fn from_table(table: Arc<Table>) -> Keymap {
        Keymap { table }
    }

    pub(super) fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// An address that tells keymaps apart in a debug print, where the bindings have the C object's.
    #[must_use]
    pub fn get_raw_ptr(&self) -> *const () {
        Arc::as_ptr(&self.table).cast()
    }

    /// The keymap in XKB's text format; empty if asked for another.
    #[must_use]
    pub fn get_as_string(&self, format: KeymapFormat) -> String {
        match format {
            KEYMAP_FORMAT_TEXT_V1 | KEYMAP_FORMAT_USE_ORIGINAL => self.table.text(),
            _ => String::new(),
        }
    }

    /// The lowest keycode that has keysyms or actions.
    #[must_use]
    pub fn min_keycode(&self) -> Keycode {
        Keycode::new(
            self.table
                .keys()
                .first()
                .map_or(KEYCODE_INVALID, |key| key.keycode),
        )
    }

    #[must_use]
    pub fn max_keycode(&self) -> Keycode {
        Keycode::new(
            self.table
                .keys()
                .last()
                .map_or(KEYCODE_INVALID, |key| key.keycode),
        )
    }

    pub fn key_for_each<F>(&self, mut closure: F)
    where
        F: FnMut(&Keymap, Keycode),
    {
        for key in self.table.keys() {
            closure(self, Keycode::new(key.keycode));
        }
    }

    #[must_use]
    pub fn mods(&self) -> KeymapMods<'_> {
        KeymapMods(self.table.modifiers.iter())
    }

    #[must_use]
    pub fn num_mods(&self) -> ModIndex {
        self.table.modifiers.len() as u32
    }

    #[must_use]
    pub fn mod_get_name(&self, idx: ModIndex) -> &str {
        self.table
            .modifiers
            .get(idx as usize)
            .map_or("", |modifier| &modifier.name)
    }

    pub fn mod_get_index<S: Borrow<str> + ?Sized>(&self, name: &S) -> ModIndex {
        self.table.modifier(name.borrow()).unwrap_or(MOD_INVALID)
    }

    #[must_use]
    pub fn layouts(&self) -> KeymapLayouts<'_> {
        KeymapLayouts {
            keymap: self,
            next: 0,
        }
    }

    #[must_use]
    pub fn num_layouts(&self) -> LayoutIndex {
        self.table.num_layouts
    }

    #[must_use]
    pub fn layout_get_name(&self, idx: LayoutIndex) -> &str {
        self.table
            .layout_names()
            .get(idx as usize)
            .map_or("", String::as_str)
    }

    pub fn layout_get_index<S: Borrow<str> + ?Sized>(&self, name: &S) -> LayoutIndex {
        let found = self
            .table
            .layout_names()
            .iter()
            .position(|n| n == name.borrow());
        found.map_or(LAYOUT_INVALID, |index| index as u32)
    }

    pub fn key_get_name(&self, key: Keycode) -> Option<&str> {
        self.key(key).map(|key| key.name.as_str())
    }

    pub fn key_by_name<S: Borrow<str> + ?Sized>(&self, name: &S) -> Option<Keycode> {
        let found = self
            .table
            .keys()
            .iter()
            .find(|key| key.name == name.borrow());
        found.map(|key| Keycode::new(key.keycode))
    }

    #[must_use]
    pub fn leds(&self) -> KeymapLeds<'_> {
        KeymapLeds(self.table.leds.iter())
    }

    #[must_use]
    pub fn num_leds(&self) -> LedIndex {
        self.table.leds.len() as u32
    }

    #[must_use]
    pub fn led_get_name(&self, idx: LedIndex) -> &str {
        self.table
            .leds
            .get(idx as usize)
            .map_or("", |led| &led.name)
    }

    pub fn led_get_index<S: Borrow<str> + ?Sized>(&self, name: &S) -> LedIndex {
        let found = self
            .table
            .leds
            .iter()
            .position(|led| led.name == name.borrow());
        found.map_or(LED_INVALID, |index| index as u32)
    }

    #[must_use]
    pub fn num_layouts_for_key(&self, key: Keycode) -> LayoutIndex {
        self.key(key).map_or(0, |key| key.groups.len() as u32)
    }

    #[must_use]
    pub fn num_levels_for_key(&self, key: Keycode, layout: LayoutIndex) -> LevelIndex {
        let group = self
            .key(key)
            .and_then(|key| key.groups.get(layout as usize));
        group.map_or(0, |group| group.num_levels)
    }

    #[must_use]
    pub fn key_get_syms_by_level(
        &self,
        key: Keycode,
        layout: LayoutIndex,
        level: LevelIndex,
    ) -> &[Keysym] {
        let group = self
            .key(key)
            .and_then(|key| key.groups.get(layout as usize));
        group.map_or(&[], |group| group.keysyms(level))
    }

    #[must_use]
    pub fn key_repeats(&self, key: Keycode) -> bool {
        self.key(key).is_some_and(|key| key.repeats)
    }

    fn key(&self, key: Keycode) -> Option<&Key> {
        self.table.key(key.raw())
    }
}

/// Notices that a file which the names lead to is not there.
struct Missing(bool);

impl DiagnosticHandler for Missing {
    fn filter(&self, kind: DiagnosticKind, _is_fatal: bool) -> bool {
        kind == DiagnosticKind::FileNotFound
    }

    fn handle(&mut self, _diagnostic: Diagnostic) {
        self.0 = true;
    }
}

/// Most keymaps draw warnings; what is fatal comes back as an error anyway.
struct Quiet;

impl DiagnosticHandler for Quiet {
    fn filter(&self, _kind: DiagnosticKind, _is_fatal: bool) -> bool {
        false
    }

    fn handle(&mut self, _diagnostic: Diagnostic) {}
}

/// The names of a keymap's modifiers.
pub struct KeymapMods<'a>(std::slice::Iter<'a, super::table::Modifier>);

impl<'a> Iterator for KeymapMods<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0.next().map(|modifier| modifier.name.as_str())
    }
}

/// The names of a keymap's layouts.
pub struct KeymapLayouts<'a> {
    keymap: &'a Keymap,
    next: LayoutIndex,
}

impl<'a> Iterator for KeymapLayouts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let index = self.next;
        if index == self.keymap.num_layouts() {
            return None;
        }
        self.next += 1;
        Some(self.keymap.layout_get_name(index))
    }
}

/// The names of a keymap's LEDs.
pub struct KeymapLeds<'a>(std::slice::Iter<'a, super::table::Led>);

impl<'a> Iterator for KeymapLeds<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0.next().map(|led| led.name.as_str())
    }
}
