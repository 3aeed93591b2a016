//! virtual-keyboard: Smithay's, but for its keys being a user's activity, as `swayidle` counts it.

use smithay::{
    reexports::{
        wayland_protocols_misc::zwp_virtual_keyboard_v1::server::{
            zwp_virtual_keyboard_manager_v1::ZwpVirtualKeyboardManagerV1,
            zwp_virtual_keyboard_v1::{Request, ZwpVirtualKeyboardV1},
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, delegate_dispatch, delegate_global_dispatch,
        },
    },
    wayland::virtual_keyboard::{
        VirtualKeyboardManagerGlobalData, VirtualKeyboardManagerState, VirtualKeyboardUserData,
    },
};

use crate::state::Compositor;

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
        if matches!(request, Request::Key { .. }) {
            state.protocols.idle.notify_activity(&state.seat);
        }
        <VirtualKeyboardManagerState as Dispatch<_, _, Self>>::request(
            state, client, keyboard, request, data, display, init,
        );
    }
}

delegate_global_dispatch!(Compositor: [ZwpVirtualKeyboardManagerV1: VirtualKeyboardManagerGlobalData] => VirtualKeyboardManagerState);
delegate_dispatch!(Compositor: [ZwpVirtualKeyboardManagerV1: ()] => VirtualKeyboardManagerState);
