//! Memory: what can be mapped ([`object`]), where it is mapped ([`space`]), how faults bring the two
//! together ([`fault`]), the calls that change mappings, and pointers from user space ([`uptr`]).

mod advise;
pub mod allowance;
mod brk;
pub mod calls;
pub mod fault;
pub mod listing;
mod lock;
pub mod map;
pub mod mapping;
pub mod object;
mod policy;
mod remap;
pub mod remote;
pub mod space;
pub mod uptr;
pub mod usage;
