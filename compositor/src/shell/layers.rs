//! Where the layers of a display are: panels, notifications, wallpapers.
//!
//! Those that keep an edge for themselves come first, from the overlay down, each at the edge of what
//! the ones before have left; the others are placed in what is left by them all, whichever came first.

use smithay::{
    desktop::LayerSurface,
    reexports::wayland_server::protocol::wl_surface::WlSurface,
    utils::{Logical, Point, Rectangle, Serial, Size},
    wayland::{
        compositor::with_states,
        shell::wlr_layer::{
            Anchor, ExclusiveZone, Layer, LayerSurfaceCachedState, LayerSurfaceData,
        },
    },
};

use super::configure::Unanswered;

/// From the front to the back.
const FRONT_FIRST: [Layer; 4] = [Layer::Overlay, Layer::Top, Layer::Bottom, Layer::Background];

/// No display, and nothing on one, is larger; sums of a few such lengths don't overflow.
const LONGEST: i32 = 1 << 24;

/// The layers of one display, in the order in which they came.
#[derive(Debug, Default)]
pub struct Layers {
    placed: Vec<Placed>,
    free: Rectangle<i32, Logical>,
}

#[derive(Debug)]
struct Placed {
    layer: LayerSurface,
    at: Point<i32, Logical>,
    /// It has said what it wants, and has not gone since.
    asked: bool,
    shown: bool,
    /// A display has waited for it in vain.
    late: bool,
    unanswered: Unanswered,
}

/// What a layer's commit means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerCommit {
    /// It says for the first time what it wants, and is to be told its size.
    pub asks: bool,
    /// It is shown from now on.
    pub appears: bool,
}

impl Layers {
    /// Adds a layer; its first commit says where it will be.
    pub fn add(&mut self, layer: LayerSurface) {
        self.placed.push(Placed {
            layer,
            at: Point::default(),
            asked: false,
            shown: false,
            late: false,
            unanswered: Unanswered::default(),
        });
    }

    /// Takes out those that `gone` says; whether there were any.
    pub fn remove(&mut self, gone: impl Fn(&LayerSurface) -> bool) -> bool {
        let before = self.placed.len();
        self.placed.retain(|placed| !gone(&placed.layer));
        self.placed.len() != before
    }

