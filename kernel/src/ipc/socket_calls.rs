//! The socket calls: addresses, message headers and control messages in and out of user space.
//! What a socket does with them is its family's ([`Socket`]).

use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::calls::{dest_of, file_of, install, source_of, vector_of};
use crate::fs::node::OpenFlags;
use crate::fs::open::OpenFile;
use crate::ipc::calls::{install_new, install_pair};
use crate::ipc::netlink::NetlinkSocket;
use crate::ipc::socket::{Control, Incoming, MessageFlags, Outgoing, PeerCredentials, Socket};
use crate::ipc::{inet, poll, unix};
use crate::linux::general as nr;
use crate::linux::net as raw;
use crate::mm::uptr::UserPtr;
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::credentials::Capabilities;
use crate::time::Deadline;
use crate::uio::{Dest, Source};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use ochre_hal::admission::Room;

/// sizeof(struct sockaddr_storage).
const ADDRESS_MAX: usize = 128;
/// As Linux: control messages of one send.
const CONTROL_MAX: usize = 20480;
/// SCM_MAX_FD.
const FILES_MAX: usize = 253;
/// UIO_MAXIOV: messages of one call.
const MESSAGES_MAX: usize = 1024;

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        nr::__NR_socket => socket(ctx, a[0] as u32, a[1] as u32, a[2] as u32),
        nr::__NR_socketpair => socketpair(ctx, a[0] as u32, a[1] as u32, a[2] as u32, a[3]),
        nr::__NR_bind => on(ctx, a[0], |s, _| {
            s.bind(&read_address(a[1], a[2])?).map(|()| 0)
        }),
        nr::__NR_listen => on(ctx, a[0], |s, _| s.listen(a[1] as i32).map(|()| 0)),
        nr::__NR_connect => on(ctx, a[0], |s, open| {
            s.connect(&read_address(a[1], a[2])?, open.nonblocking())
                .map(|()| 0)
        }),
        nr::__NR_accept => accept(ctx, a[0], a[1], a[2], 0),
        nr::__NR_accept4 => accept(ctx, a[0], a[1], a[2], a[3] as u32),
        nr::__NR_shutdown => on(ctx, a[0], |s, _| match a[1] as u32 {
            raw::SHUT_RD => s.shutdown(true, false).map(|()| 0),
            raw::SHUT_WR => s.shutdown(false, true).map(|()| 0),
            raw::SHUT_RDWR => s.shutdown(true, true).map(|()| 0),
            _ => Err(Errno::EINVAL),
        }),
        nr::__NR_getsockname => on(ctx, a[0], |s, _| {
            write_address(&s.local_address()?, a[1], a[2]).map(|()| 0)
        }),
        nr::__NR_getpeername => on(ctx, a[0], |s, _| {
            write_address(&s.peer_address()?, a[1], a[2]).map(|()| 0)
        }),
        nr::__NR_getsockopt => getsockopt(ctx, a[0], a[1] as u32, a[2] as u32, a[3], a[4]),
        nr::__NR_setsockopt => setsockopt(ctx, a[0], a[1] as u32, a[2] as u32, a[3], a[4]),
        nr::__NR_sendto => sendto(ctx, a),
        nr::__NR_recvfrom => recvfrom(ctx, a),
        nr::__NR_sendmsg => on(ctx, a[0], |s, open| {
            send_message(ctx, s, open, UserPtr::new(a[1]), a[2] as u32)
        }),
        nr::__NR_recvmsg => on(ctx, a[0], |s, open| {
            receive_message(ctx, s, open, UserPtr::new(a[1]), a[2] as u32)
        }),
        nr::__NR_sendmmsg => sendmmsg(ctx, a[0], a[1], a[2], a[3] as u32),
        nr::__NR_recvmmsg => recvmmsg(ctx, a[0], a[1], a[2], a[3] as u32, a[4]),
        _ => return None,
    })
}

