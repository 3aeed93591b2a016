//! layer-shell: the desktop's own furniture, panels, launchers, notifications, wallpapers.

use smithay::{
    desktop::{LayerSurface, PopupKind},
    output::Output,
    reexports::{
        wayland_protocols_wlr::layer_shell::v1::server::{
            zwlr_layer_shell_v1::ZwlrLayerShellV1,
            zwlr_layer_surface_v1::{self as layer_surface, ZwlrLayerSurfaceV1},
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle,
            backend::ClientId,
            delegate_dispatch, delegate_global_dispatch,
            protocol::{wl_output::WlOutput, wl_surface::WlSurface},
        },
    },
    utils::{IsAlive, SERIAL_COUNTER},
    wayland::shell::{
        wlr_layer::{
            KeyboardInteractivity, Layer, LayerSurface as WlrLayerSurface, LayerSurfaceConfigure,
            WlrLayerShellGlobalData, WlrLayerShellHandler, WlrLayerShellState,
            WlrLayerSurfaceUserData,
        },
        xdg::PopupSurface,
    },
};

use super::surface::has_buffer;
use crate::state::Compositor;

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
        let mut screens = self.outputs.iter_mut();
        match screens.find(|screen| Some(&screen.output) == output.as_ref()) {
            Some(screen) => screen.layers.add(LayerSurface::new(surface, namespace)),
            None => surface.send_close(),
        }
    }

    fn new_popup(&mut self, _parent: WlrLayerSurface, popup: PopupSurface) {
        self.keep_popup_on_screen(&popup);
        let _ = PopupKind::from(popup);
    }

    fn ack_configure(&mut self, surface: WlSurface, configure: LayerSurfaceConfigure) {
        for screen in self.outputs.iter_mut() {
            screen.layers.answered(&surface, configure.serial);
        }
    }

    fn layer_destroyed(&mut self, surface: WlrLayerSurface) {
        self.remove_layers(|layer| layer.layer_surface() == &surface);
    }
}

impl Compositor {
    /// Answers a layer's commit, and gives the keyboard to one that asks for it.
    pub(crate) fn layer_committed(&mut self, surface: &WlSurface) {
        let shown = has_buffer(surface);
        let layer = self
            .outputs
            .iter()
            .find_map(|screen| screen.layers.of(surface));
        // Content before the first configure was answered is a protocol error, which this posts.
        if shown
            && !self.options.early_buffers
            && layer.is_some_and(|(layer, _)| !layer.layer_surface().ensure_configured())
        {
            return;
        }
        let found = self.outputs.iter_mut().find_map(|screen| {
            let commit = screen.layers.commit(surface, shown)?;
            Some((screen, commit))
        });
        let Some((screen, commit)) = found else {
            return;
        };
        let changed = screen.arrange_layers();
        if commit.asks {
            screen.layers.configure_first(surface);
        }
        let Some((layer, _)) = screen.layers.of(surface) else {
            return;
        };
        layer.with_surfaces(|surface, _| screen.output.enter(surface));
        let state = layer.cached_state();
        let takes_keys = shown && state.keyboard_interactivity != KeyboardInteractivity::None;
        // One that takes keys on demand gets them when it appears, as a new window does.
        let wants_keys = takes_keys
            && matches!(state.layer, Layer::Top | Layer::Overlay)
            && (commit.appears || state.keyboard_interactivity == KeyboardInteractivity::Exclusive);
        if changed {
            self.work_area_changed();
        }
        let keyboard = self.seat.get_keyboard();
        let focus = keyboard.and_then(|keyboard| keyboard.current_focus());
        if wants_keys {
            self.focus_surface(Some(surface.clone()), SERIAL_COUNTER.next_serial());
            self.release_typed_ahead();
        } else if focus.as_ref() == Some(surface) && !takes_keys {
            self.refocus();
        }
    }

    /// Drops layer surfaces whose client is gone.
    pub(crate) fn tidy_layers(&mut self) {
        self.remove_layers(|layer| !layer.alive());
    }

    fn remove_layers(&mut self, gone: impl Fn(&LayerSurface) -> bool) {
        let mut found = false;
        let mut changed = false;
        for screen in self.outputs.iter_mut() {
            for layer in screen.layers.iter().filter(|layer| gone(layer)) {
                layer.with_surfaces(|surface, _| screen.output.leave(surface));
            }
            if screen.layers.remove(&gone) {
                found = true;
                changed |= screen.arrange_layers();
            }
        }
        if !found {
            return;
        }
        if changed {
            self.work_area_changed();
        }
        self.outputs.queue_all();
        self.refocus();
    }
}

impl Dispatch<ZwlrLayerSurfaceV1, WlrLayerSurfaceUserData> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        layer: &ZwlrLayerSurfaceV1,
        request: layer_surface::Request,
        data: &WlrLayerSurfaceUserData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        use layer_surface::Request;
        let request = match request {
            // Smithay takes them for signed.
            Request::SetSize { width, height } => Request::SetSize {
                width: width.min(i32::MAX.unsigned_abs()),
                height: height.min(i32::MAX.unsigned_abs()),
            },
            other => other,
        };
        <WlrLayerShellState as Dispatch<_, _, Self>>::request(
            state, client, layer, request, data, display, init,
        );
    }

    fn destroyed(
        state: &mut Self,
        client: ClientId,
        layer: &ZwlrLayerSurfaceV1,
        data: &WlrLayerSurfaceUserData,
    ) {
        <WlrLayerShellState as Dispatch<_, _, Self>>::destroyed(state, client, layer, data);
    }
}

delegate_global_dispatch!(Compositor: [ZwlrLayerShellV1: WlrLayerShellGlobalData] => WlrLayerShellState);
delegate_dispatch!(Compositor: [ZwlrLayerShellV1: ()] => WlrLayerShellState);
