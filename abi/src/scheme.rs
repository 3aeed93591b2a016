//! The messages between the kernel and a scheme's server.
//!
//! A server maps its ring: [`RingHeader`], then [`SLOTS`] [`Request`]s, then [`SLOTS`]
//! [`Completion`]s, then one payload area of [`PAYLOAD`] bytes for each slot. The kernel puts a
//! request into `requests[tail % SLOTS]` and its small data into the payload area of the request's
//! slot; the server answers into `completions[tail % SLOTS]`, out data into the same payload area,
//! and calls [`SCHEME_ENTER`](crate::native::SCHEME_ENTER). Answers may come in any order. What is
//! larger than a payload area is asked for in parts.
//!
//! I/O is positioned: a server keeps no cursors. A server never blocks a reader: it answers
//! −EAGAIN, which ends that there is something to read, and the kernel sleeps until a level behind that
//! answer says otherwise.

use bitflags::bitflags;
use bytemuck::{Pod, Zeroable};

/// Requests in flight at most.
pub const SLOTS: usize = 64;
/// Bytes of a slot's payload area.
pub const PAYLOAD: usize = 64 * 1024;
/// Offset of the first request.
pub const REQUESTS: usize = 4096;
/// Offset of the first completion.
pub const COMPLETIONS: usize = REQUESTS + SLOTS * size_of::<Request>();
/// Offset of the first payload area: a page of its own.
pub const PAYLOADS: usize = (COMPLETIONS + SLOTS * size_of::<Completion>()).next_multiple_of(4096);
/// Bytes of the whole ring.
pub const RING_SIZE: usize = PAYLOADS + SLOTS * PAYLOAD;
/// The node that a scheme is mounted by.
pub const ROOT: u64 = 0;

bitflags! {
    /// How the kernel treats a scheme.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SchemeFlags: u32 {
        /// Nodes have lasting numbers and requests can be repeated: when the server dies, requests
        /// wait for the next one instead of failing.
        const STATELESS = 1;
        /// The root is not a directory but a file (a device node).
        const ROOT_IS_FILE = 2;
    }
}

/// The ring's indices. `requests_tail` and `completions_head` are the kernel's, the other two the
/// server's; all count up and wrap.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct RingHeader {
    pub requests_head: u32,
    pub requests_tail: u32,
    pub completions_head: u32,
    pub completions_tail: u32,
}

/// Byte offsets of [`RingHeader`]'s fields, for access as atomics.
pub mod ring {
    pub const REQUESTS_HEAD: usize = 0;
    pub const REQUESTS_TAIL: usize = 4;
    pub const COMPLETIONS_HEAD: usize = 8;
    pub const COMPLETIONS_TAIL: usize = 12;
}

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident = $value:expr,)*) => {
        /// What a request asks. In the texts, *payload* is the slot's payload area, `a0`… the
        /// request's `args`, `v0`… the completion's `values`.
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Op {
            $($(#[$doc])* $name = $value,)*
        }

        impl Op {
            /// The operation of that number, if there is one.
            #[must_use]
            pub fn from_raw(raw: u32) -> Option<Op> {
                match raw {
                    $($value => Some(Op::$name),)*
                    _ => None,
                }
            }
        }
    };
}

ops! {
    /// Name in the payload, directory in `node` → [`Attr`] in the payload, its `node` set.
    Lookup = 1,
    /// → [`Attr`] in the payload.
    GetAttr = 2,
    /// [`Attr`] in the payload, `a0` = [`AttrMask`] → [`Attr`].
    SetAttr = 3,
    /// Name in the payload, `a0` = mode, `a1` = device → [`Attr`].
    Create = 4,
    /// Name in the payload, `a0` = mode → [`Attr`].
    Mkdir = 5,
    /// Name, NUL, target in the payload → [`Attr`].
    Symlink = 6,
    /// Name in the payload, `a0` = the node to link → [`Attr`].
    Link = 7,
    /// Name in the payload, `a0` = 1 for a directory.
    Unlink = 8,
    /// Old name, NUL, new name in the payload, `a0` = new directory, `a1` = renameat2 flags.
    Rename = 9,
    /// `offset` = cookie to go on after → [`DirEntry`] records in the payload, `result` = bytes.
    ReadDir = 10,
    /// → target in the payload, `result` = bytes.
    ReadLink = 11,
    /// → [`StatFs`] in the payload.
    StatFs = 12,
    /// `a0` = open flags → `v0` = the server's number for the open file, `v1` = its first level.
    Open = 13,
    /// No answer is expected.
    Close = 14,
    /// `offset`, `length` → data in the payload, `result` = bytes; −EAGAIN if none yet.
    Read = 15,
    /// `offset`, data in the payload → `result` = bytes taken; −EAGAIN if full.
    Write = 16,
    /// `a0` = command, `a1` = integer argument; see [`crate::ioctl`] → `result`.
    Ioctl = 17,
    /// `offset`, `length`, `a0` = 1 for writable → descriptor of the memory, `v0` = offset in it.
    Map = 18,
    /// `a0` = 1 for data only.
    Fsync = 19,
}

/// A request, 128 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Request {
    /// Unique in the life of the ring; 0 in a request that expects no answer.
    pub id: u64,
    /// An [`Op`].
    pub op: u32,
    /// The payload area this request owns.
    pub slot: u32,
    pub node: u64,
    /// The server's number for the open file.
    pub file: u64,
    pub offset: u64,
    /// Bytes the caller offers or wants.
    pub length: u64,
    pub args: [u64; 4],
    /// Bytes the kernel put into the payload area.
    pub payload: u32,
    pub uid: u32,
    pub gid: u32,
    pub pid: u32,
    pub _reserved: [u32; 8],
}

