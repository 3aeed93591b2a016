//! What is under a point: layers, windows, frames, edges, in the order they are drawn.

use smithay::{
    desktop::{LayerSurface, WindowSurfaceType},
    reexports::wayland_server::protocol::wl_surface::WlSurface,
    utils::{Logical, Point},
    wayland::shell::wlr_layer::{KeyboardInteractivity, Layer},
};

use super::{Edges, FrameButton, FrameLayout, ManagedWindow, Mode, WindowId};
use crate::{
    handlers::has_buffer,
    output::{OutputId, Screen},
    state::Compositor,
};

/// How far outside a frame its edges can be grabbed.
const EDGE: i32 = 8;
/// How far along an edge its corner reaches.
const CORNER: i32 = 20;
/// Layers whose menus and tooltips are above windows, wherever they are themselves: a panel at the
/// bottom would open its menus behind what is being used.
pub(crate) const LAYERS_WITH_POPUPS_ABOVE: [Layer; 3] =
    [Layer::Top, Layer::Bottom, Layer::Background];

/// What is under a point.
#[derive(Debug, Clone)]
pub enum Hit {
    /// A client's surface, and where its origin is.
    Surface {
        /// The surface.
        surface: WlSurface,
        /// Its origin in the global space.
        origin: Point<f64, Logical>,
        /// The window it belongs to, if it is no layer's.
        window: Option<WindowId>,
        /// The layer it belongs to, if it is no window's.
        layer: Option<LayerSurface>,
    },
    /// What a locked session shows.
    Lock {
        /// The surface.
        surface: WlSurface,
        /// Its origin in the global space.
        origin: Point<f64, Logical>,
    },
    /// A window's title bar, or one of its buttons.
    Title(WindowId, Option<FrameButton>),
    /// The border that resizes a window.
    Edge(WindowId, Edges),
    /// The menu of a window.
    Menu,
    /// The wallpaper.
    Desktop,
}

impl Compositor {
    /// What is under `point`.
    pub fn hit(&self, point: Point<f64, Logical>) -> Hit {
        if self.is_locked() {
            let hit = self.lock_surface_at(point);
            return hit.map_or(Hit::Desktop, |(surface, origin)| Hit::Lock {
                surface,
                origin,
            });
        }
        let menu = self.shell.window_menu.as_ref();
        if menu.is_some_and(|menu| menu.rect.to_f64().contains(point)) {
            return Hit::Menu;
        }
        let screen = self.outputs.at(point);
        let covered = screen.is_some_and(|screen| self.is_covered(screen.id));
        let layers = |layers: &[Layer], part| self.hit_layers(screen, layers, part, point);
        let (all, popups) = (WindowSurfaceType::ALL, WindowSurfaceType::POPUP);
        layers(&[Layer::Overlay], all)
            .or_else(|| {
                let above = layers(&LAYERS_WITH_POPUPS_ABOVE, popups);
                let above = above.or_else(|| layers(&[Layer::Top], all));
                above.filter(|_| !covered)
            })
            .or_else(|| self.hit_windows(point))
            .or_else(|| layers(&[Layer::Bottom, Layer::Background], all))
            .unwrap_or(Hit::Desktop)
    }

    /// Whether a fullscreen window is above the panels of an output: the topmost one on it.
    pub(crate) fn is_covered(&self, id: OutputId) -> bool {
        let here = |window: &&ManagedWindow| {
            let on = self.outputs.most_on(window.rect());
            on.is_some_and(|screen| screen.id == id)
        };
        let top = self.shell.visible().rev().find(here);
        top.is_some_and(|top| top.mode == Mode::Fullscreen)
    }

    fn hit_layers(
        &self,
        screen: Option<&Screen>,
        layers: &[Layer],
        part: WindowSurfaceType,
        point: Point<f64, Logical>,
    ) -> Option<Hit> {
        let screen = screen?;
        let corner = screen.rect().loc.to_f64();
        let there = layers.iter().flat_map(|which| screen.layers.on(*which));
        for (layer, at) in there {
            let origin = corner + at.to_f64();
            if let Some((surface, offset)) = layer.surface_under(point - origin, part) {
                return Some(Hit::Surface {
                    surface,
                    origin: origin + offset.to_f64(),
                    window: None,
                    layer: Some(layer.clone()),
                });
            }
        }
        None
    }

