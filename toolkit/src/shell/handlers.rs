//! What the client library tells us, handed on to windows and the program.

use smithay_client_toolkit::compositor::CompositorHandler;
use smithay_client_toolkit::output::{OutputHandler, OutputState};
use smithay_client_toolkit::reexports::client::protocol::wl_output::{Transform, WlOutput};
use smithay_client_toolkit::reexports::client::protocol::wl_pointer::{AxisSource, WlPointer};
use smithay_client_toolkit::reexports::client::protocol::wl_seat::WlSeat;
use smithay_client_toolkit::reexports::client::protocol::wl_surface::WlSurface;
use smithay_client_toolkit::reexports::client::{Connection, QueueHandle};
use smithay_client_toolkit::registry::{ProvidesRegistryState, RegistryState};
use smithay_client_toolkit::seat::pointer::{
    AxisScroll, BTN_LEFT, BTN_MIDDLE, BTN_RIGHT, PointerEvent, PointerEventKind, PointerHandler,
};
use smithay_client_toolkit::seat::{Capability, SeatHandler, SeatState};
use smithay_client_toolkit::shell::WaylandSurface;
use smithay_client_toolkit::shell::wlr_layer::{
    LayerShellHandler, LayerSurface, LayerSurfaceConfigure,
};
use smithay_client_toolkit::shell::xdg::window::{Window, WindowConfigure, WindowHandler};
use smithay_client_toolkit::shm::{Shm, ShmHandler};
use smithay_client_toolkit::{delegate_dispatch2, delegate_registry, registry_handlers};

use crate::event::{Button, Event};
use crate::shell::keyboard::KeyboardObject;
use crate::shell::state::{Pointer, Shell};

impl CompositorHandler for Shell {
    fn scale_factor_changed(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        surface: &WlSurface,
        factor: i32,
    ) {
        let Some(window) = self.window_mut(surface) else {
            return;
        };
        let factor = u32::try_from(factor).unwrap_or(1);
        if window.scales_whole() && window.set_scale(factor.saturating_mul(120)) {
            self.resized(surface);
        }
    }

    fn transform_changed(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlSurface,
        _: Transform,
    ) {
    }

    fn frame(&mut self, _: &Connection, _: &QueueHandle<Self>, surface: &WlSurface, _: u32) {
        if let Some(window) = self.window_mut(surface) {
            window.frame_done();
        }
    }

    fn surface_enter(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlSurface,
        _: &WlOutput,
    ) {
    }

    fn surface_leave(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlSurface,
        _: &WlOutput,
    ) {
    }
}

impl WindowHandler for Shell {
    fn request_close(&mut self, _: &Connection, _: &QueueHandle<Self>, window: &Window) {
        if let Some(id) = self.window_of(window.wl_surface()) {
            self.ask(|program, requests| program.close_requested(id, requests));
        }
    }

    fn configure(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        window: &Window,
        configure: WindowConfigure,
        _: u32,
    ) {
        let (width, height) = configure.new_size;
        if let Some(ours) = self.window_mut(window.wl_surface()) {
            ours.configure(width.map(Into::into), height.map(Into::into));
        }
        self.resized(window.wl_surface());
    }
}

impl LayerShellHandler for Shell {
    fn closed(&mut self, _: &Connection, _: &QueueHandle<Self>, layer: &LayerSurface) {
        if let Some(id) = self.window_of(layer.wl_surface()) {
            // The output went away; the next turn opens the surface on another.
            self.windows.retain(|window| window.spec.id != id);
        }
    }

    fn configure(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        layer: &LayerSurface,
        configure: LayerSurfaceConfigure,
        _: u32,
    ) {
        let wish = |side: u32| (side > 0).then_some(side);
        if let Some(ours) = self.window_mut(layer.wl_surface()) {
            ours.configure(wish(configure.new_size.0), wish(configure.new_size.1));
        }
        self.resized(layer.wl_surface());
    }
}

impl SeatHandler for Shell {
    fn seat_state(&mut self) -> &mut SeatState {
        &mut self.seats
    }

    fn new_seat(&mut self, _: &Connection, queue: &QueueHandle<Self>, seat: WlSeat) {
        self.clipboard.seat_added(&seat, queue);
    }

