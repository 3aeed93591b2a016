//! Pens and other tools of drawing tablets.
//!
//! A tool over a client that knows tablets is that client's, and the pointer is away meanwhile. Over
//! anything else (a frame, the desktop, a client that knows only pointers) its place is the pointer's,
//! its tip the left button, the buttons on it the others. What the tip went down on keeps it until it
//! is lifted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smithay::{
    backend::input::{ButtonState, TabletToolCapabilities, TabletToolDescriptor, TabletToolType},
    input::pointer::{CursorImageStatus, MotionEvent},
    reexports::{
        wayland_protocols::wp::tablet::zv2::server::{
            zwp_tablet_tool_v2::ZwpTabletToolV2, zwp_tablet_v2::ZwpTabletV2,
        },
        wayland_server::{Resource, backend::ObjectId, protocol::wl_surface::WlSurface},
    },
    utils::{Logical, Point, SERIAL_COUNTER, Serial},
    wayland::tablet_manager::{TabletDescriptor, TabletHandle, TabletSeatTrait, TabletToolHandle},
};

use super::BTN_LEFT;
use crate::{handlers::takes_tablets, state::Compositor};

/// More tablets than this nobody has.
const MOST_TABLETS: usize = 16;
/// The buttons of a mouse that a pen's are where only pointers are known.
const BTN_RIGHT: u32 = 0x111;
const BTN_MIDDLE: u32 = 0x112;
/// A pen's second button, as Linux numbers it.
const BTN_STYLUS2: u32 = 0x14c;

/// A tablet, for as long as it is plugged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TabletId(pub u32);

/// What is held over a tablet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// A pen.
    Pen,
    /// Its other end.
    Eraser,
    /// A brush.
    Brush,
    /// A pencil.
    Pencil,
    /// An airbrush.
    Airbrush,
}

/// A tool near a tablet: where it is and how it is held.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PenReport {
    /// Of which tablet.
    pub tablet: TabletId,
    /// What it is.
    pub tool: Tool,
    /// The share of the output's width.
    pub x: f64,
    /// The share of its height.
    pub y: f64,
    /// Its tip is down.
    pub touches: bool,
    /// How hard, 0 to 1.
    pub pressure: f64,
    /// How far above the tablet, 0 to 1.
    pub distance: f64,
    /// How far its top leans to the right and towards its user, in degrees.
    pub tilt: (f64, f64),
}

/// What a tablet says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TabletInfo {
    /// Its name.
    pub name: String,
    /// Who made it, by USB's numbers.
    pub vendor: u16,
    /// What it is, by its maker's.
    pub product: u16,
    /// It measures how hard its tools press,
    pub pressure: bool,
    /// how far above it they are,
    pub distance: bool,
    /// and how they lean.
    pub tilt: bool,
}

impl TabletInfo {
    fn descriptor(&self) -> TabletDescriptor {
        TabletDescriptor {
            name: self.name.clone(),
            // As clients are told them: the vendor first.
            usb_id: Some((self.vendor.into(), self.product.into())),
            syspath: None,
        }
    }

    fn tool(&self, tool: Tool) -> TabletToolDescriptor {
        let capability = |has, what| {
            if has {
                what
            } else {
                TabletToolCapabilities::empty()
            }
        };
        TabletToolDescriptor {
            tool_type: match tool {
                Tool::Pen => TabletToolType::Pen,
                Tool::Eraser => TabletToolType::Eraser,
                Tool::Brush => TabletToolType::Brush,
                Tool::Pencil => TabletToolType::Pencil,
                Tool::Airbrush => TabletToolType::Airbrush,
            },
            hardware_serial: 0,
            hardware_id_wacom: 0,
            capabilities: capability(self.pressure, TabletToolCapabilities::PRESSURE)
                | capability(self.distance, TabletToolCapabilities::DISTANCE)
                | capability(self.tilt, TabletToolCapabilities::TILT),
        }
    }
}

/// Who has a tip that is down.
#[derive(Debug, Clone, PartialEq)]
enum Holder {
    /// A client that knows tablets.
    Surface {
        surface: WlSurface,
        /// Where that begins.
        origin: Point<f64, Logical>,
        /// What its client knows the touch by.
        serial: Serial,
    },
    Pointer,
    /// Who had it is gone.
    Nobody,
}

