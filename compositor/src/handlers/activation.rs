//! xdg-activation: a program hands its right to be focused to another one.

use std::time::Duration;

use smithay::{
    delegate_xdg_activation,
    reexports::wayland_server::{Resource, protocol::wl_surface::WlSurface},
    wayland::xdg_activation::{
        XdgActivationHandler, XdgActivationState, XdgActivationToken, XdgActivationTokenData,
    },
};

use crate::state::Compositor;

/// How long a token stays good: longer than a slow program takes to start.
const TOKEN_LIFE: Duration = Duration::from_secs(30);

impl XdgActivationHandler for Compositor {
    fn activation_state(&mut self) -> &mut XdgActivationState {
        &mut self.protocols.activation
    }

    /// A token is good if its maker names input that it was given just now: a press or a release of anything, or how it
    /// came to have the keyboard. Who does not have that any more, and was not the last who was pressed, is late:
    /// nobody steals focus.
    fn token_created(&mut self, _token: XdgActivationToken, data: XdgActivationTokenData) -> bool {
        self.protocols
            .activation
            .retain_tokens(|_, data| data.timestamp.elapsed() < TOKEN_LIFE);
        let (Some((serial, _)), Some(maker)) = (data.serial, data.client_id) else {
            return false;
        };
        let its = |focus: Option<WlSurface>| {
            let client = focus.and_then(|focus| focus.client());
            client.is_some_and(|client| client.id() == maker)
        };
        let keyboard = self.seat.get_keyboard();
        let types = keyboard.as_ref().is_some_and(|it| its(it.current_focus()));
        if types && keyboard.and_then(|it| it.last_enter()) == Some(serial) {
            return true;
        }
        (types || self.given.was_last(&maker)) && self.given.knows(&maker, serial)
    }

    fn request_activation(
        &mut self,
        token: XdgActivationToken,
        data: XdgActivationTokenData,
        surface: WlSurface,
    ) {
        self.protocols.activation.remove_token(&token);
        if data.timestamp.elapsed() < TOKEN_LIFE
            && let Some(id) = self.shell.id_of(&surface)
        {
            self.activate(id);
        }
    }
}

delegate_xdg_activation!(Compositor);