    /// All of them, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &LayerSurface> {
        self.placed.iter().map(|placed| &placed.layer)
    }

    /// Those that have something to show.
    pub fn shown(&self) -> impl Iterator<Item = &LayerSurface> {
        let shown = self.placed.iter().filter(|placed| placed.shown);
        shown.map(|placed| &placed.layer)
    }

    /// Those on one layer and where they begin on the display, the front first.
    pub fn on(&self, which: Layer) -> impl Iterator<Item = (&LayerSurface, Point<i32, Logical>)> {
        let there = self.placed.iter().rev();
        there
            .filter(move |placed| placed.layer.layer() == which)
            .map(|placed| (&placed.layer, placed.at))
    }

    /// The one whose surface this is, and where it begins on the display.
    pub fn of(&self, surface: &WlSurface) -> Option<(&LayerSurface, Point<i32, Logical>)> {
        let mut all = self.placed.iter();
        let placed = all.find(|placed| placed.layer.wl_surface() == surface)?;
        Some((&placed.layer, placed.at))
    }

    /// Takes note of a commit of a layer, which now has something to show or not.
    pub fn commit(&mut self, surface: &WlSurface, has_buffer: bool) -> Option<LayerCommit> {
        let mut all = self.placed.iter_mut();
        let placed = all.find(|placed| placed.layer.wl_surface() == surface)?;
        let had = std::mem::replace(&mut placed.shown, has_buffer);
        placed.late &= !placed.has_drawn();
        // One that takes its buffer away is as if it had just been made.
        let stays = has_buffer || !had;
        let asked = std::mem::replace(&mut placed.asked, stays);
        if !stays {
            forget_configures(surface);
        }
        Some(LayerCommit {
            asks: stays && !asked,
            appears: has_buffer && !had,
        })
    }

    /// Answers a layer's first commit. There is no other way to be shown, so it is never put off: one that goes has
    /// to answer before it can be shown, and go, again.
    pub fn configure_first(&mut self, surface: &WlSurface) {
        let mut all = self.placed.iter_mut();
        if let Some(placed) = all.find(|placed| placed.layer.wl_surface() == surface) {
            let serial = placed.layer.layer_surface().send_configure();
            placed.unanswered.sent(serial);
        }
    }

    /// A layer's client has answered: it is told the rest.
    pub fn answered(&mut self, surface: &WlSurface, serial: Serial) {
        let mut all = self.placed.iter_mut();
        if let Some(placed) = all.find(|placed| placed.layer.wl_surface() == surface) {
            placed.unanswered.answered(serial);
            placed.tell_size();
        }
    }

    /// Whether one has been told a size for which it has not drawn yet, as it will soon.
    pub fn await_answers(&self) -> bool {
        let mut shown = self.placed.iter().filter(|placed| placed.shown);
        shown.any(|placed| !placed.late && !placed.has_drawn())
    }

    /// Nobody waits any more for those that have not drawn yet.
    pub fn give_up(&mut self) {
        for placed in &mut self.placed {
            placed.late = !placed.has_drawn();
        }
    }

    /// What they leave of the display.
    pub fn free(&self) -> Rectangle<i32, Logical> {
        self.free
    }

    /// Places all of them on a display of this size, and tells those of their size that have to draw
    /// for another; whether what they leave has changed.
    pub fn arrange(&mut self, display: Size<i32, Logical>) -> bool {
        let before = self.free;
        let display = Rectangle::from_size(display);
        self.free = display;
        let asked = self.placed.iter_mut().filter(|placed| placed.asked);
        let mut all: Vec<_> = asked
            .map(|placed| (placed.layer.cached_state(), placed))
            .collect();
        // Those of the same rank stay in the order in which they came.
        all.sort_by_key(|(wish, _)| {
            let rank = FRONT_FIRST.iter().position(|layer| *layer == wish.layer);
            (kept_edge(wish).is_none(), rank)
        });
        for (wish, placed) in all {
            placed.place(&wish, display, &mut self.free);
        }
        self.free != before
    }
}

impl Placed {
    fn place(
        &mut self,
        wish: &LayerSurfaceCachedState,
        display: Rectangle<i32, Logical>,
        free: &mut Rectangle<i32, Logical>,
    ) {
        let within = match wish.exclusive_zone {
            ExclusiveZone::DontCare => display,
            ExclusiveZone::Neutral | ExclusiveZone::Exclusive(_) => *free,
        };
        let rect = place(wish, within);
        if let Some((edge, length)) = kept_edge(wish) {
            *free = edge.cut(*free, length);
        }
        self.at = rect.loc;
        let surface = self.layer.layer_surface();
        let size = Some(rect.size);
        surface.with_pending_state(|state| state.size = size);
        self.tell_size();
    }

    /// Whether what it shows is drawn for the size that it was told last.
    fn has_drawn(&self) -> bool {
        let surface = self.layer.layer_surface();
        let wanted = surface.with_pending_state(|state| state.size);
        !configured(&self.layer) || surface.current_state().size == wanted
    }

    /// Tells it a size that it doesn't know yet, unless it has too much to answer already.
    fn tell_size(&mut self) {
        // The first configure answers the first commit.
        if configured(&self.layer)
            && !self.unanswered.is_full()
            && let Some(serial) = self.layer.layer_surface().send_pending_configure()
        {
            self.unanswered.sent(serial);
        }
    }
}

/// Whether a layer was told a size before.
fn configured(layer: &LayerSurface) -> bool {
    with_states(layer.wl_surface(), |states| {
        let data = states.data_map.get::<LayerSurfaceData>();
        let data = data.and_then(|data| data.lock().ok());
        data.is_some_and(|data| data.initial_configure_sent)
    })
}

