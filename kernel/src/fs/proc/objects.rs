//! /proc/ochre: what there is in this kernel that Linux has no file for.

use super::text::Text;
use super::tree::Tree;
use crate::population;
use alloc::boxed::Box;

pub(super) fn fill(tree: &mut Tree) {
    let mut objects = Text::new(2, Box::new(|| Ok(population::report().into_bytes())));
    objects.mode = 0o400;
    tree.writable("ochre/objects", objects);
}
