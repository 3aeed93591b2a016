//! `stdlib.h` without what has a room of its own: numbers from text, sorting, random numbers, integer arithmetic.

pub mod arithmetic;
pub mod number;
pub mod random;
pub mod sort;
