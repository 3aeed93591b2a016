//! virtual-keyboard: Smithay's, but for its keys being a user's activity, as `swayidle` counts it, and for
//! what it holds down being let go when it is gone.

use std::collections::{BTreeSet, HashMap};

use smithay::{
    input::keyboard::KeyboardTarget,
    reexports::{
        wayland_protocols_misc::zwp_virtual_keyboard_v1::server::{
            zwp_virtual_keyboard_manager_v1::ZwpVirtualKeyboardManagerV1,
            zwp_virtual_keyboard_v1::{Request, ZwpVirtualKeyboardV1},
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, Resource,
            backend::{ClientId, ObjectId},
            delegate_dispatch, delegate_global_dispatch,
            protocol::wl_keyboard::KeyState,
        },
    },
    utils::SERIAL_COUNTER,
    wayland::virtual_keyboard::{
        VirtualKeyboardManagerGlobalData, VirtualKeyboardManagerState, VirtualKeyboardUserData,
    },
};

use crate::{input::LAST_KEY, state::Compositor};

/// The keys that each virtual keyboard holds down.
#[derive(Debug, Default)]
pub struct VirtualKeys(HashMap<ObjectId, BTreeSet<u32>>);

impl Dispatch<ZwpVirtualKeyboardV1, VirtualKeyboardUserData<Self>> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        keyboard: &ZwpVirtualKeyboardV1,
        request: Request,
        data: &VirtualKeyboardUserData<Self>,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let before = SERIAL_COUNTER.next_serial();
        let types = matches!(request, Request::Key { .. });
        let presses = matches!(request, Request::Key { state: 1, .. });
        match request {
            Request::Key { key, .. } if key > LAST_KEY => return,
            Request::Key {
                key,
                state: pressed,
                ..
            } => {
                state.protocols.idle.notify_activity(&state.seat);
                let held = state.protocols.virtual_keys.0.entry(keyboard.id());
                let held = held.or_default();
                if pressed == KeyState::Pressed as u32 {
                    held.insert(key);
                } else {
                    held.remove(&key);
                }
            }
            Request::Modifiers { .. } => {
                let held = state.protocols.virtual_keys.0.entry(keyboard.id());
                held.or_default();
            }
            _ => {}
        }
        <VirtualKeyboardManagerState as Dispatch<_, _, Self>>::request(
            state, client, keyboard, request, data, display, init,
        );
        if types {
            let after = SERIAL_COUNTER.next_serial();
            let focus = state.seat.get_keyboard().and_then(|it| it.current_focus());
            let serials = (before, after);
            state.given.add_some(focus.as_ref(), presses, serials);
        }
    }

    fn destroyed(
        state: &mut Self,
        client: ClientId,
        keyboard: &ZwpVirtualKeyboardV1,
        data: &VirtualKeyboardUserData<Self>,
    ) {
        <VirtualKeyboardManagerState as Dispatch<_, _, Self>>::destroyed(
            state, client, keyboard, data,
        );
        if let Some(held) = state.protocols.virtual_keys.0.remove(&keyboard.id()) {
            state.let_go_of(held);
        }
    }
}

impl Compositor {
    /// Keys that no keyboard has were held, and what modifiers were said to be no longer counts.
    fn let_go_of(&mut self, held: BTreeSet<u32>) {
        let Some(keyboard) = self.seat.get_keyboard() else {
            return;
        };
        let Some(focus) = keyboard.current_focus() else {
            return;
        };
        let Some(client) = focus.client() else { return };
        let time = self.clock.millis();
        for code in held {
            let serial = SERIAL_COUNTER.next_serial();
            for listening in keyboard.client_keyboards(&client) {
                listening.key(serial.into(), time, code, KeyState::Released);
            }
        }
        let (seat, real) = (self.seat.clone(), keyboard.modifier_state());
        focus.modifiers(&seat, self, real, SERIAL_COUNTER.next_serial());
    }
}

delegate_global_dispatch!(Compositor: [ZwpVirtualKeyboardManagerV1: VirtualKeyboardManagerGlobalData] => VirtualKeyboardManagerState);
delegate_dispatch!(Compositor: [ZwpVirtualKeyboardManagerV1: ()] => VirtualKeyboardManagerState);
