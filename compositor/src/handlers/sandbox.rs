//! security-context: programs of a sandbox connect through a socket of their own, and do not see the
//! protocols that watch or steer the desktop.

use smithay::{
    delegate_security_context,
    reexports::wayland_server::Client,
    wayland::security_context::{
        SecurityContext, SecurityContextHandler, SecurityContextListenerSource,
    },
};

use crate::state::{ClientState, Compositor};

/// Whether a client may see other programs' windows, input and clipboards.
pub fn trusted(client: &Client) -> bool {
    client
        .get_data::<ClientState>()
        .is_some_and(|state| !state.sandboxed)
}

/// Globals without state that only trusted clients see.
macro_rules! trusted_globals {
    ($($interface:ty),*) => {$(
        impl smithay::reexports::wayland_server::GlobalDispatch<$interface, ()>
            for $crate::state::Compositor
        {
            fn bind(
                _state: &mut Self,
                _display: &smithay::reexports::wayland_server::DisplayHandle,
                _client: &smithay::reexports::wayland_server::Client,
                resource: smithay::reexports::wayland_server::New<$interface>,
                _data: &(),
                init: &mut smithay::reexports::wayland_server::DataInit<'_, Self>,
            ) {
                init.init(resource, ());
            }

            fn can_view(
                client: smithay::reexports::wayland_server::Client,
                _data: &(),
            ) -> bool {
                $crate::handlers::trusted(&client)
            }
        }
    )*};
}
pub(super) use trusted_globals;

impl SecurityContextHandler for Compositor {
    fn context_created(
        &mut self,
        source: SecurityContextListenerSource,
        _context: SecurityContext,
    ) {
        let listening = self.listen_for_sandbox(source, |stream, state| {
            let kind = ClientState {
                sandboxed: true,
                ..ClientState::default()
            };
            // A connection that dies before it begins is its client's loss alone.
            let _ = state.adopt_as(stream, kind);
        });
        if let Err(err) = listening {
            eprintln!("ochre-compositor: a sandbox gets no socket: {err}");
        }
    }
}

delegate_security_context!(Compositor);
