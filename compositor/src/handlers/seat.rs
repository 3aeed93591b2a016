//! Seats: focus as clients see it, cursors, constraints.

use std::sync::atomic::Ordering;

use smithay::{
    backend::renderer::utils::with_renderer_surface_state,
    delegate_cursor_shape, delegate_idle_inhibit, delegate_idle_notify,
    delegate_keyboard_shortcuts_inhibit, delegate_pointer_constraints, delegate_pointer_gestures,
    delegate_relative_pointer, delegate_xdg_system_bell,
    input::{
        Seat, SeatHandler, SeatState,
        pointer::{CursorImageStatus, PointerHandle},
    },
    reexports::wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, Resource,
        backend::ClientId,
        delegate_dispatch, delegate_global_dispatch,
        protocol::{
            wl_keyboard::WlKeyboard,
            wl_pointer::WlPointer,
            wl_seat::{self, WlSeat},
            wl_surface::WlSurface,
            wl_touch::WlTouch,
        },
    },
    utils::{Logical, Point, Rectangle},
    wayland::{
        idle_inhibit::IdleInhibitHandler,
        idle_notify::{IdleNotifierHandler, IdleNotifierState},
        keyboard_shortcuts_inhibit::{
            KeyboardShortcutsInhibitHandler, KeyboardShortcutsInhibitState,
            KeyboardShortcutsInhibitor,
        },
        pointer_constraints::{PointerConstraintsHandler, with_pointer_constraint},
        seat::{KeyboardUserData, PointerUserData, SeatGlobalData, SeatUserData, TouchUserData},
        selection::{data_device::set_data_device_focus, primary_selection::set_primary_focus},
        xdg_system_bell::XdgSystemBellHandler,
    },
};

use crate::state::{ClientState, Compositor};

impl SeatHandler for Compositor {
    type KeyboardFocus = WlSurface;
    type PointerFocus = WlSurface;
    type TouchFocus = WlSurface;

    fn seat_state(&mut self) -> &mut SeatState<Self> {
        &mut self.seats
    }

    fn focus_changed(&mut self, seat: &Seat<Self>, focused: Option<&WlSurface>) {
        self.protocols.text_inputs.focus_changed(focused);
        self.protocols.fields.focus_changed(focused);
        self.hide_input_popup();
        self.pointer_moved_under(); // a constraint of what is under it may begin or end
        let client = focused.and_then(|surface| self.display.get_client(surface.id()).ok());
        set_data_device_focus(&self.display, seat, client.clone());
        set_primary_focus(&self.display, seat, client);
    }

    fn cursor_image(&mut self, _seat: &Seat<Self>, image: CursorImageStatus) {
        if let CursorImageStatus::Surface(_) = image {
            self.outputs.queue_all(); // it may wait for a frame
        }
        self.cursor = image;
    }
}

impl Dispatch<WlSeat, SeatUserData<Self>> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        seat: &WlSeat,
        request: wl_seat::Request,
        data: &SeatUserData<Self>,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if matches!(request, wl_seat::Request::GetTouch { .. })
            && let Some(client) = client.get_data::<ClientState>()
        {
            client.touches.store(true, Ordering::Relaxed);
        }
        <SeatState<Self> as Dispatch<_, _, Self>>::request(
            state, client, seat, request, data, display, init,
        );
    }

    fn destroyed(state: &mut Self, client: ClientId, seat: &WlSeat, data: &SeatUserData<Self>) {
        <SeatState<Self> as Dispatch<_, _, Self>>::destroyed(state, client, seat, data);
    }
}

impl PointerConstraintsHandler for Compositor {
    fn new_constraint(&mut self, surface: &WlSurface, pointer: &PointerHandle<Self>) {
        if pointer.current_focus().as_ref() == Some(surface) {
            self.pointer_moved_under();
            self.refresh_pointer();
        }
    }

    fn cursor_position_hint(
        &mut self,
        surface: &WlSurface,
        pointer: &PointerHandle<Self>,
        location: Point<f64, Logical>,
    ) {
        let active = with_pointer_constraint(surface, pointer, |constraint| {
            constraint.is_some_and(|constraint| constraint.is_active())
        });
        let size = with_renderer_surface_state(surface, |state| state.surface_size()).flatten();
        let inside =
            size.is_some_and(|size| Rectangle::from_size(size.to_f64()).contains(location));
        if active
            && inside
            && let Some(origin) = self.surface_origin(surface)
        {
            pointer.set_location(self.outputs.clamp(origin + location));
        }
    }
}

impl IdleInhibitHandler for Compositor {
    fn inhibit(&mut self, surface: WlSurface) {
        self.keep_awake(surface);
    }

    fn uninhibit(&mut self, surface: WlSurface) {
        self.let_sleep(&surface);
    }
}

impl IdleNotifierHandler for Compositor {
    fn idle_notifier_state(&mut self) -> &mut IdleNotifierState<Self> {
        &mut self.protocols.idle
    }
}

impl KeyboardShortcutsInhibitHandler for Compositor {
    fn keyboard_shortcuts_inhibit_state(&mut self) -> &mut KeyboardShortcutsInhibitState {
        &mut self.protocols.shortcuts_inhibit
    }

    fn new_inhibitor(&mut self, inhibitor: KeyboardShortcutsInhibitor) {
        // Asking again does not get around its user.
        if self.keys_kept_from.as_ref() != Some(inhibitor.wl_surface()) {
            inhibitor.activate();
        }
    }
}

impl XdgSystemBellHandler for Compositor {
    fn ring(&mut self, surface: Option<WlSurface>) {
        let id = surface.and_then(|surface| self.shell.id_of(&surface));
        if let Some(id) = id {
            self.ring_bell(id);
        }
    }
}

delegate_global_dispatch!(Compositor: [WlSeat: SeatGlobalData<Compositor>] => SeatState<Compositor>);
delegate_dispatch!(Compositor: [WlPointer: PointerUserData<Compositor>] => SeatState<Compositor>);
delegate_dispatch!(Compositor: [WlKeyboard: KeyboardUserData<Compositor>] => SeatState<Compositor>);
delegate_dispatch!(Compositor: [WlTouch: TouchUserData<Compositor>] => SeatState<Compositor>);
delegate_pointer_gestures!(Compositor);
delegate_keyboard_shortcuts_inhibit!(Compositor);
delegate_xdg_system_bell!(Compositor);
delegate_cursor_shape!(Compositor);
delegate_pointer_constraints!(Compositor);
delegate_relative_pointer!(Compositor);
delegate_idle_inhibit!(Compositor);
delegate_idle_notify!(Compositor);
