//! Frames go to a display card through DRM/KMS; no GPU, GBM, udev or seat daemon is needed.
//!
//! A card may vanish (its driver died) and come back: outputs, windows and clients stay, and all is
//! drawn anew when it is there again. Displays may come, go and change their size at run time; the
//! card says so by device events.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::fs::{Mode as FileMode, OFlags};
use smithay::{
    backend::drm::{
        DrmDevice, DrmDeviceFd, DrmEvent, DrmSurface, PlaneConfig, PlaneDamageClips, PlaneState,
    },
    output::Mode as OutputMode,
    reexports::{
        calloop::RegistrationToken,
        drm::control::{Device as ControlDevice, Mode, ModeTypeFlags, connector, crtc},
    },
    utils::{DeviceFd, Physical, Rectangle, Size, Transform},
};

use crate::{
    Error,
    clock::Due,
    output::{DisplayInfo, OutputId},
    render::Extent,
    state::Compositor,
};

use super::{
    Backend, Draw, Pointer, Presented,
    clips::Clips,
    dumb::{Buffers, InUse},
    evdev::Devices,
    pointer_plane::PointerPlane,
};

/// How long after a card vanished to look for it.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// A card that does not say within this time that a frame is shown has lost it.
pub(crate) const LOST_FLIP: Duration = Duration::from_secs(1);

/// The card and its displays.
#[derive(Debug)]
pub struct Drm {
    path: PathBuf,
    card: Option<Card>,
    displays: Vec<Display>,
    /// Scanouts whose newest frame the card has not said to be on screen yet, and since when. A display
    /// that comes back must not take the news of a frame from before for that of its own.
    under_way: HashMap<crtc::Handle, Instant>,
}

#[derive(Debug)]
struct Card {
    device: DrmDevice,
    token: RegistrationToken,
}

/// One display: the output that it is, and how it is driven while the card is there.
struct Display {
    output: OutputId,
    name: String,
    /// What it can be driven in.
    modes: Vec<Mode>,
    preferred: Mode,
    /// What its user chose; it counts until the display prefers another mode than then.
    chosen: Option<Mode>,
    driven: Option<Driven>,
    /// Switched off by its user.
    off: bool,
}

struct Driven {
    surface: DrmSurface,
    buffers: Buffers,
    clips: Clips,
    /// Handed to the card, not yet said to be on screen.
    pending: Option<InUse>,
    /// On screen.
    shown: Option<InUse>,
    pointer: Option<PointerPlane>,
}

impl std::fmt::Debug for Display {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Display")
            .field("name", &self.name)
            .field("output", &self.output)
            .finish()
    }
}

/// A connected display and the mode to drive it in.
struct Connected {
    connector: connector::Handle,
    name: String,
    millimetres: (u32, u32),
    modes: Vec<Mode>,
    mode: Mode,
}

impl Drm {
    /// Opens the machine's card, its displays and its input devices.
    pub fn start(state: &mut Compositor, path: &Path) -> Result<(), Error> {
        state.backend = Backend::Drm(Box::new(Drm {
            path: path.to_owned(),
            card: None,
            displays: Vec::new(),
            under_way: HashMap::new(),
        }));
        state.devices = Devices::default();
        state.watch_uevents()?;
        if let Err(err) = state.open_card() {
            // Its driver may still be starting.
            eprintln!("ochre-compositor: {err}; waiting for it");
            state.card_lost();
        }
        state.rescan_input();
        Ok(())
    }

    /// Whether the card is away.
    pub(super) fn is_lost(&self) -> bool {
        self.card.is_none()
    }

