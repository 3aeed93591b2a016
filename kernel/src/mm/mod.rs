//! Memory: what can be mapped ([`object`]), where it is mapped ([`space`]), how faults bring the two
//! together ([`fault`]), the calls that change mappings, and pointers from user space ([`uptr`]).

pub mod calls;
pub mod fault;
pub mod mapping;
pub mod object;
pub mod space;
pub mod uptr;
