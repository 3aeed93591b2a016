//! One frame of an output: drawn when it is due, shown at a vblank, told to clients.

use std::time::Duration;

use ochre_raster::Bitmap;
use smithay::{
    reexports::{
        wayland_protocols::wp::presentation_time::server::wp_presentation_feedback::Kind,
        wayland_server::protocol::wl_surface::WlSurface,
    },
    utils::Transform,
    wayland::presentation::Refresh,
};

use super::{OutputId, Pacing, Screen};
use crate::{
    Error,
    backend::{Backend, Presented, drm::LOST_FLIP},
    clock::Due,
    render::{Extent, Target, Tracker, Turned, turned},
    shell::WindowId,
    state::Compositor,
};

impl Compositor {
    /// Asks for a frame wherever a surface shows.
    pub(crate) fn queue_redraw_for(&mut self, root: &WlSurface) {
        if let Some(id) = self.shell.id_of(root) {
            self.queue_redraw_for_window(id);
            return;
        }
        let layer_on = self.outputs.iter().find(|it| it.layers.of(root).is_some());
        match layer_on.map(|screen| screen.id) {
            Some(id) => self.outputs.queue(id),
            // A popup, a lock, what the pointer drags: seldom, and a frame without damage costs no drawing.
            None => self.outputs.queue_all(),
        }
    }

    /// Asks for a frame where a window is, and where it was when it last drew.
    fn queue_redraw_for_window(&mut self, id: WindowId) {
        let Some(window) = self.shell.get(id) else {
            return;
        };
        // The switcher shows all windows on every output, and content that waits goes on with any frame.
        let hidden = !self.shell.visible().any(|shown| shown.id == id);
        if self.shell.switcher.is_some() || hidden && self.protocols.paced.has_fifos() {
            self.outputs.queue_all();
            return;
        }
        if hidden {
            return;
        }
        let mut drawn = window.window.bbox_with_popups();
        drawn.loc += window.surface_origin();
        let drawn = drawn.merge(window.frame_rect(&self.look));
        // Frame callbacks come from there even if nothing of it is in sight.
        let paces = self.outputs.most_on(window.rect()).map(|screen| screen.id);
        let there = |screen: &&Screen| screen.rect().overlaps(drawn) || Some(screen.id) == paces;
        let there = self.outputs.iter().filter(there).map(|screen| screen.id);
        let there: Vec<OutputId> = there.collect();
        let Some(window) = self.shell.get_mut(id) else {
            return;
        };
        let before = std::mem::replace(&mut window.drawn_on, there.clone());
        for output in there.into_iter().chain(before) {
            self.outputs.queue(output);
        }
    }

    /// Draws the outputs that are due.
    pub(crate) fn draw_due_outputs(&mut self) {
        self.follow_pointer();
        let due: Vec<OutputId> = self
            .outputs
            .screens
            .iter()
            .filter(|screen| screen.pacing == Pacing::Queued)
            .map(|screen| screen.id)
            .collect();
        for id in due {
            if let Err(err) = self.draw(id) {
                eprintln!("ochre-compositor: {err}");
                // The frame is lost; whatever asks next draws the next one.
                if let Some(screen) = self.outputs.get_mut(id) {
                    screen.pacing = Pacing::Idle;
                }
                self.present_failed();
            }
        }
    }

