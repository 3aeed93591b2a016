//! wlr-output-management: what programs are told of displays. What they wish of them is in
//! [`super::output_config`].

use smithay::{
    output::{Mode, Output},
    reexports::{
        wayland_protocols_wlr::output_management::v1::server::{
            zwlr_output_head_v1::{self as head, ZwlrOutputHeadV1},
            zwlr_output_manager_v1::{self as manager, ZwlrOutputManagerV1},
            zwlr_output_mode_v1::ZwlrOutputModeV1,
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource,
            backend::ClientId,
        },
    },
    utils::{Logical, Point, Transform},
};

use super::output_config::Configuration;
use crate::{output::OutputId, state::Compositor};

/// Who is told about displays, and what they were last told.
#[derive(Debug, Default)]
pub struct OutputHeads {
    managers: Vec<ZwlrOutputManagerV1>,
    heads: Vec<(ZwlrOutputManagerV1, ZwlrOutputHeadV1)>,
    modes: Vec<(ZwlrOutputHeadV1, ZwlrOutputModeV1)>,
    told: Vec<HeadInfo>,
    pub(super) serial: u32,
}

/// What is told about a display.
#[derive(Debug, Clone, PartialEq)]
struct HeadInfo {
    id: OutputId,
    output: Output,
    enabled: bool,
    modes: Vec<Mode>,
    current: Option<Mode>,
    position: Point<i32, Logical>,
    scale: f64,
    transform: Transform,
}

impl HeadInfo {
    fn of(id: OutputId, output: &Output, enabled: bool) -> Self {
        Self {
            id,
            output: output.clone(),
            enabled,
            modes: output.modes(),
            current: output.current_mode(),
            position: output.current_location(),
            scale: output.current_scale().fractional_scale(),
            transform: output.current_transform(),
        }
    }
}

impl OutputHeads {
    /// Creates the global.
    pub fn new(display: &DisplayHandle) -> Self {
        display.create_global::<Compositor, ZwlrOutputManagerV1, ()>(4, ());
        Self::default()
    }

    /// Tells one manager about a display that it does not know.
    fn announce(
        &mut self,
        display: &DisplayHandle,
        manager: &ZwlrOutputManagerV1,
        info: &HeadInfo,
    ) -> Option<()> {
        let client = manager.client()?;
        let version = manager.version();
        let head = client
            .create_resource::<ZwlrOutputHeadV1, OutputId, Compositor>(display, version, info.id)
            .ok()?;
        manager.head(&head);
        let properties = info.output.physical_properties();
        head.name(info.output.name());
        head.description(info.output.description());
        if properties.size.w > 0 && properties.size.h > 0 {
            head.physical_size(properties.size.w, properties.size.h);
        }
        if version >= head::EVT_MAKE_SINCE {
            head.make(properties.make);
            head.model(properties.model);
        }
        self.heads.push((manager.clone(), head.clone()));
        self.describe(display, &head, info, None);
        Some(())
    }

    /// Sends what differs from `before` (or everything).
    fn describe(
        &mut self,
        display: &DisplayHandle,
        head: &ZwlrOutputHeadV1,
        info: &HeadInfo,
        before: Option<&HeadInfo>,
    ) -> Option<()> {
        let client = head.client()?;
        if before.is_none_or(|before| before.enabled != info.enabled) {
            head.enabled(i32::from(info.enabled));
        }
        // What comes now is told of displays that are on only.
        let known = before.filter(|before| before.enabled);
        if known.is_none() && info.enabled && head.version() >= head::EVT_ADAPTIVE_SYNC_SINCE {
            head.adaptive_sync(head::AdaptiveSyncState::Disabled);
        }
        if before.is_none_or(|before| before.modes != info.modes) {
            let gone = |(of, mode): &(ZwlrOutputHeadV1, ZwlrOutputModeV1)| {
                let known = mode.data::<Mode>();
                of == head && !known.is_some_and(|known| info.modes.contains(known))
            };
            self.modes
                .iter()
                .filter(|each| gone(each))
                .for_each(|(_, mode)| mode.finished());
            self.modes.retain(|each| !gone(each));
            for mode in &info.modes {
                if self.mode_of(head, *mode).is_some() {
                    continue;
                }
                let object = client
                    .create_resource::<ZwlrOutputModeV1, Mode, Compositor>(
                        display,
                        head.version().min(3),
                        *mode,
                    )
                    .ok()?;
                head.mode(&object);
                object.size(mode.size.w, mode.size.h);
                object.refresh(mode.refresh);
                if info.output.preferred_mode() == Some(*mode) {
                    object.preferred();
                }
                self.modes.push((head.clone(), object));
            }
        }
        if !info.enabled {
            return Some(());
        }
        if known.is_none_or(|before| before.current != info.current)
            && let Some(mode) = info.current.and_then(|mode| self.mode_of(head, mode))
        {
            head.current_mode(&mode);
        }
        if known.is_none_or(|before| before.position != info.position) {
            head.position(info.position.x, info.position.y);
        }
        if known.is_none_or(|before| before.scale != info.scale) {
            head.scale(info.scale);
        }
        if known.is_none_or(|before| before.transform != info.transform) {
            head.transform(info.transform.into());
        }
        Some(())
    }

