//! A surface and its buffers.
//!
//! Two or three shared-memory buffers take turns; each remembers what changed since it was drawn, so
//! that bringing one up to date draws no more than needed.

use std::time::Duration;

use ochre_raster::{Canvas, Region};
use smithay_client_toolkit::compositor::{
    CompositorState, FrameCallbackData, Region as SurfaceRegion,
};
use smithay_client_toolkit::reexports::client::QueueHandle;
use smithay_client_toolkit::reexports::client::protocol::wl_shm::Format;
use smithay_client_toolkit::reexports::client::protocol::wl_surface::WlSurface;
use smithay_client_toolkit::reexports::protocols::wp::fractional_scale::v1::client::wp_fractional_scale_v1::WpFractionalScaleV1;
use smithay_client_toolkit::reexports::protocols::wp::viewporter::client::wp_viewport::WpViewport;
use smithay_client_toolkit::shell::WaylandSurface;
use smithay_client_toolkit::shell::wlr_layer::{
    Anchor, KeyboardInteractivity, Layer as LayerKind, LayerSurface,
};
use smithay_client_toolkit::shell::xdg::window::{Window as XdgWindow, WindowDecorations};
use smithay_client_toolkit::shm::slot::{Buffer, SlotPool};

use crate::app::{Layer, WindowKind, WindowSpec};
use crate::shell::Program;
use crate::shell::state::Shell;

enum Role {
    Toplevel(XdgWindow),
    Layer(LayerSurface),
}

struct Drawn {
    buffer: Buffer,
    /// What is newer than the buffer.
    stale: Region,
}

/// One window of the program.
pub(super) struct Window {
    pub spec: WindowSpec,
    role: Role,
    viewport: Option<WpViewport>,
    fractional: Option<WpFractionalScaleV1>,
    /// In 1/120.
    scale: u32,
    /// Logical pixels.
    width: u32,
    height: u32,
    configured: bool,
    /// The compositor owes us a frame callback.
    waiting: bool,
    /// Must be shown although nothing in it changed.
    fresh: bool,
    pool: SlotPool,
    buffers: Vec<Drawn>,
    /// The size that the compositor knows to be opaque.
    opaque: Option<(u32, u32)>,
}

/// A protocol's sizes are hostile too: no surface is larger than this.
const LARGEST: u32 = 16_384;

impl Window {
    pub fn open(spec: WindowSpec, shell: &Shell) -> Option<Window> {
        let surface = shell.compositor.create_surface(&shell.queue);
        let fractional = shell.scaling.fractional(&surface, &shell.queue);
        let viewport = shell.scaling.viewport(&surface, &shell.queue);
        let (role, width, height) = match &spec.kind {
            WindowKind::Toplevel {
                app_id,
                width,
                height,
                min_width,
                min_height,
            } => {
                let decorations = WindowDecorations::RequestServer;
                let window = shell
                    .xdg
                    .as_ref()?
                    .create_window(surface, decorations, &shell.queue);
                window.set_title(spec.title.as_str());
                window.set_app_id(app_id.as_str());
                window.set_min_size(Some((*min_width, *min_height)));
                window.commit();
                (Role::Toplevel(window), *width, *height)
            }
            WindowKind::Layer(layer) => {
                let kind = if layer.overlay {
                    LayerKind::Overlay
                } else {
                    LayerKind::Top
                };
                let role = shell.layers.as_ref()?.create_layer_surface(
                    &shell.queue,
                    surface,
                    kind,
                    Some(spec.title.as_str()),
                    None,
                );
                place(&role, layer);
                role.commit();
                (Role::Layer(role), layer.width.max(1), layer.height.max(1))
            }
        };
        Some(Window {
            pool: SlotPool::new((width * height * 8) as usize, &shell.shm).ok()?,
            spec,
            role,
            viewport,
            fractional,
            scale: 120,
            width,
            height,
            configured: false,
            waiting: false,
            fresh: true,
            buffers: Vec::new(),
            opaque: None,
        })
    }

    fn surface(&self) -> &WlSurface {
        match &self.role {
            Role::Toplevel(window) => window.wl_surface(),
            Role::Layer(layer) => layer.wl_surface(),
        }
    }

    pub fn is(&self, surface: &WlSurface) -> bool {
        self.surface() == surface
    }

    pub fn is_fractional(&self, object: &WpFractionalScaleV1) -> bool {
        self.fractional.as_ref() == Some(object)
    }

    /// Takes over a changed description.
    pub fn follow(&mut self, spec: WindowSpec) {
        if self.spec == spec {
            return;
        }
        match (&self.role, &spec.kind) {
            (Role::Toplevel(window), _) if spec.title != self.spec.title => {
                window.set_title(spec.title.as_str());
            }
            (Role::Layer(role), WindowKind::Layer(layer)) => {
                place(role, layer);
                role.commit();
            }
            _ => {}
        }
        self.spec = spec;
    }

    pub fn scale(&self) -> f32 {
        self.scale as f32 / 120.0
    }

    pub fn physical_size(&self) -> (i32, i32) {
        let physical = |side: u32| ((u64::from(side) * u64::from(self.scale) + 60) / 120) as i32;
        (physical(self.width), physical(self.height))
    }

