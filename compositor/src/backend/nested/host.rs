//! The other side of the nested backend: what the host says to its client, which is us.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, WEnum, delegate_noop,
    protocol::{
        wl_buffer::{self, WlBuffer},
        wl_callback::{self, WlCallback},
        wl_compositor::WlCompositor,
        wl_keyboard::{self, WlKeyboard},
        wl_pointer::{self, Axis, WlPointer},
        wl_registry::{self, WlRegistry},
        wl_seat::{self, WlSeat},
        wl_shm::WlShm,
        wl_shm_pool::WlShmPool,
        wl_surface::WlSurface,
    },
};
use wayland_protocols::xdg::{
    decoration::zv1::client::{
        zxdg_decoration_manager_v1::ZxdgDecorationManagerV1,
        zxdg_toplevel_decoration_v1::{Mode, ZxdgToplevelDecorationV1},
    },
    shell::client::{
        xdg_surface::{self, XdgSurface},
        xdg_toplevel::{self, XdgToplevel},
        xdg_wm_base::{self, XdgWmBase},
    },
};

use crate::input::{InputEvent, ScrollFrame};

/// What the compositor has to know of what the host said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Said {
    /// All globals are known.
    Globals,
    /// The window has this size; it is told at least once, before anything is shown.
    Configured(Option<(i32, i32)>),
    /// The frame of that number is on screen.
    Shown(u64),
    /// A buffer came back.
    Released,
    /// Somebody did something in the window.
    Input(InputEvent),
    /// The keyboard went elsewhere: whatever was held is let go.
    KeyboardLeft,
    /// The window is to close.
    Close,
}

/// Which callback a `WlCallback` is.
#[derive(Debug)]
pub(super) enum Callback {
    Globals,
    Frame(u64),
}

/// The window in the host, once there is one.
#[derive(Debug)]
pub(super) struct HostWindow {
    pub(super) surface: WlSurface,
    pub(super) xdg: XdgSurface,
    pub(super) toplevel: XdgToplevel,
}

/// The host's objects, and what it said that was not yet acted on.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) said: Vec<Said>,
    pub(super) shm: Option<WlShm>,
    pub(super) window: Option<HostWindow>,
    /// The window's size, to make shares of pointer positions.
    pub(super) size: (i32, i32),
    compositor: Option<WlCompositor>,
    shell: Option<XdgWmBase>,
    decorations: Option<ZxdgDecorationManagerV1>,
    seat: Option<WlSeat>,
    pointer: Option<WlPointer>,
    keyboard: Option<WlKeyboard>,
    /// The size that the coming configure event makes valid.
    asked: Option<(i32, i32)>,
    axes: ScrollFrame,
}

impl Host {
    /// Opens the window; what the host lacks for it is the error.
    pub(super) fn open(&mut self, queue: &QueueHandle<Self>) -> Result<(), &'static str> {
        let compositor = self.compositor.as_ref().ok_or("wl_compositor")?;
        let shell = self.shell.as_ref().ok_or("xdg_wm_base")?;
        self.shm.as_ref().ok_or("wl_shm")?;
        let surface = compositor.create_surface(queue, ());
        let xdg = shell.get_xdg_surface(&surface, queue, ());
        let toplevel = xdg.get_toplevel(queue, ());
        toplevel.set_title("Ochre".into());
        toplevel.set_app_id("ochre-compositor".into());
        toplevel.set_min_size(320, 240);
        if let Some(decorations) = &self.decorations {
            decorations
                .get_toplevel_decoration(&toplevel, queue, ())
                .set_mode(Mode::ServerSide);
        }
        surface.commit();
        self.window = Some(HostWindow {
            surface,
            xdg,
            toplevel,
        });
        Ok(())
    }

    fn input(&mut self, event: InputEvent) {
        self.said.push(Said::Input(event));
    }

    fn pointer_at(&mut self, x: f64, y: f64) {
        let share = |at: f64, whole: i32| (at / f64::from(whole.max(1))).clamp(0.0, 1.0);
        self.input(InputEvent::MotionAbsolute {
            x: share(x, self.size.0),
            y: share(y, self.size.1),
        });
    }
}

impl Dispatch<WlRegistry, ()> for Host {
    fn event(
        host: &mut Self,
        registry: &WlRegistry,
        event: wl_registry::Event,
        (): &(),
        _: &Connection,
        queue: &QueueHandle<Self>,
    ) {
        let wl_registry::Event::Global {
            name,
            interface,
            version,
        } = event
        else {
            return;
        };
        let is = |wanted: &wayland_client::backend::protocol::Interface| interface == wanted.name;
        if is(WlCompositor::interface()) {
            host.compositor = Some(registry.bind(name, version.min(4), queue, ()));
        } else if is(WlShm::interface()) {
            host.shm = Some(registry.bind(name, 1, queue, ()));
        } else if is(XdgWmBase::interface()) {
            host.shell = Some(registry.bind(name, 1, queue, ()));
        } else if is(ZxdgDecorationManagerV1::interface()) {
            host.decorations = Some(registry.bind(name, 1, queue, ()));
        } else if is(WlSeat::interface()) && host.seat.is_none() {
            host.seat = Some(registry.bind(name, version.min(8), queue, ()));
        }
    }
}

