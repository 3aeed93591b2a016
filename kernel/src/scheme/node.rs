//! A server's node, as the kernel's file system code sees it.

use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::node::{
    AttributeChange, Attributes, DeviceNumber, DirEntry, Inode, NewKind, NewName, NewNode, Node,
    NodeKind, OpenFlags, RenameFlags, StatFs, Timestamp,
};
use crate::sched::current;
use crate::sched::mutex::Mutex;
use crate::scheme::file::SchemeFile;
use crate::scheme::instance::Scheme;
use crate::scheme::life::Reply;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytemuck::Zeroable;
use core::any::Any;
use ochre_abi::scheme::{
    Attr, AttrMask, DirEntry as RawEntry, Op, PAYLOAD, Request, StatFs as RawStatFs,
};
use ochre_hal::admission;

/// See the module's header.
pub struct SchemeNode {
    scheme: Arc<Scheme>,
    number: u64,
}

/// A request with the caller's identity.
#[must_use]
pub fn request(op: Op, node: u64) -> Request {
    let caller = current();
    let credentials = caller.credentials();
    Request {
        op: op as u32,
        node,
        uid: credentials.uid.fs,
        gid: credentials.gid.fs,
        pid: caller.process().pid,
        ..Request::zeroed()
    }
}

/// An open directory's positions before the entries of its file system; a server's begin at 0.
const OWN_POSITIONS: u64 = 2;

/// `st_ino` of the server's `number`.
fn ino_of(number: u64) -> u64 {
    number.wrapping_add(1)
}

fn kind_of(attr: &Attr) -> Result<NodeKind> {
    NodeKind::from_mode(attr.mode).ok_or(Errno::EIO)
}

impl SchemeNode {
    #[must_use]
    pub fn new(scheme: Arc<Scheme>, number: u64) -> SchemeNode {
        SchemeNode { scheme, number }
    }

    #[must_use]
    pub fn scheme(&self) -> &Arc<Scheme> {
        &self.scheme
    }

    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Asks the server, with `payload` as the request's data.
    fn ask(&self, op: Op, payload: &[&[u8]], args: [u64; 4]) -> Result<Reply> {
        self.scheme.call(
            Request {
                args,
                ..request(op, self.number)
            },
            None,
            |ring, slot, r| {
                let mut at = 0;
                for part in payload {
                    ring.put(slot, at, part)?;
                    at += part.len();
                }
                r.payload = at as u32;
                Ok(())
            },
        )
    }

    /// The node that an answer's attributes describe.
    fn node_of(&self, reply: &Reply) -> Result<Arc<Node>> {
        let attr: Attr = reply.ring().get_struct(reply.slot(), 0)?;
        Ok(self.scheme.node(attr.node, kind_of(&attr)?))
    }

    /// The server's number of a node of the same scheme.
    fn peer(&self, node: &Arc<Node>) -> Result<u64> {
        let other = node.downcast::<SchemeNode>().ok_or(Errno::EXDEV)?;
        if !Arc::ptr_eq(&other.scheme, &self.scheme) {
            return Err(Errno::EXDEV);
        }
        Ok(other.number)
    }
}

impl Drop for SchemeNode {
    fn drop(&mut self) {
        self.scheme.forget(self.number);
    }
}

impl Inode for SchemeNode {
    fn attributes(&self) -> Result<Attributes> {
        let reply = self.ask(Op::GetAttr, &[], [0; 4])?;
        let attr: Attr = reply.ring().get_struct(reply.slot(), 0)?;
        let (dev, _) = self.identity()?;
        Ok(Attributes {
            dev,
            ino: ino_of(attr.node),
            mode: attr.mode,
            nlink: attr.links,
            uid: attr.uid,
            gid: attr.gid,
            rdev: DeviceNumber(attr.rdev),
            size: attr.size,
            blocks: attr.blocks,
            block_size: 4096,
            atime: Timestamp(attr.atime),
            mtime: Timestamp(attr.mtime),
            ctime: Timestamp(attr.ctime),
            btime: Timestamp(attr.ctime),
        })
    }

    fn identity(&self) -> Result<(DeviceNumber, u64)> {
        Ok((self.scheme.device, ino_of(self.number)))
    }

    fn shape(&self) -> Option<&Mutex<()>> {
        Some(&self.scheme.shape)
    }