/// Set in [`Completion::kind`]: answers the request `id`.
pub const COMPLETE: u32 = 0;
/// Set in [`Completion::kind`]: the level of open file `id` is now `values[0]`
/// (poll(2) bits).
pub const LEVEL: u32 = 1;
/// Set in [`Completion::kind`]: node `id`'s attributes or data changed; forget what is cached.
pub const INVALIDATE: u32 = 2;

/// A completion, 64 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Completion {
    pub id: u64,
    /// The operation's result, or −errno.
    pub result: i64,
    /// [`COMPLETE`], [`LEVEL`] or [`INVALIDATE`].
    pub kind: u32,
    /// Bytes the server put into the payload area.
    pub payload: u32,
    pub values: [u64; 2],
    /// A descriptor of the server's to pass to the client, or −1.
    pub fd: i32,
    pub _reserved: [u32; 5],
}

/// A node's attributes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable, PartialEq, Eq)]
pub struct Attr {
    pub node: u64,
    pub size: u64,
    /// 512-byte units.
    pub blocks: u64,
    /// Device number of a device node, as Linux's `makedev` packs it.
    pub rdev: u64,
    /// Type and permissions (S_IF* | 0o7777).
    pub mode: u32,
    pub links: u32,
    pub uid: u32,
    pub gid: u32,
    /// Nanoseconds since the epoch.
    pub atime: i64,
    pub mtime: i64,
    pub ctime: i64,
}

bitflags! {
    /// The fields of an [`Attr`] that SetAttr changes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct AttrMask: u32 {
        const MODE = 1;
        const UID = 2;
        const GID = 4;
        const SIZE = 8;
        const ATIME = 16;
        const MTIME = 32;
    }
}

/// The head of a directory record; the name follows, and zero bytes up to a multiple of 8.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct DirEntry {
    pub node: u64,
    /// Pass it as `offset` to go on after this record.
    pub cookie: u64,
    pub name_length: u16,
    /// DT_* of dirent.
    pub kind: u8,
    pub _reserved: [u8; 5],
}

/// statfs's answer.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct StatFs {
    pub magic: u64,
    pub block_size: u64,
    pub blocks: u64,
    pub free: u64,
    pub files: u64,
    pub files_free: u64,
    pub name_max: u64,
}

/// The offset of a slot's payload area in the ring.
#[must_use]
pub const fn payload_offset(slot: usize) -> usize {
    PAYLOADS + slot * PAYLOAD
}

const _: () = assert!(size_of::<Request>() == 128 && size_of::<Completion>() == 64);
const _: () = assert!(COMPLETIONS + SLOTS * size_of::<Completion>() <= PAYLOADS);
