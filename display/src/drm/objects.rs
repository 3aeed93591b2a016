//! Object numbers, and what a card keeps by number.

use crate::drm::abi::{
    FORMAT_ARGB8888, FORMAT_XRGB8888, FormatBlob, FormatModifier, MODIFIER_LINEAR, OBJECT_ANY,
    OBJECT_CONNECTOR, OBJECT_CRTC, OBJECT_ENCODER, OBJECT_PLANE,
};
use crate::drm::backend::Output;
use crate::drm::clients::Client;
use crate::drm::cursor::CursorAtDevice;
use crate::drm::edid;
use crate::drm::state::{Framebuffer, OutputState};
use ochre_driver::{Errno, Result};
use std::collections::BTreeMap;
use std::rc::Rc;

const CRTC: u32 = 0x10;
const CONNECTOR: u32 = 0x20;
const ENCODER: u32 = 0x30;
const PRIMARY: u32 = 0x40;
const CURSOR: u32 = 0x50;
/// Numbers of framebuffers and blobs start here.
const FIRST_FREE: u32 = 0x100;
/// Outputs at most: the distance between the bases above.
pub const MAX_OUTPUTS: usize = 16;
/// Bytes of one blob.
pub const BLOB_MAX: usize = 32 * 1024;
/// Blobs of one open file, their bytes, and the bytes of all blobs of a card: far more than one file
/// can use up. The master has its share whatever others have made.
const BLOBS_MAX: usize = 1024;
const BLOB_BYTES_MAX: usize = 2 << 20;
const ALL_BLOB_BYTES_MAX: usize = 32 << 20;
/// Framebuffers of one open file.
const FRAMEBUFFERS_MAX: usize = 1024;
/// A fixed object of the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    Crtc(usize),
    Connector(usize),
    Encoder(usize),
    Primary(usize),
    Cursor(usize),
}

impl Object {
    pub fn id(self) -> u32 {
        match self {
            Object::Crtc(n) => CRTC + n as u32,
            Object::Connector(n) => CONNECTOR + n as u32,
            Object::Encoder(n) => ENCODER + n as u32,
            Object::Primary(n) => PRIMARY + n as u32,
            Object::Cursor(n) => CURSOR + n as u32,
        }
    }

    /// The object of that number on a card with `outputs` outputs.
    pub fn from_id(id: u32, outputs: usize) -> Option<Object> {
        let n = (id & 0xf) as usize;
        let object = match id & !0xf {
            CRTC => Object::Crtc(n),
            CONNECTOR => Object::Connector(n),
            ENCODER => Object::Encoder(n),
            PRIMARY => Object::Primary(n),
            CURSOR => Object::Cursor(n),
            _ => return None,
        };
        (n < outputs).then_some(object)
    }

    /// Whether DRM_MODE_OBJECT_* `kind` names this kind.
    pub fn is(self, kind: u32) -> bool {
        kind == OBJECT_ANY
            || kind
                == match self {
                    Object::Crtc(_) => OBJECT_CRTC,
                    Object::Connector(_) => OBJECT_CONNECTOR,
                    Object::Encoder(_) => OBJECT_ENCODER,
                    Object::Primary(_) | Object::Cursor(_) => OBJECT_PLANE,
                }
    }

    pub fn output(self) -> usize {
        match self {
            Object::Crtc(n)
            | Object::Connector(n)
            | Object::Encoder(n)
            | Object::Primary(n)
            | Object::Cursor(n) => n,
        }
    }
}

/// Who keeps a framebuffer or a blob. The outputs' states and commits under way do beside: what
/// they use stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Card,
    /// The open file that made it.
    File(u64),
    /// Its file has given it up: it goes when no state uses it.
    States,
}

/// A blob.
pub struct Blob {
    pub data: Rc<[u8]>,
    pub owner: Owner,
}

/// All of a card that changes.
pub struct Objects<D> {
    pub outputs: Vec<OutputState>,
    pub described: Vec<Output>,
    /// What the device knows of the cursors.
    pub cursors: Vec<CursorAtDevice>,
    /// A commit of the output has not reached the screen.
    pub pending: Vec<bool>,
    /// That commit is one that takes framebuffers off.
    pub removing: Vec<bool>,
    /// Vertical blanks so far, by output.
    pub sequence: Vec<u32>,
    pub edid: Vec<u32>,
    pub in_formats: u32,
    pub framebuffers: BTreeMap<u32, (Rc<Framebuffer<D>>, Owner)>,
    pub blobs: BTreeMap<u32, Blob>,
    pub clients: BTreeMap<u64, Client<D>>,
    pub master: Option<u64>,
    next_id: u32,
    pub(super) next_file: u64,
}

