//! Users and groups: `/etc/passwd` and `/etc/group`.

pub mod group;
pub mod lines;
pub mod passwd;
