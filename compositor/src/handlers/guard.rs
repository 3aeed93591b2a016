//! Requests with numbers that Smithay believes and must not: they pass here first.
//!
//! A size that is not positive covers nothing, so what it is for is left out; where the protocol has
//! an error for it, that is posted.

use smithay::{
    reexports::wayland_protocols::xdg::shell::server::{
        xdg_popup::XdgPopup,
        xdg_positioner::{self, XdgPositioner},
        xdg_surface::{self, XdgSurface},
        xdg_toplevel::{self, XdgToplevel},
        xdg_wm_base::{self, XdgWmBase},
    },
    reexports::wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, Resource, WEnum,
        backend::ClientId,
        delegate_dispatch, delegate_global_dispatch,
        protocol::{
            wl_buffer::WlBuffer,
            wl_callback::WlCallback,
            wl_compositor::WlCompositor,
            wl_output,
            wl_region::{self, WlRegion},
            wl_shm::{self, WlShm},
            wl_shm_pool::{self, WlShmPool},
            wl_subcompositor::WlSubcompositor,
            wl_surface::{self, WlSurface},
        },
    },
    wayland::{
        compositor::{
            BufferAssignment, CompositorState, RegionUserData, SurfaceAttributes, SurfaceUserData,
            get_role, with_states,
        },
        shell::xdg::{
            XDG_POPUP_ROLE, XDG_TOPLEVEL_ROLE, XdgPositionerUserData, XdgShellState,
            XdgShellSurfaceUserData, XdgSurfaceUserData, XdgWmBaseUserData,
        },
        shm::{ShmBufferUserData, ShmPoolUserData, ShmState},
    },
};

use super::{subsurface, surface::has_buffer};
use crate::state::Compositor;

/// Sides and corners beyond this are no surface's: sums of two stay within 32 bits.
const FARTHEST: i32 = 1 << 29;

/// A rectangle that covers something, cut to what a surface can be.
fn sane(x: i32, y: i32, width: i32, height: i32) -> Option<(i32, i32, i32, i32)> {
    let covers = width > 0 && height > 0;
    covers.then(|| (near(x), near(y), near(width), near(height)))
}

impl Dispatch<WlSurface, SurfaceUserData> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        surface: &WlSurface,
        request: wl_surface::Request,
        data: &SurfaceUserData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        use wl_surface::Request;
        let request = match request {
            Request::Damage {
                x,
                y,
                width,
                height,
            } => match sane(x, y, width, height) {
                Some((x, y, width, height)) => Request::Damage {
                    x,
                    y,
                    width,
                    height,
                },
                None => return,
            },
            Request::DamageBuffer {
                x,
                y,
                width,
                height,
            } => match sane(x, y, width, height) {
                Some((x, y, width, height)) => Request::DamageBuffer {
                    x,
                    y,
                    width,
                    height,
                },
                None => return,
            },
            Request::SetBufferTransform {
                transform: WEnum::Value(transform),
            } => Request::SetBufferTransform {
                transform: WEnum::Value(as_smithay_turns(transform)),
            },
            Request::Commit => {
                subsurface::take_places(surface);
                state.commit_comes(surface);
                request
            }
            Request::Destroy => {
                state.protocols.fields.surface_goes(surface);
                request
            }
            other => other,
        };
        <CompositorState as Dispatch<_, _, Self>>::request(
            state, client, surface, request, data, display, init,
        );
    }

    fn destroyed(state: &mut Self, client: ClientId, surface: &WlSurface, data: &SurfaceUserData) {
        <CompositorState as Dispatch<_, _, Self>>::destroyed(state, client, surface, data);
    }
}

/// Smithay turns clockwise where the protocol says counter-clockwise.
fn as_smithay_turns(transform: wl_output::Transform) -> wl_output::Transform {
    use wl_output::Transform;
    match transform {
        Transform::_90 => Transform::_270,
        Transform::_270 => Transform::_90,
        Transform::Flipped90 => Transform::Flipped270,
        Transform::Flipped270 => Transform::Flipped90,
        itself => itself,
    }
}

impl Dispatch<WlRegion, RegionUserData> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        region: &WlRegion,
        request: wl_region::Request,
        data: &RegionUserData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        use wl_region::Request;
        let request = match request {
            Request::Add {
                x,
                y,
                width,
                height,
            } => match sane(x, y, width, height) {
                Some((x, y, width, height)) => Request::Add {
                    x,
                    y,
                    width,
                    height,
                },
                None => return,
            },
            Request::Subtract {
                x,
                y,
                width,
                height,
            } => match sane(x, y, width, height) {
                Some((x, y, width, height)) => Request::Subtract {
                    x,
                    y,
                    width,
                    height,
                },
                None => return,
            },
            other => other,
        };
        <CompositorState as Dispatch<_, _, Self>>::request(
            state, client, region, request, data, display, init,
        );
    }
}

/// A place cut to where surfaces can be.
pub(super) fn near(at: i32) -> i32 {
    at.clamp(-FARTHEST, FARTHEST)
}

