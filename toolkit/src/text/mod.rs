//! Text: shaping by parley, glyph images by swash, both cached.
//!
//! Fonts are read lazily: the user interface's face at the first label, everything else (CJK, emoji)
//! only when a text has letters outside what that face covers. swash rasterizes all of it: it opens a
//! face without parsing its glyphs, which at start-up matters more than a faster glyph later.

mod fonts;
mod glyphs;
mod shape;

pub(crate) use glyphs::{GlyphCache, ink};
pub(crate) use shape::Shaper;
pub use shape::{Family, Text, TextSpec, Weight};
