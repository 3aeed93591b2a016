//! Ochre's native system calls, as safe functions. All raw calls of drivers and servers are here.

use crate::Result;
use ochre_abi::native::{
    DERIVE, DMA_ALLOC, DMA_CONTIGUOUS, DMA_FREE, DMA_SEGMENTS, Derive, DmaAlloc, DmaSegment,
    FRAMEBUFFER_INFO, Framebuffer, MACHINE_ROOT, MSI_MESSAGE, MsiMessage, PORT_IO, PortIo,
    SCHEME_ATTACH, SCHEME_CREATE, SCHEME_ENTER, SCHEME_IOCTLS, SCHEME_MOUNT, SCHEME_TAKE_FD,
    SchemeParams, UEVENT,
};
use ochre_abi::scheme::SchemeFlags;
use rustix::io::Errno;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// One raw call with arguments that are integers or pointers valid for the call's use of them.
///
/// # Safety
/// Each pointer argument is valid for what the call reads or writes there.
unsafe fn call(number: usize, args: [usize; 4]) -> Result<usize> {
    // SAFETY: the caller vouches for the pointers; the kernel checks all else.
    let ret = unsafe { libc::syscall(number as i64, args[0], args[1], args[2], args[3]) };
    if ret == -1 {
        let error = std::io::Error::last_os_error();
        return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
    }
    Ok(ret as usize)
}

fn fd(fd: BorrowedFd<'_>) -> usize {
    fd.as_raw_fd() as usize
}

/// Takes ownership of a descriptor that a call has just returned.
fn owned(raw: usize) -> OwnedFd {
    // SAFETY: the kernel made this descriptor for the call that has just returned it; nobody else
    // knows its number yet.
    unsafe { OwnedFd::from_raw_fd(raw as i32) }
}

/// Makes a scheme; `name` shows in logs and /proc/mounts (31 bytes at most).
pub fn scheme_create(name: &str, flags: SchemeFlags) -> Result<OwnedFd> {
    let mut params = SchemeParams {
        flags: flags.bits(),
        _reserved: 0,
        name: [0; 32],
    };
    let bytes = name.as_bytes();
    let len = bytes.len().min(params.name.len() - 1);
    params.name[..len].copy_from_slice(&bytes[..len]);
    // SAFETY: `params` is a live SchemeParams, only read.
    Ok(owned(unsafe {
        call(SCHEME_CREATE, [&raw const params as usize, 0, 0, 0])?
    }))
}

/// Makes the scheme's root appear at `path`.
pub fn scheme_mount(control: BorrowedFd<'_>, path: &CStr) -> Result<()> {
    // SAFETY: `path` is NUL-terminated and only read.
    unsafe { call(SCHEME_MOUNT, [fd(control), path.as_ptr() as usize, 0, 0])? };
    Ok(())
}

/// Uncovers what a scheme was mounted on; who uses the mount keeps it.
pub fn scheme_unmount(path: &CStr) -> Result<()> {
    // SAFETY: `path` is NUL-terminated and only read.
    unsafe {
        call(
            libc::SYS_umount2 as usize,
            [path.as_ptr() as usize, libc::MNT_DETACH as usize, 0, 0],
        )?
    };
    Ok(())
}

/// Has a process's first thread run before all that are not as urgent, in turns with equals (SCHED_RR); what it
/// starts is as others are. 1 is the least, 99 the greatest urgency.
pub fn set_realtime(pid: u32, priority: u8) -> Result<()> {
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    let priority = i32::from(priority);
    // SAFETY: `priority` is what the call's `sched_param` consists of, and only read.
    unsafe {
        call(
            libc::SYS_sched_setscheduler as usize,
            [
                pid as usize,
                policy as usize,
                &raw const priority as usize,
                0,
            ],
        )?
    };
    Ok(())
}

