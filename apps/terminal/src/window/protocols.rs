//! What the compositor tells a window: its size, its scale, its frames, its seats.

use smithay_client_toolkit::compositor::CompositorHandler;
use smithay_client_toolkit::output::{OutputHandler, OutputState};
use smithay_client_toolkit::reexports::client::protocol::wl_output::{Transform, WlOutput};
use smithay_client_toolkit::reexports::client::protocol::wl_seat::WlSeat;
use smithay_client_toolkit::reexports::client::protocol::wl_surface::WlSurface;
use smithay_client_toolkit::reexports::client::{Connection, QueueHandle};
use smithay_client_toolkit::registry::{ProvidesRegistryState, RegistryState};
use smithay_client_toolkit::seat::{Capability, SeatHandler, SeatState};
use smithay_client_toolkit::shell::xdg::window::{Window, WindowConfigure, WindowHandler};
use smithay_client_toolkit::shm::{Shm, ShmHandler};
use smithay_client_toolkit::{delegate_dispatch2, delegate_registry, registry_handlers};

use super::Terminal;

impl WindowHandler for Terminal {
    fn request_close(&mut self, _: &Connection, _: &QueueHandle<Self>, _: &Window) {
        self.signal.stop();
    }

    fn configure(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &Window,
        configure: WindowConfigure,
        _: u32,
    ) {
        let current = if self.configured {
            self.logical
        } else {
            self.preferred_size()
        };
        let (width, height) = configure.new_size;
        let size = (
            width.map_or(current.0, std::num::NonZero::get),
            height.map_or(current.1, std::num::NonZero::get),
        );
        if size != self.logical || !self.configured {
            self.logical = size;
            self.configured = true;
            self.relayout();
        }
    }
}

impl CompositorHandler for Terminal {
    fn scale_factor_changed(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlSurface,
        factor: i32,
    ) {
        if self.scale.set_whole(factor) && self.configured {
            self.relayout();
        }
    }

    fn frame(&mut self, _: &Connection, _: &QueueHandle<Self>, _: &WlSurface, _: u32) {
        self.awaits_frame = false;
    }

    fn transform_changed(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlSurface,
        _: Transform,
    ) {
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

impl OutputHandler for Terminal {
    fn output_state(&mut self) -> &mut OutputState {
        &mut self.outputs
    }

    fn new_output(&mut self, _: &Connection, _: &QueueHandle<Self>, _: WlOutput) {}

    fn update_output(&mut self, _: &Connection, _: &QueueHandle<Self>, _: WlOutput) {}

    fn output_destroyed(&mut self, _: &Connection, _: &QueueHandle<Self>, _: WlOutput) {}
}

impl SeatHandler for Terminal {
    fn seat_state(&mut self) -> &mut SeatState {
        &mut self.seats
    }

    fn new_seat(&mut self, _: &Connection, queue: &QueueHandle<Self>, seat: WlSeat) {
        self.clipboard.add_seat(queue, &seat);
    }

    fn new_capability(
        &mut self,
        _: &Connection,
        queue: &QueueHandle<Self>,
        seat: WlSeat,
        capability: Capability,
    ) {
        self.clipboard.add_seat(queue, &seat);
        if capability == Capability::Keyboard && self.input.keyboard.is_none() {
            let repeat = Box::new(|terminal: &mut Terminal, _: &_, event| terminal.key(&event));
            let handle = self.handle.clone();
            let keyboard = self
                .seats
                .get_keyboard_with_repeat(queue, &seat, None, handle, repeat);
            self.input.keyboard = keyboard
                .inspect_err(|error| eprintln!("ochre-terminal: no keyboard: {error}"))
                .ok();
        }
        if capability == Capability::Pointer && self.input.pointer.is_none() {
            self.input.pointer = self.seats.get_pointer(queue, &seat).ok();
            let cursors = self.input.cursors.as_ref().zip(self.input.pointer.as_ref());
            self.input.cursor =
                cursors.map(|(manager, pointer)| manager.get_shape_device(pointer, queue));
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
                if let Some(keyboard) = self.input.keyboard.take() {
                    keyboard.release();
                }
            }
            Capability::Pointer => {
                if let Some(cursor) = self.input.cursor.take() {
                    cursor.destroy();
                }
                if let Some(pointer) = self.input.pointer.take() {
                    pointer.release();
                }
            }
            _ => {}
        }
    }

    fn remove_seat(&mut self, _: &Connection, _: &QueueHandle<Self>, _: WlSeat) {}
}

impl ShmHandler for Terminal {
    fn shm_state(&mut self) -> &mut Shm {
        &mut self.shm
    }
}

impl ProvidesRegistryState for Terminal {
    fn registry(&mut self) -> &mut RegistryState {
        &mut self.registry
    }

    registry_handlers![OutputState, SeatState];
}

delegate_registry!(Terminal);
delegate_dispatch2!(Terminal);
