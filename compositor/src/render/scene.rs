//! What is on an output, front to back.

use ochre_raster::Shadow;
use smithay::{
    backend::renderer::element::{
        Id, Kind,
        surface::{WaylandSurfaceRenderElement, render_elements_from_surface_tree},
    },
    desktop::{PopupManager, layer_map_for_output},
    input::pointer::{CursorImageStatus, CursorImageSurfaceData},
    reexports::wayland_server::protocol::wl_surface::WlSurface,
    utils::{Logical, Physical, Point, Rectangle},
    wayland::{compositor::with_states, shell::wlr_layer::Layer},
};

use super::{
    SoftRenderer,
    element::{Drawn, Preview, RoundedSurface, SceneElement, Surround},
    overlay::Overlay,
    titlebar::Bar,
};
use crate::{
    output::{OutputId, Screen},
    shell::{ManagedWindow, Mode, Snap},
    state::Compositor,
};

/// Between the edges of the place that a dragged window would take and what shows it, and how much of
/// that covers what is behind, of 255.
const PREVIEW_INSET: i32 = 6;
const PREVIEW_STRENGTH: u8 = 56;

/// The elements of an output, front first.
#[derive(Default)]
pub struct Scene {
    elements: Vec<SceneElement>,
    scale: f64,
}

impl Scene {
    /// The elements, front first.
    pub fn elements(&self) -> &[SceneElement] {
        &self.elements
    }

    /// The output's scale.
    pub fn scale(&self) -> f64 {
        self.scale
    }
}

/// An output as the scene sees it.
struct View {
    scale: f64,
    /// Its corner among all outputs.
    corner: Point<i32, Logical>,
}

impl View {
    /// A global point in the output's pixels.
    fn point(&self, point: Point<i32, Logical>) -> Point<i32, Physical> {
        (point - self.corner)
            .to_f64()
            .to_physical(self.scale)
            .to_i32_round()
    }

    /// A global rectangle in the output's pixels; its edges are rounded each, so that what touches
    /// logically touches on screen.
    fn rect(&self, rect: Rectangle<i32, Logical>) -> Rectangle<i32, Physical> {
        let from = self.point(rect.loc);
        let to = self.point(rect.loc + rect.size.to_point());
        Rectangle::new(from, (to - from).to_size())
    }

    fn length(&self, length: i32) -> i32 {
        (f64::from(length) * self.scale).round() as i32
    }
}

impl Compositor {
    /// What an output shows.
    pub(crate) fn scene(&mut self, id: OutputId, cursor: bool) -> Scene {
        let Some(screen) = self.outputs.get(id) else {
            return Scene::default();
        };
        let view = View {
            scale: screen.output.current_scale().fractional_scale(),
            corner: screen.rect().loc,
        };
        let size = screen.mode_size();
        let mut elements = Vec::new();
        if cursor {
            self.push_cursor(&mut elements, &view);
        }
        if let Some(lock) = &self.shell.lock {
            if let Some(surface) = lock.surface_on(id).cloned() {
                let renderer = &mut self.painter.renderer;
                let corner = Point::default();
                push_tree(
                    renderer,
                    &mut elements,
                    &surface,
                    corner,
                    &view,
                    Kind::Unspecified,
                );
            }
            let scale = view.scale;
            return Scene { elements, scale }; // where its locker shows nothing there is nothing
        }
        if let Some(switcher) = self.shell.switcher.clone() {
            self.push_switcher(&mut elements, &switcher, size, view.scale);
        } else {
            self.painter.overlay = Overlay::default(); // its pictures would be of the past
        }
        let covered = self
            .shell
            .visible()
            .next_back()
            .is_some_and(|top| top.mode == Mode::Fullscreen);
        self.push_layers(&mut elements, id, Layer::Overlay, &view);
        if !covered {
            self.push_layers(&mut elements, id, Layer::Top, &view);
        }
        self.push_windows(&mut elements, &view);
        self.push_layers(&mut elements, id, Layer::Bottom, &view);
        self.push_layers(&mut elements, id, Layer::Background, &view);
        let wallpaper = self.painter.wallpaper.element(id, size, &self.look);
        elements.extend(wallpaper.map(SceneElement::from));
        Scene {
            elements,
            scale: view.scale,
        }
    }

