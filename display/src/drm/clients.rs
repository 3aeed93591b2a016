//! What each open file of a card has: its buffers by their handles, as many as are one file's share, and its events.

use crate::drm::abi::EventVblank;
use crate::drm::backend::Buffer;
use crate::drm::objects::{Objects, Owner};
use ochre_driver::{Errno, Result};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// Buffers that one open file keeps, and their bytes: well below what a driver has.
const BUFFERS_MAX: usize = 512;
const BUFFER_BYTES_MAX: u64 = 512 << 20;
const EVENTS_MAX: usize = 128;

/// Buffers, by their number and their bytes.
#[derive(Clone, Copy, Default)]
struct Share {
    buffers: usize,
    bytes: u64,
}

impl Share {
    fn add(&mut self, bytes: u64) {
        self.buffers += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What one open file of the card has.
pub struct Client<D> {
    pub handles: BTreeMap<u32, Rc<Buffer<D>>>,
    next_handle: u32,
    /// Buffers of which it has passed descriptors on: whoever has one may import its buffer, also when
    /// the handle has been closed, while there is room. The oldest first.
    exported: Vec<Rc<Buffer<D>>>,
    /// Buffers that are being made for it.
    awaited: Share,
    pub universal_planes: bool,
    pub atomic: bool,
    /// It says where the point of a cursor is, which hosts that show cursors by themselves must know.
    pub tells_hotspot: bool,
    pub events: VecDeque<EventVblank>,
}

impl<D> Objects<D> {
    pub fn client(&self, file: u64) -> Result<&Client<D>> {
        self.clients.get(&file).ok_or(Errno::BADF)
    }

    pub fn client_mut(&mut self, file: u64) -> Result<&mut Client<D>> {
        self.clients.get_mut(&file).ok_or(Errno::BADF)
    }

    /// Counts a buffer of `bytes` that is to be made for an open file, if it may have one more. The
    /// promise ends with [`Objects::made`].
    pub fn promise(&mut self, file: u64, bytes: u64) -> Result<()> {
        self.make_room(file, bytes)?;
        self.client_mut(file)?.awaited.add(bytes);
        Ok(())
    }

    /// A buffer that was promised is there, or has failed; its handle.
    pub fn made(
        &mut self,
        file: u64,
        bytes: u64,
        buffer: Result<Rc<Buffer<D>>>,
    ) -> Result<(u32, Rc<Buffer<D>>)> {
        let awaited = &mut self.client_mut(file)?.awaited;
        awaited.buffers -= 1;
        awaited.bytes -= bytes;
        let buffer = buffer?;
        Ok((self.handle(file, &buffer)?, buffer))
    }

    /// Lets go what an open file has only exported, the oldest first, until it may keep one more
    /// buffer, of `bytes`.
    fn make_room(&mut self, file: u64, bytes: u64) -> Result<()> {
        while let Err(error) = self.room(file, bytes) {
            let exported = &mut self.client_mut(file)?.exported;
            if exported.is_empty() {
                return Err(error);
            }
            exported.remove(0);
        }
        Ok(())
    }

    /// Whether an open file may keep one more buffer, of `bytes`.
    fn room(&self, file: u64, bytes: u64) -> Result<()> {
        let client = self.client(file)?;
        let framebuffers = self.framebuffers.values();
        let viewed = framebuffers
            .filter(|(_, owner)| *owner == Owner::File(file))
            .map(|(framebuffer, _)| &framebuffer.buffer);
        let kept = client.buffers().chain(viewed);
        let distinct: BTreeMap<*const Buffer<D>, u64> =
            kept.map(|b| (Rc::as_ptr(b), b.size)).collect();
        let mut share = client.awaited;
        share.add(bytes);
        distinct.values().for_each(|bytes| share.add(*bytes));
        if share.buffers > BUFFERS_MAX || share.bytes > BUFFER_BYTES_MAX {
            return Err(Errno::NOMEM);
        }
        Ok(())
    }

    /// All buffers that anyone has.
    pub fn buffers(&self) -> impl Iterator<Item = &Rc<Buffer<D>>> {
        let viewed = self.framebuffers.values().map(|(fb, _)| &fb.buffer);
        self.clients
            .values()
            .flat_map(Client::buffers)
            .chain(viewed)
    }

    /// The open file's handle of a buffer: the one it has, or a new one.
    pub fn handle(&mut self, file: u64, buffer: &Rc<Buffer<D>>) -> Result<u32> {
        let handles = &self.client(file)?.handles;
        let known = handles.iter().find(|(_, b)| Rc::ptr_eq(b, buffer));
        if let Some((handle, _)) = known {
            return Ok(*handle);
        }
        self.make_room(file, buffer.size)?;
        let client = self.client_mut(file)?;
        let handle = client.next_handle;
        client.next_handle += 1;
        client.handles.insert(handle, buffer.clone());
        Ok(handle)
    }

    /// A new open file. The first one becomes master, as in Linux, but not one that only reads:
    /// who merely looks at a card is not in the way of who drives it.
    pub fn open(&mut self, writes: bool) -> u64 {
        let file = self.next_file;
        self.next_file += 1;
        self.clients.insert(
            file,
            Client {
                handles: BTreeMap::new(),
                next_handle: 1,
                exported: Vec::new(),
                awaited: Share::default(),
                universal_planes: false,
                atomic: false,
                tells_hotspot: false,
                events: VecDeque::new(),
            },
        );
        if writes {
            self.master.get_or_insert(file);
        }
        file
    }

    /// The open file is gone, with its framebuffers and blobs unless they are used; such framebuffers
    /// are returned, to be taken off.
    pub fn close(&mut self, file: u64) -> Vec<u32> {
        self.clients.remove(&file);
        if self.master == Some(file) {
            self.master = None;
        }
        let blobs = self.blobs.values_mut();
        blobs
            .filter(|blob| blob.owner == Owner::File(file))
            .for_each(|blob| blob.owner = Owner::States);
        let mut gone: Vec<u32> = self.framebuffers_of(file).collect();
        for id in &gone {
            if let Some((_, owner)) = self.framebuffers.get_mut(id) {
                *owner = Owner::States;
            }
        }
        self.sweep();
        gone.retain(|id| self.framebuffers.contains_key(id));
        gone
    }
}

impl<D> Client<D> {
    fn buffers(&self) -> impl Iterator<Item = &Rc<Buffer<D>>> {
        self.handles.values().chain(&self.exported)
    }

    /// The buffer of a handle, a descriptor of which is passed on.
    pub fn export(&mut self, handle: u32) -> Result<Rc<Buffer<D>>> {
        let buffer = self.buffer(handle)?;
        if !self.exported.iter().any(|b| Rc::ptr_eq(b, &buffer)) {
            self.exported.push(buffer.clone());
        }
        Ok(buffer)
    }

    pub fn buffer(&self, handle: u32) -> Result<Rc<Buffer<D>>> {
        self.handles.get(&handle).cloned().ok_or(Errno::NOENT)
    }

    /// Whether another event can be promised.
    pub fn has_room_for_event(&self) -> bool {
        self.events.len() < EVENTS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drm::abi::FORMAT_XRGB8888;
    use crate::drm::fixture::Driven;
    use crate::drm::state::Framebuffer;

    #[test]
    fn buffers_are_bounded_for_each_file() {
        let card = Driven::new();
        let other = card.shared.objects.borrow_mut().open(true);
        let make = |file, height| {
            let shared = card.shared.clone();
            let made = async move { shared.make_buffer(file, 64, height).await };
            card.executor.block_on(made).map(|(handle, _)| handle)
        };
        let most = (BUFFER_BYTES_MAX / 64) as u32;
        assert_eq!(make(other, most + 1), Err(Errno::NOMEM));
        let whole = make(other, most).unwrap();
        assert_eq!(make(other, 1), Err(Errno::NOMEM));
        let mut objects = card.shared.objects.borrow_mut();
        let _ = objects.client_mut(other).unwrap().handles.remove(&whole);
        drop(objects);
        for _ in 0..BUFFERS_MAX {
            make(other, 1).unwrap();
        }
        assert_eq!(make(other, 1), Err(Errno::NOMEM));
        assert!(make(card.file, 1).is_ok());
        // One that only a framebuffer keeps is one of its file's too.
        let mut objects = card.shared.objects.borrow_mut();
        let client = objects.client_mut(other).unwrap();
        let (_, buffer) = client.handles.pop_first().unwrap();
        let view = Framebuffer {
            buffer,
            width: 16,
            height: 1,
            pitch: 64,
            offset: 0,
            format: FORMAT_XRGB8888,
        };
        objects.add_framebuffer(view, other).unwrap();
        drop(objects);
        assert_eq!(make(other, 1), Err(Errno::NOMEM));
    }

    #[test]
    fn a_buffer_can_be_imported_when_its_handle_has_been_closed() {
        let card = Driven::new();
        let objects = || card.shared.objects.borrow_mut();
        let exporter = objects().open(true);
        let importer = objects().open(true);
        let make = |file| {
            let shared = card.shared.clone();
            let made = async move { shared.make_buffer(file, 64, 1).await };
            card.executor.block_on(made).unwrap().0
        };
        let passed = |buffer: &Buffer<()>| buffer.memory.try_clone().unwrap();
        // One that was exported.
        let handle = make(exporter);
        let buffer = objects().client_mut(exporter).unwrap().export(handle);
        let fd = passed(&buffer.unwrap());
        let _ = objects()
            .client_mut(exporter)
            .unwrap()
            .handles
            .remove(&handle);
        let imported = card.shared.import(importer, &fd).unwrap();
        assert_eq!(card.shared.import(importer, &fd), Ok(imported));
        let _ = objects().close(importer);
        assert!(card.shared.import(card.file, &fd).is_ok());
        // One that is shown.
        let shown = card.change().state.primary.fb;
        let view = objects().framebuffer(shown).unwrap();
        objects().client_mut(card.file).unwrap().handles.clear();
        let fd = passed(&view.buffer);
        assert!(card.shared.import(exporter, &fd).is_ok());
        // Exports make room for others, the oldest first, and go with their file.
        let handle = make(exporter);
        let buffer = objects().client_mut(exporter).unwrap().export(handle);
        let buffer = Rc::downgrade(&buffer.unwrap());
        objects().client_mut(exporter).unwrap().handles.clear();
        for _ in 0..BUFFERS_MAX - 1 {
            make(exporter);
        }
        assert!(buffer.upgrade().is_some());
        let last = make(exporter);
        assert!(buffer.upgrade().is_none());
        let export = objects().client_mut(exporter).unwrap().export(last);
        let buffer = Rc::downgrade(&export.unwrap());
        let _ = objects().close(exporter);
        assert!(buffer.upgrade().is_none());
    }
}