/// Starts a new life of the scheme; the descriptor is for the process that will serve it.
pub fn scheme_attach(control: BorrowedFd<'_>) -> Result<OwnedFd> {
    // SAFETY: no pointers.
    Ok(owned(unsafe {
        call(SCHEME_ATTACH, [fd(control), 0, 0, 0])?
    }))
}

/// Hands over completions; returns how many requests wait. Sleeps for one if `wait`.
pub fn scheme_enter(server: BorrowedFd<'_>, wait: bool) -> Result<usize> {
    // SAFETY: no pointers.
    unsafe { call(SCHEME_ENTER, [fd(server), usize::from(wait), 0, 0]) }
}

/// Declares the scheme's ioctls.
pub fn scheme_ioctls(server: BorrowedFd<'_>, table: &[ochre_abi::ioctl::Command]) -> Result<()> {
    let bytes: &[u8] = bytemuck::cast_slice(table);
    // SAFETY: the table is live and only read, `bytes.len()` long.
    unsafe {
        call(
            SCHEME_IOCTLS,
            [fd(server), bytes.as_ptr() as usize, bytes.len(), 0],
        )?
    };
    Ok(())
}

/// The descriptor that a client passed with request `id`.
pub fn scheme_take_fd(server: BorrowedFd<'_>, id: u64) -> Result<OwnedFd> {
    // SAFETY: no pointers.
    Ok(owned(unsafe {
        call(SCHEME_TAKE_FD, [fd(server), id as usize, 0, 0])?
    }))
}

/// The capability of the whole machine: for PID 1, once.
pub fn machine_root() -> Result<OwnedFd> {
    // SAFETY: no pointers.
    Ok(owned(unsafe { call(MACHINE_ROOT, [0; 4])? }))
}

/// A narrower capability.
pub fn derive(from: BorrowedFd<'_>, what: Derive) -> Result<OwnedFd> {
    // SAFETY: `what` is live and only read.
    Ok(owned(unsafe {
        call(DERIVE, [fd(from), &raw const what as usize, 0, 0])?
    }))
}

/// One access to a port of the range that `ports` stands for; the value read, or what was written.
pub fn port_io(ports: BorrowedFd<'_>, mut io: PortIo) -> Result<u32> {
    // SAFETY: `io` is live, and ours to be written.
    unsafe { call(PORT_IO, [fd(ports), &raw mut io as usize, 0, 0])? };
    Ok(io.value)
}

/// Zeroed memory for a device; the descriptor is for mmap.
pub fn dma_alloc(
    dma: BorrowedFd<'_>,
    bytes: usize,
    contiguous: bool,
) -> Result<(OwnedFd, Vec<DmaSegment>)> {
    let room = if contiguous { 1 } else { DMA_SEGMENTS };
    let mut segments = vec![DmaSegment::default(); room];
    let mut params = DmaAlloc {
        flags: if contiguous { DMA_CONTIGUOUS } else { 0 },
        segment_count: room as u32,
        segments: segments.as_mut_ptr() as u64,
    };
    // SAFETY: `params` is live and ours to be written, and so is the list it points at, as long as
    // its count says.
    let raw = unsafe { call(DMA_ALLOC, [fd(dma), bytes, &raw mut params as usize, 0])? };
    segments.truncate(params.segment_count as usize);
    Ok((owned(raw), segments))
}

/// The device will not touch this memory any more.
pub fn dma_free(memory: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: the call takes no pointers.
    unsafe { call(DMA_FREE, [fd(memory), 0, 0, 0])? };
    Ok(())
}

/// Tells device listeners (udev's protocol) that a device of the scheme changed.
pub fn uevent(server: BorrowedFd<'_>, text: &[u8]) -> Result<()> {
    // SAFETY: the text is live and only read.
    unsafe { call(UEVENT, [fd(server), text.as_ptr() as usize, text.len(), 0])? };
    Ok(())
}

