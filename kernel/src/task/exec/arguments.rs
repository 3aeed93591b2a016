//! argv and envp: lists of strings, bounded as Linux bounds them.

use crate::errno::{Errno, Result};
use crate::mm::uptr::{self, UserPtr};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use ochre_hal::admission::Room;

/// One string with its NUL (MAX_ARG_STRLEN).
const MAX_STRING: usize = 128 << 10;
/// Strings of one list.
const MAX_COUNT: usize = 0x7fff_ffff / 16;

/// A list of strings without their NULs.
pub type Strings = VecDeque<Vec<u8>>;

/// Reads a NULL-terminated list of string pointers; `budget` is what is left for strings and
/// pointers of both lists.
pub fn read_strings(addr: usize, budget: &mut usize) -> Result<Strings> {
    let mut all = Strings::new();
    let Some(list) = UserPtr::<usize>::new(addr).non_null() else {
        return Ok(all);
    };
    for index in 0..MAX_COUNT {
        let at = list.element(index).read()?;
        if at == 0 {
            return Ok(all);
        }
        let string = uptr::read_string(at, MAX_STRING - 1, Errno::E2BIG)?;
        let cost = string.len() + 1 + size_of::<usize>();
        *budget = budget.checked_sub(cost).ok_or(Errno::E2BIG)?;
        all.room(1)?;
        all.push_back(string);
    }
    Err(Errno::E2BIG)
}
