//! Fractional scales, and the viewports that go with them.

use smithay_client_toolkit::dispatch2::Dispatch2;
use smithay_client_toolkit::reexports::client::globals::GlobalList;
use smithay_client_toolkit::reexports::client::protocol::wl_surface::WlSurface;
use smithay_client_toolkit::reexports::client::{Connection, Proxy, QueueHandle};
use smithay_client_toolkit::reexports::protocols::wp::fractional_scale::v1::client::wp_fractional_scale_manager_v1::WpFractionalScaleManagerV1;
use smithay_client_toolkit::reexports::protocols::wp::fractional_scale::v1::client::wp_fractional_scale_v1::{
    self, WpFractionalScaleV1,
};
use smithay_client_toolkit::reexports::protocols::wp::viewporter::client::wp_viewport::WpViewport;
use smithay_client_toolkit::reexports::protocols::wp::viewporter::client::wp_viewporter::WpViewporter;

use crate::shell::state::Shell;

/// The two globals, where the compositor has them.
pub(super) struct Scaling {
    fractional: Option<WpFractionalScaleManagerV1>,
    viewporter: Option<WpViewporter>,
}

/// Marks this file's objects.
pub(super) struct ScaleObject;

impl Scaling {
    pub fn bind(globals: &GlobalList, queue: &QueueHandle<Shell>) -> Scaling {
        Scaling {
            fractional: globals.bind(queue, 1..=1, ScaleObject).ok(),
            viewporter: globals.bind(queue, 1..=1, ScaleObject).ok(),
        }
    }

    pub fn fractional(
        &self,
        surface: &WlSurface,
        queue: &QueueHandle<Shell>,
    ) -> Option<WpFractionalScaleV1> {
        Some(
            self.fractional
                .as_ref()?
                .get_fractional_scale(surface, queue, ScaleObject),
        )
    }

    pub fn viewport(&self, surface: &WlSurface, queue: &QueueHandle<Shell>) -> Option<WpViewport> {
        Some(
            self.viewporter
                .as_ref()?
                .get_viewport(surface, queue, ScaleObject),
        )
    }
}

impl Dispatch2<WpFractionalScaleV1, Shell> for ScaleObject {
    fn event(
        &self,
        shell: &mut Shell,
        object: &WpFractionalScaleV1,
        event: wp_fractional_scale_v1::Event,
        _: &Connection,
        _: &QueueHandle<Shell>,
    ) {
        let wp_fractional_scale_v1::Event::PreferredScale { scale } = event else {
            return;
        };
        let window = shell
            .windows
            .iter_mut()
            .find(|window| window.is_fractional(object));
        let Some(window) = window else { return };
        if !window.scales_whole() && window.set_scale(scale) {
            let (id, (width, height), scale) =
                (window.spec.id, window.physical_size(), window.scale());
            shell.program.resized(id, width, height, scale);
        }
    }
}

/// Objects of these kinds send no events.
macro_rules! silent {
    ($($kind:ty),*) => {$(
        impl Dispatch2<$kind, Shell> for ScaleObject {
            fn event(
                &self,
                _: &mut Shell,
                _: &$kind,
                _: <$kind as Proxy>::Event,
                _: &Connection,
                _: &QueueHandle<Shell>,
            ) {
            }
        }
    )*};
}

silent!(WpFractionalScaleManagerV1, WpViewporter, WpViewport);
