//! The native system calls of schemes and of the machine.

use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::access::Identity;
use crate::fs::namespace::MountFlags;
use crate::fs::node::OpenFlags;
use crate::fs::open::OpenFile;
use crate::fs::path::Resolve;
use crate::mm::uptr::{UserPtr, read_string};
use crate::scheme::control::ControlFile;
use crate::scheme::dma::{DmaFile, DmaMemory};
use crate::scheme::framebuffer::FramebufferFile;
use crate::scheme::instance::Scheme;
use crate::scheme::interrupt::InterruptFile;
use crate::scheme::machine::MachineFile;
use crate::scheme::ports::PortsFile;
use crate::scheme::server::ServerFile;
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::credentials::Capabilities;
use crate::task::limits::Resource;
use alloc::sync::Arc;
use alloc::vec::Vec;
use ochre_abi::ioctl::{Command, MAX_COMMANDS};
use ochre_abi::native::{
    DERIVE, DMA_ALLOC, DMA_CONTIGUOUS, DMA_FREE, DMA_SEGMENTS, Derive, DmaAlloc, FRAMEBUFFER_INFO,
    MACHINE_ROOT, MSI_MESSAGE, PORT_IO, PortIo, SCHEME_ATTACH, SCHEME_CREATE, SCHEME_ENTER,
    SCHEME_IOCTLS, SCHEME_MOUNT, SCHEME_TAKE_FD, SchemeParams, UEVENT,
};
use ochre_abi::scheme::SchemeFlags;
use ochre_hal::admission::{self, Room};
use ochre_hal::uaccess;

/// A native call, or none if the number is not one of this room's.
pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number as usize {
        SCHEME_CREATE => scheme_create(ctx, a[0]),
        SCHEME_MOUNT => scheme_mount(ctx, a[0], a[1]),
        SCHEME_ATTACH => scheme_attach(ctx, a[0]),
        SCHEME_ENTER => scheme_enter(ctx, a[0], a[1] != 0),
        SCHEME_TAKE_FD => scheme_take_fd(ctx, a[0], a[1] as u64),
        SCHEME_IOCTLS => scheme_ioctls(ctx, a[0], a[1], a[2]),
        MACHINE_ROOT => machine_root(ctx),
        DERIVE => derive(ctx, a[0], a[1]),
        PORT_IO => port_io(ctx, a[0], a[1]),
        DMA_ALLOC => dma_alloc(ctx, a[0], a[1], a[2]),
        DMA_FREE => dma_free(ctx, a[0]),
        MSI_MESSAGE => msi_message(ctx, a[0], a[1]),
        FRAMEBUFFER_INFO => framebuffer_info(ctx, a[0], a[1]),
        UEVENT => uevent(ctx, a[0], a[1], a[2]),
        _ => return None,
    })
}

fn open_file(ctx: &SyscallCtx<'_>, fd: usize) -> Result<Arc<OpenFile>> {
    ctx.thread.files().get(fd as i32)
}

/// Installs a new object as a descriptor, close-on-exec.
fn install(ctx: &SyscallCtx<'_>, file: Arc<dyn File>) -> Result<usize> {
    let open = OpenFile::unnamed(file, OpenFlags::READ_WRITE)?;
    install_open(ctx, open)
}

fn install_open(ctx: &SyscallCtx<'_>, open: Arc<OpenFile>) -> Result<usize> {
    let limit = ctx.process.limit(Resource::Files);
    Ok(ctx.thread.files().insert(open, true, limit)? as usize)
}

/// What the descriptor points at, if it is a `T`; EBADF for another kind.
macro_rules! downcast {
    ($open:expr, $ty:ty) => {
        $open.downcast::<$ty>().ok_or(Errno::EBADF)
    };
}

fn scheme_create(ctx: &SyscallCtx<'_>, params: usize) -> Result<usize> {
    if !ctx.thread.credentials().can(Capabilities::SYS_ADMIN) {
        return Err(Errno::EPERM);
    }
    let params: SchemeParams = UserPtr::new(params).read()?;
    let flags = SchemeFlags::from_bits(params.flags).ok_or(Errno::EINVAL)?;
    let len = params
        .name
        .iter()
        .position(|b| *b == 0)
        .ok_or(Errno::EINVAL)?;
    let name = core::str::from_utf8(&params.name[..len]).map_err(|_| Errno::EINVAL)?;
    install(ctx, Arc::new(ControlFile(Scheme::new(name, flags))))
}

fn scheme_mount(ctx: &SyscallCtx<'_>, fd: usize, path: usize) -> Result<usize> {
    let open = open_file(ctx, fd)?;
    let scheme = &downcast!(open, ControlFile)?.0;
    let path = read_string(path, 4096, Errno::ENAMETOOLONG)?;
    let view = ctx.thread.fs().view();
    let identity = Identity::kernel();
    let point = view.lookup(&identity, &path, Resolve::empty())?;
    let root = scheme.root();
    view.namespace
        .mount_node(point, root, "scheme", &scheme.name, MountFlags::empty())?;
    Ok(0)
}