    pub(super) fn present(
        &mut self,
        output: OutputId,
        draw: &mut Draw<'_>,
    ) -> Result<Presented, Error> {
        let Some(card) = &self.card else {
            return Ok(Presented::Nothing);
        };
        let display = self
            .displays
            .iter_mut()
            .find(|display| display.output == output);
        let Some(driven) = display.and_then(|display| display.driven.as_mut()) else {
            return Ok(Presented::Nothing);
        };
        let scanout = driven.surface.crtc();
        let since = self.under_way.get(&scanout);
        if since.is_some_and(|since| since.elapsed() < LOST_FLIP) {
            return Ok(Presented::NotYet);
        }
        let Some((slot, age)) = driven.buffers.next()? else {
            return Ok(Presented::NotYet); // all are in use: the next flip frees one
        };
        let drawn = driven.buffers.draw(&slot, |target| draw(target, age))??;
        let Some(damage) = drawn else {
            return Ok(Presented::Nothing);
        };
        let Some(framebuffer) = driven.buffers.framebuffer(&slot) else {
            return Err(Error::Display("a buffer without framebuffer".into()));
        };
        let size: Size<i32, Physical> = driven.buffers.extent().signed().into();
        let dst = Rectangle::from_size(size);
        let src = Rectangle::from_size((f64::from(size.w), f64::from(size.h)).into());
        let clips = driven.clips.of(card.device.device_fd(), (src, dst), damage);
        let plane = PlaneState {
            handle: driven.surface.plane(),
            config: Some(PlaneConfig {
                src,
                dst,
                transform: Transform::Normal,
                alpha: 1.0,
                damage_clips: clips.map(PlaneDamageClips::blob),
                fb: framebuffer,
                fence: None,
            }),
        };
        let submitted = if driven.surface.commit_pending() {
            driven.surface.commit([plane], true)
        } else {
            driven.surface.page_flip([plane], true)
        };
        submitted.map_err(|err| Error::Display(err.to_string()))?;
        self.under_way.insert(scanout, Instant::now());
        driven.buffers.submitted(&slot);
        driven.pending = Some(slot);
        Ok(Presented::AtFlip)
    }

    /// How large a display's pictures of the pointer are.
    pub(super) fn pointer_plane(&self, output: OutputId) -> Option<Extent> {
        let display = self.displays.iter().find(|it| it.output == output)?;
        display.driven.as_ref()?.pointer.as_ref()?.extent()
    }

    pub(super) fn show_pointer(
        &mut self,
        output: OutputId,
        pointer: &Pointer<'_>,
    ) -> Result<(), Error> {
        let display = self.displays.iter_mut().find(|it| it.output == output);
        let driven = display.and_then(|display| display.driven.as_mut());
        let plane = driven.and_then(|driven| driven.pointer.as_mut());
        let none = || Error::Display("no plane".into());
        plane.ok_or_else(none)?.show(pointer)
    }

    /// Whether a display has this mode.
    pub(super) fn can_show(&self, output: OutputId, mode: OutputMode) -> bool {
        self.displays
            .iter()
            .filter(|display| display.output == output)
            .any(|display| display.modes.iter().any(|one| output_mode(one) == mode))
    }

    /// The card says that a frame is on screen: which output's?
    fn flipped(&mut self, crtc: crtc::Handle) -> Option<OutputId> {
        self.under_way.remove(&crtc);
        self.displays.iter_mut().find_map(|display| {
            let driven = display
                .driven
                .as_mut()
                .filter(|driven| driven.surface.crtc() == crtc)?;
            if let Some(slot) = driven.pending.take() {
                driven.shown = Some(slot);
            }
            Some(display.output)
        })
    }
}

impl Compositor {
    fn drm(&mut self) -> Option<&mut Drm> {
        match &mut self.backend {
            Backend::Drm(drm) => Some(drm),
            _ => None,
        }
    }

    /// Opens the card and drives what is connected to it.
    fn open_card(&mut self) -> Result<(), Error> {
        let Some(path) = self.drm().map(|drm| drm.path.clone()) else {
            return Ok(());
        };
        let failed =
            |err: &dyn std::fmt::Display| Error::Display(format!("{}: {err}", path.display()));
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::open(&path, flags, FileMode::empty()).map_err(|err| failed(&err))?;
        let card = DrmDeviceFd::new(DeviceFd::from(file));
        let (device, notifier) = DrmDevice::new(card, false).map_err(|err| failed(&err))?;
        let token = self
            .events
            .insert_source(notifier, |event, _, state| match event {
                DrmEvent::VBlank(crtc) => state.card_flipped(crtc),
                DrmEvent::Error(_) => state.card_lost(),
            })?;
        if let Some(drm) = self.drm() {
            drm.card = Some(Card { device, token });
        }
        self.rescan_displays();
        Ok(())
    }

    fn card_flipped(&mut self, crtc: crtc::Handle) {
        let output = self.drm().and_then(|drm| drm.flipped(crtc));
        if let Some(output) = output {
            self.flip_done(output);
        }
    }