impl<D> Objects<D> {
    pub fn new(described: Vec<Output>) -> Objects<D> {
        let count = described.len().min(MAX_OUTPUTS);
        let mut objects = Objects {
            outputs: vec![OutputState::default(); count],
            described: Vec::new(),
            cursors: vec![CursorAtDevice::default(); count],
            pending: vec![false; count],
            removing: vec![false; count],
            sequence: vec![0; count],
            edid: vec![0; count],
            in_formats: 0,
            framebuffers: BTreeMap::new(),
            blobs: BTreeMap::new(),
            clients: BTreeMap::new(),
            master: None,
            next_id: FIRST_FREE,
            next_file: 1,
        };
        objects.in_formats = objects.insert_blob(&in_formats(), Owner::Card);
        objects.describe(described);
        objects
    }

    /// Takes the outputs as the device describes them now; whether anything changed.
    pub fn describe(&mut self, mut described: Vec<Output>) -> bool {
        described.truncate(self.outputs.len());
        if described == self.described {
            return false;
        }
        for (index, output) in described.iter().enumerate() {
            let old = std::mem::take(&mut self.edid[index]);
            self.blobs.remove(&old);
            let edid = edid::valid(&output.edid);
            if !edid.is_empty() {
                self.edid[index] = self.insert_blob(&edid, Owner::Card);
            }
        }
        self.described = described;
        true
    }

    pub fn object(&self, id: u32) -> Result<Object> {
        Object::from_id(id, self.outputs.len()).ok_or(Errno::NOENT)
    }

    pub fn crtc(&self, id: u32) -> Result<usize> {
        match self.object(id)? {
            Object::Crtc(n) => Ok(n),
            _ => Err(Errno::NOENT),
        }
    }

    fn number(&mut self) -> u32 {
        self.next_id = self.next_id.checked_add(1).unwrap_or(FIRST_FREE);
        self.next_id
    }

    fn insert_blob(&mut self, data: &[u8], owner: Owner) -> u32 {
        let id = self.number();
        self.blobs.insert(
            id,
            Blob {
                data: Rc::from(data),
                owner,
            },
        );
        id
    }

    pub fn create_blob(&mut self, data: &[u8], owner: u64) -> Result<u32> {
        if data.is_empty() || data.len() > BLOB_MAX {
            return Err(Errno::INVAL);
        }
        let (mut count, mut own, mut all) = (0, data.len(), data.len());
        for blob in self.blobs.values().filter(|blob| blob.owner != Owner::Card) {
            all += blob.data.len();
            if blob.owner == Owner::File(owner) {
                own += blob.data.len();
                count += 1;
            }
        }
        let crowded = all > ALL_BLOB_BYTES_MAX && self.master != Some(owner);
        if count >= BLOBS_MAX || own > BLOB_BYTES_MAX || crowded {
            return Err(Errno::NOMEM);
        }
        Ok(self.insert_blob(data, Owner::File(owner)))
    }

    pub fn add_framebuffer(&mut self, framebuffer: Framebuffer<D>, owner: u64) -> Result<u32> {
        if self.framebuffers_of(owner).count() >= FRAMEBUFFERS_MAX {
            return Err(Errno::NOMEM);
        }
        let id = self.number();
        self.framebuffers
            .insert(id, (Rc::new(framebuffer), Owner::File(owner)));
        Ok(id)
    }

    pub fn framebuffer(&self, id: u32) -> Option<Rc<Framebuffer<D>>> {
        self.framebuffers.get(&id).map(|(fb, _)| fb.clone())
    }

    /// The framebuffers that this open file has made: others' it neither sees nor removes.
    pub fn framebuffers_of(&self, file: u64) -> impl Iterator<Item = u32> {
        let own = self
            .framebuffers
            .iter()
            .filter(move |(_, (_, owner))| *owner == Owner::File(file));
        own.map(|(id, _)| *id)
    }

    /// The open file gives a framebuffer up; planes that show it go on.
    pub fn give_up_framebuffer(&mut self, id: u32, file: u64) -> Result<()> {
        match self.framebuffers.get_mut(&id) {
            Some((_, owner)) if *owner == Owner::File(file) => *owner = Owner::States,
            _ => return Err(Errno::NOENT),
        }
        self.sweep();
        Ok(())
    }

    /// The open file gives a blob up; a state that uses it keeps it.
    pub fn give_up_blob(&mut self, id: u32, file: u64) -> Result<()> {
        let blob = self.blobs.get_mut(&id).ok_or(Errno::NOENT)?;
        if blob.owner != Owner::File(file) {
            return Err(Errno::PERM);
        }
        blob.owner = Owner::States;
        self.sweep();
        Ok(())
    }

    /// Forgets what nobody keeps any more: for whenever a state has changed.
    pub fn sweep(&mut self) {
        let outputs = &self.outputs;
        self.framebuffers.retain(|id, (fb, owner)| {
            let shown = outputs.iter().any(|o| o.shows(*id));
            *owner != Owner::States || shown || Rc::strong_count(fb) > 1
        });
        self.blobs.retain(|id, blob| {
            let in_use = outputs.iter().any(|o| o.mode_blob == *id);
            blob.owner != Owner::States || in_use || Rc::strong_count(&blob.data) > 1
        });
    }
}

