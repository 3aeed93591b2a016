//! wlr-gamma-control: programs that warm or calibrate the picture. The pixels are
//! [`crate::render::Tone`]'s.

use std::{fs::File, io::Read};

use smithay::{
    output::Output,
    reexports::{
        wayland_protocols_wlr::gamma_control::v1::server::{
            zwlr_gamma_control_manager_v1::{self as manager, ZwlrGammaControlManagerV1},
            zwlr_gamma_control_v1::{self as control, ZwlrGammaControlV1},
        },
        wayland_server::{Client, DataInit, Dispatch, DisplayHandle, Resource, backend::ClientId},
    },
};

use super::sandbox::trusted_globals;
use crate::{
    output::OutputId,
    render::{CURVE, Tone},
    state::Compositor,
};

/// Who holds an output's curves, and what they are.
#[derive(Debug, Default)]
pub struct Gammas {
    held: Vec<(OutputId, ZwlrGammaControlV1, Option<Tone>)>,
}

impl Gammas {
    /// Creates the global.
    pub fn new(display: &DisplayHandle) -> Self {
        display.create_global::<Compositor, ZwlrGammaControlManagerV1, ()>(1, ());
        Self::default()
    }

    /// What an output's program asks for.
    pub(crate) fn tone_of(&self, output: OutputId) -> Option<&Tone> {
        let held = self.held.iter().find(|(of, ..)| *of == output);
        held.and_then(|(.., tone)| tone.as_ref())
    }
}

impl Compositor {
    /// An output is gone, and with it what was set for it.
    pub(crate) fn drop_gamma(&mut self, output: OutputId) {
        self.protocols.gammas.held.retain(|(of, control, _)| {
            if *of == output {
                control.failed();
            }
            *of != output
        });
    }
}

trusted_globals!(ZwlrGammaControlManagerV1);

impl Dispatch<ZwlrGammaControlManagerV1, ()> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        _manager: &ZwlrGammaControlManagerV1,
        request: manager::Request,
        _data: &(),
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let manager::Request::GetGammaControl { id, output } = request else {
            return;
        };
        let output = Output::from_resource(&output);
        let output = state
            .outputs
            .iter()
            .find(|screen| Some(&screen.output) == output.as_ref())
            .map_or(OutputId::NONE, |screen| screen.id);
        let control = init.init(id, output);
        let held = &mut state.protocols.gammas.held;
        if output == OutputId::NONE || held.iter().any(|(of, ..)| *of == output) {
            control.failed();
            return;
        }
        control.gamma_size(CURVE as u32);
        held.push((output, control, None));
    }
}

impl Dispatch<ZwlrGammaControlV1, OutputId> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        control: &ZwlrGammaControlV1,
        request: control::Request,
        output: &OutputId,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        let control::Request::SetGamma { fd } = request else {
            return;
        };
        let held = &mut state.protocols.gammas.held;
        let Some((.., tone)) = held.iter_mut().find(|(_, other, _)| other == control) else {
            return; // it was told that it failed
        };
        let Some(given) = ramps(File::from(fd)).and_then(|ramps| Tone::from_ramps(&ramps)) else {
            control.post_error(
                control::Error::InvalidGamma,
                "the table is not as long as announced",
            );
            return;
        };
        *tone = Some(given);
        state.tone_changed(*output);
    }

    fn destroyed(
        state: &mut Self,
        _client: ClientId,
        control: &ZwlrGammaControlV1,
        output: &OutputId,
    ) {
        let held = &mut state.protocols.gammas.held;
        let before = held.len();
        held.retain(|(_, other, _)| other != control);
        if held.len() != before {
            state.tone_changed(*output);
        }
    }
}

/// Three ramps from a client's file, which must hold that much and never blocks us.
fn ramps(mut file: File) -> Option<Vec<u16>> {
    let flags = rustix::fs::fcntl_getfl(&file).ok()?;
    rustix::fs::fcntl_setfl(&file, flags | rustix::fs::OFlags::NONBLOCK).ok()?;
    let mut bytes = [0; 3 * CURVE * 2];
    file.read_exact(&mut bytes).ok()?;
    let pairs = bytes.chunks_exact(2);
    Some(
        pairs
            .map(|pair| u16::from_ne_bytes([pair[0], pair[1]]))
            .collect(),
    )
}
