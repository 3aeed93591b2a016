//! Commits: a new state is checked, put in place, and brought to the screen.

use crate::drm::abi::{
    ATOMIC_ALLOW_MODESET, ATOMIC_NONBLOCK, ATOMIC_TEST_ONLY, Atomic, ModeInfo, ModeRect,
    PAGE_FLIP_ASYNC, PAGE_FLIP_EVENT,
};
use crate::drm::backend::{Backend, Commit, Rect};
use crate::drm::card::Shared;
use crate::drm::events::Listener;
use crate::drm::objects::{Object, Objects};
use crate::drm::properties::Property;
use crate::drm::state::{Framebuffer, OutputState, PlaneState};
use ochre_driver::ioctl::Argument;
use ochre_driver::{Errno, Result};
use std::rc::Rc;

/// Damage rectangles of one commit at most; more are the whole.
const CLIPS_MAX: usize = 256;
/// Objects and properties of one atomic commit.
const OBJECTS_MAX: usize = 128;
const PROPERTIES_MAX: usize = 2048;

/// A new state of one output.
#[derive(Clone)]
pub struct Change {
    pub output: usize,
    pub state: OutputState,
    /// None: all of it.
    pub damage: Option<Vec<Rect>>,
    /// The blob that the damage came from; 0 if none.
    pub damage_blob: u32,
    /// The primary plane was given a framebuffer, be it the same one.
    pub presented: bool,
}

/// How a commit is carried out.
pub struct How {
    pub test_only: bool,
    pub nonblock: bool,
    pub allow_modeset: bool,
    pub listener: Option<Listener>,
}

/// The framebuffers and blobs that a commit names: they stay while it waits.
type Named<D> = (Vec<Rc<Framebuffer<D>>>, Vec<Rc<[u8]>>);

/// What the driver is to do for a new state, and the framebuffer that is shown till then.
type Put<D> = (Option<Commit<D>>, Option<Rc<Framebuffer<D>>>);

impl<B: Backend> Shared<B> {
    /// DRM_IOCTL_MODE_ATOMIC.
    pub async fn atomic(self: &Rc<Self>, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        const KNOWN: u32 =
            PAGE_FLIP_EVENT | ATOMIC_TEST_ONLY | ATOMIC_NONBLOCK | ATOMIC_ALLOW_MODESET;
        let request: Atomic = argument.get()?;
        if request.flags & PAGE_FLIP_ASYNC != 0 || request.flags & !KNOWN != 0 {
            return Err(Errno::INVAL);
        }
        if !self.objects.borrow().client(file)?.atomic {
            return Err(Errno::INVAL);
        }
        let event = request.flags & PAGE_FLIP_EVENT != 0;
        let how = How {
            test_only: request.flags & ATOMIC_TEST_ONLY != 0,
            nonblock: request.flags & ATOMIC_NONBLOCK != 0,
            allow_modeset: request.flags & ATOMIC_ALLOW_MODESET != 0,
            listener: event.then_some(Listener {
                file,
                user_data: request.user_data,
            }),
        };
        if event && how.test_only {
            return Err(Errno::INVAL);
        }
        let argument = &*argument;
        self.commit(file, || self.collect(argument), how).await?;
        Ok(0)
    }

