//! wlr-output-power-management: programs that let displays go dark while nobody looks.
//!
//! Any number of programs may steer a display; all are told what becomes of it.

use smithay::{
    output::Output,
    reexports::{
        wayland_protocols_wlr::output_power_management::v1::server::{
            zwlr_output_power_manager_v1::{self as manager, ZwlrOutputPowerManagerV1},
            zwlr_output_power_v1::{self as power, Mode, ZwlrOutputPowerV1},
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, Resource, WEnum, backend::ClientId,
        },
    },
};

use super::sandbox::trusted_globals;
use crate::{output::OutputId, state::Compositor};

/// Who steers which display.
#[derive(Debug, Default)]
pub struct OutputPowers {
    held: Vec<(OutputId, ZwlrOutputPowerV1)>,
}

impl OutputPowers {
    /// Creates the global.
    pub fn new(display: &DisplayHandle) -> Self {
        display.create_global::<Compositor, ZwlrOutputPowerManagerV1, ()>(1, ());
        Self::default()
    }

    fn of(&self, output: OutputId) -> impl Iterator<Item = &ZwlrOutputPowerV1> {
        let held = self.held.iter().filter(move |(of, _)| *of == output);
        held.map(|(_, power)| power)
    }
}

fn mode(lit: bool) -> Mode {
    if lit { Mode::On } else { Mode::Off }
}

impl Compositor {
    /// Tells who steers a display what it is now.
    pub(crate) fn tell_power(&self, output: OutputId) {
        if let Some(screen) = self.outputs.get(output) {
            let powers = self.protocols.output_powers.of(output);
            powers.for_each(|power| power.mode(mode(screen.is_lit())));
        }
    }

    /// A display is gone or switched off: nobody steers it any more.
    pub(crate) fn drop_powers(&mut self, output: OutputId) {
        let powers = &mut self.protocols.output_powers;
        powers.of(output).for_each(ZwlrOutputPowerV1::failed);
        powers.held.retain(|(of, _)| *of != output);
    }
}

trusted_globals!(ZwlrOutputPowerManagerV1);

impl Dispatch<ZwlrOutputPowerManagerV1, ()> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        _manager: &ZwlrOutputPowerManagerV1,
        request: manager::Request,
        _data: &(),
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let manager::Request::GetOutputPower { id, output } = request else {
            return;
        };
        let output = Output::from_resource(&output);
        let mut screens = state.outputs.iter();
        let screen = screens.find(|screen| Some(&screen.output) == output.as_ref());
        let id_of = screen.map_or(OutputId::NONE, |screen| screen.id);
        let power = init.init(id, id_of);
        match screen.filter(|_| state.backend.can_switch()) {
            Some(screen) => {
                power.mode(mode(screen.is_lit()));
                state.protocols.output_powers.held.push((id_of, power));
            }
            None => power.failed(),
        }
    }
}

impl Dispatch<ZwlrOutputPowerV1, OutputId> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        power: &ZwlrOutputPowerV1,
        request: power::Request,
        output: &OutputId,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        let power::Request::SetMode { mode } = request else {
            return;
        };
        let WEnum::Value(mode) = mode else {
            power.post_error(power::Error::InvalidMode, "there is no such mode");
            return;
        };
        let held = &state.protocols.output_powers.held;
        if !held.iter().any(|(_, other)| other == power) {
            return; // it was told that it failed
        }
        if let Err(err) = state.power_output(*output, mode == Mode::On) {
            eprintln!("ochre-compositor: {err}");
            state.drop_powers(*output);
        }
    }

    fn destroyed(
        state: &mut Self,
        _client: ClientId,
        power: &ZwlrOutputPowerV1,
        _output: &OutputId,
    ) {
        let held = &mut state.protocols.output_powers.held;
        held.retain(|(_, other)| other != power);
    }
}
