//! Files, sockets, events, memory mappings: mostly the system call, in C's shape.

pub mod dir;
pub mod event;
pub mod fd;
pub mod file;
pub mod mapping;
pub mod mount;
pub mod path;
pub mod socket;
pub mod temporary;
pub mod terminal;
