//! The locked session: nothing but lock surfaces is shown, hit or typed into.
//!
//! The lock holds until its own locker unlocks it. A locker that dies leaves it locked, with a bare
//! screen; then, and only then, may another locker take over.

use std::collections::HashSet;

use smithay::{
    input::pointer::MotionEvent,
    reexports::{
        wayland_protocols::ext::session_lock::v1::server::ext_session_lock_v1::ExtSessionLockV1,
        wayland_server::{Resource, protocol::wl_surface::WlSurface},
    },
    utils::{Logical, Point, SERIAL_COUNTER, Serial, Size},
    wayland::session_lock::{LockSurface, SessionLocker},
};

use super::configure::Unanswered;
use crate::{handlers::has_buffer, output::OutputId, state::Compositor};

/// The lock that holds.
#[derive(Debug)]
pub struct SessionLock {
    /// Who holds it: dead, if the locker is.
    locker: ExtSessionLockV1,
    surfaces: Vec<Cover>,
    /// The confirmation that the locker waits for.
    confirmation: Option<SessionLocker>,
    /// Outputs that may still show what was before.
    exposed: HashSet<OutputId>,
    /// Outputs whose frame under way shows the lock.
    drawn: HashSet<OutputId>,
}

/// A locker's surface for an output.
#[derive(Debug)]
struct Cover {
    output: OutputId,
    surface: LockSurface,
    /// The size that it was told last.
    told: Size<u32, Logical>,
    /// A display has waited for it in vain.
    late: bool,
    unanswered: Unanswered,
}

impl Cover {
    /// Tells it its size, unless it knows that, or has too much to answer already.
    fn tell_size(&mut self, size: Size<u32, Logical>) {
        if self.told == size || self.unanswered.is_full() || !self.surface.alive() {
            return;
        }
        self.told = size;
        self.surface
            .with_pending_state(|state| state.size = Some(size));
        // Smithay takes the one after that, and tells nobody.
        let before = u32::from(SERIAL_COUNTER.next_serial());
        let serial = before.wrapping_add(1).max(1);
        self.unanswered.sent(Serial::from(serial));
        self.surface.send_configure();
    }
}

impl Cover {
    /// Whether what it shows is drawn for the size that it was told last.
    fn has_drawn(&self) -> bool {
        self.surface.current_state().size == Some(self.told)
    }
}

impl SessionLock {
    /// Whether an output's surface has been told a size for which it has not drawn yet, as it will soon.
    pub(crate) fn awaits(&self, output: OutputId) -> bool {
        let mut here = self.surfaces.iter().filter(|cover| cover.output == output);
        here.any(|cover| {
            let surface = &cover.surface;
            let shown = surface.alive() && has_buffer(surface.wl_surface());
            shown && !cover.late && !cover.has_drawn()
        })
    }

    /// Nobody waits any more for those that have not drawn yet.
    pub(super) fn give_up(&mut self) {
        for cover in &mut self.surfaces {
            cover.late = !cover.has_drawn();
        }
    }

    /// Whether this object holds the lock.
    pub(crate) fn is_held_by(&self, locker: &ExtSessionLockV1) -> bool {
        self.locker == *locker
    }

    /// What an output shows, once its locker has drawn it.
    pub(crate) fn surface_on(&self, output: OutputId) -> Option<&WlSurface> {
        self.surfaces
            .iter()
            .find(|cover| cover.output == output && cover.surface.alive())
            .map(|cover| cover.surface.wl_surface())
    }

    /// All that is shown.
    pub(crate) fn surfaces(&self) -> impl Iterator<Item = &WlSurface> {
        self.surfaces
            .iter()
            .filter(|cover| cover.surface.alive())
            .map(|cover| cover.surface.wl_surface())
    }

    /// Tells the locker that nothing else is on any screen, once that is so.
    fn confirm(&mut self) {
        if self.exposed.is_empty()
            && let Some(confirmation) = self.confirmation.take()
        {
            confirmation.lock();
        }
    }
}

impl Compositor {
    /// Whether the session is locked.
    pub fn is_locked(&self) -> bool {
        self.shell.lock.is_some()
    }

    /// Locks the session for a locker, unless another holds it (then `confirmation` says no by being
    /// dropped).
    pub(crate) fn lock_session(&mut self, confirmation: SessionLocker) {
        let locker = confirmation.ext_session_lock().clone();
        let held = self.shell.lock.as_ref();
        if held.is_some_and(|lock| lock.locker.is_alive()) {
            return;
        }
        self.shell.lock = Some(SessionLock {
            locker,
            surfaces: Vec::new(),
            confirmation: Some(confirmation),
            exposed: self.lit_outputs(),
            drawn: HashSet::new(),
        });
        self.end_switch(false);
        self.close_window_menu();
        self.close_menus();
        let serial = SERIAL_COUNTER.next_serial();
        let time = self.clock.millis();
        if let Some(pointer) = self.seat.get_pointer() {
            // What is dragged is over nothing, and so not dropped.
            let event = MotionEvent {
                location: pointer.current_location(),
                serial,
                time,
            };
            pointer.motion(self, None, &event);
            pointer.unset_grab(self, serial, time);
        }
        self.cancel_touches();
        if let Some(keyboard) = self.seat.get_keyboard() {
            keyboard.unset_grab(self);
        }
        self.drag_icon = None;
        self.shell.hovered = None;
        self.confirm_lock();
        self.lock_changed();
    }

