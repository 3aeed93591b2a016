//! Names and files. From the outside in: [`calls`] (system calls) → [`fd_table`] (descriptors) →
//! [`open`] (open file descriptions) → [`File`](crate::file::File); names: [`path`] (resolution)
//! over [`namespace`] (mounts) and [`dentry`] (the tree) → [`node`] (what names mean, one trait for
//! every file system). [`tmpfs`] is the built-in file system; [`archive`] fills it at boot.

pub mod access;
pub mod archive;
pub mod boot;
pub mod busy;
pub mod calls;
pub mod context;
pub mod dentry;
pub mod device;
pub mod directory;
pub mod dnotify;
pub mod fd_table;
pub mod file_capabilities;
pub mod flock;
pub mod inotify;
pub mod kernel_log;
pub mod landlock;
pub mod lease;
pub mod memory_devices;
pub mod names;
pub mod namespace;
pub mod node;
pub mod open;
pub mod opening;
pub mod path;
pub mod proc;
pub mod sigio;
pub mod tmpfs;
pub mod unnamed;
