//! Dead keys and compose sequences.

use std::ffi::OsStr;
use std::sync::Arc;

use kbvm::xkb::compose as source;
use kbvm::xkb::diagnostic::{Diagnostic, DiagnosticHandler, DiagnosticKind};

use super::keysym;
use super::{Context, Keysym};

/// How a [`Table`] is compiled; there are no flags yet.
pub type CompileFlags = u32;
pub const COMPILE_NO_FLAGS: CompileFlags = 0;

/// Text format of a compose file.
pub type Format = u32;
pub const FORMAT_TEXT_V1: Format = 1;

/// How a [`State`] behaves; there are no flags yet.
pub type StateFlags = u32;
pub const STATE_NO_FLAGS: StateFlags = 0;

/// Where a sequence stands.
#[derive(Eq, PartialEq, Copy, Clone, Debug)]
pub enum Status {
    /// No sequence has begun.
    Nothing = 0,
    /// A sequence waits for more keys.
    Composing = 1,
    /// The last key completed a sequence.
    Composed,
    /// The last key fitted no sequence, and ended the one before.
    Cancelled,
}

/// Whether a keysym counted.
#[derive(Eq, PartialEq, Copy, Clone, Debug)]
pub enum FeedResult {
    /// It was a modifier.
    Ignored,
    Accepted,
}

/// The sequences of a locale. Clones share it.
#[derive(Clone)]
pub struct Table(Arc<source::ComposeTable>);

impl Table {
    /// Reads the user's compose file, or that of the locale.
    #[allow(clippy::result_unit_err)] // the bindings' signature
    pub fn new_from_locale(
        context: &Context,
        locale: &OsStr,
        _flags: CompileFlags,
    ) -> Result<Table, ()> {
        let locale = locale.to_str().ok_or(())?;
        let compiler = context.compiler();
        let mut builder = compiler.compose_table_builder();
        builder.locale(locale.trim_end_matches('\0'));
        builder
            .build(Quiet)
            .map(|table| Table(Arc::new(table)))
            .ok_or(())
    }

    /// Reads sequences from memory.
    #[allow(clippy::result_unit_err)] // the bindings' signature
    pub fn new_from_buffer<T: AsRef<[u8]>>(
        context: &Context,
        buffer: T,
        locale: &str,
        format: Format,
        _flags: CompileFlags,
    ) -> Result<Table, ()> {
        if format != FORMAT_TEXT_V1 {
            return Err(());
        }
        let compiler = context.compiler();
        let mut builder = compiler.compose_table_builder();
        builder.locale(locale);
        builder.buffer(buffer);
        builder
            .build(Quiet)
            .map(|table| Table(Arc::new(table)))
            .ok_or(())
    }
}

/// Compose files have many harmless oddities; a missing file comes back as an error anyway.
struct Quiet;

impl DiagnosticHandler for Quiet {
    fn filter(&self, _kind: DiagnosticKind, _is_fatal: bool) -> bool {
        false
    }

    fn handle(&mut self, _diagnostic: Diagnostic) {}
}

/// One keyboard's place in a [`Table`].
#[derive(Clone)]
pub struct State {
    table: Table,
    place: source::State,
    status: Status,
    text: Option<String>,
    keysym: Option<Keysym>,
}

impl State {
    #[must_use]
    pub fn new(table: &Table, _flags: StateFlags) -> State {
        State {
            table: table.clone(),
            place: table.0.create_state(),
            status: Status::Nothing,
            text: None,
            keysym: None,
        }
    }

    #[must_use]
    pub fn compose_table(&self) -> Table {
        self.table.clone()
    }

    /// Takes the keysym of a pressed key. Modifiers belong to no sequence, so that Shift may be
    /// pressed within one.
    pub fn feed(&mut self, keysym: Keysym) -> FeedResult {
        if keysym::is_modifier(keysym) {
            return FeedResult::Ignored;
        }
        self.text = None;
        self.keysym = None;
        self.status = match self
            .table
            .0
            .feed(&mut self.place, kbvm::Keysym(keysym.raw()))
        {
            None => Status::Nothing,
            Some(source::FeedResult::Pending) => Status::Composing,
            Some(source::FeedResult::Aborted) => Status::Cancelled,
            Some(source::FeedResult::Composed { string, keysym }) => {
                self.keysym = keysym
                    .map(|sym| Keysym::new(sym.0))
                    .filter(|sym| sym.raw() != 0);
                let character = self.keysym.and_then(keysym::character).map(String::from);
                self.text = string.map(str::to_owned).or(character);
                Status::Composed
            }
        };
        FeedResult::Accepted
    }

    pub fn reset(&mut self) {
        *self = State::new(&self.table, STATE_NO_FLAGS);
    }

    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// The text of the sequence that was just completed.
    #[must_use]
    pub fn utf8(&self) -> Option<String> {
        self.text.clone().filter(|text| !text.is_empty())
    }

    /// The keysym of the sequence that was just completed.
    #[must_use]
    pub fn keysym(&self) -> Option<Keysym> {
        self.keysym
    }
}
