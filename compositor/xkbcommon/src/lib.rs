//! Keyboard layouts, keymaps and dead keys: the registry's `xkbcommon` 0.8 API without the C library.
//!
//! Smithay and smithay-client-toolkit link this crate unmodified; the workspace's
//! `[patch.crates-io]` puts it in the place of the bindings to libxkbcommon. Reading XKB files is
//! `kbvm`'s work. Turning key presses into modifiers, levels and characters is done here, by
//! libxkbcommon's rules, because every client at the other end of the socket follows those.
//!
//! Two things differ from the bindings: raw pointers can't be had, and cloning a [`xkb::State`]
//! copies it where the C library shares it.
#![forbid(unsafe_code)]

pub mod xkb;