    /// The compositor's size, where it has a wish; it must be shown in any case.
    pub fn configure(&mut self, width: Option<u32>, height: Option<u32>) {
        self.width = width.unwrap_or(self.width).clamp(1, LARGEST);
        self.height = height.unwrap_or(self.height).clamp(1, LARGEST);
        self.configured = true;
        self.fresh = true;
    }

    /// In 1/120.
    pub fn set_scale(&mut self, scale: u32) -> bool {
        let scale = scale.clamp(60, 120 * 8);
        let changed = self.scale != scale;
        self.scale = scale;
        self.fresh |= changed;
        changed
    }

    /// Whether the scale comes in whole numbers only, from the surface's outputs.
    pub fn scales_whole(&self) -> bool {
        self.fractional.is_none() || self.viewport.is_none()
    }

    pub fn frame_done(&mut self) {
        self.waiting = false;
    }

    /// Everything looks different now.
    pub fn restyle(&mut self) {
        self.fresh = true;
    }

    pub fn draw(
        &mut self,
        program: &mut dyn Program,
        compositor: &CompositorState,
        queue: &QueueHandle<Shell>,
        now: Duration,
    ) {
        let id = self.spec.id;
        if !self.configured || self.waiting || !(self.fresh || program.is_stale(id)) {
            return;
        }
        let (width, height) = self.physical_size();
        let damage = program.frame(id, now);
        if damage.is_empty() && !self.fresh {
            return;
        }
        self.buffers.retain(|drawn| fits(drawn, width, height));
        for drawn in &mut self.buffers {
            drawn.stale.union(&damage);
        }
        let Some(index) = self.free_buffer(width, height) else {
            return;
        };
        let drawn = &mut self.buffers[index];
        let Some(bytes) = drawn.buffer.canvas(&mut self.pool) else {
            return;
        };
        let Ok(pixels) = bytemuck::try_cast_slice_mut::<u8, u32>(bytes) else {
            return;
        };
        let size = (width as u32, height as u32);
        let Some(mut canvas) = Canvas::new(pixels, size.0, size.1, size.0 as usize) else {
            return;
        };
        program.draw(id, &mut canvas, &drawn.stale);
        drawn.stale.clear();
        self.fresh = false;
        self.tell_opaque(compositor);
        self.present(index, &damage, queue);
    }

    /// A buffer that the compositor doesn't read, made if there is none.
    fn free_buffer(&mut self, width: i32, height: i32) -> Option<usize> {
        for index in 0..self.buffers.len() {
            if self.buffers[index].buffer.canvas(&mut self.pool).is_some() {
                return Some(index);
            }
        }
        let made = self
            .pool
            .create_buffer(width, height, width * 4, Format::Argb8888)
            .ok()?;
        let whole = ochre_raster::Rect::new(0, 0, width, height);
        self.buffers.push(Drawn {
            buffer: made.0,
            stale: Region::from(whole),
        });
        Some(self.buffers.len() - 1)
    }

    /// Says once for each size that nothing shows through.
    fn tell_opaque(&mut self, compositor: &CompositorState) {
        let size = (self.width, self.height);
        if self.spec.transparent || self.opaque == Some(size) {
            return;
        }
        if let Ok(region) = SurfaceRegion::new(compositor) {
            region.add(0, 0, size.0 as i32, size.1 as i32);
            self.surface().set_opaque_region(Some(region.wl_region()));
            self.opaque = Some(size);
        }
    }

    fn present(&mut self, index: usize, damage: &Region, queue: &QueueHandle<Shell>) {
        let surface = self.surface().clone();
        if self.buffers[index].buffer.attach_to(&surface).is_err() {
            return;
        }
        for rect in damage.rects() {
            surface.damage_buffer(rect.x, rect.y, rect.width, rect.height);
        }
        if damage.is_empty() {
            let (width, height) = self.physical_size();
            surface.damage_buffer(0, 0, width, height);
        }
        match &self.viewport {
            Some(viewport) if !self.scales_whole() => {
                viewport.set_destination(self.width as i32, self.height as i32);
            }
            _ => surface.set_buffer_scale((self.scale / 120).max(1) as i32),
        }
        surface.frame(queue, FrameCallbackData(surface.clone()));
        self.waiting = true;
        surface.commit();
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if let Some(fractional) = &self.fractional {
            fractional.destroy();
        }
        if let Some(viewport) = &self.viewport {
            viewport.destroy();
        }
    }
}

fn fits(drawn: &Drawn, width: i32, height: i32) -> bool {
    drawn.buffer.height() == height && drawn.buffer.stride() == width * 4
}

fn place(role: &LayerSurface, layer: &Layer) {
    let mut anchor = Anchor::empty();
    let edges = [
        (layer.anchor.top, Anchor::TOP),
        (layer.anchor.bottom, Anchor::BOTTOM),
        (layer.anchor.left, Anchor::LEFT),
        (layer.anchor.right, Anchor::RIGHT),
    ];
    for (held, edge) in edges {
        if held {
            anchor |= edge;
        }
    }
    role.set_anchor(anchor);
    role.set_size(layer.width, layer.height);
    role.set_exclusive_zone(layer.exclusive);
    role.set_keyboard_interactivity(if layer.keyboard {
        KeyboardInteractivity::Exclusive
    } else {
        KeyboardInteractivity::None
    });
}
