//! What Ochre's kernel and its user space agree on, beyond the Linux ABI: the messages of a scheme
//! ([`scheme`]), its ioctl tables ([`ioctl`]), and the native calls ([`native`]).
//!
//! Everything here has a fixed layout, is plain data, and is read as hostile by the side that
//! receives it.
#![no_std]
#![forbid(unsafe_code)]

pub mod boot;
pub mod ioctl;
pub mod native;
pub mod scheme;
