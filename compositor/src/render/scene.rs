//! What is on an output, front to back.

use std::time::Duration;

use ochre_raster::Shadow;
use smithay::{
    backend::renderer::element::{
        Id, Kind,
        surface::{WaylandSurfaceRenderElement, render_elements_from_surface_tree},
    },
    desktop::PopupManager,
    reexports::wayland_server::protocol::wl_surface::WlSurface,
    utils::{Logical, Physical, Point, Rectangle},
    wayland::shell::wlr_layer::Layer,
};

use super::{
    SoftRenderer,
    element::{Drawn, Preview, RoundedSurface, SceneElement, Surround},
    overlay::Overlay,
    titlebar::Bar,
};
use crate::{
    output::{OutputId, Screen},
    shell::{LAYERS_WITH_POPUPS_ABOVE, ManagedWindow, Mode, Pose, Snap, WindowId},
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
    /// Elements, front first, for an output of a scale.
    pub(super) fn new(elements: Vec<SceneElement>, scale: f64) -> Self {
        Self { elements, scale }
    }

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
#[derive(Clone, Copy)]
pub(super) struct View {
    output: OutputId,
    pub(super) scale: f64,
    /// Its corner among all outputs.
    corner: Point<i32, Logical>,
    /// How far all is moved, for what is on its way.
    pub(super) shift: Point<i32, Physical>,
    /// How much is seen of it.
    alpha: f32,
    /// Whether windows' shadows fall on it.
    shadows: bool,
}

impl View {
    /// An output at rest.
    pub(super) fn of(screen: &Screen) -> Self {
        Self {
            output: screen.id,
            scale: screen.output.current_scale().fractional_scale(),
            corner: screen.rect().loc,
            shift: Point::default(),
            alpha: 1.0,
            shadows: true,
        }
    }

    /// The same for what is on its way.
    fn posed(mut self, pose: Pose) -> Self {
        self.shift.y += (pose.down * self.scale).round() as i32;
        self.alpha *= pose.alpha;
        self
    }

    /// A global point in the output's pixels.
    fn point(&self, point: Point<i32, Logical>) -> Point<i32, Physical> {
        let place: Point<i32, Physical> = (point - self.corner)
            .to_f64()
            .to_physical(self.scale)
            .to_i32_round();
        place + self.shift
    }

    /// The pixel of a place that is known to less than a logical one.
    pub(super) fn exact(&self, place: Point<f64, Logical>) -> Point<i32, Physical> {
        let from_corner = place - self.corner.to_f64();
        let pixel: Point<i32, Physical> = from_corner.to_physical(self.scale).to_i32_round();
        pixel + self.shift
    }

    /// A global rectangle in the output's pixels; its edges are rounded each, so that what touches
    /// logically touches on screen.
    pub(super) fn rect(&self, rect: Rectangle<i32, Logical>) -> Rectangle<i32, Physical> {
        let from = self.point(rect.loc);
        let to = self.point(rect.loc + rect.size.to_point());
        Rectangle::new(from, (to - from).to_size())
    }

    pub(super) fn length(&self, length: i32) -> i32 {
        (f64::from(length) * self.scale).round() as i32
    }
}

impl Compositor {
    /// What an output shows at a time.
    pub(crate) fn scene(&mut self, id: OutputId, cursor: bool, at: Duration) -> Scene {
        let Some(screen) = self.outputs.get(id) else {
            return Scene::default();
        };
        let view = View::of(screen);
        let size = screen.size();
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
        match self.shell.window_menu.clone() {
            Some(menu) if menu.output == id => self.push_window_menu(&mut elements, &menu, &view),
            Some(_) => {}
            None => self.painter.window_menu = None,
        }
        let covered = self.is_covered(id);
        self.push_layer_popups(&mut elements, id, &[Layer::Overlay], &view);
        self.push_layers(&mut elements, id, Layer::Overlay, &view);
        if !covered {
            self.push_layer_popups(&mut elements, id, &LAYERS_WITH_POPUPS_ABOVE, &view);
            self.push_layers(&mut elements, id, Layer::Top, &view);
        }
        self.push_windows(&mut elements, id, &view, at);
        self.push_layers(&mut elements, id, Layer::Bottom, &view);
        self.push_layers(&mut elements, id, Layer::Background, &view);
        let wallpaper = self.painter.wallpaper.element(id, size, &self.look);
        elements.extend(wallpaper.map(SceneElement::from));
        Scene {
            elements,
            scale: view.scale,
        }
    }

    fn push_layers(
        &mut self,
        elements: &mut Vec<SceneElement>,
        id: OutputId,
        which: Layer,
        view: &View,
    ) {
        let Some(screen) = self.outputs.get(id) else {
            return;
        };
        for (surface, at) in layers_on(screen, which) {
            let place = view.point(view.corner + at);
            let renderer = &mut self.painter.renderer;
            push_tree(renderer, elements, &surface, place, view, Kind::Unspecified);
        }
    }

    /// What hangs on layers: menus and tooltips.
    fn push_layer_popups(
        &mut self,
        elements: &mut Vec<SceneElement>,
        id: OutputId,
        which: &[Layer],
        view: &View,
    ) {
        let Some(screen) = self.outputs.get(id) else {
            return;
        };
        let layers = which.iter().flat_map(|layer| layers_on(screen, *layer));
        let layers: Vec<_> = layers.collect();
        for (surface, at) in layers {
            self.push_popups(elements, &surface, view.corner + at, view);
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

    fn push_windows(
        &mut self,
        elements: &mut Vec<SceneElement>,
        output: OutputId,
        view: &View,
        at: Duration,
    ) {
        let Some(screen) = self.outputs.get(output) else {
            return;
        };
        let (rect, width) = (screen.rect(), screen.size().w);
        self.push_ghosts(elements, output, None, view, at);
        let seen = self
            .shell
            .motions
            .workspaces(self.shell.workspace, width, at);
        let mut windows: Vec<(WindowId, View)> = Vec::new();
        for (workspace, shift) in seen {
            let mut view = *view;
            view.shift += shift;
            let there = self.shell.on_workspace(workspace).rev();
            // What slides out over an edge must not come in on the display beside.
            let here = |window: &&ManagedWindow| {
                shift == Point::default() || window.frame_rect(&self.look).overlaps(rect)
            };
            windows.extend(there.filter(here).map(|window| (window.id, view)));
        }
        let kept = |id: &WindowId| windows.iter().any(|(other, _)| other == id);
        let titlebars = &mut self.painter.titlebars;
        titlebars.retain(|id, other| other != output || kept(&id));
        self.painter.shadow_ids.retain(|id, _| kept(id));
        for (id, view) in windows {
            self.push_ghosts(elements, output, Some(id), &view, at);
            let Some(window) = self.shell.get(id) else {
                continue;
            };
            let mut view = view.posed(self.shell.motions.pose(id, at));
            // What is on the display beside throws no shadow over the edge.
            view.shadows = window.frame_rect(&self.look).overlaps(rect);
            if let Some(surface) = window.surface() {
                let position = window.position;
                self.push_popups(elements, &surface, position, &view);
            }
            self.push_window(elements, id, &view);
            let snap = self.shell.snap.filter(|snap| snap.window == id);
            elements.extend(snap.map(|snap| self.preview(&snap, &view).into()));
        }
    }

    /// Pictures of what is no more.
    fn push_ghosts(
        &self,
        elements: &mut Vec<SceneElement>,
        output: OutputId,
        above: Option<WindowId>,
        view: &View,
        at: Duration,
    ) {
        let ghosts = self.shell.motions.ghosts(output, above, at);
        elements.extend(ghosts.map(|(picture, pose)| {
            let view = view.posed(pose);
            picture.element(view.shift, view.alpha).into()
        }));
    }

    /// A window without its popups.
    pub(super) fn push_window(
        &mut self,
        elements: &mut Vec<SceneElement>,
        id: WindowId,
        view: &View,
    ) {
        let Some(window) = self.shell.get(id) else {
            return;
        };
        let Some(surface) = window.surface() else {
            return;
        };
        if window.has_frame() {
            self.push_framed(elements, id, &surface, view);
        } else {
            let place = view.point(window.surface_origin());
            let renderer = &mut self.painter.renderer;
            push_tree(renderer, elements, &surface, place, view, Kind::Unspecified);
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
        id: WindowId,
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
                view.alpha,
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
        let bar =
            painter
                .titlebars
                .element((id, view.output), bar, bar_place, look, &mut painter.text);
        elements.extend(bar.map(|mut bar| {
            bar.alpha = view.alpha;
            SceneElement::from(bar)
        }));

        if view.shadows && window.mode != Mode::Maximized {
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
                        alpha: view.alpha,
                    },
                }
                .into(),
            );
        }
    }
}

/// An output's surfaces on a layer and where they are on it, front first.
fn layers_on(screen: &Screen, which: Layer) -> Vec<(WlSurface, Point<i32, Logical>)> {
    let there = screen.layers.on(which);
    there
        .map(|(layer, at)| (layer.wl_surface().clone(), at))
        .collect()
}

/// Pushes a surface and its subsurfaces.
pub(super) fn push_tree(
    renderer: &mut SoftRenderer,
    elements: &mut Vec<SceneElement>,
    surface: &WlSurface,
    place: Point<i32, Physical>,
    view: &View,
    kind: Kind,
) {
    let tree: Vec<WaylandSurfaceRenderElement<SoftRenderer>> =
        render_elements_from_surface_tree(renderer, surface, place, view.scale, view.alpha, kind);
    elements.extend(tree.into_iter().map(SceneElement::from));
}
