//! input-method-v2: who is told what fields say ([`super::text_input`]), and types into them.
//!
//! Smithay makes the objects, lends the keyboard, and tells a method that nothing is typed into whenever the keyboard
//! goes elsewhere. It knows of no field here: the rest is between the two files.
//!
//! A method's commits carry the number of states that it was told. One that answers an older state is passed on all
//! the same, as the protocol wants it: only the method's own state does not change by it, and it has none.

use smithay::{
    desktop::{PopupKind, PopupManager},
    reexports::{
        wayland_protocols_misc::zwp_input_method_v2::server::{
            zwp_input_method_keyboard_grab_v2::{self as grab, ZwpInputMethodKeyboardGrabV2},
            zwp_input_method_manager_v2::{self as manager, ZwpInputMethodManagerV2},
            zwp_input_method_v2::{self as method, ZwpInputMethodV2},
            zwp_input_popup_surface_v2::{self as popup, ZwpInputPopupSurfaceV2},
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, New, backend::ClientId, delegate_dispatch,
            delegate_global_dispatch, protocol::wl_surface::WlSurface,
        },
    },
    utils::{Logical, Rectangle},
    wayland::{
        input_method::{
            InputMethodHandler, InputMethodKeyboardUserData, InputMethodManagerGlobalData,
            InputMethodManagerState, InputMethodPopupSurfaceUserData, InputMethodUserData,
            PopupParent, PopupSurface,
        },
        text_input::TextInputSeat,
    },
};

use super::text_input::Said;
use crate::state::Compositor;

/// The input method, if there is one.
#[derive(Debug, Default)]
pub struct InputMethod {
    object: Option<ZwpInputMethodV2>,
    popup: Option<PopupSurface>,
}

/// What a second method and its objects are: it is told so, and does nothing.
#[derive(Debug)]
pub struct Unavailable;

impl Compositor {
    /// A field is typed into.
    pub(super) fn activate_input_method(&mut self, surface: &WlSurface, said: &Said) {
        let Some(object) = &self.protocols.input_method.object else {
            return;
        };
        object.activate();
        self.show_input_popup(surface);
        self.tell_input_method(said);
    }

    /// It says more of itself.
    pub(super) fn tell_input_method(&mut self, said: &Said) {
        let Some(object) = &self.protocols.input_method.object else {
            return;
        };
        if let Some((text, cursor, anchor)) = &said.text {
            object.surrounding_text(text.clone(), *cursor, *anchor);
        }
        if let Some(cause) = said.cause {
            object.text_change_cause(cause);
        }
        if let Some((hint, purpose)) = said.content {
            object.content_type(hint, purpose);
        }
        object.done();
        self.point_input_popup(said);
    }

    /// Puts the method's popup below where the cursor is, and tells it where that is from there.
    fn point_input_popup(&mut self, said: &Said) {
        if let Some(Rectangle { loc, size }) = said.cursor
            && let Some(popup) = &mut self.protocols.input_method.popup
        {
            popup.set_location((loc.x, loc.y + size.h).into());
            let role = &popup.surface_role;
            role.text_input_rectangle(0, -size.h, size.w, size.h);
            self.outputs.queue_all();
        }
    }

    /// Nothing is typed into any more.
    pub(super) fn deactivate_input_method(&mut self) {
        if let Some(object) = &self.protocols.input_method.object {
            object.deactivate();
            object.done();
        }
        self.hide_input_popup();
    }

    fn show_input_popup(&mut self, surface: &WlSurface) {
        self.hide_input_popup();
        let location = self.parent_geometry(surface);
        let method = &mut self.protocols.input_method;
        method.popup.take_if(|popup| !popup.alive());
        if let Some(popup) = &mut method.popup {
            let surface = surface.clone();
            popup.set_parent(Some(PopupParent { surface, location }));
            // It fails only for a surface that is dead already.
            let _ = self.popups.track_popup(PopupKind::from(popup.clone()));
        }
    }

    /// The method's popup is shown where something is typed into, and else not.
    pub(super) fn hide_input_popup(&mut self) {
        let Some(popup) = &mut self.protocols.input_method.popup else {
            return;
        };
        if let Some(parent) = popup.get_parent().map(|parent| parent.surface.clone()) {
            let _ = PopupManager::dismiss_popup(&parent, &PopupKind::from(popup.clone()));
            popup.set_parent(None);
            self.outputs.queue_all();
        }
    }
}

impl InputMethodHandler for Compositor {
    /// Smithay tells of a new popup here and nowhere else. Where it is shown is decided above.
    fn new_popup(&mut self, mut popup: PopupSurface) {
        popup.set_parent(None);
        self.hide_input_popup();
        self.protocols.input_method.popup = Some(popup);
    }

