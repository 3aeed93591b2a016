//! text-input-v1, for programs that do not start without it (weston-editor): which of its fields has the
//! keyboard. Input methods speak to the text-input-v3 of other programs; here keys are all that comes.

use smithay::reexports::{
    wayland_protocols::wp::text_input::zv1::server::{
        zwp_text_input_manager_v1::{self as manager, ZwpTextInputManagerV1},
        zwp_text_input_v1::{self as text_input, ZwpTextInputV1},
    },
    wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, backend::ClientId,
        protocol::wl_surface::WlSurface,
    },
};

use crate::state::Compositor;

/// The field that is typed into.
#[derive(Debug, Default)]
pub struct TextInputs {
    active: Option<(ZwpTextInputV1, WlSurface)>,
}

impl TextInputs {
    /// Creates the global.
    pub fn new(display: &DisplayHandle) -> Self {
        display.create_global::<Compositor, ZwpTextInputManagerV1, ()>(1, ());
        Self::default()
    }

    /// The keyboard has gone to another surface.
    pub(super) fn focus_changed(&mut self, focused: Option<&WlSurface>) {
        let left = self.active.take_if(|(_, surface)| focused != Some(surface));
        if let Some((field, _)) = left {
            field.leave();
        }
    }
}

impl GlobalDispatch<ZwpTextInputManagerV1, ()> for Compositor {
    fn bind(
        _state: &mut Self,
        _display: &DisplayHandle,
        _client: &Client,
        resource: New<ZwpTextInputManagerV1>,
        _data: &(),
        init: &mut DataInit<'_, Self>,
    ) {
        init.init(resource, ());
    }
}

impl Dispatch<ZwpTextInputManagerV1, ()> for Compositor {
    fn request(
        _state: &mut Self,
        _client: &Client,
        _manager: &ZwpTextInputManagerV1,
        request: manager::Request,
        _data: &(),
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let manager::Request::CreateTextInput { id } = request {
            init.init(id, ());
        }
    }
}

impl Dispatch<ZwpTextInputV1, ()> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        field: &ZwpTextInputV1,
        request: text_input::Request,
        _data: &(),
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        let keyboard = state.seat.get_keyboard();
        let focused = keyboard.and_then(|keyboard| keyboard.current_focus());
        let active = &mut state.protocols.text_inputs.active;
        match request {
            // A field of a window that is not typed into stays as it is.
            text_input::Request::Activate { surface, .. } if focused.as_ref() == Some(&surface) => {
                let wanted = (field.clone(), surface);
                // One that is clicked again has been told; programs count what they are told.
                if active.as_ref() == Some(&wanted) {
                    return;
                }
                if let Some((before, _)) = active.take() {
                    before.leave();
                }
                field.enter(&wanted.1);
                *active = Some(wanted);
            }
            text_input::Request::Deactivate { .. }
                if active.take_if(|(active, _)| active == field).is_some() =>
            {
                field.leave();
            }
            // What is around the cursor concerns input methods.
            _ => {}
        }
    }

    fn destroyed(state: &mut Self, _client: ClientId, field: &ZwpTextInputV1, _data: &()) {
        let active = &mut state.protocols.text_inputs.active;
        active.take_if(|(active, _)| active == field);
    }
}
