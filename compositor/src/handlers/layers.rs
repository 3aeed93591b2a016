//! layer-shell: the desktop's own furniture, panels, launchers, notifications, wallpapers.

use smithay::{
    delegate_layer_shell,
    desktop::{LayerSurface, PopupKind, WindowSurfaceType, layer_map_for_output},
    output::Output,
    reexports::wayland_server::protocol::{wl_output::WlOutput, wl_surface::WlSurface},
    utils::SERIAL_COUNTER,
    wayland::{
        compositor::with_states,
        shell::{
            wlr_layer::{
                KeyboardInteractivity, Layer, LayerSurface as WlrLayerSurface, LayerSurfaceData,
                WlrLayerShellHandler, WlrLayerShellState,
            },
            xdg::PopupSurface,
        },
    },
};

use super::surface::has_buffer;
use crate::state::Compositor;

/// Marks a layer that was shown.
struct Appeared;

impl WlrLayerShellHandler for Compositor {
    fn shell_state(&mut self) -> &mut WlrLayerShellState {
        &mut self.protocols.layer_shell
    }

    fn new_layer_surface(
        &mut self,
        surface: WlrLayerSurface,
        output: Option<WlOutput>,
        _layer: Layer,
        namespace: String,
    ) {
        let output = output
            .as_ref()
            .and_then(Output::from_resource)
            .or_else(|| self.outputs.primary().map(|screen| screen.output.clone()));
        let Some(output) = output else {
            surface.send_close();
            return;
        };
        let layer = LayerSurface::new(surface, namespace);
        // It can only fail for a layer that is mapped already, which a new one is not.
        let _ = layer_map_for_output(&output).map_layer(&layer);
    }

    fn new_popup(&mut self, _parent: WlrLayerSurface, popup: PopupSurface) {
        self.keep_popup_on_screen(&popup);
        let _ = PopupKind::from(popup);
    }

    fn layer_destroyed(&mut self, surface: WlrLayerSurface) {
        let mut found = None;
        for screen in self.outputs.iter() {
            let mut map = layer_map_for_output(&screen.output);
            let layer = map
                .layers()
                .find(|layer| layer.layer_surface() == &surface)
                .cloned();
            if let Some(layer) = layer {
                map.unmap_layer(&layer);
                found = Some(screen.id);
            }
        }
        if let Some(output) = found {
            self.work_area_changed();
            self.outputs.queue(output);
        }
        self.refocus();
    }
}

impl Compositor {
    /// Configures a new layer surface, re-arranges a changed one, focuses one that asks for keys.
    pub(crate) fn layer_committed(&mut self, surface: &WlSurface) {
        let mut changed = false;
        let mut wants_keys = false;
        let mut takes_keys = true;
        let mut found = false;
        for screen in self.outputs.iter() {
            let mut map = layer_map_for_output(&screen.output);
            let Some(layer) = map
                .layer_for_surface(surface, WindowSurfaceType::TOPLEVEL)
                .cloned()
            else {
                continue;
            };
            found = true;
            let before = map.non_exclusive_zone();
            map.arrange();
            changed = map.non_exclusive_zone() != before;
            let configured = with_states(surface, |states| {
                states
                    .data_map
                    .get::<LayerSurfaceData>()
                    .and_then(|data| data.lock().ok().map(|data| data.initial_configure_sent))
                    .unwrap_or(false)
            });
            if !configured {
                layer.layer_surface().send_configure();
            }
            let state = layer.cached_state();
            let shown = has_buffer(surface);
            takes_keys = shown && state.keyboard_interactivity != KeyboardInteractivity::None;
            // One that takes keys on demand gets them when it appears, as a new window does.
            let appears = shown
                && with_states(surface, |states| {
                    states.data_map.insert_if_missing(|| Appeared)
                });
            wants_keys = takes_keys
                && matches!(state.layer, Layer::Top | Layer::Overlay)
                && (appears || state.keyboard_interactivity == KeyboardInteractivity::Exclusive);
        }
        if !found {
            return;
        }
        if changed {
            self.work_area_changed();
        }
        if wants_keys {
            self.focus_surface(Some(surface.clone()), SERIAL_COUNTER.next_serial());
            self.release_typed_ahead();
        } else if self
            .seat
            .get_keyboard()
            .and_then(|keyboard| keyboard.current_focus())
            .as_ref()
            == Some(surface)
            && !takes_keys
        {
            self.refocus();
        }
    }

    /// Drops layer surfaces whose client is gone.
    pub(crate) fn tidy_layers(&mut self) {
        for screen in self.outputs.iter() {
            layer_map_for_output(&screen.output).cleanup();
        }
    }
}

delegate_layer_shell!(Compositor);