    /// The card is gone: everything of it is dropped, and it is looked for until it is back.
    pub(super) fn card_lost(&mut self) {
        let Some(drm) = self.drm() else { return };
        for display in &mut drm.displays {
            display.driven = None;
        }
        drm.under_way.clear();
        if let Some(card) = drm.card.take() {
            self.events.remove(card.token);
        }
        self.deadlines
            .set(self.clock.now() + LOOK_AGAIN, Due::Rescan);
    }

    /// Looks for the card, if it is away.
    pub(super) fn look_for_card(&mut self) {
        if !self.drm().is_some_and(|drm| drm.is_lost()) {
            return;
        }
        if self.open_card().is_err() {
            self.deadlines
                .set(self.clock.now() + LOOK_AGAIN, Due::Rescan);
        }
    }

    /// Asks the card which displays are connected, and drives them as they are now.
    pub(crate) fn rescan_displays(&mut self) {
        let Some(drm) = self.drm() else { return };
        let Some(card) = &drm.card else {
            self.look_for_card();
            return;
        };
        let Ok(connected) = connected(&card.device) else {
            self.card_lost();
            return;
        };
        let gone: Vec<OutputId> = drm
            .displays
            .iter()
            .filter(|display| !connected.iter().any(|found| found.name == display.name))
            .map(|display| display.output)
            .collect();
        drm.displays
            .retain(|display| !gone.contains(&display.output));
        for output in gone {
            self.remove_output(output);
        }
        for found in connected {
            if let Err(err) = self.drive(&found) {
                eprintln!("ochre-compositor: {}: {err}", found.name);
            }
        }
    }

    /// Drives a display in its mode, as a new output or the one that it was before.
    fn drive(&mut self, found: &Connected) -> Result<(), Error> {
        let Some(drm) = self.drm() else { return Ok(()) };
        let Some(card) = &mut drm.card else {
            return Ok(());
        };
        let before = drm
            .displays
            .iter()
            .position(|display| display.name == found.name);
        let mut mode = found.mode;
        if let Some(display) = before.map(|place| &mut drm.displays[place]) {
            display.modes.clone_from(&found.modes);
            let same = std::mem::replace(&mut display.preferred, found.mode) == found.mode;
            display.chosen = display
                .chosen
                .filter(|chosen| same && found.modes.contains(chosen));
            mode = display.chosen.unwrap_or(mode);
            if display.off {
                return Ok(());
            }
        }
        let refresh = millihertz(&mode);
        let (width, height) = mode.size();
        let extent = Extent::new(u32::from(width), u32::from(height))
            .ok_or_else(|| Error::Display("an absurd mode".into()))?;
        let driven = before.and_then(|place| drm.displays[place].driven.as_mut());
        let failed = |err: &dyn std::fmt::Display| Error::Display(err.to_string());
        match driven {
            Some(driven) if driven.surface.pending_mode() == mode => return Ok(()),
            Some(driven) => {
                driven.surface.use_mode(mode).map_err(|err| failed(&err))?;
                driven.buffers = Buffers::new(card.device.device_fd(), extent);
            }
            None => {
                let taken: Vec<crtc::Handle> = drm
                    .displays
                    .iter()
                    .filter_map(|display| display.driven.as_ref())
                    .map(|driven| driven.surface.crtc())
                    .collect();
                let crtc = free_crtc(&card.device, found.connector, &taken)
                    .ok_or_else(|| Error::Display("no free scanout".into()))?;
                let surface = card
                    .device
                    .create_surface(crtc, mode, &[found.connector])
                    .map_err(|err| failed(&err))?;
                let driven = Driven {
                    pointer: PointerPlane::new(&card.device, crtc),
                    surface,
                    buffers: Buffers::new(card.device.device_fd(), extent),
                    clips: Clips::default(),
                    pending: None,
                    shown: None,
                };
                match before {
                    Some(place) => drm.displays[place].driven = Some(driven),
                    None => drm.displays.push(Display {
                        output: OutputId::NONE,
                        name: found.name.clone(),
                        modes: found.modes.clone(),
                        preferred: found.mode,
                        chosen: None,
                        driven: Some(driven),
                        off: false,
                    }),
                }
            }
        }
        let output = match before {
            Some(place) => {
                let output = drm.displays[place].output;
                self.resize_output(output, extent.signed(), refresh);
                output
            }
            None => {
                let output = self.add_output(&DisplayInfo {
                    name: found.name.clone(),
                    make: "Unknown".into(),
                    model: found.name.clone(),
                    millimetres: (found.millimetres.0 as i32, found.millimetres.1 as i32),
                    size: extent.signed(),
                    refresh,
                });
                if let Some(display) = self.drm().and_then(|drm| drm.displays.last_mut()) {
                    display.output = output;
                }
                output
            }
        };
        if let Some(screen) = self.outputs.get(output) {
            for mode in &found.modes {
                screen.output.add_mode(output_mode(mode));
            }
            screen.output.set_preferred(output_mode(&found.mode));
        }
        self.tell_outputs();
        self.outputs.restart(output);
        if before.is_none() {
            self.configure_output(output);
        }
        Ok(())
    }

