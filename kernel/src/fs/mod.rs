//! Names and files. From the outside in: [`fd_table`] (descriptors) → [`open`] (open file
//! descriptions) → [`File`](crate::file::File); names: [`path`] (resolution) over [`namespace`]
//! (mounts) and [`dentry`] (the tree) → [`node`] (what names mean, one trait for every file
//! system). [`tmpfs`] is the one built-in file system; [`archive`] fills it at boot.

pub mod access;
pub mod context;
pub mod dentry;
pub mod fd_table;
pub mod flock;
pub mod inotify;
pub mod namespace;
pub mod node;
pub mod open;
pub mod path;
pub mod unnamed;
