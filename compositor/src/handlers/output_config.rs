//! wlr-output-management: what programs wish of displays.
//!
//! A configuration is applied whole or not at all: it is checked first, and what no display here can
//! do (adaptive sync) fails it.

use std::sync::{Mutex, PoisonError};

use smithay::{
    output::Mode,
    reexports::{
        wayland_protocols_wlr::output_management::v1::server::{
            zwlr_output_configuration_head_v1::{
                self as config_head, ZwlrOutputConfigurationHeadV1,
            },
            zwlr_output_configuration_v1::{self as config, ZwlrOutputConfigurationV1},
            zwlr_output_head_v1::{self as head, ZwlrOutputHeadV1},
        },
        wayland_server::{Client, DataInit, Dispatch, DisplayHandle, Resource, WEnum},
    },
    utils::{Logical, Point, Transform},
};

use crate::{
    output::{OutputId, Screen},
    state::Compositor,
};

/// What a configuration wants of one display.
#[derive(Debug, Clone, PartialEq)]
struct Wish {
    output: OutputId,
    enabled: bool,
    mode: Option<Mode>,
    position: Option<Point<i32, Logical>>,
    scale: Option<f64>,
    transform: Option<Transform>,
    /// Something that no display here does.
    impossible: bool,
}

/// A configuration as it is gathered.
#[derive(Debug)]
pub struct Configuration {
    serial: u32,
    wishes: Mutex<(bool, Vec<Wish>)>,
}

/// One head of a configuration: which, and of which.
#[derive(Debug)]
pub struct ConfigurationHead {
    configuration: ZwlrOutputConfigurationV1,
    output: OutputId,
}

/// Scales that make sense.
const SCALES: std::ops::RangeInclusive<f64> = 0.5..=8.0;

impl Configuration {
    /// A configuration that was made knowing what `serial` told.
    pub(super) fn new(serial: u32) -> Self {
        Self {
            serial,
            wishes: Mutex::default(),
        }
    }
}

impl Compositor {
    /// Whether every display can do what is wished.
    fn can_configure(&self, wishes: &[Wish]) -> bool {
        wishes.iter().all(|wish| {
            let Some(output) = self.outputs.handle(wish.output) else {
                return false;
            };
            let mode = wish
                .mode
                .filter(|mode| output.current_mode() != Some(*mode));
            let switched = wish.enabled != self.outputs.get(wish.output).is_some();
            !wish.impossible
                && (!switched || self.backend.can_switch())
                && mode.is_none_or(|mode| self.backend.can_show(wish.output, mode))
        })
    }

    /// Does what is wished; a display that refuses after all fails the rest.
    fn configure_outputs(&mut self, wishes: &[Wish]) -> bool {
        if !self.can_configure(wishes) {
            return false;
        }
        // First those that come: there should be no moment without any.
        let wishes = wishes.iter().cloned().map(|mut wish| {
            // Who has to name a place and names where it is anyway has chosen none.
            let as_it_is = |screen: &Screen| {
                let now = screen.output.current_location();
                !screen.standing.chosen && wish.position == Some(now)
            };
            if self.outputs.get(wish.output).is_some_and(as_it_is) {
                wish.position = None;
            }
            wish
        });
        let (on, off): (Vec<_>, Vec<_>) = wishes.partition(|wish| wish.enabled);
        for wish in on.into_iter().chain(off) {
            if let Err(err) = self.switch_output(wish.output, wish.enabled) {
                eprintln!("ochre-compositor: {err}");
                return false;
            }
            let current = self
                .outputs
                .get(wish.output)
                .and_then(|s| s.output.current_mode());
            if let Some(mode) = wish.mode.filter(|mode| current != Some(*mode))
                && let Err(err) = self.set_output_mode(wish.output, mode)
            {
                eprintln!("ochre-compositor: {err}");
                return false;
            }
            self.place_output(wish.output, wish.position, wish.scale, wish.transform);
        }
        true
    }
}

