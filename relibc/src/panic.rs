//! A panic inside the C library is a defect of the library: say so and abort.

use crate::sys::sys;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    const TEXT: &[u8] = b"relibc: internal error\n";
    // SAFETY: writing constant text to standard error.
    unsafe { sys!(SYS_write, libc::STDERR_FILENO, TEXT.as_ptr(), TEXT.len()) };
    crate::exit::abort()
}

/// The prebuilt `core` was compiled to unwind and names a personality; nothing here ever unwinds into it. The packaging
/// makes the name local, so that std's own is the program's.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() -> ! {
    crate::exit::abort()
}
