//! Where subsurfaces are.
//!
//! A place takes effect with the parent's next commit, and with all else that the parent committed
//! (`wl_subsurface.set_position`). Smithay has it take effect with the subsurface's own; so it is kept
//! from it until then.
//!
//! Smithay walks trees of surfaces by recursion, so they are only let grow so deep.

use std::sync::{Mutex, PoisonError};

use smithay::{
    reexports::wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, Resource,
        backend::ClientId,
        protocol::{
            wl_subcompositor::{self, WlSubcompositor},
            wl_subsurface::{self, WlSubsurface},
            wl_surface::WlSurface,
        },
    },
    utils::{Logical, Point},
    wayland::compositor::{
        CompositorState, SubsurfaceCachedState, SubsurfaceUserData, get_children, get_parent,
        with_states,
    },
};

use super::guard::near;
use crate::state::Compositor;

/// So many surfaces hang on each other; toolkits nest two or three.
pub(super) const DEEPEST: usize = 64;

/// The place that a subsurface has, and those that it is to have.
#[derive(Debug, Default)]
struct Places {
    current: Option<Point<i32, Logical>>,
    /// With its parent's next commit.
    next: Option<Point<i32, Logical>>,
    /// With what its parent committed last, which is not in effect yet if the parent waits for its own
    /// parent.
    committed: Option<Point<i32, Logical>>,
}

/// Does something with a subsurface's places.
fn with_places<T>(subsurface: &WlSurface, act: impl FnOnce(&mut Places) -> T) -> T {
    with_states(subsurface, |states| {
        let places = states
            .data_map
            .get_or_insert_threadsafe(Mutex::<Places>::default);
        act(&mut places.lock().unwrap_or_else(PoisonError::into_inner))
    })
}

/// A surface is being committed, and its subsurfaces' places with it.
pub(super) fn take_places(parent: &WlSurface) {
    for child in get_children(parent) {
        with_places(&child, |places| {
            places.committed = places.next.take().or(places.committed);
        });
    }
}

/// What a surface has committed takes effect: its subsurfaces are put in place. So is it itself, as
/// what it committed before may bring back an old place.
pub(super) fn put_in_place(surface: &WlSurface) {
    for child in get_children(surface) {
        let moves = with_places(&child, |places| {
            let committed = places.committed.take();
            places.current = committed.or(places.current);
            committed.is_some()
        });
        if moves {
            keep_in_place(&child);
        }
    }
    keep_in_place(surface);
}

fn keep_in_place(surface: &WlSurface) {
    let Some(place) = with_places(surface, |places| places.current) else {
        return;
    };
    with_states(surface, |states| {
        let mut cached = states.cached_state.get::<SubsurfaceCachedState>();
        cached.pending().location = place;
        cached.current().location = place;
    });
}

/// How many surfaces there are from a root down to this one.
fn depth(surface: &WlSurface) -> usize {
    std::iter::successors(Some(surface.clone()), get_parent).count()
}

/// How many surfaces there are from this one down to the deepest of its tree.
fn height(surface: &WlSurface) -> usize {
    let below = |level: &Vec<WlSurface>| {
        let below: Vec<_> = level.iter().flat_map(get_children).collect();
        (!below.is_empty()).then_some(below)
    };
    std::iter::successors(Some(vec![surface.clone()]), below).count()
}

impl Dispatch<WlSubcompositor, ()> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        subcompositor: &WlSubcompositor,
        request: wl_subcompositor::Request,
        data: &(),
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let wl_subcompositor::Request::GetSubsurface {
            surface, parent, ..
        } = &request
            && depth(parent) + height(surface) > DEEPEST
        {
            let error = wl_subcompositor::Error::BadParent;
            subcompositor.post_error(error, "surfaces are nested too deep");
            return;
        }
        <CompositorState as Dispatch<_, _, Self>>::request(
            state,
            client,
            subcompositor,
            request,
            data,
            display,
            init,
        );
    }
}

impl Dispatch<WlSubsurface, SubsurfaceUserData> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        subsurface: &WlSubsurface,
        request: wl_subsurface::Request,
        data: &SubsurfaceUserData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        use wl_subsurface::Request;
        match &request {
            Request::SetPosition { x, y } => {
                let place = (near(*x), near(*y)).into();
                with_places(data.surface(), |places| places.next = Some(place));
                return;
            }
            Request::PlaceAbove { sibling } | Request::PlaceBelow { sibling }
                if sibling == data.surface() =>
            {
                subsurface.post_error(
                    wl_subsurface::Error::BadSurface,
                    "a surface is not above or below itself",
                );
                return;
            }
            _ => {}
        }
        <CompositorState as Dispatch<_, _, Self>>::request(
            state, client, subsurface, request, data, display, init,
        );
    }

    fn destroyed(
        state: &mut Self,
        client: ClientId,
        subsurface: &WlSubsurface,
        data: &SubsurfaceUserData,
    ) {
        <CompositorState as Dispatch<_, _, Self>>::destroyed(state, client, subsurface, data);
    }
}