    fn push_cursor(&mut self, elements: &mut Vec<SceneElement>, view: &View) {
        let Some(pointer) = self.seat.get_pointer() else {
            return;
        };
        let at = pointer.current_location();
        let place: Point<i32, Physical> = (at - view.corner.to_f64())
            .to_physical(view.scale)
            .to_i32_round();
        match &self.cursor {
            CursorImageStatus::Hidden => {}
            CursorImageStatus::Named(icon) => {
                let (image, hotspot) = self.painter.cursors.get(*icon, view.scale);
                let mut image = image;
                image.place = place - hotspot;
                image.kind = Kind::Cursor;
                elements.push(image.into());
            }
            CursorImageStatus::Surface(surface) => {
                let hotspot = with_states(surface, |states| {
                    let data = states.data_map.get::<CursorImageSurfaceData>()?;
                    data.lock().ok().map(|data| data.hotspot)
                });
                let hotspot = hotspot.unwrap_or_default();
                let place = place - hotspot.to_f64().to_physical(view.scale).to_i32_round();
                let surface = surface.clone();
                push_tree(
                    &mut self.painter.renderer,
                    elements,
                    &surface,
                    place,
                    view,
                    Kind::Cursor,
                );
            }
        }
        if let Some((icon, offset)) = self.drag_icon.clone() {
            let place = place + offset.to_f64().to_physical(view.scale).to_i32_round();
            push_tree(
                &mut self.painter.renderer,
                elements,
                &icon,
                place,
                view,
                Kind::Unspecified,
            );
        }
    }

    fn push_layers(
        &mut self,
        elements: &mut Vec<SceneElement>,
        id: OutputId,
        which: Layer,
        view: &View,
    ) {
        let Some(output) = self
            .outputs
            .get(id)
            .map(|screen: &Screen| screen.output.clone())
        else {
            return;
        };
        let map = layer_map_for_output(&output);
        for layer in map.layers_on(which).rev() {
            let Some(geometry) = map.layer_geometry(layer) else {
                continue;
            };
            let origin = view.corner + geometry.loc;
            self.push_popups(elements, layer.wl_surface(), origin, view);
            let place = view.point(origin);
            let renderer = &mut self.painter.renderer;
            push_tree(
                renderer,
                elements,
                layer.wl_surface(),
                place,
                view,
                Kind::Unspecified,
            );
        }
    }

    /// Popups of a root surface whose geometry starts at `origin`.
    fn push_popups(
        &mut self,
        elements: &mut Vec<SceneElement>,
        root: &WlSurface,
        origin: Point<i32, Logical>,
        view: &View,
    ) {
        for (popup, offset) in PopupManager::popups_for_surface(root) {
            let place = view.point(origin + offset - popup.geometry().loc);
            let renderer = &mut self.painter.renderer;
            push_tree(
                renderer,
                elements,
                popup.wl_surface(),
                place,
                view,
                Kind::Unspecified,
            );
        }
    }

    fn push_windows(&mut self, elements: &mut Vec<SceneElement>, view: &View) {
        let windows: Vec<_> = self.shell.visible().rev().map(|window| window.id).collect();
        self.painter.titlebars.retain(|id| windows.contains(&id));
        self.painter.shadow_ids.retain(|id, _| windows.contains(id));
        for id in windows {
            // The window is lent to the painter and given back: neither knows of the other.
            let Some(window) = self.shell.get(id) else {
                continue;
            };
            let Some(surface) = window.surface() else {
                continue;
            };
            let (position, origin) = (window.position, window.surface_origin());
            self.push_popups(elements, &surface, position, view);
            let snap = self.shell.snap.filter(|snap| snap.window == id);
            if self.shell.get(id).is_some_and(ManagedWindow::has_frame) {
                self.push_framed(elements, id, &surface, view);
            } else {
                let place = view.point(origin);
                let renderer = &mut self.painter.renderer;
                push_tree(renderer, elements, &surface, place, view, Kind::Unspecified);
            }
            elements.extend(snap.map(|snap| self.preview(&snap, view).into()));
        }
    }