/// The size and layout of the firmware's framebuffer.
pub fn framebuffer_info(framebuffer: BorrowedFd<'_>) -> Result<Framebuffer> {
    let mut info = Framebuffer {
        width: 0,
        height: 0,
        stride: 0,
        _reserved: 0,
    };
    // SAFETY: `info` is live, and ours to be written.
    unsafe {
        call(
            FRAMEBUFFER_INFO,
            [fd(framebuffer), &raw mut info as usize, 0, 0],
        )?
    };
    Ok(info)
}

/// Where a device must write, and what, to raise this interrupt.
pub fn msi_message(interrupt: BorrowedFd<'_>) -> Result<MsiMessage> {
    let mut message = MsiMessage {
        address: 0,
        data: 0,
        _reserved: 0,
    };
    // SAFETY: `message` is live, and ours to be written.
    unsafe {
        call(
            MSI_MESSAGE,
            [fd(interrupt), &raw mut message as usize, 0, 0],
        )?
    };
    Ok(message)
}

/// A descriptor that the supervisor handed to this process under `name`, from `OCHRE_FDS`
/// (`name:number,…`). Each can be taken once.
pub fn inherited(name: &str) -> Option<OwnedFd> {
    use std::collections::HashSet;
    use std::sync::Mutex;
    static TAKEN: Mutex<Option<HashSet<i32>>> = Mutex::new(None);

    let list = std::env::var("OCHRE_FDS").ok()?;
    let raw = list.split(',').find_map(|entry| {
        let (entry_name, number) = entry.split_once(':')?;
        (entry_name == name).then(|| number.parse::<i32>().ok())?
    })?;
    let mut taken = TAKEN
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if !taken.get_or_insert_default().insert(raw) {
        return None;
    }
    // SAFETY: the supervisor opened this number for this process, and TAKEN gives it out once.
    let fd = unsafe { OwnedFd::from_raw_fd(raw) };
    rustix::io::fcntl_getfd(&fd).is_ok().then_some(fd)
}

/// Where the supervisor mounted this process's scheme `name`, from `OCHRE_MOUNTS` (`name=path,…`).
pub fn mount_of(name: &str) -> Option<String> {
    let list = std::env::var("OCHRE_MOUNTS").ok()?;
    list.split(',').find_map(|entry| {
        let (entry_name, path) = entry.split_once('=')?;
        (entry_name == name).then(|| path.to_string())
    })
}

/// What the supervisor calls this process: the unit's name, and the device's after an `@`
/// (`virtio-gpu@00:02.0`).
#[must_use]
pub fn unit() -> String {
    std::env::var("OCHRE_UNIT").unwrap_or_default()
}

/// The number at the end of that path (`/dev/input/event3`), 0 if there is none.
pub fn mount_number(name: &str) -> u32 {
    let path = mount_of(name).unwrap_or_default();
    let digits = path.len() - path.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    path[path.len() - digits..].parse().unwrap_or(0)
}

/// Lends a descriptor number for one poll(2), which answers POLLNVAL if it has been closed.
pub(crate) fn borrow<'a>(raw: i32) -> BorrowedFd<'a> {
    // SAFETY: only passed to poll(2) right away, which reads no state through the number; −1 is
    // excluded as the number came from an OwnedFd.
    unsafe { BorrowedFd::borrow_raw(raw) }
}

/// An ioctl whose argument is a plain struct.
pub fn ioctl<T: bytemuck::Pod>(on: BorrowedFd<'_>, command: u32, argument: &mut T) -> Result<u32> {
    assert!(
        ochre_abi::ioctl::Number(command).size() <= size_of::<T>(),
        "the command's struct is larger than the argument"
    );
    // SAFETY: `argument` is live and ours to be written, and as large as the command's number says.
    let ret = unsafe { libc::ioctl(on.as_raw_fd(), command as _, std::ptr::from_mut(argument)) };
    if ret == -1 {
        let error = std::io::Error::last_os_error();
        return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
    }
    Ok(ret as u32)
}