    /// The outputs that an atomic request changes, with their new state.
    fn collect(&self, argument: &Argument<'_>) -> Result<Vec<Change>> {
        let ids: Vec<u32> = argument.array(0)?;
        let counts: Vec<u32> = argument.array(1)?;
        let properties: Vec<u32> = argument.array(2)?;
        let values: Vec<u64> = argument.array(3)?;
        let total = counts
            .iter()
            .fold(0usize, |sum, n| sum.saturating_add(*n as usize));
        if ids.len() != counts.len() || ids.len() > OBJECTS_MAX || total > PROPERTIES_MAX {
            return Err(Errno::INVAL);
        }
        if properties.len() != total || values.len() != total {
            return Err(Errno::INVAL);
        }
        let objects = self.objects.borrow();
        let mut changes: Vec<Change> = Vec::new();
        let mut pairs = properties.into_iter().zip(values);
        for (id, count) in ids.into_iter().zip(counts) {
            let object = objects.object(id)?;
            let output = object.output();
            let known = changes.iter().position(|c| c.output == output);
            let index = known.unwrap_or_else(|| {
                let state = objects.outputs[output].clone();
                changes.push(Change {
                    output,
                    state,
                    damage: None,
                    damage_blob: 0,
                    presented: false,
                });
                changes.len() - 1
            });
            for (property, value) in pairs.by_ref().take(count as usize) {
                let property = Property::from_id(property).ok_or(Errno::NOENT)?;
                set_property(&objects, &mut changes[index], object, property, value)?;
            }
        }
        Ok(changes)
    }

    /// Checks the changes that `request` makes of the present state and, unless this is a test,
    /// brings them to the screen.
    pub async fn commit(
        self: &Rc<Self>,
        file: u64,
        request: impl Fn() -> Result<Vec<Change>>,
        how: How,
    ) -> Result<()> {
        let changes = request()?;
        self.check(file, &changes, &how)?;
        if how.test_only {
            return Ok(());
        }
        let named = self.named(&changes);
        let concerns = |outputs: &[bool]| changes.iter().any(|c| outputs[c.output]);
        let removing = || concerns(&self.objects.borrow().removing);
        let busy = || concerns(&self.objects.borrow().pending);
        // In Linux, too, whoever takes framebuffers off has the locks till they are off.
        self.settled.until(|| !removing()).await;
        if how.nonblock && busy() {
            return Err(Errno::BUSY);
        }
        self.settled.until(|| !busy()).await;
        // Others may have come in between: what the request doesn't name is as they have left it.
        let changes = request().and_then(|changes| {
            self.check(file, &changes, &how)?;
            Ok(changes)
        });
        drop(named);
        let changes = changes.inspect_err(|_| self.objects.borrow_mut().sweep())?;
        let shared = self.clone();
        let work = async move { shared.carry_out(changes, how.listener).await };
        if how.nonblock {
            self.executor.spawn(work);
        } else {
            work.await;
        }
        Ok(())
    }

    fn named(&self, changes: &[Change]) -> Named<B::Driver> {
        let objects = self.objects.borrow();
        let framebuffers = changes
            .iter()
            .flat_map(|c| [c.state.primary.fb, c.state.cursor.fb])
            .filter_map(|id| objects.framebuffer(id));
        let blobs = changes
            .iter()
            .flat_map(|c| [c.state.mode_blob, c.damage_blob])
            .filter_map(|id| Some(objects.blobs.get(&id)?.data.clone()));
        (framebuffers.collect(), blobs.collect())
    }

    fn check(&self, file: u64, changes: &[Change], how: &How) -> Result<()> {
        let objects = self.objects.borrow();
        if objects.master != Some(file) {
            return Err(Errno::ACCESS);
        }
        if how.listener.is_some() && !objects.client(file)?.has_room_for_event() {
            return Err(Errno::NOMEM);
        }
        for change in changes {
            let old = &objects.outputs[change.output];
            if change.state.is_modeset(old) && !how.allow_modeset {
                return Err(Errno::INVAL);
            }
            change
                .state
                .check(|id| objects.framebuffer(id), self.backend.has_cursor())?;
            if let Some(commit) = self.difference(old, change) {
                self.backend.check(&commit)?;
            }
        }
        Ok(())
    }