/// Works on the socket behind a descriptor.
fn on<T>(
    ctx: &SyscallCtx<'_>,
    fd: usize,
    work: impl FnOnce(&dyn Socket, &OpenFile) -> Result<T>,
) -> Result<T> {
    let open = file_of(ctx, fd)?;
    let socket = open.file().as_socket().ok_or(Errno::ENOTSOCK)?;
    work(socket, &open)
}

const KIND: u32 = 0xf;

/// The flags beside a socket's type.
fn flags_of(kind: u32) -> Result<u32> {
    let flags = kind & !KIND;
    if flags & !(nr::O_CLOEXEC | nr::O_NONBLOCK) != 0 {
        Err(Errno::EINVAL)
    } else {
        Ok(flags)
    }
}

fn socket(ctx: &SyscallCtx<'_>, domain: u32, kind: u32, protocol: u32) -> Result<usize> {
    let flags = flags_of(kind)?;
    let file = match domain {
        raw::AF_UNIX => unix::create(kind & KIND, protocol)?,
        raw::AF_NETLINK => NetlinkSocket::new(kind & KIND, protocol)?,
        raw::AF_INET => inet::create(inet::Family::V4, kind & KIND, protocol)?,
        raw::AF_INET6 => inet::create(inet::Family::V6, kind & KIND, protocol)?,
        _ => return Err(Errno::EAFNOSUPPORT),
    };
    install_new(ctx, file, flags)
}

fn socketpair(
    ctx: &SyscallCtx<'_>,
    domain: u32,
    kind: u32,
    protocol: u32,
    out: usize,
) -> Result<usize> {
    let flags = flags_of(kind)?;
    if domain != raw::AF_UNIX {
        return Err(if domain == raw::AF_INET || domain == raw::AF_INET6 {
            Errno::EOPNOTSUPP
        } else {
            Errno::EAFNOSUPPORT
        });
    }
    let (a, b) = unix::pair(kind & KIND, protocol)?;
    let status = OpenFlags::from_bits_truncate(flags) & OpenFlags::NONBLOCK | OpenFlags::READ_WRITE;
    let pair = (OpenFile::unnamed(a, status)?, OpenFile::unnamed(b, status)?);
    install_pair(ctx, pair, flags & nr::O_CLOEXEC != 0, out)
}