/// The tool that is near a tablet.
#[derive(Debug)]
struct Near {
    handle: TabletToolHandle,
    last: PenReport,
    /// The surface that it is over, if its client knows tablets: the pointer is away.
    over: Option<WlSurface>,
    tip: Option<Holder>,
    /// The buttons that are down, and whether each is the pointer's.
    buttons: BTreeMap<u32, bool>,
}

#[derive(Debug)]
struct Tablet {
    info: TabletInfo,
    handle: TabletHandle,
    near: Option<Near>,
}

/// The tablets that are plugged in.
#[derive(Debug, Default)]
pub struct Tablets {
    known: BTreeMap<TabletId, Tablet>,
    next: u32,
}

impl Tablets {
    /// Whether a tool is at a client that knows tablets.
    pub(crate) fn keep_the_pointer_away(&self) -> bool {
        let mut near = self
            .known
            .values()
            .filter_map(|tablet| tablet.near.as_ref());
        near.any(|near| near.over.is_some())
    }

    fn near(&mut self, id: TabletId) -> Option<&mut Near> {
        self.known.get_mut(&id)?.near.as_mut()
    }
}

impl Compositor {
    /// A tablet is plugged in.
    pub fn add_tablet(&mut self, info: TabletInfo) -> TabletId {
        let id = TabletId(self.tablets.next);
        self.tablets.next += 1;
        if self.tablets.known.len() < MOST_TABLETS {
            let seat = self.seat.tablet_seat();
            let handle = seat.add_tablet::<Self>(&self.display, &info.descriptor());
            let tablet = Tablet {
                info,
                handle,
                near: None,
            };
            self.tablets.known.insert(id, tablet);
        }
        id
    }

