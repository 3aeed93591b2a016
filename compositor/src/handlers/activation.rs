//! xdg-activation: a program hands its right to be focused to another one.

use std::time::Duration;

use smithay::{
    delegate_xdg_activation,
    input::Seat,
    reexports::wayland_server::protocol::wl_surface::WlSurface,
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

    /// A token is good if its maker had the keyboard when it asked: nobody steals focus.
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
        seat.get_keyboard()
            .and_then(|keyboard| keyboard.last_enter())
            .is_some_and(|entered| serial.is_no_older_than(&entered))
            || seat
                .get_pointer()
                .and_then(|pointer| pointer.last_enter())
                .is_some_and(|entered| serial.is_no_older_than(&entered))
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