/// A layer that has gone is told its size anew when it asks for it.
fn forget_configures(surface: &WlSurface) {
    with_states(surface, |states| {
        let data = states.data_map.get::<LayerSurfaceData>();
        if let Some(mut data) = data.and_then(|data| data.lock().ok()) {
            data.initial_configure_sent = false;
            data.configured = false;
            data.server_pending = None;
            data.last_acked = None;
        }
    });
}

/// An edge of a display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Left,
    Right,
    Top,
    Bottom,
}

impl Edge {
    /// What is left of `area` when so much of it is cut off at this edge.
    fn cut(self, area: Rectangle<i32, Logical>, length: i32) -> Rectangle<i32, Logical> {
        let mut left = area;
        let across = match self {
            Edge::Left | Edge::Right => area.size.w,
            Edge::Top | Edge::Bottom => area.size.h,
        };
        let length = length.clamp(0, across);
        match self {
            Edge::Left | Edge::Right => left.size.w -= length,
            Edge::Top | Edge::Bottom => left.size.h -= length,
        }
        match self {
            Edge::Left => left.loc.x += length,
            Edge::Top => left.loc.y += length,
            Edge::Right | Edge::Bottom => {}
        }
        left
    }
}

/// The edge that a layer keeps for itself, and how much of it. It has to be anchored to that edge alone,
/// or to it and both beside it (`zwlr_layer_surface_v1.set_exclusive_zone`).
fn kept_edge(wish: &LayerSurfaceCachedState) -> Option<(Edge, i32)> {
    let ExclusiveZone::Exclusive(zone) = wish.exclusive_zone else {
        return None;
    };
    let (sides, ends) = (Anchor::LEFT | Anchor::RIGHT, Anchor::TOP | Anchor::BOTTOM);
    let alone = |along: Anchor, across: Anchor| match wish.anchor & along {
        none if none.is_empty() => Some(wish.anchor & across),
        both if both == along => Some(wish.anchor & across),
        _ => None,
    };
    let edge = match (alone(sides, ends), alone(ends, sides)) {
        (Some(Anchor::TOP), _) => Edge::Top,
        (Some(Anchor::BOTTOM), _) => Edge::Bottom,
        (_, Some(Anchor::LEFT)) => Edge::Left,
        (_, Some(Anchor::RIGHT)) => Edge::Right,
        _ => return None,
    };
    let margin = match edge {
        Edge::Left => wish.margin.left,
        Edge::Right => wish.margin.right,
        Edge::Top => wish.margin.top,
        Edge::Bottom => wish.margin.bottom,
    };
    let zone = i32::try_from(zone).unwrap_or(i32::MAX);
    Some((edge, zone.saturating_add(margin)))
}

/// Where a layer is within an area.
fn place(
    wish: &LayerSurfaceCachedState,
    within: Rectangle<i32, Logical>,
) -> Rectangle<i32, Logical> {
    let has = |edge| wish.anchor.contains(edge);
    let (x, w) = along(
        (within.loc.x, within.size.w),
        wish.size.w,
        (has(Anchor::LEFT), has(Anchor::RIGHT)),
        (wish.margin.left, wish.margin.right),
    );
    let (y, h) = along(
        (within.loc.y, within.size.h),
        wish.size.h,
        (has(Anchor::TOP), has(Anchor::BOTTOM)),
        (wish.margin.top, wish.margin.bottom),
    );
    Rectangle::new((x, y).into(), (w, h).into())
}