    /// Takes framebuffers that their file has given up off the planes that show them, once all is
    /// shown that uses them.
    pub async fn take_off(self: &Rc<Self>, gone: &[u32]) {
        let in_use = || {
            let objects = self.objects.borrow();
            let shows = |n: usize| gone.iter().any(|id| objects.outputs[n].shows(*id));
            // Besides the card, only who waits or is being shown has one.
            let held = |id| Rc::strong_count(&objects.framebuffers[id].0) > 1;
            let mut there = gone
                .iter()
                .filter(|id| objects.framebuffers.contains_key(id));
            there.any(held) || (0..objects.outputs.len()).any(|n| objects.pending[n] && shows(n))
        };
        self.settled.until(|| !in_use()).await;
        let outputs = 0..self.objects.borrow().outputs.len();
        let mut changes: Vec<Change> = outputs.map(|n| self.change(n)).collect();
        changes.retain_mut(|change| change.state.take_off(gone));
        if changes.is_empty() {
            return;
        }
        let concerned: Vec<usize> = changes.iter().map(|c| c.output).collect();
        let mark = |removing| {
            let mut objects = self.objects.borrow_mut();
            concerned
                .iter()
                .for_each(|n| objects.removing[*n] = removing);
        };
        mark(true);
        self.carry_out(changes, None).await;
        mark(false);
        self.settled.notify();
    }

    /// Puts the states in place, all at once, and shows them; ends at the vertical blank that shows the
    /// last.
    async fn carry_out(self: &Rc<Self>, changes: Vec<Change>, listener: Option<Listener>) {
        let put = changes.iter().map(|change| self.put(change));
        let (commits, before): (Vec<_>, Vec<_>) = put.unzip();
        for (change, commit) in changes.iter().zip(commits) {
            self.show(change, commit).await;
        }
        let at = self.next_blank().await;
        for change in &changes {
            self.blanked(change.output, at, listener);
            self.objects.borrow_mut().pending[change.output] = false;
        }
        // Only now: the device has shown the old ones to the end.
        drop(before);
        self.objects.borrow_mut().sweep();
        self.settled.notify();
    }

    /// Puts a state in place: what the driver is to do for it, and the framebuffer that it shows till
    /// then.
    fn put(&self, change: &Change) -> Put<B::Driver> {
        let output = change.output;
        let mut objects = self.objects.borrow_mut();
        objects.pending[output] = true;
        let old = std::mem::replace(&mut objects.outputs[output], change.state.clone());
        let before = objects.framebuffer(old.primary.fb);
        drop(objects);
        (self.difference(&old, change), before)
    }

    /// Gives the driver what differs between two states of an output.
    async fn show(self: &Rc<Self>, change: &Change, commit: Option<Commit<B::Driver>>) {
        if let Some(commit) = commit
            && let Err(error) = self.backend.commit(commit).await
        {
            eprintln!("display: output {}: {error}", change.output);
        }
        self.show_cursor(change.output);
    }

    /// What brings a change of the primary plane to the screen, if there is one.
    fn difference(&self, old: &OutputState, change: &Change) -> Option<Commit<B::Driver>> {
        let new = &change.state;
        let changed =
            new.is_modeset(old) || new.primary.fb != old.primary.fb || new.source() != old.source();
        (changed || change.presented).then(|| self.primary_commit(change.output, change, changed))
    }

    pub fn primary_commit(
        &self,
        output: usize,
        change: &Change,
        changed: bool,
    ) -> Commit<B::Driver> {
        let objects = self.objects.borrow();
        let state = &change.state;
        let fb = state
            .active
            .then(|| objects.framebuffer(state.primary.fb))
            .flatten();
        let (width, height) = fb.as_ref().map_or((0, 0), |fb| (fb.width, fb.height));
        let damage = match &change.damage {
            Some(clips) => clips
                .iter()
                .filter_map(|c| c.clipped(width, height))
                .collect(),
            None => vec![Rect {
                x: 0,
                y: 0,
                width,
                height,
            }],
        };
        Commit {
            output,
            scanout: fb.as_ref().map(|fb| (fb.buffer.clone(), state.source())),
            pitch: fb.as_ref().map_or(0, |fb| fb.pitch),
            offset: fb.as_ref().map_or(0, |fb| fb.offset),
            framebuffer_width: width,
            framebuffer_height: height,
            damage,
            changed,
        }
    }
}