    fn mode_of(&self, head: &ZwlrOutputHeadV1, mode: Mode) -> Option<ZwlrOutputModeV1> {
        self.modes
            .iter()
            .find(|(of, object)| of == head && object.data::<Mode>() == Some(&mode))
            .map(|(_, object)| object.clone())
    }

    fn done(&self) {
        for manager in &self.managers {
            manager.done(self.serial);
        }
    }
}

impl Compositor {
    /// Tells settings programs what changed about the displays since the last time.
    pub(crate) fn tell_outputs(&mut self) {
        let on = self.outputs.iter();
        let on = on.map(|screen| HeadInfo::of(screen.id, &screen.output, true));
        let off = self.outputs.off();
        let off = off.map(|(id, output)| HeadInfo::of(id, output, false));
        let infos: Vec<HeadInfo> = on.chain(off).collect();
        let display = self.display.clone();
        let told = &mut self.protocols.output_heads;
        if told.told == infos {
            return;
        }
        let before = std::mem::replace(&mut told.told, infos.clone());
        let is_gone = |head: &ZwlrOutputHeadV1| {
            let id = head.data::<OutputId>();
            !infos.iter().any(|info| Some(&info.id) == id)
        };
        told.heads
            .iter()
            .filter(|(_, head)| is_gone(head))
            .for_each(|(_, head)| head.finished());
        told.heads.retain(|(_, head)| !is_gone(head));
        told.modes.retain(|(head, _)| !is_gone(head));
        for info in &infos {
            match before.iter().find(|before| before.id == info.id) {
                Some(before) if before == info => {}
                Some(before) => {
                    let heads: Vec<_> = told.heads.iter().map(|(_, head)| head.clone()).collect();
                    for head in heads {
                        if head.data::<OutputId>() == Some(&info.id) {
                            told.describe(&display, &head, info, Some(before));
                        }
                    }
                }
                None => {
                    for manager in told.managers.clone() {
                        told.announce(&display, &manager, info);
                    }
                }
            }
        }
        told.serial = told.serial.wrapping_add(1);
        told.done();
    }
}

impl GlobalDispatch<ZwlrOutputManagerV1, ()> for Compositor {
    fn bind(
        state: &mut Self,
        display: &DisplayHandle,
        _client: &Client,
        resource: New<ZwlrOutputManagerV1>,
        _data: &(),
        init: &mut DataInit<'_, Self>,
    ) {
        let manager = init.init(resource, ());
        let told = &mut state.protocols.output_heads;
        for info in told.told.clone() {
            told.announce(display, &manager, &info);
        }
        manager.done(told.serial);
        told.managers.push(manager);
    }

    fn can_view(client: Client, _data: &()) -> bool {
        super::trusted(&client)
    }
}

impl Dispatch<ZwlrOutputManagerV1, ()> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        manager: &ZwlrOutputManagerV1,
        request: manager::Request,
        _data: &(),
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        match request {
            manager::Request::CreateConfiguration { id, serial } => {
                init.init(id, Configuration::new(serial));
            }
            manager::Request::Stop => {
                manager.finished();
                state
                    .protocols
                    .output_heads
                    .managers
                    .retain(|other| other != manager);
            }
            _ => {}
        }
    }

    fn destroyed(state: &mut Self, _client: ClientId, manager: &ZwlrOutputManagerV1, _data: &()) {
        let heads = &mut state.protocols.output_heads;
        heads.managers.retain(|other| other != manager);
        heads.heads.retain(|(of, _)| of != manager);
    }
}

impl Dispatch<ZwlrOutputHeadV1, OutputId> for Compositor {
    fn request(
        _state: &mut Self,
        _client: &Client,
        _head: &ZwlrOutputHeadV1,
        _request: head::Request,
        _output: &OutputId,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        // Its only request is its release, which `destroyed` sees.
    }

    fn destroyed(state: &mut Self, _client: ClientId, head: &ZwlrOutputHeadV1, _: &OutputId) {
        let heads = &mut state.protocols.output_heads;
        heads.heads.retain(|(_, other)| other != head);
        heads.modes.retain(|(of, _)| of != head);
    }
}

impl Dispatch<ZwlrOutputModeV1, Mode> for Compositor {
    fn request(
        _state: &mut Self,
        _client: &Client,
        _mode: &ZwlrOutputModeV1,
        _request: <ZwlrOutputModeV1 as Resource>::Request,
        _data: &Mode,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        // Its only request is its release, which `destroyed` sees.
    }

    fn destroyed(state: &mut Self, _client: ClientId, mode: &ZwlrOutputModeV1, _data: &Mode) {
        let heads = &mut state.protocols.output_heads;
        heads.modes.retain(|(_, other)| other != mode);
    }
}