impl Dispatch<WlCallback, Callback> for Host {
    fn event(
        host: &mut Self,
        _: &WlCallback,
        _: wl_callback::Event,
        which: &Callback,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        host.said.push(match which {
            Callback::Globals => Said::Globals,
            Callback::Frame(number) => Said::Shown(*number),
        });
    }
}

impl Dispatch<WlBuffer, Arc<AtomicBool>> for Host {
    fn event(
        host: &mut Self,
        _: &WlBuffer,
        event: wl_buffer::Event,
        busy: &Arc<AtomicBool>,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_buffer::Event::Release = event {
            busy.store(false, Ordering::Release);
            host.said.push(Said::Released);
        }
    }
}

impl Dispatch<XdgWmBase, ()> for Host {
    fn event(
        _: &mut Self,
        shell: &XdgWmBase,
        event: xdg_wm_base::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_wm_base::Event::Ping { serial } = event {
            shell.pong(serial);
        }
    }
}

impl Dispatch<XdgToplevel, ()> for Host {
    fn event(
        host: &mut Self,
        _: &XdgToplevel,
        event: xdg_toplevel::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            xdg_toplevel::Event::Configure { width, height, .. } => {
                host.asked = (width > 0 && height > 0).then_some((width, height));
            }
            xdg_toplevel::Event::Close => host.said.push(Said::Close),
            _ => {}
        }
    }
}

impl Dispatch<XdgSurface, ()> for Host {
    fn event(
        host: &mut Self,
        surface: &XdgSurface,
        event: xdg_surface::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_surface::Event::Configure { serial } = event {
            surface.ack_configure(serial);
            let size = host.asked.take();
            host.said.push(Said::Configured(size));
        }
    }
}

impl Dispatch<WlSeat, ()> for Host {
    fn event(
        host: &mut Self,
        seat: &WlSeat,
        event: wl_seat::Event,
        (): &(),
        _: &Connection,
        queue: &QueueHandle<Self>,
    ) {
        let wl_seat::Event::Capabilities {
            capabilities: WEnum::Value(has),
        } = event
        else {
            return;
        };
        if has.contains(wl_seat::Capability::Pointer) {
            host.pointer
                .get_or_insert_with(|| seat.get_pointer(queue, ()));
        } else {
            host.pointer = None;
        }
        if has.contains(wl_seat::Capability::Keyboard) {
            host.keyboard
                .get_or_insert_with(|| seat.get_keyboard(queue, ()));
        } else {
            host.keyboard = None;
        }
    }
}

impl Dispatch<WlKeyboard, ()> for Host {
    fn event(
        host: &mut Self,
        _: &WlKeyboard,
        event: wl_keyboard::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_keyboard::Event::Key { key, state, .. } => host.input(InputEvent::Key {
                code: key,
                pressed: state == WEnum::Value(wl_keyboard::KeyState::Pressed),
            }),
            wl_keyboard::Event::Leave { .. } => host.said.push(Said::KeyboardLeft),
            _ => {} // the map is our own, and clients repeat keys themselves
        }
    }
}

impl Dispatch<WlPointer, ()> for Host {
    fn event(
        host: &mut Self,
        pointer: &WlPointer,
        event: wl_pointer::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        use wl_pointer::Event;
        match event {
            Event::Enter {
                serial,
                surface_x,
                surface_y,
                ..
            } => {
                // The compositor draws its own.
                pointer.set_cursor(serial, None, 0, 0);
                host.pointer_at(surface_x, surface_y);
            }
            Event::Motion {
                surface_x,
                surface_y,
                ..
            } => host.pointer_at(surface_x, surface_y),
            Event::Button { button, state, .. } => host.input(InputEvent::Button {
                button,
                pressed: state == WEnum::Value(wl_pointer::ButtonState::Pressed),
            }),
            Event::Axis { axis, value, .. } => match axis {
                WEnum::Value(Axis::HorizontalScroll) => host.axes.pixels.0 += value,
                WEnum::Value(Axis::VerticalScroll) => host.axes.pixels.1 += value,
                _ => {}
            },
            Event::AxisDiscrete { axis, discrete } => match axis {
                WEnum::Value(Axis::HorizontalScroll) => {
                    host.axes.steps.0 = discrete.saturating_mul(120);
                }
                WEnum::Value(Axis::VerticalScroll) => {
                    host.axes.steps.1 = discrete.saturating_mul(120);
                }
                _ => {}
            },
            Event::AxisValue120 { axis, value120 } => match axis {
                WEnum::Value(Axis::HorizontalScroll) => host.axes.steps.0 = value120,
                WEnum::Value(Axis::VerticalScroll) => host.axes.steps.1 = value120,
                _ => {}
            },
            Event::AxisStop { .. } => host.axes.stopped = true,
            Event::Frame => {
                if let Some(event) = host.axes.take() {
                    host.input(event);
                }
            }
            _ => {}
        }
    }
}

delegate_noop!(Host: ignore WlCompositor);
delegate_noop!(Host: ignore WlShm);
delegate_noop!(Host: ignore WlShmPool);
delegate_noop!(Host: ignore WlSurface);
delegate_noop!(Host: ignore ZxdgDecorationManagerV1);
delegate_noop!(Host: ignore ZxdgToplevelDecorationV1);