    fn set_attributes(&self, change: &AttributeChange) -> Result {
        let mut mask = AttrMask::empty();
        mask.set(AttrMask::MODE, change.mode.is_some());
        mask.set(AttrMask::UID, change.uid.is_some());
        mask.set(AttrMask::GID, change.gid.is_some());
        mask.set(AttrMask::SIZE, change.size.is_some());
        mask.set(AttrMask::ATIME, change.atime.is_some());
        mask.set(AttrMask::MTIME, change.mtime.is_some());
        let attr = Attr {
            mode: change.mode.unwrap_or(0),
            uid: change.uid.unwrap_or(0),
            gid: change.gid.unwrap_or(0),
            size: change.size.unwrap_or(0),
            atime: change.atime.unwrap_or_default().0,
            mtime: change.mtime.unwrap_or_default().0,
            ..Attr::zeroed()
        };
        let args = [u64::from(mask.bits()), 0, 0, 0];
        self.ask(Op::SetAttr, &[bytemuck::bytes_of(&attr)], args)
            .map(drop)
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<Node>> {
        let reply = self.ask(Op::Lookup, &[name], [0; 4])?;
        self.node_of(&reply)
    }

    fn create(&self, name: &[u8], new: &NewNode<'_>) -> Result<Arc<Node>> {
        let mode = u64::from(new.what.kind().mode_bits() | new.mode);
        let reply = match new.what {
            NewKind::Directory => self.ask(Op::Mkdir, &[name], [mode, 0, 0, 0])?,
            NewKind::Symlink(target) => self.ask(Op::Symlink, &[name, &[0], target], [0; 4])?,
            NewKind::CharDevice(device) | NewKind::BlockDevice(device) => {
                self.ask(Op::Create, &[name], [mode, device.0, 0, 0])?
            }
            NewKind::Regular | NewKind::Fifo | NewKind::Socket => {
                self.ask(Op::Create, &[name], [mode, 0, 0, 0])?
            }
        };
        self.node_of(&reply)
    }

    fn link(&self, name: &[u8], target: &Arc<Node>) -> Result {
        let number = self.peer(target)?;
        self.ask(Op::Link, &[name], [number, 0, 0, 0]).map(drop)
    }

    fn unlink(&self, name: &[u8], _target: &Arc<Node>) -> Result {
        self.ask(Op::Unlink, &[name], [0; 4]).map(drop)
    }

    fn rmdir(&self, name: &[u8], _target: &Arc<Node>) -> Result {
        self.ask(Op::Unlink, &[name], [1, 0, 0, 0]).map(drop)
    }

    fn rename(
        &self,
        name: &[u8],
        _node: &Arc<Node>,
        to: NewName<'_>,
        whiteout: Option<&NewNode<'_>>,
        flags: RenameFlags,
    ) -> Result {
        if whiteout.is_some() {
            return Err(Errno::EINVAL);
        }
        let directory = self.peer(to.dir)?;
        let args = [directory, u64::from(flags.bits()), 0, 0];
        self.ask(Op::Rename, &[name, &[0], to.name], args).map(drop)
    }

    fn read_dir(&self, from: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result {
        let mut from = from.saturating_sub(OWN_POSITIONS);
        loop {
            let asked = Request {
                offset: from,
                length: PAYLOAD as u64,
                ..request(Op::ReadDir, self.number)
            };
            let reply = self.scheme.call(asked, None, |_, _, _| Ok(()))?;
            let len = usize::try_from(reply.result())
                .unwrap_or(usize::MAX)
                .min(PAYLOAD);
            if len == 0 {
                return Ok(());
            }
            let mut records = admission::zeroes(len)?;
            reply.ring().get(reply.slot(), 0, &mut records)?;
            drop(reply);
            match emit_records(&records, emit)? {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        let reply = self.ask(Op::ReadLink, &[], [0; 4])?;
        let len = usize::try_from(reply.result())
            .unwrap_or(usize::MAX)
            .min(4095);
        let mut target = admission::zeroes(len)?;
        reply.ring().get(reply.slot(), 0, &mut target)?;
        Ok(target)
    }

    fn open(&self, node: &Arc<Node>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        SchemeFile::open(&self.scheme, self.number, node, flags)
    }

    fn serves_devices(&self) -> bool {
        true
    }

    fn stat_fs(&self) -> Result<StatFs> {
        let reply = self.ask(Op::StatFs, &[], [0; 4])?;
        let raw: RawStatFs = reply.ring().get_struct(reply.slot(), 0)?;
        Ok(StatFs {
            kind: raw.magic,
            block_size: raw.block_size,
            blocks: raw.blocks,
            blocks_free: raw.free,
            files: raw.files,
            files_free: raw.files_free,
            name_max: raw.name_max,
            fsid: self.scheme.device.0,
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Emits a server's directory records; the cookie to go on from, or none when the reader has enough
/// or the server's records go backwards or out of bounds.
fn emit_records(records: &[u8], emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result<Option<u64>> {
    const HEAD: usize = size_of::<RawEntry>();
    let mut rest = records;
    let mut next = None;
    while rest.len() >= HEAD {
        let head: RawEntry = bytemuck::pod_read_unaligned(&rest[..HEAD]);
        let end = HEAD + usize::from(head.name_length);
        let name = rest.get(HEAD..end).ok_or(Errno::EIO)?;
        if name.is_empty() || name.len() > 255 || name.contains(&b'/') || name.contains(&0) {
            return Err(Errno::EIO);
        }
        if next.is_some_and(|n| head.cookie <= n) {
            return Err(Errno::EIO);
        }
        let kind = NodeKind::from_mode(u32::from(head.kind) << 12).ok_or(Errno::EIO)?;
        let entry = DirEntry {
            ino: head.node + 1,
            kind,
            name,
            next: head.cookie.saturating_add(OWN_POSITIONS),
        };
        if !emit(entry) {
            return Ok(None);
        }
        next = Some(head.cookie);
        rest = rest.get(end.next_multiple_of(8)..).unwrap_or_default();
    }
    Ok(next)
}