    /// Drives a display again, or no more.
    pub(crate) fn switch_card_output(&mut self, output: OutputId, on: bool) -> Result<(), Error> {
        let none = || Error::Display("there is no such display".into());
        let drm = self.drm().ok_or_else(none)?;
        let displays = &mut drm.displays;
        let display = displays.iter_mut().find(|display| display.output == output);
        let display = display.ok_or_else(none)?;
        display.off = !on;
        if on {
            self.rescan_displays();
            return Ok(());
        }
        match display.driven.take() {
            Some(driven) => {
                let cleared = driven.surface.clear();
                cleared.map_err(|err| Error::Display(err.to_string()))
            }
            None => Ok(()),
        }
    }

    /// Drives a display in one of its modes.
    pub(crate) fn set_card_mode(
        &mut self,
        output: OutputId,
        mode: OutputMode,
    ) -> Result<(), Error> {
        let none = || Error::Display("the display has no such mode".into());
        let display = self
            .drm()
            .and_then(|drm| {
                drm.displays
                    .iter_mut()
                    .find(|display| display.output == output)
            })
            .ok_or_else(none)?;
        let chosen = display.modes.iter().find(|one| output_mode(one) == mode);
        display.chosen = Some(*chosen.ok_or_else(none)?);
        self.rescan_displays();
        let now = self
            .outputs
            .get(output)
            .and_then(|screen| screen.output.current_mode());
        if now == Some(mode) {
            return Ok(());
        }
        Err(Error::Display("the card refused the mode".into()))
    }
}

/// A card's mode as an output's.
fn output_mode(mode: &Mode) -> OutputMode {
    let (width, height) = mode.size();
    OutputMode {
        size: (i32::from(width), i32::from(height)).into(),
        refresh: millihertz(mode),
    }
}

/// The displays that are connected, each in its preferred mode.
fn connected(device: &DrmDevice) -> std::io::Result<Vec<Connected>> {
    let mut found = Vec::new();
    for handle in device.resource_handles()?.connectors() {
        let info = device.get_connector(*handle, true)?;
        if info.state() != connector::State::Connected {
            continue;
        }
        let preferred = |mode: &&Mode| mode.mode_type().contains(ModeTypeFlags::PREFERRED);
        let mode = info.modes().iter().find(preferred).or(info.modes().first());
        let Some(mode) = mode.copied() else { continue };
        found.push(Connected {
            connector: *handle,
            name: format!("{}-{}", info.interface().as_str(), info.interface_id()),
            millimetres: info.size().unwrap_or((0, 0)),
            modes: info.modes().to_vec(),
            mode,
        });
    }
    Ok(found)
}

/// A scanout that can drive a connector and drives no other.
fn free_crtc(
    device: &DrmDevice,
    connector: connector::Handle,
    taken: &[crtc::Handle],
) -> Option<crtc::Handle> {
    let resources = device.resource_handles().ok()?;
    let info = device.get_connector(connector, false).ok()?;
    info.encoders()
        .iter()
        .filter_map(|encoder| device.get_encoder(*encoder).ok())
        .flat_map(|encoder| resources.filter_crtcs(encoder.possible_crtcs()))
        .find(|crtc| !taken.contains(crtc))
}

/// A mode's refresh rate; 60 Hz if it says none.
fn millihertz(mode: &Mode) -> i32 {
    let (_, _, total_width) = mode.hsync();
    let (_, _, total_height) = mode.vsync();
    let total = u64::from(total_width) * u64::from(total_height);
    let exact = (u64::from(mode.clock()) * 1_000_000)
        .checked_div(total)
        .unwrap_or(0);
    match i32::try_from(exact) {
        Ok(rate) if (10_000..1_000_000).contains(&rate) => rate,
        _ => 60_000,
    }
}
