//! Surfaces, their buffers and outputs: what every client uses whatever it shows.

use smithay::{
    backend::renderer::utils::{on_commit_buffer_handler, with_renderer_surface_state},
    delegate_alpha_modifier, delegate_content_type, delegate_fractional_scale, delegate_output,
    delegate_presentation, delegate_single_pixel_buffer, delegate_viewporter,
    input::pointer::{CursorImageStatus, CursorImageSurfaceData},
    output::Output,
    reexports::wayland_server::{
        Client,
        protocol::{wl_buffer::WlBuffer, wl_output::WlOutput, wl_surface::WlSurface},
    },
    utils::{Logical, Point},
    wayland::{
        buffer::BufferHandler,
        compositor::{
            CompositorClientState, CompositorHandler, CompositorState, SurfaceAttributes,
            get_parent, is_sync_subsurface, with_states,
        },
        fractional_scale::{FractionalScaleHandler, with_fractional_scale},
        output::OutputHandler,
        shm::{ShmHandler, ShmState},
    },
};

use super::{guard::near, subsurface};
use crate::state::{ClientState, Compositor};

impl CompositorHandler for Compositor {
    fn compositor_state(&mut self) -> &mut CompositorState {
        &mut self.protocols.compositor
    }

    fn client_compositor_state<'a>(&self, client: &'a Client) -> &'a CompositorClientState {
        &client
            .get_data::<ClientState>()
            .expect("every client is inserted with a ClientState")
            .compositor
    }

    fn new_surface(&mut self, surface: &WlSurface) {
        self.tell_scale(surface);
    }

    fn commit(&mut self, surface: &WlSurface) {
        self.commit_applied(surface);
        subsurface::put_in_place(surface); // as the buffer's handler looks where it is
        on_commit_buffer_handler::<Self>(surface);
        self.note_activity();
        self.popups.commit(surface);
        if is_sync_subsurface(surface) {
            return; // it shows with its parent's commit
        }
        let root = root_of(surface);
        self.window_committed(&root);
        self.layer_committed(&root);
        self.popup_committed(surface);
        self.lock_surface_committed(&root);
        self.follow_offset(surface);
        self.queue_redraw_for(&root);
        // At once: who asks the compositor after its commit whether all is done finds it so.
        self.pointer_moved_under();
        self.refresh_pointer();
    }

    fn destroyed(&mut self, surface: &WlSurface) {
        self.touched_surface_gone(surface);
        self.penned_surface_gone(surface);
        if self
            .drag_icon
            .as_ref()
            .is_some_and(|(icon, _)| icon == surface)
        {
            self.drag_icon = None;
        }
        self.outputs.queue_all();
    }
}

impl Compositor {
    /// A client has moved what its pointer looks like, or what is dragged with it, by an offset; other
    /// surfaces stay where they are.
    fn follow_offset(&mut self, surface: &WlSurface) {
        let icon = self.drag_icon.as_mut().filter(|(icon, _)| icon == surface);
        let is_cursor = self.cursor == CursorImageStatus::Surface(surface.clone());
        if icon.is_none() && !is_cursor {
            return;
        }
        with_states(surface, |states| {
            let mut attributes = states.cached_state.get::<SurfaceAttributes>();
            let Some(by) = attributes.current().buffer_delta.take() else {
                return;
            };
            let reachable = |at: Point<i32, Logical>| Point::from((near(at.x), near(at.y)));
            if let Some((_, offset)) = icon {
                *offset = reachable(*offset + by);
            }
            let cursor = states.data_map.get::<CursorImageSurfaceData>();
            if let Some(mut cursor) = cursor.and_then(|cursor| cursor.lock().ok()) {
                cursor.hotspot = reachable(cursor.hotspot - by);
            }
        });
    }

    /// Tells a surface which scale to draw at, before it draws anything.
    pub(crate) fn tell_scale(&self, surface: &WlSurface) {
        let scale = self.outputs.preferred_scale();
        with_states(surface, |states| {
            smithay::wayland::compositor::send_surface_state(
                surface,
                states,
                scale.ceil() as i32,
                smithay::utils::Transform::Normal,
            );
            with_fractional_scale(states, |fractional| fractional.set_preferred_scale(scale));
        });
    }
}

/// The surface that a subsurface belongs to in the end.
pub fn root_of(surface: &WlSurface) -> WlSurface {
    let mut root = surface.clone();
    while let Some(parent) = get_parent(&root) {
        root = parent;
    }
    root
}

/// Whether a surface has something to show.
pub fn has_buffer(surface: &WlSurface) -> bool {
    with_renderer_surface_state(surface, |state| state.buffer().is_some()).unwrap_or(false)
}

impl BufferHandler for Compositor {
    fn buffer_destroyed(&mut self, buffer: &WlBuffer) {
        self.painter.renderer.dma_buffers.forget(buffer);
    }
}

impl ShmHandler for Compositor {
    fn shm_state(&self) -> &ShmState {
        &self.protocols.shm
    }
}

impl OutputHandler for Compositor {
    fn output_bound(&mut self, _output: Output, bound: WlOutput) {
        self.tell_workspaces_of_output(&bound);
    }
}

impl FractionalScaleHandler for Compositor {
    fn new_fractional_scale(&mut self, surface: WlSurface) {
        self.tell_scale(&surface);
    }
}

delegate_output!(Compositor);
delegate_viewporter!(Compositor);
delegate_fractional_scale!(Compositor);
delegate_presentation!(Compositor);
delegate_single_pixel_buffer!(Compositor);
delegate_alpha_modifier!(Compositor);
delegate_content_type!(Compositor);