fn accept(ctx: &SyscallCtx<'_>, fd: usize, addr: usize, len: usize, flags: u32) -> Result<usize> {
    if flags & !(nr::O_CLOEXEC | nr::O_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    on(ctx, fd, |socket, open| {
        let file: Arc<dyn File> = socket.accept(open.nonblocking())?;
        if addr != 0 {
            let server = file.as_socket().ok_or(Errno::EIO)?;
            // A client may have gone again already.
            let peer = server
                .peer_address()
                .unwrap_or_else(|_| unix::address::family());
            write_address(&peer, addr, len)?;
        }
        install_new(ctx, file, flags)
    })
}

fn read_address(addr: usize, len: usize) -> Result<Vec<u8>> {
    let len = len as u32 as i32;
    let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?;
    if len > ADDRESS_MAX {
        return Err(Errno::EINVAL);
    }
    UserPtr::<u8>::new(addr).read_vec(len, ADDRESS_MAX)
}

/// Writes an address, cut to the buffer; the length word gets its whole length.
fn write_address(address: &[u8], addr: usize, len: usize) -> Result {
    let pointer = UserPtr::<i32>::new(len);
    let room = usize::try_from(pointer.read()?).map_err(|_| Errno::EINVAL)?;
    UserPtr::<u8>::new(addr).write_slice(&address[..address.len().min(room)])?;
    pointer.write(&(address.len() as i32))
}

fn getsockopt(
    ctx: &SyscallCtx<'_>,
    fd: usize,
    level: u32,
    name: u32,
    out: usize,
    len: usize,
) -> Result<usize> {
    let pointer = UserPtr::<i32>::new(len);
    let room = usize::try_from(pointer.read()?).map_err(|_| Errno::EINVAL)?;
    let value = on(ctx, fd, |socket, _| socket.option(level, name))?;
    let n = value.len().min(room);
    UserPtr::<u8>::new(out).write_slice(&value[..n])?;
    pointer.write(&(n as i32))?;
    Ok(0)
}

fn setsockopt(
    ctx: &SyscallCtx<'_>,
    fd: usize,
    level: u32,
    name: u32,
    addr: usize,
    len: usize,
) -> Result<usize> {
    /// The longest value any option has.
    const VALUE_MAX: usize = 4096;
    let len = usize::try_from(len as u32 as i32).map_err(|_| Errno::EINVAL)?;
    let value = UserPtr::<u8>::new(addr).read_vec(len.min(VALUE_MAX), VALUE_MAX)?;
    on(ctx, fd, |socket, _| {
        socket.set_option(level, name, &value).map(|()| 0)
    })
}

fn sendto(ctx: &SyscallCtx<'_>, a: Args) -> Result<usize> {
    on(ctx, a[0], |socket, open| {
        let mut data = source_of(a[1], a[2])?;
        let address = if a[4] == 0 {
            Vec::new()
        } else {
            read_address(a[4], a[5])?
        };
        let message = Outgoing {
            data: &mut data,
            address: &address,
            control: Control::default(),
            flags: MessageFlags::from_bits_truncate(a[3] as u32),
        };
        socket.send(message, open.nonblocking())
    })
}

fn recvfrom(ctx: &SyscallCtx<'_>, a: Args) -> Result<usize> {
    on(ctx, a[0], |socket, open| {
        let mut dst = dest_of(a[1], a[2])?;
        let flags = MessageFlags::from_bits_truncate(a[3] as u32);
        let incoming = socket.receive(&mut dst, flags, open.nonblocking())?;
        if a[4] != 0 {
            write_address(&incoming.address, a[4], a[5])?;
        }
        Ok(incoming.bytes)
    })
}

/// `struct msghdr`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct MessageHeader {
    name: usize,
    name_len: i32,
    padding: u32,
    vectors: usize,
    vector_count: usize,
    control: usize,
    control_len: usize,
    flags: u32,
    padding2: u32,
}

/// Offsets of what a receive writes back.
const NAME_LEN: usize = 8;
const CONTROL_LEN: usize = 40;
const FLAGS: usize = 48;
/// sizeof(struct mmsghdr).
const MMSG_SIZE: usize = 64;

/// `struct cmsghdr`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct ControlHeader {
    len: usize,
    level: u32,
    kind: u32,
}

const CONTROL_HEADER: usize = size_of::<ControlHeader>();

/// Takes a sender's control messages apart.
fn read_control(ctx: &SyscallCtx<'_>, addr: usize, len: usize) -> Result<Control> {
    let mut control = Control::default();
    if addr == 0 || len == 0 {
        return Ok(control);
    }
    if len > CONTROL_MAX {
        return Err(Errno::ENOBUFS);
    }
    let bytes = UserPtr::<u8>::new(addr).read_vec(len, CONTROL_MAX)?;
    let mut at = 0;
    while at + CONTROL_HEADER <= bytes.len() {
        let header: ControlHeader = bytemuck::pod_read_unaligned(&bytes[at..at + CONTROL_HEADER]);
        if header.len < CONTROL_HEADER || header.len > bytes.len() - at {
            return Err(Errno::EINVAL);
        }
        let body = &bytes[at + CONTROL_HEADER..at + header.len];
        if header.level == raw::SOL_SOCKET {
            match header.kind {
                raw::SCM_RIGHTS => read_rights(ctx, body, &mut control)?,
                raw::SCM_CREDENTIALS => {
                    control.credentials = Some(read_credentials(ctx, body)?);
                }
                _ => return Err(Errno::EINVAL),
            }
        }
        at += header.len.next_multiple_of(8);
    }
    Ok(control)
}

fn read_rights(ctx: &SyscallCtx<'_>, body: &[u8], control: &mut Control) -> Result {
    if body.len() / 4 + control.files.len() > FILES_MAX {
        return Err(Errno::EINVAL);
    }
    control.files.room(body.len() / 4)?;
    let table = ctx.thread.files();
    for fd in body.chunks_exact(4) {
        let fd = i32::from_ne_bytes([fd[0], fd[1], fd[2], fd[3]]);
        control.files.push(table.get(fd)?);
    }
    Ok(())
}