fn scheme_attach(ctx: &SyscallCtx<'_>, fd: usize) -> Result<usize> {
    let open = open_file(ctx, fd)?;
    let scheme = &downcast!(open, ControlFile)?.0;
    let life = scheme.attach()?;
    install(ctx, Arc::new(ServerFile::new(scheme.clone(), life)))
}

fn scheme_enter(ctx: &SyscallCtx<'_>, fd: usize, wait: bool) -> Result<usize> {
    let open = open_file(ctx, fd)?;
    downcast!(open, ServerFile)?.enter(wait)
}

fn scheme_take_fd(ctx: &SyscallCtx<'_>, fd: usize, id: u64) -> Result<usize> {
    let open = open_file(ctx, fd)?;
    let passed = downcast!(open, ServerFile)?.life().passed(id)?;
    install_open(ctx, passed)
}

fn scheme_ioctls(ctx: &SyscallCtx<'_>, fd: usize, table: usize, bytes: usize) -> Result<usize> {
    let open = open_file(ctx, fd)?;
    let server = downcast!(open, ServerFile)?;
    let count = bytes / size_of::<Command>();
    if count > MAX_COMMANDS || !bytes.is_multiple_of(size_of::<Command>()) {
        return Err(Errno::EINVAL);
    }
    let mut commands = Vec::new();
    commands.room_exact(count)?;
    commands.resize(count, Command::new(0, &[]));
    uaccess::copy_in(bytemuck::cast_slice_mut(&mut commands), table)?;
    server.set_ioctls(commands)?;
    Ok(0)
}

fn machine_root(ctx: &SyscallCtx<'_>) -> Result<usize> {
    if ctx.process.pid != 1 {
        return Err(Errno::EPERM);
    }
    install(ctx, Arc::new(MachineFile::take()?))
}

fn derive(ctx: &SyscallCtx<'_>, fd: usize, what: usize) -> Result<usize> {
    let open = open_file(ctx, fd)?;
    let machine = downcast!(open, MachineFile)?;
    let what: Derive = UserPtr::new(what).read()?;
    install(ctx, machine.derive(&what)?)
}

fn port_io(ctx: &SyscallCtx<'_>, fd: usize, params: usize) -> Result<usize> {
    let open = open_file(ctx, fd)?;
    let ports = downcast!(open, PortsFile)?;
    let pointer = UserPtr::<PortIo>::new(params);
    let mut io = pointer.read()?;
    io.value = ports.access(&io)?;
    pointer.write(&io)?;
    Ok(0)
}

fn dma_alloc(ctx: &SyscallCtx<'_>, fd: usize, bytes: usize, params: usize) -> Result<usize> {
    let open = open_file(ctx, fd)?;
    let dma = downcast!(open, DmaFile)?;
    let pointer = UserPtr::<DmaAlloc>::new(params);
    let mut params = pointer.read()?;
    let room = (params.segment_count as usize).min(DMA_SEGMENTS);
    let contiguous = params.flags & DMA_CONTIGUOUS != 0;
    let (memory, segments) = dma.alloc(bytes as u64, contiguous, room)?;
    let memory = Arc::new(memory);
    params.segment_count = segments.len() as u32;
    let told = uaccess::copy_out(params.segments as usize, bytemuck::cast_slice(&segments));
    let given = told
        .map_err(Errno::from)
        .and_then(|()| pointer.write(&params))
        .and_then(|()| install(ctx, memory.clone()));
    if given.is_err() {
        // No device can have been told of it, and nobody could ever free it.
        memory.free();
    }
    given
}

fn dma_free(ctx: &SyscallCtx<'_>, fd: usize) -> Result<usize> {
    let open = open_file(ctx, fd)?;
    match open.downcast::<DmaFile>() {
        Some(right) => right.free(),
        None => downcast!(open, DmaMemory)?.free(),
    }
    Ok(0)
}

fn msi_message(ctx: &SyscallCtx<'_>, fd: usize, out: usize) -> Result<usize> {
    let open = open_file(ctx, fd)?;
    let message = downcast!(open, InterruptFile)?.msi_message()?;
    UserPtr::new(out).write(&message)?;
    Ok(0)
}

fn framebuffer_info(ctx: &SyscallCtx<'_>, fd: usize, out: usize) -> Result<usize> {
    let open = open_file(ctx, fd)?;
    UserPtr::new(out).write(&downcast!(open, FramebufferFile)?.info)?;
    Ok(0)
}

/// A longer event is no event of a device.
const UEVENT_MAX: usize = 2048;

fn uevent(ctx: &SyscallCtx<'_>, fd: usize, text: usize, len: usize) -> Result<usize> {
    let open = open_file(ctx, fd)?;
    if open.downcast::<ServerFile>().is_none() && open.downcast::<ControlFile>().is_none() {
        return Err(Errno::EBADF);
    }
    if len == 0 || len > UEVENT_MAX {
        return Err(Errno::EINVAL);
    }
    let mut bytes = admission::zeroes(len)?;
    uaccess::copy_in(&mut bytes, text)?;
    crate::ipc::netlink::uevent::broadcast(&bytes);
    Ok(0)
}
