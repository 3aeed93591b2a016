//! Locale: there is one, C.UTF-8, whatever is asked for. Characters, wide characters, conversions between them.

pub mod collation;
pub mod convert;
pub mod ctype;
pub mod names;
pub mod wide;
pub mod wide_ctype;
