//! xdg-activation: a program hands its right to be focused to another one.

use std::time::Duration;

use smithay::{
    delegate_xdg_activation,
    input::Seat,
    reexports::wayland_server::{Resource, protocol::wl_surface::WlSurface},
    utils::Serial,
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

    /// A token is good if its maker has the keyboard or the pointer, and has had it since what it names: nobody
    /// steals focus.
    fn token_created(&mut self, _token: XdgActivationToken, data: XdgActivationTokenData) -> bool {
        self.protocols
            .activation
            .retain_tokens(|_, data| data.timestamp.elapsed() < TOKEN_LIFE);
        let Some((serial, seat)) = data.serial else {
            return false;
        };
        let Some(seat) = Seat::<Compositor>::from_resource(&seat) else {
            return false;
        };
        let has = |focus: Option<WlSurface>, entered: Option<Serial>| {
            let client = focus.and_then(|focus| focus.client());
            client.is_some_and(|client| Some(client.id()) == data.client_id)
                && entered.is_some_and(|entered| serial.is_no_older_than(&entered))
        };
        seat.get_keyboard()
            .is_some_and(|it| has(it.current_focus(), it.last_enter()))
            || seat
                .get_pointer()
                .is_some_and(|it| has(it.current_focus(), it.last_enter()))
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
