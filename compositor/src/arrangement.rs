//! What users choose for displays: mode, scale, turn, place, tone.

use smithay::{
    desktop::PopupManager,
    output::{Mode, Scale},
    reexports::wayland_server::protocol::wl_surface::WlSurface,
    utils::{Logical, Point, Transform},
    wayland::compositor::{TraversalAction, with_surface_tree_downward},
};

use crate::{
    Error, backend::Backend, output::OutputId, render::Tone, shell::SessionLock, state::Compositor,
};

impl Compositor {
    /// Drives a display in another mode.
    pub(crate) fn set_output_mode(&mut self, output: OutputId, mode: Mode) -> Result<(), Error> {
        match &self.backend {
            Backend::Headless(_) => self.resize_headless_to(output, mode),
            Backend::Drm(_) => self.set_card_mode(output, mode),
            Backend::Nested(_) | Backend::None => {
                Err(Error::Display("the display has no other mode".into()))
            }
        }
    }

    /// Moves a display among the others, or changes its scale or how it is turned.
    pub fn place_output(
        &mut self,
        output: OutputId,
        position: Option<Point<i32, Logical>>,
        scale: Option<f64>,
        transform: Option<Transform>,
    ) {
        if self.outputs.get(output).is_some() {
            self.note_displays();
        }
        let Some(screen) = self.outputs.get_mut(output) else {
            return;
        };
        screen.standing.chosen |= position.is_some();
        let scale = scale.map(Scale::Fractional);
        screen
            .output
            .change_current_state(None, transform, scale, position);
        screen.arrange_layers();
        self.close_up();
        self.outputs.damage_all();
        self.work_area_changed();
        self.size_lock_surfaces();
        self.tell_scales();
        if let Some(pointer) = self.seat.get_pointer() {
            pointer.set_location(self.outputs.clamp(pointer.current_location()));
        }
        self.pointer_moved_under();
    }

    /// Tells every surface which scale to draw at now, and who captures windows. While there is no display it stays as it was: the next one
    /// is most often the one before.
    pub(crate) fn tell_scales(&mut self) {
        if self.outputs.primary().is_none() {
            return;
        }
        let windows = self.shell.iter().filter_map(|window| window.surface());
        let layers = self.outputs.iter().flat_map(|screen| screen.layers.iter());
        let layers = layers.map(|layer| layer.wl_surface().clone());
        let roots: Vec<WlSurface> = windows.chain(layers).collect();
        let popups = roots.iter().flat_map(PopupManager::popups_for_surface);
        let popups: Vec<_> = popups
            .map(|(popup, _)| popup.wl_surface().clone())
            .collect();
        let locks = self.shell.lock.iter().flat_map(SessionLock::surfaces);
        for root in roots.iter().chain(&popups).chain(locks) {
            let mut surfaces = Vec::new();
            with_surface_tree_downward(
                root,
                (),
                |_, _, ()| TraversalAction::DoChildren(()),
                |surface, _, ()| surfaces.push(surface.clone()),
                |_, _, ()| true,
            );
            surfaces.iter().for_each(|surface| self.tell_scale(surface));
        }
        self.size_image_copies();
    }

    /// Warms every display to this colour temperature, or stops it.
    pub fn set_night_light(&mut self, kelvin: Option<u32>) {
        self.outputs.night = kelvin.map(Tone::of_temperature);
        let ids: Vec<OutputId> = self.outputs.iter().map(|screen| screen.id).collect();
        for id in ids {
            self.tone_changed(id);
        }
    }

    /// What an output's pixels go through has changed.
    pub(crate) fn tone_changed(&mut self, output: OutputId) {
        let chosen = self.protocols.gammas.tone_of(output);
        let tone = match (chosen, &self.outputs.night) {
            (Some(chosen), Some(night)) => Some(chosen.then(night)),
            (chosen, night) => chosen.or(night.as_ref()).cloned(),
        };
        self.outputs.set_tone(output, tone);
    }
}
