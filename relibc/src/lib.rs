//! Ochre's C library, in musl's x86-64 ABI. Every native program of the system links it statically, and no other.
//!
//! Raw C ABI at the edge, safe code where there is an inside: an `extern "C"` function takes C's word for its
//! pointers (the C standard and POSIX are its safety contract), and hands slices, integers and errors inwards. The
//! types and constants of the ABI come from the `libc` crate, so they are the ones that Rust's std was built against.
//!
//! Nothing here unwinds and nothing here allocates by Rust's `alloc`: the crate is `core` only, built with
//! `panic = "abort"`, and packaged as one relocatable object by the steps in README.md.
#![no_std]
// LLVM must not recognise the loops of strlen, memset and calloc as calls of themselves.
#![no_builtins]
// The bodies of C functions are one unsafe contract from end to end: C's. Blocks in each would name nothing more.
#![allow(unsafe_op_in_unsafe_fn)]

mod account;
mod auxv;
mod dl;
mod environ;
mod errno;
mod exit;
mod futex;
mod getopt;
mod io;
mod locale;
mod malloc;
mod mark;
mod math;
mod net;
mod panic;
mod pattern;
mod process;
mod pthread;
mod resource;
mod signal;
mod start;
mod stdio;
mod stdlib;
mod string;
mod sys;
mod text;
mod time;
mod va;

/// The unwinder's `_Unwind_*` functions are part of the library.
pub use unwinding::abi as unwind;
