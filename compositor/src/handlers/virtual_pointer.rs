//! wlr-virtual-pointer: programs that move the pointer (remote desktops, automation). What they say
//! goes the way of a real device's events, when the frame that it belongs to is complete.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use smithay::backend::input::AxisSource;
use smithay::reexports::{
    wayland_protocols_wlr::virtual_pointer::v1::server::{
        zwlr_virtual_pointer_manager_v1::{self as manager, ZwlrVirtualPointerManagerV1},
        zwlr_virtual_pointer_v1::{self as pointer, ZwlrVirtualPointerV1},
    },
    wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, Resource, WEnum,
        backend::ClientId,
        protocol::wl_pointer::{self, Axis, ButtonState},
    },
};

use super::sandbox::trusted_globals;
use crate::{
    input::{InputEvent, ScrollFrame},
    state::Compositor,
};

/// No frame of a device is longer; the rest is the next one's.
const LONGEST_FRAME: usize = 256;

/// A virtual pointer between two requests.
#[derive(Debug, Default)]
pub struct VirtualPointer(Mutex<Pending>);

#[derive(Debug, Default)]
struct Pending {
    /// What the frame holds so far, but for scrolling.
    events: Vec<InputEvent>,
    scroll: ScrollFrame,
    /// What is said to have been scrolled with.
    source: Option<AxisSource>,
    /// Buttons to let go when it is gone.
    held: BTreeSet<u32>,
}

impl Pending {
    /// The frame is complete: what it amounts to.
    fn take(&mut self) -> Vec<InputEvent> {
        let mut events = std::mem::take(&mut self.events);
        events.retain(|event| match *event {
            InputEvent::Button { button, pressed } if pressed => self.held.insert(button),
            InputEvent::Button { button, .. } => self.held.remove(&button),
            _ => true,
        });
        events.extend(self.scroll.take_as(self.source.take()));
        events
    }
}

impl VirtualPointer {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates the global.
pub(super) fn create(display: &DisplayHandle) {
    display.create_global::<Compositor, ZwlrVirtualPointerManagerV1, ()>(2, ());
}

trusted_globals!(ZwlrVirtualPointerManagerV1);

impl Dispatch<ZwlrVirtualPointerManagerV1, ()> for Compositor {
    fn request(
        _state: &mut Self,
        _client: &Client,
        _manager: &ZwlrVirtualPointerManagerV1,
        request: manager::Request,
        _data: &(),
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        match request {
            // There is one seat, and positions are of the primary output.
            manager::Request::CreateVirtualPointer { id, .. }
            | manager::Request::CreateVirtualPointerWithOutput { id, .. } => {
                init.init(id, VirtualPointer::default());
            }
            _ => {}
        }
    }
}

/// Which of a pair an axis is.
fn of<T>(axis: WEnum<Axis>, pair: &mut (T, T)) -> Option<&mut T> {
    match axis {
        WEnum::Value(Axis::HorizontalScroll) => Some(&mut pair.0),
        WEnum::Value(Axis::VerticalScroll) => Some(&mut pair.1),
        _ => None,
    }
}

impl Dispatch<ZwlrVirtualPointerV1, VirtualPointer> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        object: &ZwlrVirtualPointerV1,
        request: pointer::Request,
        data: &VirtualPointer,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        use pointer::Request;
        let now = state.clock.millis();
        let wrong_axis = || object.post_error(pointer::Error::InvalidAxis, "there is no such axis");
        let mut pending = data.lock();
        let event = match request {
            Request::Motion { dx, dy, .. } => Some(InputEvent::Motion { dx, dy }),
            Request::MotionAbsolute {
                x,
                y,
                x_extent,
                y_extent,
                ..
            } => (x_extent > 0 && y_extent > 0).then(|| InputEvent::MotionAbsolute {
                x: f64::from(x) / f64::from(x_extent),
                y: f64::from(y) / f64::from(y_extent),
            }),
            Request::Button { button, state, .. } => {
                let pressed = state == WEnum::Value(ButtonState::Pressed);
                Some(InputEvent::Button { button, pressed })
            }
            Request::Axis { axis, value, .. } => {
                match of(axis, &mut pending.scroll.pixels) {
                    Some(pixels) => *pixels += value,
                    None => wrong_axis(),
                }
                None
            }
            Request::AxisDiscrete {
                axis,
                value,
                discrete,
                ..
            } => {
                match of(axis, &mut pending.scroll.pixels) {
                    Some(pixels) => *pixels += value,
                    None => wrong_axis(),
                }
                if let Some(steps) = of(axis, &mut pending.scroll.steps) {
                    *steps = steps.saturating_add(discrete.saturating_mul(120));
                }
                None
            }
            Request::AxisStop { axis, .. } => {
                if of(axis, &mut pending.scroll.pixels).is_none() {
                    wrong_axis();
                }
                pending.scroll.stopped = true;
                None
            }
            Request::AxisSource {
                axis_source: WEnum::Unknown(_),
            } => {
                object.post_error(pointer::Error::InvalidAxisSource, "there is no such source");
                None
            }
            Request::AxisSource {
                axis_source: WEnum::Value(source),
            } => {
                pending.source = match source {
                    wl_pointer::AxisSource::Wheel => Some(AxisSource::Wheel),
                    wl_pointer::AxisSource::Finger => Some(AxisSource::Finger),
                    wl_pointer::AxisSource::Continuous => Some(AxisSource::Continuous),
                    wl_pointer::AxisSource::WheelTilt => Some(AxisSource::WheelTilt),
                    _ => None,
                };
                None
            }
            Request::Frame => {
                let events = pending.take();
                drop(pending);
                state.input_at_once(events, now);
                return;
            }
            _ => None,
        };
        pending.events.extend(event);
        if pending.events.len() >= LONGEST_FRAME {
            let events = pending.take();
            drop(pending);
            state.input_at_once(events, now);
        }
    }

    fn destroyed(
        state: &mut Self,
        _client: ClientId,
        _object: &ZwlrVirtualPointerV1,
        data: &VirtualPointer,
    ) {
        let held = std::mem::take(&mut data.lock().held);
        let now = state.clock.millis();
        for button in held {
            let pressed = false;
            state.input(InputEvent::Button { button, pressed }, now);
        }
    }
}