/// The IN_FORMATS blob: both 32-bit formats, linear.
fn in_formats() -> Vec<u8> {
    const FORMATS: [u32; 2] = [FORMAT_XRGB8888, FORMAT_ARGB8888];
    let formats_offset = size_of::<FormatBlob>() as u32;
    let modifiers_offset = formats_offset + 4 * FORMATS.len() as u32;
    let head = FormatBlob {
        version: 1,
        flags: 0,
        count_formats: FORMATS.len() as u32,
        formats_offset,
        count_modifiers: 1,
        modifiers_offset,
    };
    let modifier = FormatModifier {
        formats: 0b11,
        offset: 0,
        pad: 0,
        modifier: MODIFIER_LINEAR,
    };
    let mut blob = bytemuck::bytes_of(&head).to_vec();
    blob.extend_from_slice(bytemuck::cast_slice(&FORMATS));
    blob.extend_from_slice(bytemuck::bytes_of(&modifier));
    blob
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drm::backend::Buffer;
    use crate::drm::fixture::Driven;

    fn framebuffer() -> Framebuffer<()> {
        let buffer = Buffer {
            memory: rustix::pipe::pipe().expect("a pipe").0,
            size: 64,
            pitch: 64,
            driver: (),
        };
        Framebuffer {
            buffer: Rc::new(buffer),
            width: 16,
            height: 1,
            pitch: 64,
            offset: 0,
            format: FORMAT_XRGB8888,
        }
    }

    #[test]
    fn a_file_that_is_full_of_framebuffers_is_in_nobodys_way() {
        let mut objects = Objects::new(vec![Output::default()]);
        let (first, greedy) = (objects.open(true), objects.open(true));
        let view = framebuffer();
        let again = || Framebuffer {
            buffer: view.buffer.clone(),
            ..view
        };
        for _ in 0..FRAMEBUFFERS_MAX {
            objects.add_framebuffer(again(), greedy).unwrap();
        }
        assert_eq!(objects.add_framebuffer(again(), greedy), Err(Errno::NOMEM));
        assert!(objects.add_framebuffer(again(), first).is_ok());
    }

    #[test]
    fn blobs_are_bounded_for_each_file_and_for_all_but_the_master() {
        let mut objects = Objects::<()>::new(vec![Output::default()]);
        let (master, other) = (objects.open(true), objects.open(true));
        let large = vec![1; BLOB_MAX];
        for _ in 0..2 * ALL_BLOB_BYTES_MAX / BLOB_BYTES_MAX {
            let greedy = objects.open(true);
            while objects.create_blob(&large, greedy).is_ok() {}
        }
        let all: usize = objects.blobs.values().map(|blob| blob.data.len()).sum();
        assert!(all < ALL_BLOB_BYTES_MAX + BLOB_MAX);
        assert_eq!(objects.create_blob(&large, other), Err(Errno::NOMEM));
        assert!(objects.create_blob(&large, master).is_ok());
        for _ in 0..BLOBS_MAX {
            let _ = objects.create_blob(&[1], master);
        }
        assert_eq!(objects.create_blob(&[1], master), Err(Errno::NOMEM));
    }

    #[test]
    fn a_framebuffer_that_is_given_up_is_shown_until_another_is() {
        let card = Driven::new();
        let shown = card.change().state.primary.fb;
        let frames = card.shared.backend.frames.get();
        let objects = || card.shared.objects.borrow_mut();
        let other = objects().open(true);
        assert_eq!(
            objects().give_up_framebuffer(shown, other),
            Err(Errno::NOENT)
        );
        assert_eq!(objects().give_up_framebuffer(shown, card.file), Ok(()));
        assert_eq!(objects().framebuffers_of(card.file).count(), 0);
        assert!(objects().close(card.file).is_empty());
        assert!(objects().outputs[0].active);
        let view = objects().framebuffer(shown).unwrap();
        assert_eq!(card.shared.backend.frames.get(), frames);
        // The next master shows its own.
        objects().master = Some(other);
        let next = Framebuffer {
            buffer: view.buffer.clone(),
            ..*view
        };
        let next = objects().add_framebuffer(next, other).unwrap();
        drop(view);
        let mut change = card.change();
        change.state.primary.fb = next;
        card.commit_of(other, vec![change]).unwrap();
        assert!(objects().framebuffer(shown).is_none());
        assert!(objects().framebuffer(next).is_some());
    }

    #[test]
    fn the_blob_of_a_mode_stays_while_it_is_the_mode() {
        let card = Driven::new();
        let objects = || card.shared.objects.borrow_mut();
        let mode = crate::drm::mode::mode(640, 480, true);
        let blob = objects()
            .create_blob(bytemuck::bytes_of(&mode), card.file)
            .unwrap();
        let mut change = card.change();
        change.state.mode_blob = blob;
        card.commit(change).unwrap();
        objects().give_up_blob(blob, card.file).unwrap();
        assert_eq!(objects().give_up_blob(blob, card.file), Err(Errno::PERM));
        assert!(objects().blobs.contains_key(&blob));
        let mut change = card.change();
        change.state.mode_blob = 0;
        card.commit(change).unwrap();
        assert!(!objects().blobs.contains_key(&blob));
    }
}