impl Dispatch<ZwlrOutputConfigurationV1, Configuration> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        object: &ZwlrOutputConfigurationV1,
        request: config::Request,
        data: &Configuration,
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let mut guard = data.wishes.lock().unwrap_or_else(PoisonError::into_inner);
        let (used, wishes) = &mut *guard;
        let wish = |head: &ZwlrOutputHeadV1, enabled| Wish {
            output: head.data::<OutputId>().copied().unwrap_or(OutputId::NONE),
            enabled,
            mode: None,
            position: None,
            scale: None,
            transform: None,
            impossible: false,
        };
        let new = match &request {
            config::Request::EnableHead { head, .. } => Some(wish(head, true)),
            config::Request::DisableHead { head } => Some(wish(head, false)),
            _ => None,
        };
        let output = new.as_ref().map_or(OutputId::NONE, |wish| wish.output);
        if let Some(new) = new {
            if wishes.iter().any(|wish| wish.output == new.output) {
                object.post_error(config::Error::AlreadyConfiguredHead, "a head is set once");
            }
            wishes.push(new);
        }
        match request {
            config::Request::EnableHead { id, .. } => {
                let configuration = object.clone();
                let data = ConfigurationHead {
                    configuration,
                    output,
                };
                init.init(id, data);
            }
            config::Request::Apply | config::Request::Test => {
                if std::mem::replace(used, true) {
                    object.post_error(config::Error::AlreadyUsed, "a configuration is used once");
                    return;
                }
                if data.serial != state.protocols.output_heads.serial {
                    object.cancelled();
                    return;
                }
                let wishes = wishes.clone();
                drop(guard);
                let done = match request {
                    config::Request::Apply => state.configure_outputs(&wishes),
                    _ => state.can_configure(&wishes),
                };
                if done {
                    object.succeeded();
                } else {
                    object.failed();
                }
            }
            _ => {}
        }
    }
}

impl Dispatch<ZwlrOutputConfigurationHeadV1, ConfigurationHead> for Compositor {
    fn request(
        _state: &mut Self,
        _client: &Client,
        object: &ZwlrOutputConfigurationHeadV1,
        request: config_head::Request,
        data: &ConfigurationHead,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        use config_head::{Error, Request};
        let Some(configuration) = data.configuration.data::<Configuration>() else {
            return;
        };
        let mut guard = configuration
            .wishes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(wish) = guard.1.iter_mut().find(|wish| wish.output == data.output) else {
            return;
        };
        let wrong = |error, why: &str| object.post_error(error, why);
        let twice = match request {
            Request::SetMode { mode } => match mode.data::<Mode>() {
                Some(mode) => wish.mode.replace(*mode).is_some(),
                None => return wrong(Error::InvalidMode, "the mode is of another head"),
            },
            Request::SetCustomMode {
                width,
                height,
                refresh,
            } => {
                let sane = crate::render::Extent::from_signed(width, height);
                if sane.is_none() || refresh < 0 {
                    return wrong(Error::InvalidCustomMode, "no display has such a mode");
                }
                let refresh = if refresh == 0 { 60_000 } else { refresh };
                let size = (width, height).into();
                wish.mode.replace(Mode { size, refresh }).is_some()
            }
            Request::SetPosition { x, y } => wish.position.replace((x, y).into()).is_some(),
            Request::SetTransform { transform } => match transform {
                WEnum::Value(transform) => wish.transform.replace(transform.into()).is_some(),
                WEnum::Unknown(_) => {
                    return wrong(Error::InvalidTransform, "there is no such transform");
                }
            },
            Request::SetScale { scale } => {
                if scale <= 0.0 {
                    return wrong(Error::InvalidScale, "a scale is positive");
                }
                wish.impossible |= !SCALES.contains(&scale);
                wish.scale.replace(scale).is_some()
            }
            Request::SetAdaptiveSync { state } => {
                match state {
                    WEnum::Value(head::AdaptiveSyncState::Disabled) => {}
                    WEnum::Value(_) => wish.impossible = true,
                    WEnum::Unknown(_) => {
                        return wrong(Error::InvalidAdaptiveSyncState, "there is no such state");
                    }
                }
                false
            }
            _ => false,
        };
        if twice {
            wrong(Error::AlreadySet, "a property is set once");
        }
    }
}
