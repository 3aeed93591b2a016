//! Who draws a window's frame: the compositor does, unless the client insists.
//!
//! GTK never offers xdg-decoration and keeps its own frame; it asks by KDE's older protocol, which is
//! answered too, so that clients which know only that one get a frame from the theme.

use smithay::{
    delegate_kde_decoration, delegate_xdg_decoration,
    reexports::{
        wayland_protocols::xdg::decoration::zv1::server::zxdg_toplevel_decoration_v1::Mode,
        wayland_protocols_misc::server_decoration::server::org_kde_kwin_server_decoration::{
            Mode as KdeMode, OrgKdeKwinServerDecoration,
        },
        wayland_server::{WEnum, protocol::wl_surface::WlSurface},
    },
    wayland::shell::{
        kde::decoration::{KdeDecorationHandler, KdeDecorationState},
        xdg::{ToplevelSurface, decoration::XdgDecorationHandler},
    },
};

use crate::{shell::configure_changed, state::Compositor};

impl XdgDecorationHandler for Compositor {
    fn new_decoration(&mut self, toplevel: ToplevelSurface) {
        self.set_decoration(&toplevel, Mode::ServerSide);
    }

    fn request_mode(&mut self, toplevel: ToplevelSurface, mode: Mode) {
        self.set_decoration(&toplevel, mode);
    }

    fn unset_mode(&mut self, toplevel: ToplevelSurface) {
        self.set_decoration(&toplevel, Mode::ServerSide);
    }
}

impl Compositor {
    fn set_decoration(&mut self, toplevel: &ToplevelSurface, mode: Mode) {
        toplevel.with_pending_state(|state| state.decoration_mode = Some(mode));
        self.decorate(toplevel.wl_surface(), mode == Mode::ServerSide);
        if toplevel.is_initial_configure_sent() {
            configure_changed(toplevel);
        }
    }
}

impl KdeDecorationHandler for Compositor {
    fn kde_decoration_state(&self) -> &KdeDecorationState {
        &self.protocols.kde_decoration
    }

    fn request_mode(
        &mut self,
        surface: &WlSurface,
        decoration: &OrgKdeKwinServerDecoration,
        mode: WEnum<KdeMode>,
    ) {
        let WEnum::Value(mode) = mode else { return };
        self.decorate(surface, mode == KdeMode::Server);
        decoration.mode(mode);
    }

    fn release(&mut self, _decoration: &OrgKdeKwinServerDecoration, surface: &WlSurface) {
        self.decorate(surface, false);
    }
}

delegate_xdg_decoration!(Compositor);
delegate_kde_decoration!(Compositor);