    /// Where a dragged window would go, under that window.
    fn preview(&self, snap: &Snap, view: &View) -> Drawn<Preview> {
        let place = view.rect(snap.place);
        let inset = view.length(PREVIEW_INSET);
        let size = (place.size.w - 2 * inset, place.size.h - 2 * inset);
        Drawn {
            id: self.painter.preview_id.clone(),
            drawing: Preview {
                place: Rectangle::new(place.loc + Point::from((inset, inset)), size.into()),
                radius: view.length(self.look.radius).unsigned_abs(),
                ground: self.look.accent.faded(PREVIEW_STRENGTH),
                line: self.look.accent,
                width: view.length(2).unsigned_abs(),
            },
        }
    }

    /// A window with the compositor's frame: content, title bar, outline, shadow.
    fn push_framed(
        &mut self,
        elements: &mut Vec<SceneElement>,
        id: crate::shell::WindowId,
        surface: &WlSurface,
        view: &View,
    ) {
        let Some(window) = self.shell.get(id) else {
            return;
        };
        let look = &self.look;
        let painter = &mut self.painter;
        let floating = window.mode == Mode::Floating;
        let frame = view.rect(window.frame_rect(look));
        let content = view.rect(window.rect());
        let radius = if floating {
            view.length(look.radius).unsigned_abs()
        } else {
            0
        };

        let place = view.point(window.surface_origin());
        let tree: Vec<WaylandSurfaceRenderElement<SoftRenderer>> =
            render_elements_from_surface_tree(
                &mut painter.renderer,
                surface,
                place,
                view.scale,
                1.0,
                Kind::Unspecified,
            );
        elements.extend(tree.into_iter().map(|inner| {
            if floating {
                RoundedSurface {
                    inner,
                    clip: content,
                    radius,
                }
                .into()
            } else {
                SceneElement::from(inner)
            }
        }));

        let bar_place = Rectangle::new(
            frame.loc,
            (frame.size.w, content.loc.y - frame.loc.y).into(),
        );
        let bar = Bar {
            title: window.title.clone(),
            size: (bar_place.size.w, bar_place.size.h),
            width: window.rect().size.w,
            active: window.active != (self.shell.ringing == Some(id)),
            maximized: window.mode == Mode::Maximized,
            radius,
            hovered: self
                .shell
                .hovered
                .filter(|(over, ..)| *over == id)
                .map(|(_, button, held)| (button, held)),
            scale: view.scale,
        };
        let bar = painter
            .titlebars
            .element(id, bar, bar_place, look, &mut painter.text);
        elements.extend(bar.map(SceneElement::from));

        if window.mode != Mode::Maximized {
            let bar = look.bar(window.active);
            let layers = bar.shadow.map(|layer| {
                let drop = (f64::from(layer.offset) * view.scale).round() as i32;
                let shadow = Shadow {
                    sigma: layer.sigma * view.scale as f32,
                    radius,
                    color: look.shadow_of(&layer),
                    hollow: Some(drop),
                };
                (shadow, drop)
            });
            elements.push(
                Drawn {
                    id: painter.shadow_ids.entry(id).or_insert_with(Id::new).clone(),
                    drawing: Surround {
                        frame,
                        layers,
                        outline: bar.border,
                        radius,
                        active: window.active,
                    },
                }
                .into(),
            );
        }
    }
}

/// Pushes a surface and its subsurfaces.
fn push_tree(
    renderer: &mut SoftRenderer,
    elements: &mut Vec<SceneElement>,
    surface: &WlSurface,
    place: Point<i32, Physical>,
    view: &View,
    kind: Kind,
) {
    let tree: Vec<WaylandSurfaceRenderElement<SoftRenderer>> =
        render_elements_from_surface_tree(renderer, surface, place, view.scale, 1.0, kind);
    elements.extend(tree.into_iter().map(SceneElement::from));
}