impl Dispatch<XdgPositioner, XdgPositionerUserData> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        positioner: &XdgPositioner,
        request: xdg_positioner::Request,
        data: &XdgPositionerUserData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        use xdg_positioner::Request;
        let request = match request {
            Request::SetSize { width, height } => Request::SetSize {
                width: near(width),
                height: near(height),
            },
            Request::SetAnchorRect {
                x,
                y,
                width,
                height,
            } => Request::SetAnchorRect {
                x: near(x),
                y: near(y),
                // An anchor may be a point or a line, which Smithay doesn't have.
                width: near(if width == 0 { 1 } else { width }),
                height: near(if height == 0 { 1 } else { height }),
            },
            Request::SetOffset { x, y } => Request::SetOffset {
                x: near(x),
                y: near(y),
            },
            Request::SetParentSize {
                parent_width,
                parent_height,
            } => {
                if parent_width < 0 || parent_height < 0 {
                    positioner.post_error(
                        xdg_positioner::Error::InvalidInput,
                        "a parent's size is not negative",
                    );
                    return;
                }
                Request::SetParentSize {
                    parent_width: near(parent_width),
                    parent_height: near(parent_height),
                }
            }
            other => other,
        };
        <XdgShellState as Dispatch<_, _, Self>>::request(
            state, client, positioner, request, data, display, init,
        );
    }
}

impl Dispatch<XdgWmBase, XdgWmBaseUserData> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        base: &XdgWmBase,
        request: xdg_wm_base::Request,
        data: &XdgWmBaseUserData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let xdg_wm_base::Request::GetXdgSurface { surface, .. } = &request {
            if get_role(surface)
                .is_some_and(|role| role != XDG_TOPLEVEL_ROLE && role != XDG_POPUP_ROLE)
            {
                base.post_error(xdg_wm_base::Error::Role, "the surface has another role");
            } else if holds_buffer(surface) {
                let error = xdg_wm_base::Error::InvalidSurfaceState;
                base.post_error(error, "the surface has a buffer already");
            }
        }
        <XdgShellState as Dispatch<_, _, Self>>::request(
            state, client, base, request, data, display, init,
        );
    }

    fn destroyed(state: &mut Self, client: ClientId, base: &XdgWmBase, data: &XdgWmBaseUserData) {
        <XdgShellState as Dispatch<_, _, Self>>::destroyed(state, client, base, data);
    }
}

/// Whether a buffer was attached to a surface, committed or not.
fn holds_buffer(surface: &WlSurface) -> bool {
    let attached = with_states(surface, |states| {
        let mut attributes = states.cached_state.get::<SurfaceAttributes>();
        matches!(
            attributes.pending().buffer,
            Some(BufferAssignment::NewBuffer(_))
        )
    });
    attached || has_buffer(surface)
}

impl Dispatch<XdgSurface, XdgSurfaceUserData> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        surface: &XdgSurface,
        request: xdg_surface::Request,
        data: &XdgSurfaceUserData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        use xdg_surface::Request;
        let request = match request {
            Request::SetWindowGeometry {
                x,
                y,
                width,
                height,
            } => Request::SetWindowGeometry {
                x: near(x),
                y: near(y),
                width: near(width),
                height: near(height),
            },
            other => other,
        };
        <XdgShellState as Dispatch<_, _, Self>>::request(
            state, client, surface, request, data, display, init,
        );
    }

    fn destroyed(
        state: &mut Self,
        client: ClientId,
        surface: &XdgSurface,
        data: &XdgSurfaceUserData,
    ) {
        <XdgShellState as Dispatch<_, _, Self>>::destroyed(state, client, surface, data);
    }
}

impl Dispatch<XdgToplevel, XdgShellSurfaceUserData> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        toplevel: &XdgToplevel,
        request: xdg_toplevel::Request,
        data: &XdgShellSurfaceUserData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        use xdg_toplevel::Request;
        if let Request::SetMinSize { width, height } | Request::SetMaxSize { width, height } =
            request
            && (width < 0 || height < 0)
        {
            let error = xdg_toplevel::Error::InvalidSize;
            toplevel.post_error(error, "a size is not negative");
            return;
        }
        <XdgShellState as Dispatch<_, _, Self>>::request(
            state, client, toplevel, request, data, display, init,
        );
    }

    fn destroyed(
        state: &mut Self,
        client: ClientId,
        toplevel: &XdgToplevel,
        data: &XdgShellSurfaceUserData,
    ) {
        <XdgShellState as Dispatch<_, _, Self>>::destroyed(state, client, toplevel, data);
    }
}

impl Dispatch<WlShmPool, ShmPoolUserData> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        pool: &WlShmPool,
        request: wl_shm_pool::Request,
        data: &ShmPoolUserData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if matches!(request, wl_shm_pool::Request::Resize { size } if size <= 0) {
            pool.post_error(wl_shm::Error::InvalidFd, "a pool's size is positive");
            return;
        }
        <ShmState as Dispatch<_, _, Self>>::request(
            state, client, pool, request, data, display, init,
        );
    }
}

delegate_global_dispatch!(Compositor: [WlShm: ()] => ShmState);
delegate_dispatch!(Compositor: [WlShm: ()] => ShmState);
delegate_dispatch!(Compositor: [WlBuffer: ShmBufferUserData] => ShmState);
delegate_global_dispatch!(Compositor: [XdgWmBase: ()] => XdgShellState);
delegate_dispatch!(Compositor: [XdgPopup: XdgShellSurfaceUserData] => XdgShellState);
delegate_global_dispatch!(Compositor: [WlCompositor: ()] => CompositorState);
delegate_global_dispatch!(Compositor: [WlSubcompositor: ()] => CompositorState);
delegate_dispatch!(Compositor: [WlCompositor: ()] => CompositorState);
delegate_dispatch!(Compositor: [WlCallback: ()] => CompositorState);