fn read_credentials(ctx: &SyscallCtx<'_>, body: &[u8]) -> Result<PeerCredentials> {
    let word = |at: usize| -> Result<u32> {
        let bytes = body.get(at..at + 4).ok_or(Errno::EINVAL)?;
        Ok(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    let claimed = PeerCredentials {
        pid: word(0)?,
        uid: word(4)?,
        gid: word(8)?,
    };
    if crate::task::tree::process(claimed.pid).is_none() {
        return Err(Errno::ESRCH);
    }
    let own = ctx.thread.credentials();
    let truthful = (claimed.pid == ctx.process.pid || own.can(Capabilities::SYS_ADMIN))
        && (own.uid.has(claimed.uid) || own.can(Capabilities::SETUID))
        && (own.gid.has(claimed.gid) || own.can(Capabilities::SETGID));
    if truthful {
        Ok(claimed)
    } else {
        Err(Errno::EPERM)
    }
}

fn send_message(
    ctx: &SyscallCtx<'_>,
    socket: &dyn Socket,
    open: &OpenFile,
    header: UserPtr<MessageHeader>,
    flags: u32,
) -> Result<usize> {
    let header = header.read()?;
    let mut data = Source::user(vector_of(header.vectors, header.vector_count)?);
    let address = if header.name == 0 {
        Vec::new()
    } else {
        let len = usize::try_from(header.name_len).map_err(|_| Errno::EINVAL)?;
        read_address(header.name, len.min(ADDRESS_MAX))?
    };
    let control = read_control(ctx, header.control, header.control_len)?;
    let message = Outgoing {
        data: &mut data,
        address: &address,
        control,
        flags: MessageFlags::from_bits_truncate(flags),
    };
    socket.send(message, open.nonblocking())
}

/// Control messages on their way to user space.
struct ControlWriter {
    addr: usize,
    room: usize,
    used: usize,
    truncated: bool,
}

impl ControlWriter {
    /// Appends one message; cut, and said so, when it does not fit.
    fn put(&mut self, kind: u32, body: &[u8]) -> Result {
        let left = self.room - self.used;
        if left < CONTROL_HEADER {
            self.truncated = true;
            return Ok(());
        }
        let len = (CONTROL_HEADER + body.len()).min(left);
        self.truncated |= len < CONTROL_HEADER + body.len();
        let header = ControlHeader {
            len,
            level: raw::SOL_SOCKET,
            kind,
        };
        let at = UserPtr::<ControlHeader>::new(self.addr + self.used);
        at.write(&header)?;
        at.byte_add(CONTROL_HEADER)
            .cast::<u8>()
            .write_slice(&body[..len - CONTROL_HEADER])?;
        self.used += len.next_multiple_of(8).min(left);
        Ok(())
    }

    /// Hands descriptors over, as many as fit and the limit allows.
    fn put_files(
        &mut self,
        ctx: &SyscallCtx<'_>,
        files: Vec<Arc<OpenFile>>,
        close_on_exec: bool,
    ) -> Result {
        let left = self.room - self.used;
        let fits = left.saturating_sub(CONTROL_HEADER) / 4;
        let mut fds: Vec<u8> = Vec::new();
        let total = files.len();
        let mut installed = 0;
        for open in files.into_iter().take(fits) {
            match install(ctx, open, close_on_exec) {
                Ok(fd) => fds.extend_from_slice(&(fd as i32).to_ne_bytes()),
                Err(_) => break,
            }
            installed += 1;
        }
        self.truncated |= installed < total;
        if installed > 0 {
            self.put(raw::SCM_RIGHTS, &fds)
        } else {
            Ok(())
        }
    }
}

fn receive_message(
    ctx: &SyscallCtx<'_>,
    socket: &dyn Socket,
    open: &OpenFile,
    pointer: UserPtr<MessageHeader>,
    flags: u32,
) -> Result<usize> {
    let header = pointer.read()?;
    if header.name != 0 && header.name_len < 0 {
        return Err(Errno::EINVAL);
    }
    let mut dst = Dest::user(vector_of(header.vectors, header.vector_count)?);
    let flags = MessageFlags::from_bits_truncate(flags);
    let Incoming {
        bytes,
        address,
        control,
        flags: mut answer,
    } = socket.receive(&mut dst, flags, open.nonblocking())?;
    if header.name != 0 {
        let room = (header.name_len as usize).min(address.len());
        UserPtr::<u8>::new(header.name).write_slice(&address[..room])?;
        let len = UserPtr::<i32>::new(pointer.addr() + NAME_LEN);
        len.write(&(address.len() as i32))?;
    }
    let room = if header.control == 0 {
        0
    } else {
        header.control_len
    };
    let mut writer = ControlWriter {
        addr: header.control,
        room,
        used: 0,
        truncated: false,
    };
    if let Some(PeerCredentials { pid, uid, gid }) = control.credentials {
        let mut body = [0; 12];
        for (slot, word) in body.chunks_exact_mut(4).zip([pid, uid, gid]) {
            slot.copy_from_slice(&word.to_ne_bytes());
        }
        writer.put(raw::SCM_CREDENTIALS, &body)?;
    }
    if !control.files.is_empty() {
        let close_on_exec = flags.contains(MessageFlags::CLOSE_ON_EXEC);
        writer.put_files(ctx, control.files, close_on_exec)?;
    }
    if writer.truncated {
        answer |= MessageFlags::CONTROL_TRUNCATED;
    }
    answer |= flags & MessageFlags::CLOSE_ON_EXEC;
    UserPtr::<usize>::new(pointer.addr() + CONTROL_LEN).write(&writer.used)?;
    UserPtr::<u32>::new(pointer.addr() + FLAGS).write(&answer.bits())?;
    Ok(bytes)
}

/// What stands before the byte count of element `index` of a `mmsghdr` array.
fn element(vector: usize, index: usize) -> (UserPtr<MessageHeader>, UserPtr<u32>) {
    let addr = vector.wrapping_add(index * MMSG_SIZE);
    (
        UserPtr::new(addr),
        UserPtr::new(addr.wrapping_add(size_of::<MessageHeader>())),
    )
}

fn sendmmsg(
    ctx: &SyscallCtx<'_>,
    fd: usize,
    vector: usize,
    count: usize,
    flags: u32,
) -> Result<usize> {
    on(ctx, fd, |socket, open| {
        let mut sent = 0;
        while sent < (count as u32 as usize).min(MESSAGES_MAX) {
            let (header, len) = element(vector, sent);
            let result = send_message(ctx, socket, open, header, flags)
                .and_then(|bytes| len.write(&(bytes as u32)));
            match result {
                Ok(()) => sent += 1,
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    })
}

fn recvmmsg(
    ctx: &SyscallCtx<'_>,
    fd: usize,
    vector: usize,
    count: usize,
    flags: u32,
    timeout: usize,
) -> Result<usize> {
    let deadline = poll::deadline_timespec(timeout)?;
    on(ctx, fd, |socket, open| {
        let mut received = 0;
        let mut flags = flags;
        while received < (count as u32 as usize).min(MESSAGES_MAX) {
            let (header, len) = element(vector, received);
            let result = receive_message(ctx, socket, open, header, flags)
                .and_then(|bytes| len.write(&(bytes as u32)));
            match result {
                Ok(()) => received += 1,
                Err(error) if received == 0 => return Err(error),
                Err(_) => break,
            }
            if flags & MessageFlags::WAIT_FOR_ONE.bits() != 0 {
                flags |= MessageFlags::DONT_WAIT.bits();
            }
            // As Linux: the timeout is looked at between messages only.
            if deadline.is_some_and(Deadline::has_come) {
                break;
            }
        }
        Ok(received)
    })
}
