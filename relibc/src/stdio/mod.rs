//! stdio
pub fn flush_all() {}
pub fn lock_all() {}
pub unsafe fn unlock_all() {}
