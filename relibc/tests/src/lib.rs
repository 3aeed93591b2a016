//! What the programs share: calling C's text functions with Rust's values.
//!
//! Each program in `src/bin` is built twice, for the host's C library and for relibc. `./x test relibc` runs both and
//! compares output and status: the host is the oracle. So a program prints nothing that may differ between two right
//! C libraries (addresses, numbers of descriptors, orders that are nobody's promise).

use std::ffi::{CStr, CString, c_char};

/// A C string.
pub fn c(text: &str) -> CString {
    CString::new(text).expect("test texts have no zero inside")
}

/// The text at a C pointer.
///
/// # Safety
/// `text` is null or a C string.
pub unsafe fn show(text: *const c_char) -> String {
    if text.is_null() {
        return "(null)".to_owned();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

/// Runs a function that writes a C string into a buffer.
pub fn written(size: usize, write: impl FnOnce(*mut c_char, usize)) -> String {
    let mut buffer = vec![0u8; size];
    write(buffer.as_mut_ptr().cast(), size);
    let end = buffer.iter().position(|&byte| byte == 0).unwrap_or(size);
    String::from_utf8_lossy(&buffer[..end]).into_owned()
}