/// The same in one direction: where it begins, and how long it is. One of no length of its own is as long
/// as there is room between the margins; one at neither end or at both is in the middle.
fn along(
    (start, room): (i32, i32),
    length: i32,
    anchored: (bool, bool),
    margins: (i32, i32),
) -> (i32, i32) {
    let tame = |length: i32| length.clamp(-LONGEST, LONGEST);
    let (length, margins) = (tame(length), (tame(margins.0), tame(margins.1)));
    if length <= 0 {
        return (start + margins.0, (room - margins.0 - margins.1).max(1));
    }
    let offset = match anchored {
        (true, false) => margins.0,
        (false, true) => room - length - margins.1,
        (true, true) | (false, false) => (room - length) / 2,
    };
    (start + offset, length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use smithay::wayland::shell::wlr_layer::Margins;

    /// What a layer of 100 by 50 asks for.
    fn wish(anchor: Anchor, zone: i32) -> LayerSurfaceCachedState {
        LayerSurfaceCachedState {
            size: (100, 50).into(),
            anchor,
            exclusive_zone: zone.into(),
            margin: Margins {
                left: 1,
                right: 2,
                top: 3,
                bottom: 4,
            },
            ..LayerSurfaceCachedState::default()
        }
    }

    fn area() -> Rectangle<i32, Logical> {
        Rectangle::new((10, 20).into(), (800, 600).into())
    }

    fn placed(wish: &LayerSurfaceCachedState) -> (i32, i32, i32, i32) {
        let rect = place(wish, area());
        (rect.loc.x, rect.loc.y, rect.size.w, rect.size.h)
    }

    #[test]
    fn margins_count_at_the_edge_that_a_layer_is_at() {
        let none = Anchor::empty();
        assert_eq!(placed(&wish(none, 0)), (360, 295, 100, 50));
        let corner = Anchor::LEFT | Anchor::TOP;
        assert_eq!(placed(&wish(corner, 0)), (11, 23, 100, 50));
        let corner = Anchor::RIGHT | Anchor::BOTTOM;
        assert_eq!(placed(&wish(corner, 0)), (708, 566, 100, 50));
    }

    #[test]
    fn a_layer_stretches_between_edges_only_where_it_has_no_size() {
        let mut panel = wish(Anchor::all(), 0);
        assert_eq!(placed(&panel), (360, 295, 100, 50));
        panel.size = (0, 50).into();
        assert_eq!(placed(&panel), (11, 295, 797, 50));
        panel.size = (0, 0).into();
        assert_eq!(placed(&panel), (11, 23, 797, 593));
    }

    #[test]
    fn a_zone_counts_at_one_edge() {
        let (sides, ends) = (Anchor::LEFT | Anchor::RIGHT, Anchor::TOP | Anchor::BOTTOM);
        let kept = |anchor| kept_edge(&wish(anchor, 30));
        assert_eq!(kept(Anchor::TOP), Some((Edge::Top, 33)));
        assert_eq!(kept(Anchor::TOP | sides), Some((Edge::Top, 33)));
        assert_eq!(kept(Anchor::BOTTOM | sides), Some((Edge::Bottom, 34)));
        assert_eq!(kept(Anchor::LEFT), Some((Edge::Left, 31)));
        assert_eq!(kept(Anchor::RIGHT | ends), Some((Edge::Right, 32)));
        for nowhere in [
            Anchor::empty(),
            Anchor::TOP | Anchor::LEFT,
            sides,
            ends,
            Anchor::all(),
        ] {
            assert_eq!(kept(nowhere), None, "{nowhere:?}");
        }
        assert_eq!(kept_edge(&wish(Anchor::TOP, 0)), None);
        assert_eq!(kept_edge(&wish(Anchor::TOP, -1)), None);
    }

    #[test]
    fn no_number_is_too_large() {
        for number in [i32::MIN, -1, i32::MAX] {
            for anchor in [Anchor::empty(), Anchor::BOTTOM, Anchor::all()] {
                let mut layer = wish(anchor, number);
                layer.size = (number.max(0), number.max(0)).into();
                layer.margin.bottom = number;
                layer.margin.right = number;
                let rect = place(&layer, area());
                assert!(rect.size.w > 0 && rect.size.h > 0);
                if let Some((edge, length)) = kept_edge(&layer) {
                    assert!(area().contains_rect(edge.cut(area(), length)));
                }
            }
        }
    }
}
