//! `string.h` and `strings.h`.

pub mod error;
pub mod find;
pub mod mem;
pub mod str;
pub mod token;
