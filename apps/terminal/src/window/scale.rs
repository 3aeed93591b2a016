//! The window's scale: a fraction where the compositor knows of it, else a whole number.

use smithay_client_toolkit::dispatch2::Dispatch2;
use smithay_client_toolkit::reexports::client::globals::GlobalList;
use smithay_client_toolkit::reexports::client::protocol::wl_surface::WlSurface;
use smithay_client_toolkit::reexports::client::{Connection, Proxy, QueueHandle};
use smithay_client_toolkit::reexports::protocols::wp::fractional_scale::v1::client::{
    wp_fractional_scale_manager_v1::WpFractionalScaleManagerV1,
    wp_fractional_scale_v1::{self, WpFractionalScaleV1},
};
use smithay_client_toolkit::reexports::protocols::wp::viewporter::client::{
    wp_viewport::WpViewport, wp_viewporter::WpViewporter,
};

use super::Terminal;

/// The protocol's unit.
const WHOLE: u32 = 120;

pub struct Scale {
    surface: WlSurface,
    /// In 120ths.
    factor: u32,
    /// With it the compositor scales to any size, and tells fractions.
    viewport: Option<WpViewport>,
    _fractional: Option<WpFractionalScaleV1>,
}

/// Marks the objects of this module.
pub struct ScaleData;

impl Scale {
    pub fn new(globals: &GlobalList, queue: &QueueHandle<Terminal>, surface: &WlSurface) -> Scale {
        let viewporter = globals
            .bind::<WpViewporter, _, _>(queue, 1..=1, ScaleData)
            .ok();
        let manager = globals
            .bind::<WpFractionalScaleManagerV1, _, _>(queue, 1..=1, ScaleData)
            .ok();
        let both = viewporter.zip(manager).map(|(viewporter, manager)| {
            (
                viewporter.get_viewport(surface, queue, ScaleData),
                manager.get_fractional_scale(surface, queue, ScaleData),
            )
        });
        let (viewport, fractional) = both.unzip();
        Scale {
            surface: surface.clone(),
            factor: WHOLE,
            viewport,
            _fractional: fractional,
        }
    }

    pub fn factor(&self) -> f64 {
        f64::from(self.factor) / f64::from(WHOLE)
    }

    /// Pixels of a logical size.
    pub fn physical(&self, (width, height): (u32, u32)) -> (u32, u32) {
        let scaled = |length: u32| {
            let scaled = u64::from(length) * u64::from(self.factor) + u64::from(WHOLE) / 2;
            u32::try_from(scaled / u64::from(WHOLE))
                .unwrap_or(u32::MAX)
                .max(1)
        };
        (scaled(width), scaled(height))
    }

    /// Takes a whole scale, if fractions can't be had; whether it is another.
    pub fn set_whole(&mut self, factor: i32) -> bool {
        let factor = u32::try_from(factor).unwrap_or(1).clamp(1, 16) * WHOLE;
        self.viewport.is_none() && self.set(factor)
    }

    fn set(&mut self, factor: u32) -> bool {
        let factor = factor.clamp(WHOLE / 4, WHOLE * 16);
        std::mem::replace(&mut self.factor, factor) != factor
    }

    /// Says how large the buffer that is about to be committed is to be seen.
    pub fn place(&self, (width, height): (u32, u32)) {
        match &self.viewport {
            Some(viewport) => viewport.set_destination(width as i32, height as i32),
            None if self.surface.version() >= 3 => {
                self.surface.set_buffer_scale((self.factor / WHOLE) as i32);
            }
            None => {}
        }
    }
}

impl Dispatch2<WpFractionalScaleV1, Terminal> for ScaleData {
    fn event(
        &self,
        terminal: &mut Terminal,
        _: &WpFractionalScaleV1,
        event: wp_fractional_scale_v1::Event,
        _: &Connection,
        _: &QueueHandle<Terminal>,
    ) {
        if let wp_fractional_scale_v1::Event::PreferredScale { scale } = event
            && terminal.scale.set(scale)
            && terminal.configured
        {
            terminal.relayout();
        }
    }
}

/// Objects that have no events.
macro_rules! silent {
    ($($interface:ty),*) => {$(
        impl Dispatch2<$interface, Terminal> for ScaleData {
            fn event(
                &self,
                _: &mut Terminal,
                _: &$interface,
                _: <$interface as Proxy>::Event,
                _: &Connection,
                _: &QueueHandle<Terminal>,
            ) {
            }
        }
    )*};
}

silent!(WpFractionalScaleManagerV1, WpViewporter, WpViewport);