    /// A tablet is gone. Smithay cannot tell clients of one, so they are told that all are, and then
    /// of those that are left.
    pub fn remove_tablet(&mut self, id: TabletId) {
        let near = self.tablets.known.iter();
        let near = near.filter(|(_, tablet)| tablet.near.is_some());
        for near in near.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.pen_away(near, self.clock.millis());
        }
        if self.tablets.known.remove(&id).is_none() {
            return;
        }
        let seat = self.seat.tablet_seat();
        seat.clear_tools();
        seat.clear_tablets();
        for object in self.tablet_objects() {
            if let Ok(tool) = ZwpTabletToolV2::from_id(&self.display, object.clone()) {
                tool.removed();
            } else if let Ok(tablet) = ZwpTabletV2::from_id(&self.display, object) {
                tablet.removed();
            }
        }
        for tablet in self.tablets.known.values_mut() {
            tablet.handle = seat.add_tablet::<Self>(&self.display, &tablet.info.descriptor());
        }
    }

    /// Clients' tablets and tools.
    fn tablet_objects(&self) -> Vec<ObjectId> {
        let backend = self.display.backend_handle();
        let mut clients = Vec::new();
        backend.with_all_clients(|client| clients.push(client));
        let names = [
            ZwpTabletToolV2::interface().name,
            ZwpTabletV2::interface().name,
        ];
        let mut objects = Vec::new();
        for client in clients {
            // One that is gone has none.
            let _ = backend.with_all_objects_for(client, |object| {
                if names.contains(&object.interface().name) {
                    objects.push(object);
                }
            });
        }
        objects
    }

    /// A tool is near: it came, moved, is held otherwise, or its tip went down or up.
    pub(super) fn pen(&mut self, report: PenReport, time: u32) {
        let numbers = [
            report.pressure,
            report.distance,
            report.tilt.0,
            report.tilt.1,
        ];
        let Some(at) = self
            .point_at_share(report.x, report.y)
            .filter(|_| numbers.iter().all(|number| number.is_finite()))
        else {
            return;
        };
        let id = report.tablet;
        let Some(tablet) = self.tablets.known.get(&id) else {
            return;
        };
        if tablet
            .near
            .as_ref()
            .is_some_and(|near| near.last.tool != report.tool)
        {
            self.pen_away(id, time);
        }
        let Some(tablet) = self.tablets.known.get(&id) else {
            return;
        };
        let before = tablet.near.as_ref().map(|near| near.last);
        if before.is_none() {
            let tool = tablet.info.tool(report.tool);
            let display = self.display.clone();
            let handle = self.seat.tablet_seat().add_tool(self, &display, &tool);
            let near = Near {
                handle,
                last: report,
                over: None,
                tip: None,
                buttons: BTreeMap::new(),
            };
            if let Some(tablet) = self.tablets.known.get_mut(&id) {
                tablet.near = Some(near);
            }
        }
        let touched = before.is_some_and(|before| before.touches);
        match self.pen_focus(id, at) {
            Some(focus) => self.pen_on_surface(id, &report, before.as_ref(), at, focus, time),
            None => self.pen_is_pointer(id, &report, time),
        }
        if let Some(near) = self.tablets.near(id) {
            near.last = report;
        }
        match (touched, report.touches) {
            (false, true) => self.tip_down(id, at, time),
            (true, false) => self.tip_up(id, time),
            _ => {}
        }
    }

    /// The surface that a tool is for now, if its client knows tablets.
    fn pen_focus(
        &mut self,
        id: TabletId,
        at: Point<f64, Logical>,
    ) -> Option<(WlSurface, Point<f64, Logical>)> {
        match &self.tablets.near(id)?.tip {
            Some(Holder::Surface {
                surface, origin, ..
            }) => Some((surface.clone(), *origin)),
            Some(Holder::Pointer | Holder::Nobody) => None,
            // Who drags something with the pointer goes on with it.
            None if self.seat.get_pointer()?.is_grabbed() => None,
            None => self
                .focus_at(at)
                .filter(|(surface, _)| takes_tablets(surface)),
        }
    }

    fn pen_on_surface(
        &mut self,
        id: TabletId,
        report: &PenReport,
        before: Option<&PenReport>,
        at: Point<f64, Logical>,
        focus: (WlSurface, Point<f64, Logical>),
        time: u32,
    ) {
        let serial = SERIAL_COUNTER.next_serial();
        let Some(tablet) = self.tablets.known.get_mut(&id) else {
            return;
        };
        let Some(near) = &mut tablet.near else { return };
        let came = near.over.replace(focus.0.clone()).as_ref() != Some(&focus.0);
        let (info, tool) = (&tablet.info, near.handle.clone());
        let handle = tablet.handle.clone();
        // Who did not have it does not know how it is held.
        let known = before.filter(|_| !came);
        if info.pressure && known.is_none_or(|known| known.pressure != report.pressure) {
            tool.pressure(report.pressure.clamp(0.0, 1.0));
        }
        if info.distance && known.is_none_or(|known| known.distance != report.distance) {
            tool.distance(report.distance.clamp(0.0, 1.0));
        }
        if info.tilt && known.is_none_or(|known| known.tilt != report.tilt) {
            tool.tilt(report.tilt);
        }
        if let Some(pointer) = self.seat.get_pointer() {
            // It shows where the tool is, and is over nobody.
            let event = MotionEvent {
                location: at,
                serial,
                time,
            };
            pointer.motion(self, None, &event);
            self.end_pointer_frame();
            self.under = None;
        }
        if came {
            self.shell.hovered = None;
            self.cursor = CursorImageStatus::default_named();
            // With how it is held, which Smithay tells only to who has it already.
            tool.motion(at, Some(focus.clone()), &handle, serial, time);
        }
        tool.motion(at, Some(focus), &handle, serial, time);
        self.outputs.queue_all();
    }

    fn pen_is_pointer(&mut self, id: TabletId, report: &PenReport, time: u32) {
        if let Some(near) = self.tablets.near(id)
            && near.over.take().is_some()
        {
            near.handle.proximity_out(time);
        }
        self.pointer_at_share(report.x, report.y, time);
    }

    fn tip_down(&mut self, id: TabletId, at: Point<f64, Logical>, time: u32) {
        let focus = self.pen_focus(id, at);
        let Some(near) = self.tablets.near(id) else {
            return;
        };
        let Some((surface, origin)) = focus.filter(|_| near.over.is_some()) else {
            near.tip = Some(Holder::Pointer);
            self.button(BTN_LEFT, true, time);
            return;
        };
        let tool = near.handle.clone();
        let serial = SERIAL_COUNTER.next_serial();
        self.given.add(Some(&surface), true, serial);
        near.tip = Some(Holder::Surface {
            surface,
            origin,
            serial,
        });
        self.meta_alone = false;
        let hit = self.hit(at);
        self.close_menus_by_press(&hit);
        self.focus_by_click(&hit, serial);
        tool.tip_down(serial, time);
    }

    fn tip_up(&mut self, id: TabletId, time: u32) {
        let Some(near) = self.tablets.near(id) else {
            return;
        };
        match near.tip.take() {
            Some(Holder::Pointer) => self.button(BTN_LEFT, false, time),
            Some(Holder::Surface { .. } | Holder::Nobody) => near.handle.tip_up(time),
            None => {}
        }
    }

    /// A button on a tool.
    pub(super) fn pen_button(&mut self, id: TabletId, button: u32, pressed: bool, time: u32) {
        let Some(near) = self.tablets.near(id) else {
            return;
        };
        let pointer_s = match pressed {
            true if near.buttons.contains_key(&button) => return,
            true => near.over.is_none(),
            false => match near.buttons.remove(&button) {
                Some(pointer_s) => pointer_s,
                None => return,
            },
        };
        if pressed {
            near.buttons.insert(button, pointer_s);
        }
        if pointer_s {
            let mouse = if button == BTN_STYLUS2 {
                BTN_MIDDLE
            } else {
                BTN_RIGHT
            };
            self.button(mouse, pressed, time);
        } else {
            let state = match pressed {
                true => ButtonState::Pressed,
                false => ButtonState::Released,
            };
            let serial = SERIAL_COUNTER.next_serial();
            self.given.add(near.over.as_ref(), pressed, serial);
            near.handle.button(button, state, serial, time);
        }
    }

    /// A tool left its tablet; what it held down is let go.
    pub(super) fn pen_away(&mut self, id: TabletId, time: u32) {
        self.tip_up(id, time);
        let buttons = self
            .tablets
            .near(id)
            .map(|near| near.buttons.keys().copied());
        for button in buttons.into_iter().flatten().collect::<Vec<_>>() {
            self.pen_button(id, button, false, time);
        }
        let tablet = self.tablets.known.get_mut(&id);
        let Some(near) = tablet.and_then(|tablet| tablet.near.take()) else {
            return;
        };
        if near.over.is_some() {
            near.handle.proximity_out(time);
            // The pointer is where the tool was, and over what is there.
            if let Some(pointer) = self.seat.get_pointer() {
                self.pointer_to(pointer.current_location(), time);
            }
        }
    }

    /// A surface is gone: tools over it are over nothing, and tips on it have nobody any more.
    pub(crate) fn penned_surface_gone(&mut self, surface: &WlSurface) {
        let time = self.clock.millis();
        let all = self.tablets.known.values_mut();
        for near in all.filter_map(|tablet| tablet.near.as_mut()) {
            if near.over.as_ref() == Some(surface) {
                near.over = None;
                near.handle.proximity_out(time);
            }
            if matches!(&near.tip, Some(Holder::Surface { surface: held, .. }) if held == surface) {
                near.tip = Some(Holder::Nobody);
            }
        }
    }

    /// The pointer takes over from a client the tip that went down with this serial, to drag a window
    /// with it. `None` if no tip did; whether it was that client's.
    pub(crate) fn pointer_takes_pen(&mut self, asks: &WlSurface, serial: Serial) -> Option<bool> {
        let mut all = self.tablets.known.values_mut();
        let (near, surface) = all.find_map(|tablet| {
            let near = tablet.near.as_mut()?;
            let surface = match &near.tip {
                Some(Holder::Surface {
                    surface,
                    serial: its,
                    ..
                }) if *its == serial => surface.clone(),
                _ => return None,
            };
            Some((near, surface))
        })?;
        if !surface.id().same_client_as(&asks.id()) {
            return Some(false);
        }
        let time = self.clock.millis();
        near.handle.proximity_out(time);
        near.over = None;
        near.tip = Some(Holder::Pointer);
        self.send_button(BTN_LEFT, true, serial, time);
        Some(true)
    }
}