/// Sets one property in a change.
pub fn set_property<D>(
    objects: &Objects<D>,
    change: &mut Change,
    object: Object,
    property: Property,
    value: u64,
) -> Result<()> {
    let output = change.output;
    let state = &mut change.state;
    let crtc = Object::Crtc(output).id();
    let route = |value: u64| match value {
        0 => Ok(false),
        id if id == u64::from(crtc) => Ok(true),
        _ => Err(Errno::INVAL),
    };
    match (object, property) {
        (Object::Connector(_), Property::CrtcId) => state.routed = route(value)?,
        (Object::Connector(_), Property::LinkStatus) if value == 0 => {}
        (Object::Connector(_), Property::Dpms) => state.active = value == 0,
        (Object::Crtc(_), Property::Active) => state.active = value != 0,
        (Object::Crtc(_), Property::ModeId) => {
            let blob = u32::try_from(value).map_err(|_| Errno::INVAL)?;
            state.mode = mode_of(objects, blob)?;
            state.mode_blob = blob;
        }
        (Object::Primary(_), Property::FbDamageClips) => {
            change.damage = clips_of(objects, value)?;
            change.damage_blob = value as u32;
        }
        (Object::Primary(_), _) => {
            change.presented |= property == Property::FbId;
            set_plane(objects, &mut state.primary, crtc, property, value)?;
        }
        (Object::Cursor(_), _) => set_plane(objects, &mut state.cursor, crtc, property, value)?,
        _ => return Err(Errno::INVAL),
    }
    Ok(())
}

fn set_plane<D>(
    objects: &Objects<D>,
    plane: &mut PlaneState,
    crtc: u32,
    property: Property,
    value: u64,
) -> Result<()> {
    let unsigned = || u32::try_from(value).map_err(|_| Errno::RANGE);
    let signed = || i32::try_from(value as i64).map_err(|_| Errno::RANGE);
    match property {
        Property::CrtcId => match value {
            0 => plane.crtc = 0,
            id if id == u64::from(crtc) => plane.crtc = crtc,
            _ => return Err(Errno::INVAL),
        },
        Property::FbId => {
            let id = unsigned()?;
            if id != 0 && !objects.framebuffers.contains_key(&id) {
                return Err(Errno::NOENT);
            }
            plane.fb = id;
        }
        Property::SrcX => plane.src_x = unsigned()?,
        Property::SrcY => plane.src_y = unsigned()?,
        Property::SrcW => plane.src_w = unsigned()?,
        Property::SrcH => plane.src_h = unsigned()?,
        Property::CrtcX => plane.crtc_x = signed()?,
        Property::CrtcY => plane.crtc_y = signed()?,
        Property::CrtcW => plane.crtc_w = unsigned()?.min(0xffff),
        Property::CrtcH => plane.crtc_h = unsigned()?.min(0xffff),
        Property::HotspotX => plane.hot_x = signed()?,
        Property::HotspotY => plane.hot_y = signed()?,
        Property::FbDamageClips => {}
        _ => return Err(Errno::INVAL),
    }
    Ok(())
}

/// The mode in a blob; none for blob 0.
fn mode_of<D>(objects: &Objects<D>, blob: u32) -> Result<Option<ModeInfo>> {
    if blob == 0 {
        return Ok(None);
    }
    let data = &objects.blobs.get(&blob).ok_or(Errno::INVAL)?.data;
    if data.len() != size_of::<ModeInfo>() {
        return Err(Errno::INVAL);
    }
    let mode: ModeInfo = bytemuck::pod_read_unaligned(data);
    if mode.hdisplay == 0 || mode.vdisplay == 0 {
        return Err(Errno::INVAL);
    }
    Ok(Some(mode))
}