    fn hit_windows(&self, point: Point<f64, Logical>) -> Option<Hit> {
        for window in self.shell.visible().rev() {
            let origin = window.surface_origin().to_f64();
            if let Some((surface, offset)) = window
                .window
                .surface_under(point - origin, WindowSurfaceType::ALL)
            {
                return Some(Hit::Surface {
                    surface,
                    origin: origin + offset.to_f64(),
                    window: Some(window.id),
                    layer: None,
                });
            }
            if !window.has_frame() {
                continue;
            }
            let frame = window.frame_rect(&self.look);
            let inside = point - frame.loc.to_f64();
            let layout = FrameLayout::new(frame.size.w, &self.look);
            if layout.bar.to_f64().contains(inside) {
                return Some(Hit::Title(window.id, layout.button_at(inside)));
            }
            if window.mode == Mode::Floating
                && let Some(edges) = edges_at(point.to_i32_floor(), frame)
            {
                return Some(Hit::Edge(window.id, edges));
            }
        }
        None
    }

    /// The layer surface that takes all keys, if one is shown.
    pub(crate) fn exclusive_layer(&self) -> Option<WlSurface> {
        self.outputs.iter().find_map(|screen| {
            let top = screen.layers.on(Layer::Top);
            let mut layers = screen.layers.on(Layer::Overlay).chain(top);
            layers
                .find(|(layer, _)| {
                    layer.cached_state().keyboard_interactivity == KeyboardInteractivity::Exclusive
                        && has_buffer(layer.wl_surface())
                })
                .map(|(layer, _)| layer.wl_surface().clone())
        })
    }

    /// Where a surface's origin is, if it is a window's or layer's root.
    pub(crate) fn surface_origin(&self, surface: &WlSurface) -> Option<Point<f64, Logical>> {
        if let Some(window) = self.shell.by_surface(surface) {
            return Some(window.surface_origin().to_f64());
        }
        self.outputs.iter().find_map(|screen| {
            let (_, at) = screen.layers.of(surface)?;
            Some((screen.rect().loc + at).to_f64())
        })
    }
}

/// Which edges of `frame` a point outside it, but near, belongs to.
fn edges_at(
    point: Point<i32, Logical>,
    frame: smithay::utils::Rectangle<i32, Logical>,
) -> Option<Edges> {
    let right = frame.loc.x + frame.size.w;
    let bottom = frame.loc.y + frame.size.h;
    let near = point.x >= frame.loc.x - EDGE
        && point.x < right + EDGE
        && point.y >= frame.loc.y - EDGE
        && point.y < bottom + EDGE;
    if !near || frame.contains(point) {
        return None;
    }
    let on_side = point.x < frame.loc.x || point.x >= right;
    let on_end = point.y < frame.loc.y || point.y >= bottom;
    Some(Edges {
        left: point.x < frame.loc.x + if on_end { CORNER } else { 0 },
        right: point.x >= right - if on_end { CORNER } else { 0 },
        top: point.y < frame.loc.y + if on_side { CORNER } else { 0 },
        bottom: point.y >= bottom - if on_side { CORNER } else { 0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use smithay::utils::Rectangle;

    fn edges(x: i32, y: i32) -> Option<(bool, bool, bool, bool)> {
        let frame = Rectangle::new((100, 100).into(), (300, 200).into());
        edges_at((x, y).into(), frame)
            .map(|edges| (edges.left, edges.right, edges.top, edges.bottom))
    }

    #[test]
    fn edges_and_corners_lie_around_the_frame() {
        assert_eq!(edges(150, 150), None, "inside");
        assert_eq!(edges(80, 150), None, "far");
        assert_eq!(edges(95, 200), Some((true, false, false, false)));
        assert_eq!(edges(403, 200), Some((false, true, false, false)));
        assert_eq!(edges(200, 303), Some((false, false, false, true)));
        assert_eq!(
            edges(95, 295),
            Some((true, false, false, true)),
            "corner along the side"
        );
        assert_eq!(
            edges(390, 95),
            Some((false, true, true, false)),
            "corner along the top"
        );
    }
}