    fn new_capability(
        &mut self,
        _: &Connection,
        queue: &QueueHandle<Self>,
        seat: WlSeat,
        capability: Capability,
    ) {
        self.clipboard.seat_added(&seat, queue);
        if capability == Capability::Keyboard && self.keyboard.object.is_none() {
            self.keyboard.object = Some(seat.get_keyboard(queue, KeyboardObject));
        }
        if capability == Capability::Pointer
            && self.pointer.is_none()
            && let Ok(pointer) = self.seats.get_pointer(queue, &seat)
        {
            let shapes = self.cursor_shapes.as_ref();
            let shape = shapes.map(|shapes| shapes.get_shape_device(&pointer, queue));
            self.pointer = Some(Pointer::new(pointer, shape));
        }
    }

    fn remove_capability(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: WlSeat,
        capability: Capability,
    ) {
        match capability {
            Capability::Keyboard => {
                self.keyboard.leave();
                if let Some(keyboard) = self.keyboard.object.take() {
                    keyboard.release();
                }
            }
            Capability::Pointer => {
                if let Some(gone) = self.pointer.take() {
                    if let Some(shape) = gone.shape {
                        shape.destroy();
                    }
                    gone.pointer.release();
                }
            }
            _ => {}
        }
    }

    fn remove_seat(&mut self, _: &Connection, _: &QueueHandle<Self>, _: WlSeat) {}
}

/// Logical pixels of one notch of a wheel.
const NOTCH: f32 = 48.0;

/// A wheel by its notches, anything else by its own distance.
fn distance(axis: &AxisScroll, source: Option<AxisSource>) -> f32 {
    let wheel = matches!(
        source,
        Some(AxisSource::Wheel | AxisSource::WheelTilt) | None
    );
    if wheel && axis.value120 != 0 {
        axis.value120 as f32 / 120.0 * NOTCH
    } else if wheel && axis.discrete != 0 {
        axis.discrete as f32 * NOTCH
    } else {
        axis.absolute as f32
    }
}

impl PointerHandler for Shell {
    fn pointer_frame(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlPointer,
        events: &[PointerEvent],
    ) {
        for event in events {
            let Some(window) = self.window_of(&event.surface) else {
                continue;
            };
            let button = |code: u32| match code {
                BTN_LEFT => Some(Button::Left),
                BTN_RIGHT => Some(Button::Right),
                BTN_MIDDLE => Some(Button::Middle),
                _ => None,
            };
            let moved = Event::PointerMoved {
                x: event.position.0 as f32,
                y: event.position.1 as f32,
            };
            let told = match &event.kind {
                PointerEventKind::Enter { serial } => {
                    if let Some(pointer) = &mut self.pointer {
                        pointer.entered(window, *serial);
                    }
                    Some(moved)
                }
                PointerEventKind::Motion { .. } => Some(moved),
                PointerEventKind::Leave { .. } => {
                    if let Some(pointer) = &mut self.pointer {
                        pointer.inside = None;
                    }
                    Some(Event::PointerLeft)
                }
                PointerEventKind::Press {
                    time,
                    button: code,
                    serial,
                } => {
                    self.serial = *serial;
                    button(*code).map(|button| Event::PointerPressed {
                        button,
                        time_ms: *time,
                    })
                }
                PointerEventKind::Release {
                    button: code,
                    serial,
                    ..
                } => {
                    self.serial = *serial;
                    button(*code).map(|button| Event::PointerReleased { button })
                }
                PointerEventKind::Axis {
                    horizontal,
                    vertical,
                    source,
                    ..
                } => Some(Event::Scrolled {
                    dx: distance(horizontal, *source),
                    dy: distance(vertical, *source),
                }),
            };
            if let Some(told) = told {
                self.event(window, &told);
            }
        }
    }
}

impl OutputHandler for Shell {
    fn output_state(&mut self) -> &mut OutputState {
        &mut self.outputs
    }

    fn new_output(&mut self, _: &Connection, _: &QueueHandle<Self>, _: WlOutput) {}

    fn update_output(&mut self, _: &Connection, _: &QueueHandle<Self>, _: WlOutput) {}

    fn output_destroyed(&mut self, _: &Connection, _: &QueueHandle<Self>, _: WlOutput) {}
}

impl ShmHandler for Shell {
    fn shm_state(&mut self) -> &mut Shm {
        &mut self.shm
    }
}

impl ProvidesRegistryState for Shell {
    fn registry(&mut self) -> &mut RegistryState {
        &mut self.registry
    }

    registry_handlers![OutputState, SeatState];
}

delegate_registry!(Shell);
delegate_dispatch2!(Shell);