    fn draw(&mut self, id: OutputId) -> Result<(), Error> {
        let Some(screen) = self.outputs.get(id) else {
            return Ok(());
        };
        let at = screen.next_vblank(self.clock.now());
        self.enter_surfaces(screen);
        if self.is_held(id) {
            self.look_again_at_vblank(id);
            return Ok(());
        }
        if self.shell.motions.settle(at) {
            self.outputs.queue_all(); // what has arrived here is at rest on the others, too
        }
        let moving = self.shell.motions.any();
        let drawn = self.outputs.get(id).is_some_and(|it| it.pointer.is_drawn());
        let scene = self.scene(id, drawn, at);
        let mut backend = std::mem::replace(&mut self.backend, Backend::None);
        let background = self.look.background;
        let painter = &mut self.painter;
        let Some(screen) = self.outputs.get_mut(id) else {
            return Ok(());
        };
        screen.follow_turn();
        let (tracker, tone) = (&mut screen.damage, &screen.tone);
        let mut paint = |target: &mut Target<'_>, age| {
            let drawn = painter.render(tracker, target, age, &scene, background)?;
            if let (Some(tone), Some(drawn)) = (tone, &drawn) {
                tone.apply(target, drawn);
            }
            Ok(drawn)
        };
        let turned = &mut screen.turned;
        let presented = backend.present(id, &mut |mut target, age| match turned {
            Some(turned) => turned.draw(&mut target, age, &mut paint),
            None => paint(&mut target, age),
        });
        self.backend = backend;
        drop(scene);
        let now = self.clock.now();
        let presented = presented?;
        let shows = matches!(presented, Presented::AtTimer | Presented::AtFlip);
        if shows {
            let feedback = self
                .outputs
                .get(id)
                .map(|screen| self.take_feedback(screen));
            if let Some(screen) = self.outputs.get_mut(id) {
                screen.feedback = feedback;
                screen.frames += 1;
            }
        }
        if presented != Presented::NotYet {
            self.protocols.paced.frame_drawn();
            self.lock_drawn(id);
        }
        let Some(screen) = self.outputs.get_mut(id) else {
            return Ok(());
        };
        let again = moving || presented == Presented::NotYet;
        screen.pacing = Pacing::Waiting { again };
        let vblank = match presented {
            Presented::AtFlip | Presented::NotYet => now + LOST_FLIP,
            Presented::AtTimer | Presented::Nothing => screen.next_vblank(now),
        };
        self.deadlines.set(vblank, Due::Vblank(id));
        let pointer_moved = screen.pointer.has_moved();
        if shows || pointer_moved {
            self.serve_captures(id, !shows);
            self.serve_image_copies();
        }
        Ok(())
    }

    /// A frame is put off to the next vblank.
    fn look_again_at_vblank(&mut self, id: OutputId) {
        let now = self.clock.now();
        let Some(screen) = self.outputs.get_mut(id) else {
            return;
        };
        screen.pacing = Pacing::Waiting { again: true };
        let vblank = if screen.is_under_way() {
            now + LOST_FLIP
        } else {
            screen.next_vblank(now)
        };
        self.deadlines.set(vblank, Due::Vblank(id));
    }

    /// A frame is on screen (or would be, had anything changed).
    pub(crate) fn vblank(&mut self, id: OutputId, at: Duration) {
        let Some(screen) = self.outputs.get_mut(id) else {
            return;
        };
        self.deadlines.cancel(Due::Vblank(id));
        screen.last_vblank = at;
        let Pacing::Waiting { again } = screen.pacing else {
            return;
        };
        screen.pacing = if again { Pacing::Queued } else { Pacing::Idle };
        let refresh = screen.refresh();
        let frames = screen.frames;
        if let Some(mut feedback) = screen.feedback.take() {
            let refresh = Refresh::fixed(refresh);
            feedback.presented::<_, smithay::utils::Monotonic>(at, refresh, frames, Kind::Vsync);
        }
        if frames == 1 {
            self.session.announce_first_frame();
        }
        if let Some(screen) = self.outputs.get(id) {
            self.send_frame_callbacks(screen, at);
        }
        self.lock_shown(id);
    }

    /// A card says that a frame is on screen. Cards without vblank say so at once: those are held
    /// to their refresh rate.
    pub(crate) fn flip_done(&mut self, id: OutputId) {
        let now = self.clock.now();
        let Some(screen) = self.outputs.get(id) else {
            return;
        };
        let earliest = screen.last_vblank + screen.refresh() * 3 / 4;
        if now < earliest {
            self.deadlines
                .set(screen.last_vblank + screen.refresh(), Due::Vblank(id));
        } else {
            self.vblank(id, now);
        }
    }

    /// Draws an output into a bitmap of its own, upright: for screenshots and captures.
    pub fn draw_apart(&mut self, id: OutputId, cursor: bool) -> Result<Bitmap, Error> {
        let size = self.outputs.get(id).map(Screen::size).unwrap_or_default();
        let extent = Extent::from_signed(size.w, size.h)
            .ok_or_else(|| Error::Display("no such output".into()))?;
        let mut tracker = Tracker::default();
        let scene = self.scene(id, cursor, self.clock.now());
        let mut bitmap = extent.bitmap();
        let background = self.look.background;
        self.painter.render(
            &mut tracker,
            &mut Target::of(&mut bitmap),
            0,
            &scene,
            background,
        )?;
        Ok(bitmap)
    }

    /// The same as the display's own buffers hold it, which are turned as it is.
    pub(crate) fn draw_apart_as_shown(
        &mut self,
        id: OutputId,
        cursor: bool,
    ) -> Result<Bitmap, Error> {
        let upright = self.draw_apart(id, cursor)?;
        match self.outputs.get(id).map(Screen::transform) {
            None | Some(Transform::Normal) => Ok(upright),
            Some(transform) => {
                turned(&upright, transform).ok_or_else(|| Error::Display("no such output".into()))
            }
        }
    }
}

impl Screen {
    /// Has the picture that a turned display is drawn by, and no other has one.
    fn follow_turn(&mut self) {
        let (transform, buffer) = (self.transform(), self.mode_size().into());
        let fits = match &self.turned {
            Some(turned) => turned.fits(transform, buffer),
            None => transform == Transform::Normal,
        };
        if !fits {
            let turns = transform != Transform::Normal;
            self.turned = turns.then(|| Turned::new(transform, buffer)).flatten();
            self.damage = Tracker::default();
        }
    }
}
