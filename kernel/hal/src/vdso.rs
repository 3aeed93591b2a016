//! The code page that lets user space read the clock without a system call.

use crate::frame::Frame;

/// The pages to map into every process, in order: data (read), then code (read and execute).
pub struct Image {
    pub data: Frame,
    pub code: Frame,
}

/// The vDSO: ELF `linux-vdso.so.1` with __vdso_clock_gettime, __vdso_gettimeofday, __vdso_time,
/// __vdso_clock_getres and __vdso_getcpu. Its data page lies right before the code page;
/// AT_SYSINFO_EHDR is the code page's address.
#[must_use]
pub fn image() -> Image {
    todo!()
}

/// Sets Unix time minus monotonic time, in nanoseconds.
pub fn set_realtime_offset(_offset: u64) {
    todo!()
}
