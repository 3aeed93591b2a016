//! What the surfaces on an output are told: that they are on it, and when a frame was shown.

use std::time::Duration;

use smithay::{
    backend::renderer::utils::RendererSurfaceStateUserData,
    desktop::{
        PopupManager,
        utils::{
            OutputPresentationFeedback, send_frames_surface_tree,
            take_presentation_feedback_surface_tree,
        },
    },
    input::pointer::CursorImageStatus,
    output::Output,
    reexports::{
        wayland_protocols::wp::presentation_time::server::wp_presentation_feedback::Kind,
        wayland_server::{Resource, protocol::wl_surface::WlSurface},
    },
    utils::{Logical, Point, Rectangle},
    wayland::compositor::{SurfaceData, TraversalAction, with_surface_tree_downward},
};

use super::{OutputId, Screen};
use crate::{shell::ManagedWindow, state::Compositor};

impl Compositor {
    /// Tells surfaces whether they are on an output that is drawn: what of a window is out of sight there is
    /// not.
    pub(super) fn enter_surfaces(&self, screen: &Screen) {
        let output = &screen.output;
        for window in self.shell.visible() {
            let Some(surface) = window.surface() else {
                continue;
            };
            tell_output(screen, &surface, window.surface_origin());
            for (popup, offset) in PopupManager::popups_for_surface(&surface) {
                let origin = window.position + offset - popup.geometry().loc;
                tell_output(screen, popup.wl_surface(), origin);
            }
        }
        for layer in screen.layers.iter() {
            layer.with_surfaces(|surface, _| output.enter(surface));
        }
        let lock = self.shell.lock.as_ref();
        if let Some(surface) = lock.and_then(|lock| lock.surface_on(screen.id)) {
            output.enter(surface);
        }
    }

    /// Windows whose frames are those of an output, be they seen on others, too: the output that most of a
    /// window is on. Of two that tell it of theirs, a client would draw for both.
    fn windows_paced_by(&self, id: OutputId) -> impl Iterator<Item = &ManagedWindow> {
        self.shell.visible().filter(move |window| {
            let on = self.outputs.most_on(window.rect());
            on.is_some_and(|screen| screen.id == id)
        })
    }

    pub(super) fn send_frame_callbacks(&self, screen: &Screen, now: Duration) {
        let output = &screen.output;
        let here = |_: &WlSurface, _: &SurfaceData| Some(output.clone());
        for window in self.windows_paced_by(screen.id) {
            window
                .window
                .send_frame(output, now, Some(Duration::ZERO), here);
        }
        for layer in screen.layers.iter() {
            layer.send_frame(output, now, Some(Duration::ZERO), here);
        }
        for surface in self.loose_surfaces_on(screen.id) {
            send_frames_surface_tree(&surface, output, now, Some(Duration::ZERO), here);
        }
    }

    pub(super) fn take_feedback(&self, screen: &Screen) -> OutputPresentationFeedback {
        let output = &screen.output;
        let mut feedback = OutputPresentationFeedback::new(output);
        let here = |_: &WlSurface, _: &SurfaceData| Some(output.clone());
        let kind = |_: &WlSurface, _: &SurfaceData| Kind::empty();
        for window in self.windows_paced_by(screen.id) {
            window
                .window
                .take_presentation_feedback(&mut feedback, here, kind);
        }
        for layer in screen.layers.iter() {
            layer.take_presentation_feedback(&mut feedback, here, kind);
        }
        for surface in self.loose_surfaces_on(screen.id) {
            take_presentation_feedback_surface_tree(&surface, &mut feedback, here, kind);
        }
        feedback
    }

    /// An output's surfaces of neither window nor layer: the lock's, and where the pointer is its image and
    /// what it drags.
    fn loose_surfaces_on(&self, id: OutputId) -> Vec<WlSurface> {
        let lock = self.shell.lock.as_ref();
        let locks = lock.and_then(|lock| lock.surface_on(id)).cloned();
        let pointer = self.seat.get_pointer();
        let over = pointer.and_then(|pointer| self.outputs.at(pointer.current_location()));
        if over.is_none_or(|over| over.id != id) {
            return locks.into_iter().collect();
        }
        self.carried().chain(locks).collect()
    }

    /// The surfaces that go with the pointer: its image and what it drags.
    fn carried(&self) -> impl Iterator<Item = WlSurface> {
        let cursor = match &self.cursor {
            CursorImageStatus::Surface(surface) => Some(surface.clone()),
            _ => None,
        };
        let icon = self.drag_icon.as_ref().map(|(icon, _)| icon.clone());
        cursor.into_iter().chain(icon)
    }

    /// Tells the surfaces that go with the pointer which output it is on, and those that do no more.
    pub(super) fn enter_carried(&mut self) {
        let pointer = self.seat.get_pointer();
        let over = pointer.and_then(|pointer| self.outputs.at(pointer.current_location()));
        let over = over.map(|screen| screen.id);
        let carried = self.carried().filter(WlSurface::is_alive);
        let carried: Vec<WlSurface> = carried.collect();
        let before = std::mem::replace(&mut self.outputs.carried, carried.clone());
        let dropped = before.iter().filter(|surface| !carried.contains(surface));
        let dropped = dropped.filter(|surface| surface.is_alive());
        for screen in self.outputs.iter() {
            for surface in &carried {
                tell_tree(&screen.output, surface, over == Some(screen.id));
            }
            for surface in dropped.clone() {
                tell_tree(&screen.output, surface, false);
            }
        }
    }
}

/// Tells all surfaces of a tree whether they are on an output.
fn tell_tree(output: &Output, root: &WlSurface, on: bool) {
    with_surface_tree_downward(
        root,
        (),
        |_, _, ()| TraversalAction::DoChildren(()),
        |surface, _, ()| {
            if on {
                output.enter(surface);
            } else {
                output.leave(surface);
            }
        },
        |_, _, ()| true,
    );
}

/// Tells the surfaces of a tree which begins there whether they are on an output.
fn tell_output(screen: &Screen, root: &WlSurface, origin: Point<i32, Logical>) {
    let (output, seen) = (&screen.output, screen.rect());
    let view = |states: &SurfaceData| {
        let state = states.data_map.get::<RendererSurfaceStateUserData>()?;
        state.lock().ok()?.view()
    };
    with_surface_tree_downward(
        root,
        Some(origin),
        |_, states, parent| {
            let place = parent.zip(view(states));
            TraversalAction::DoChildren(place.map(|(parent, view)| parent + view.offset))
        },
        |surface, states, parent| {
            let place = parent.zip(view(states));
            let place = place.map(|(parent, view)| Rectangle::new(parent + view.offset, view.dst));
            if place.is_some_and(|place| place.overlaps(seen)) {
                output.enter(surface);
            } else {
                output.leave(surface);
            }
        },
        |_, _, _| true,
    );
}