    fn dismiss_popup(&mut self, _popup: PopupSurface) {}

    fn popup_repositioned(&mut self, _popup: PopupSurface) {}

    fn parent_geometry(&self, parent: &WlSurface) -> Rectangle<i32, Logical> {
        self.shell
            .by_surface(parent)
            .map(|window| window.window.geometry())
            .unwrap_or_default()
    }
}

impl Dispatch<ZwpInputMethodManagerV2, ()> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        object: &ZwpInputMethodManagerV2,
        request: manager::Request,
        data: &(),
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let manager::Request::GetInputMethod { seat, input_method } = request else {
            return;
        };
        let new = init.init(input_method, Unavailable);
        if state.protocols.input_method.object.is_some() {
            new.unavailable();
            return;
        }
        let request = manager::Request::GetInputMethod {
            seat,
            input_method: New::wrap(new.clone()), // this time as Smithay's
        };
        <InputMethodManagerState as Dispatch<_, _, Self>>::request(
            state, client, object, request, data, display, init,
        );
        state.protocols.input_method.object = Some(new);
        if let Some((surface, said)) = state.protocols.fields.active() {
            state.activate_input_method(&surface, &said);
        }
    }
}

impl Dispatch<ZwpInputMethodV2, InputMethodUserData<Self>> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        object: &ZwpInputMethodV2,
        request: method::Request,
        data: &InputMethodUserData<Self>,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        use method::Request;
        let fields = &state.protocols.fields;
        match request {
            Request::CommitString { text } => {
                fields.tell(|field, _| field.commit_string(Some(text)));
            }
            Request::SetPreeditString {
                text,
                cursor_begin,
                cursor_end,
            } => fields.tell(|field, _| field.preedit_string(Some(text), cursor_begin, cursor_end)),
            Request::DeleteSurroundingText {
                before_length,
                after_length,
            } => fields.tell(|field, _| field.delete_surrounding_text(before_length, after_length)),
            Request::Commit { .. } => fields.tell(|field, commits| field.done(commits)),
            Request::GetInputPopupSurface { id, surface } => {
                // Smithay tells of a popup only while something has the keyboard.
                let keyboard = state.seat.text_input().clone();
                let focus = keyboard.focus();
                keyboard.set_focus(Some(surface.clone()));
                let request = Request::GetInputPopupSurface { id, surface };
                <InputMethodManagerState as Dispatch<_, _, Self>>::request(
                    state, client, object, request, data, display, init,
                );
                keyboard.set_focus(focus);
                if let Some((surface, said)) = state.protocols.fields.active() {
                    state.show_input_popup(&surface);
                    state.point_input_popup(&said);
                }
            }
            request => <InputMethodManagerState as Dispatch<_, _, Self>>::request(
                state, client, object, request, data, display, init,
            ),
        }
    }

    fn destroyed(
        state: &mut Self,
        client: ClientId,
        object: &ZwpInputMethodV2,
        data: &InputMethodUserData<Self>,
    ) {
        <InputMethodManagerState as Dispatch<_, _, Self>>::destroyed(state, client, object, data);
        state.hide_input_popup();
        state.protocols.input_method = InputMethod::default();
    }
}

impl Dispatch<ZwpInputMethodV2, Unavailable> for Compositor {
    fn request(
        _state: &mut Self,
        _client: &Client,
        _object: &ZwpInputMethodV2,
        request: method::Request,
        _data: &Unavailable,
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        match request {
            method::Request::GetInputPopupSurface { id, .. } => {
                init.init(id, Unavailable);
            }
            method::Request::GrabKeyboard { keyboard } => {
                init.init(keyboard, Unavailable);
            }
            _ => {}
        }
    }
}

impl Dispatch<ZwpInputPopupSurfaceV2, Unavailable> for Compositor {
    fn request(
        _state: &mut Self,
        _client: &Client,
        _object: &ZwpInputPopupSurfaceV2,
        _request: popup::Request,
        _data: &Unavailable,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
    }
}

impl Dispatch<ZwpInputMethodKeyboardGrabV2, Unavailable> for Compositor {
    fn request(
        _state: &mut Self,
        _client: &Client,
        _object: &ZwpInputMethodKeyboardGrabV2,
        _request: grab::Request,
        _data: &Unavailable,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
    }
}

delegate_global_dispatch!(Compositor: [ZwpInputMethodManagerV2: InputMethodManagerGlobalData] => InputMethodManagerState);
delegate_dispatch!(Compositor: [ZwpInputMethodKeyboardGrabV2: InputMethodKeyboardUserData<Compositor>] => InputMethodManagerState);
delegate_dispatch!(Compositor: [ZwpInputPopupSurfaceV2: InputMethodPopupSurfaceUserData] => InputMethodManagerState);
