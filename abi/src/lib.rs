//! What kernel and user space agree on: boot information, scheme messages, native calls.
#![no_std]