    /// Unlocks the session; the protocol's handler has checked who asks.
    pub(crate) fn unlock_session(&mut self) {
        self.shell.lock = None;
        self.lock_changed();
    }

    fn lock_changed(&mut self) {
        self.refocus();
        self.pointer_moved_under();
        self.outputs.queue_all();
    }

    /// A locker's surface for an output.
    pub(crate) fn add_lock_surface(&mut self, output: OutputId, surface: LockSurface) {
        let Some(size) = self.lock_size(output) else {
            return;
        };
        let theirs = surface.wl_surface().id();
        let Some(lock) = self.shell.lock.as_mut() else {
            return;
        };
        if !theirs.same_client_as(&lock.locker.id()) {
            return;
        }
        surface.with_pending_state(|state| state.size = Some(size));
        lock.surfaces
            .retain(|cover| cover.output != output && cover.surface.alive());
        lock.surfaces.push(Cover {
            output,
            surface,
            told: size,
            late: false,
            unanswered: Unanswered::default(),
        });
    }

    fn lock_size(&self, output: OutputId) -> Option<Size<u32, Logical>> {
        let size = self.outputs.get(output)?.rect().size;
        Some((size.w.unsigned_abs(), size.h.unsigned_abs()).into())
    }

    /// Lock surfaces follow their outputs' sizes.
    pub(crate) fn size_lock_surfaces(&mut self) {
        let Some(mut lock) = self.shell.lock.take() else {
            return;
        };
        for cover in &mut lock.surfaces {
            if let Some(size) = self.lock_size(cover.output) {
                cover.tell_size(size);
            }
        }
        self.shell.lock = Some(lock);
    }

    /// A locker has answered a configure: its surface is told the size that it was not told meanwhile.
    pub(crate) fn lock_surface_answered(&mut self, serial: Serial) {
        let lock = self.shell.lock.iter_mut();
        for cover in lock.flat_map(|lock| &mut lock.surfaces) {
            cover.unanswered.answered(serial);
        }
        self.size_lock_surfaces();
    }

    /// A lock surface was committed: with its first content it takes the keyboard.
    pub(crate) fn lock_surface_committed(&mut self, surface: &WlSurface) {
        let ours = self
            .shell
            .lock
            .as_ref()
            .is_some_and(|lock| lock.surfaces().any(|other| other == surface));
        if ours {
            let lock = self.shell.lock.iter_mut();
            for cover in lock.flat_map(|lock| &mut lock.surfaces) {
                cover.late &= !cover.has_drawn();
            }
            let focused = self
                .seat
                .get_keyboard()
                .and_then(|keyboard| keyboard.current_focus());
            if focused.is_none() {
                self.refocus();
            }
            self.pointer_moved_under();
        }
    }

    /// The frame that an output has drawn shows the lock, if there is one. Not so one that was not drawn
    /// because the one before is on its way yet: of that the next flip tells.
    pub(crate) fn lock_drawn(&mut self, output: OutputId) {
        if let Some(lock) = &mut self.shell.lock {
            lock.drawn.insert(output);
        }
    }

    /// The frame that an output drew last is on screen.
    pub(crate) fn lock_shown(&mut self, output: OutputId) {
        if let Some(lock) = &mut self.shell.lock
            && lock.drawn.contains(&output)
        {
            lock.exposed.remove(&output);
            lock.confirm();
        }
    }

    fn lit_outputs(&self) -> HashSet<OutputId> {
        let lit = self.outputs.iter().filter(|screen| screen.is_lit());
        lit.map(|screen| screen.id).collect()
    }

    /// Outputs that are gone or dark show nothing.
    pub(crate) fn confirm_lock(&mut self) {
        let there = self.lit_outputs();
        if let Some(lock) = &mut self.shell.lock {
            lock.exposed.retain(|output| there.contains(output));
            lock.confirm();
        }
    }

    /// How many outputs show what a locker has drawn.
    pub(crate) fn shown_locks(&self) -> usize {
        self.shell.lock.as_ref().map_or(0, |lock| {
            let shown = lock.surfaces();
            shown.filter(|surface| has_buffer(surface)).count()
        })
    }

    /// Who has the keyboard while the session is locked: the surface under the pointer, or any, rather one
    /// that is shown.
    pub(crate) fn lock_focus(&self) -> Option<WlSurface> {
        let lock = self.shell.lock.as_ref()?;
        let at = self.seat.get_pointer()?.current_location();
        let here = self.outputs.at(at).map(|screen| screen.id);
        here.and_then(|output| lock.surface_on(output))
            .or_else(|| {
                let mut there = self.outputs.iter();
                there.find_map(|screen| lock.surface_on(screen.id))
            })
            .or_else(|| lock.surfaces().next())
            .filter(|surface| has_buffer(surface))
            .cloned()
    }

    /// The lock surface at a point, and its origin.
    pub(super) fn lock_surface_at(
        &self,
        point: Point<f64, Logical>,
    ) -> Option<(WlSurface, Point<f64, Logical>)> {
        let screen = self.outputs.at(point)?;
        let root = self.shell.lock.as_ref()?.surface_on(screen.id)?;
        let origin = screen.rect().loc;
        let (surface, place) = smithay::desktop::utils::under_from_surface_tree(
            root,
            point,
            origin,
            smithay::desktop::WindowSurfaceType::ALL,
        )?;
        Some((surface, place.to_f64()))
    }
}