/// The damage in a blob; none (all of it) for blob 0 or for a long list.
fn clips_of<D>(objects: &Objects<D>, blob: u64) -> Result<Option<Vec<Rect>>> {
    if blob == 0 {
        return Ok(None);
    }
    let id = u32::try_from(blob).map_err(|_| Errno::INVAL)?;
    let data = &objects.blobs.get(&id).ok_or(Errno::INVAL)?.data;
    let count = data.len() / size_of::<ModeRect>();
    if count > CLIPS_MAX {
        return Ok(None);
    }
    let clips = data
        .chunks_exact(size_of::<ModeRect>())
        .filter_map(|bytes| {
            let clip: ModeRect = bytemuck::pod_read_unaligned(bytes);
            let (x, y) = (clip.x1.max(0), clip.y1.max(0));
            (clip.x2 > x && clip.y2 > y).then(|| Rect {
                x: x as u32,
                y: y as u32,
                width: (clip.x2 - x) as u32,
                height: (clip.y2 - y) as u32,
            })
        });
    Ok(Some(clips.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drm::fixture::{Device, Driven, NOW};

    #[test]
    fn what_the_device_cannot_show_fails_and_changes_nothing() {
        let card = Driven::new();
        let frames = card.shared.backend.frames.get();
        card.shared.backend.refuses.set(true);
        let off = || {
            let mut change = card.change();
            change.state.active = false;
            change
        };
        let test = How {
            test_only: true,
            ..NOW
        };
        assert_eq!(card.commit_as(vec![off()], test), Err(Errno::INVAL));
        assert_eq!(card.commit(off()), Err(Errno::INVAL));
        assert!(card.shared.objects.borrow().outputs[0].active);
        assert_eq!(card.shared.backend.frames.get(), frames);
        card.shared.backend.refuses.set(false);
        assert_eq!(card.commit(off()), Ok(()));
    }

    #[test]
    fn the_outputs_of_a_commit_change_as_one() {
        let card = Driven::new();
        card.light(1);
        card.slow(true);
        let first = card.start(|shared| {
            let mut changes = vec![shared.change(0), shared.change(1)];
            changes.iter_mut().for_each(|c| c.state.active = false);
            changes
        });
        {
            let objects = card.shared.objects.borrow();
            assert_eq!(objects.pending, [true, true]);
            assert!(objects.outputs.iter().all(|output| !output.active));
        }
        let mut second = card.shared.change(1);
        second.state.active = true;
        let how = How {
            nonblock: true,
            ..NOW
        };
        assert_eq!(card.commit_as(vec![second.clone()], how), Err(Errno::BUSY));
        card.hurry();
        assert_eq!(card.commit(second), Ok(()));
        assert_eq!(first.take(), Some(Ok(())));
        assert!(!card.shared.objects.borrow().outputs[0].active);
        assert!(card.shared.objects.borrow().outputs[1].active);
    }

    #[test]
    fn a_framebuffer_is_taken_off_when_all_is_shown_that_uses_it() {
        let card = Driven::new();
        let (shown, next) = (card.change().state.primary.fb, card.picture());
        let to = move |fb: u32| {
            move |shared: &Shared<Device>| {
                let mut change = shared.change(0);
                change.state.primary.fb = fb;
                change.presented = true;
                vec![change]
            }
        };
        card.slow(true);
        let frames = card.shared.backend.frames.get();
        let first = card.start(to(next));
        card.executor.run_ready();
        let second = card.start(to(shown));
        card.executor.run_ready();
        let removed = [next, shown].map(|fb| {
            let (shared, file) = (card.shared.clone(), card.file);
            let done = Rc::new(std::cell::Cell::new(None));
            let place = done.clone();
            card.executor.spawn(async move {
                place.set(Some(shared.remove(file, fb).await.map(drop)));
            });
            done
        });
        card.executor.run_ready();
        assert!(card.shared.objects.borrow().outputs[0].active);
        assert_eq!(card.shared.backend.frames.get(), frames + 1);
        card.hurry();
        for done in [&first, &second, &removed[0], &removed[1]] {
            card.wait(done);
        }
        let objects = card.shared.objects.borrow();
        assert!(!objects.outputs[0].active);
        assert_eq!(objects.outputs[0].primary.fb, 0);
        assert!(objects.framebuffers.is_empty());
        // Two pictures, and none.
        assert_eq!(card.shared.backend.frames.get(), frames + 3);
    }

    #[test]
    fn who_comes_while_a_framebuffer_is_taken_off_waits() {
        let card = Driven::new();
        card.shared.close(card.file);
        card.executor.run_ready();
        assert!(card.shared.objects.borrow().pending[0]);
        let next = card.shared.objects.borrow_mut().open(true);
        let (shared, how) = (
            card.shared.clone(),
            How {
                nonblock: true,
                ..NOW
            },
        );
        let commit = async move {
            let request = || Ok(vec![shared.change(0)]);
            shared.commit(next, request, how).await
        };
        assert_eq!(card.executor.block_on(commit), Ok(()));
    }

    #[test]
    fn a_commit_that_waits_keeps_the_blobs_that_it_names() {
        let card = Driven::new();
        let objects = || card.shared.objects.borrow_mut();
        let mode = crate::drm::mode::mode(640, 480, true);
        let mode = objects().create_blob(bytemuck::bytes_of(&mode), card.file);
        let clip = ModeRect {
            x1: 1,
            y1: 2,
            x2: 3,
            y2: 4,
        };
        let damage = objects().create_blob(bytemuck::bytes_of(&clip), card.file);
        let (mode, damage) = (mode.unwrap(), damage.unwrap());
        card.slow(true);
        let first = card.start(|shared| {
            let mut change = shared.change(0);
            change.presented = true;
            vec![change]
        });
        card.executor.run_ready();
        let second = card.start(move |shared| {
            let mut change = shared.change(0);
            for (object, property, blob) in [
                (Object::Crtc(0), Property::ModeId, mode),
                (Object::Primary(0), Property::FbDamageClips, damage),
            ] {
                let objects = shared.objects.borrow();
                set_property(&objects, &mut change, object, property, blob.into()).unwrap();
            }
            vec![change]
        });
        card.executor.run_ready();
        for blob in [mode, damage] {
            objects().give_up_blob(blob, card.file).unwrap();
        }
        card.hurry();
        card.wait(&first);
        card.wait(&second);
        assert_eq!(objects().outputs[0].mode_blob, mode);
        assert!(objects().blobs.contains_key(&mode));
        assert!(!objects().blobs.contains_key(&damage));
    }

    #[test]
    fn a_commit_that_waited_leaves_what_it_does_not_name() {
        let card = Driven::new();
        let mode = crate::drm::mode::mode(640, 480, true);
        let mut objects = card.shared.objects.borrow_mut();
        let blob = objects.create_blob(bytemuck::bytes_of(&mode), card.file);
        let blob = blob.unwrap();
        drop(objects);
        card.slow(true);
        let present = |shared: &Shared<Device>| {
            let mut change = shared.change(0);
            change.presented = true;
            vec![change]
        };
        let first = card.start(present);
        let second = card.start(move |shared| {
            let mut change = shared.change(0);
            change.state.mode_blob = blob;
            vec![change]
        });
        card.hurry();
        let (shared, file) = (card.shared.clone(), card.file);
        let third = async move { shared.commit(file, || Ok(present(&shared)), NOW).await };
        assert_eq!(card.executor.block_on(third), Ok(()));
        assert_eq!((first.take(), second.take()), (Some(Ok(())), Some(Ok(()))));
        assert_eq!(card.shared.objects.borrow().outputs[0].mode_blob, blob);
    }
}
