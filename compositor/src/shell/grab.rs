//! Moving and resizing with the pointer: one grab that both the frame and clients start.

use smithay::{
    input::{
        SeatHandler,
        pointer::{
            AxisFrame, ButtonEvent, CursorIcon, CursorImageStatus, Focus, GestureHoldBeginEvent,
            GestureHoldEndEvent, GesturePinchBeginEvent, GesturePinchEndEvent,
            GesturePinchUpdateEvent, GestureSwipeBeginEvent, GestureSwipeEndEvent,
            GestureSwipeUpdateEvent, GrabStartData, MotionEvent, PointerGrab, PointerInnerHandle,
            RelativeMotionEvent,
        },
    },
    reexports::wayland_protocols::xdg::shell::server::xdg_toplevel::{ResizeEdge, State},
    utils::{Logical, Point, Rectangle, SERIAL_COUNTER, Serial, Size},
};

use super::{ManagedWindow, Mode, Snap, WindowId, configure, configure_changed, window::Resizing};
use crate::{output::Screen, state::Compositor};

/// The smallest content that a window can be dragged to when its client names no minimum.
const SMALLEST: (i32, i32) = (120, 48);
/// How far a maximized window's title has to be dragged before it comes off.
const TEAR_OFF: f64 = 12.0;

/// Sides of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Edges {
    /// Its left side.
    pub left: bool,
    /// Its right side.
    pub right: bool,
    /// Its upper side.
    pub top: bool,
    /// Its lower side.
    pub bottom: bool,
}

impl From<ResizeEdge> for Edges {
    fn from(edge: ResizeEdge) -> Self {
        use ResizeEdge::{Bottom, BottomLeft, BottomRight, Left, Right, Top, TopLeft, TopRight};
        Self {
            left: matches!(edge, Left | TopLeft | BottomLeft),
            right: matches!(edge, Right | TopRight | BottomRight),
            top: matches!(edge, Top | TopLeft | TopRight),
            bottom: matches!(edge, Bottom | BottomLeft | BottomRight),
        }
    }
}

impl Edges {
    /// The corner of a rectangle that a point is nearest to.
    pub(crate) fn nearest(rect: Rectangle<f64, Logical>, point: Point<f64, Logical>) -> Self {
        let left = point.x < rect.loc.x + rect.size.w / 2.0;
        let top = point.y < rect.loc.y + rect.size.h / 2.0;
        Self {
            left,
            right: !left,
            top,
            bottom: !top,
        }
    }

    /// The cursor that says so.
    pub fn cursor(self) -> CursorIcon {
        match (self.left, self.right, self.top, self.bottom) {
            (true, _, true, _) | (_, true, _, true) => CursorIcon::NwseResize,
            (_, true, true, _) | (true, _, _, true) => CursorIcon::NeswResize,
            (true, ..) | (_, true, ..) => CursorIcon::EwResize,
            _ => CursorIcon::NsResize,
        }
    }
}

/// What the pointer does with the window it holds.
#[derive(Debug, Clone, Copy)]
enum Drag {
    Move {
        from: Point<i32, Logical>,
    },
    Resize {
        edges: Edges,
        start: Rectangle<i32, Logical>,
        min: Size<i32, Logical>,
        max: Size<i32, Logical>,
    },
}

/// The pointer holds a window.
#[derive(Debug)]
struct WindowGrab {
    start: GrabStartData<Compositor>,
    window: WindowId,
    drag: Drag,
}

impl Compositor {
    /// Begins to move a window with the pointer, which took hold of it at `held`.
    pub(crate) fn start_move(&mut self, id: WindowId, held: Point<f64, Logical>, serial: Serial) {
        let Some(window) = self.shell.get(id) else {
            return;
        };
        if window.mode == Mode::Fullscreen {
            return;
        }
        let drag = Drag::Move {
            from: window.position,
        };
        self.start_drag(id, drag, CursorIcon::Grabbing, held, serial);
    }

    /// Begins to resize a window with the pointer, which took hold of it at `held`.
    pub(crate) fn start_resize(
        &mut self,
        id: WindowId,
        edges: Edges,
        held: Point<f64, Logical>,
        serial: Serial,
    ) {
        let Some(window) = self.shell.get_mut(id) else {
            return;
        };
        if window.mode != Mode::Floating || edges == Edges::default() {
            return;
        }
        let start = window.rect();
        window.wanted = None;
        window.home = None;
        window.resizing = Some(Resizing {
            edges,
            start,
            last: None,
        });
        let (min, max) = window.limits();
        let drag = Drag::Resize {
            edges,
            start,
            min,
            max,
        };
        self.start_drag(id, drag, edges.cursor(), held, serial);
    }

    /// Lets go of a window that follows the pointer without a button.
    pub(crate) fn put_down(&mut self) {
        if let Some(pointer) = self.seat.get_pointer() {
            pointer.unset_grab(self, SERIAL_COUNTER.next_serial(), self.clock.millis());
        }
    }

    fn start_drag(
        &mut self,
        id: WindowId,
        drag: Drag,
        icon: CursorIcon,
        held: Point<f64, Logical>,
        serial: Serial,
    ) {
        let Some(pointer) = self.seat.get_pointer() else {
            return;
        };
        let pressed = pointer.grab_start_data().map(|start| start.button);
        let start = GrabStartData {
            focus: None,
            button: pressed.unwrap_or(crate::input::BTN_LEFT),
            location: held,
        };
        pointer.set_grab(
            self,
            WindowGrab {
                start,
                window: id,
                drag,
            },
            serial,
            Focus::Clear,
        );
        self.cursor = CursorImageStatus::Named(icon);
        let location = pointer.current_location();
        if location != held {
            // Its client was slow to ask, and the pointer may not move again.
            let time = self.clock.millis();
            let event = MotionEvent {
                location,
                serial,
                time,
            };
            pointer.motion(self, None, &event);
        }
        self.outputs.queue_all();
    }

    /// The held window follows the pointer.
    fn drag_window(&mut self, grab: &mut WindowGrab, pointer: Point<f64, Logical>) {
        let delta = pointer - grab.start.location;
        match grab.drag {
            Drag::Move { ref mut from } => {
                let Some(window) = self.shell.get(grab.window) else {
                    return;
                };
                if window.mode != Mode::Floating {
                    if delta.x.hypot(delta.y) < TEAR_OFF {
                        return;
                    }
                    *from = self.tear_off(grab.window, grab.start.location);
                }
                let from = *from;
                let screen = self.outputs.at(pointer).or(self.outputs.primary());
                let area = screen.map_or(self.outputs.work_area(None), Screen::work_area);
                let title = self.look.title_height;
                if let Some(window) = self.shell.get_mut(grab.window) {
                    let mut to = from + delta.to_i32_round();
                    let top = area.loc.y + if window.has_frame() { title } else { 0 };
                    to.y = to.y.max(top); // a title bar above the screen could not be grabbed again
                    window.move_to(to);
                    window.arrival = None;
                    window.wanted = None;
                    window.home = None;
                }
                self.shell.snap = self
                    .snap_at(pointer)
                    .map(|(mode, area)| Snap::new(grab.window, mode, area));
            }
            Drag::Resize {
                edges,
                start,
                min,
                max,
            } => {
                let size = resized(start.size, edges, delta.to_i32_round(), min, max);
                let Some(window) = self.shell.get(grab.window) else {
                    return;
                };
                let Some(toplevel) = window.window.toplevel() else {
                    return;
                };
                toplevel.with_pending_state(|state| {
                    state.states.set(State::Resizing);
                    state.size = Some(size);
                });
                configure_changed(toplevel);
            }
        }
        self.outputs.queue_all();
    }

    /// Takes a maximized window off, under the pointer at the same share of its width.
    fn tear_off(&mut self, id: WindowId, pointer: Point<f64, Logical>) -> Point<i32, Logical> {
        let Some(window) = self.shell.get(id) else {
            return Point::default();
        };
        let old = window.rect();
        let width = window.restore.map_or(old.size.w, |restore| restore.size.w);
        let share = (pointer.x - f64::from(old.loc.x)) / f64::from(old.size.w.max(1));
        let x = (pointer.x - share * f64::from(width)) as i32;
        let from = Point::from((x, old.loc.y));
        self.set_mode(id, Mode::Floating);
        if let Some(window) = self.shell.get_mut(id) {
            window.arrival = None;
            window.before = None; // it is in the hand, and needs no other movement
        }
        from
    }

    fn end_drag(&mut self, id: WindowId, drag: Drag) {
        self.shell.carrying = false;
        if let Drag::Resize { .. } = drag
            && let Some(window) = self.shell.get_mut(id)
            && let Some(toplevel) = window.window.toplevel().cloned()
        {
            toplevel.with_pending_state(|state| state.states.unset(State::Resizing));
            let serial = configure(&toplevel);
            if let Some(resizing) = &mut window.resizing {
                resizing.last = Some(serial);
            }
        }
        if let Some(root) = self.shell.get(id).and_then(ManagedWindow::surface) {
            self.place_popups(&root);
        }
        if let (Drag::Move { from }, Some(snap)) = (drag, self.shell.snap.take())
            && snap.window == id
        {
            self.set_mode(id, snap.mode);
            // It goes back to where it was before the drag that ended here.
            if let Some(restore) = self.shell.get_mut(id).and_then(|it| it.restore.as_mut()) {
                restore.loc = from;
            }
        }
        self.cursor = CursorImageStatus::default_named();
        self.pointer_moved_under();
        self.outputs.queue_all();
    }
}

/// The size that dragging `edges` by `delta` asks for, within what the client allows.
fn resized(
    size: Size<i32, Logical>,
    edges: Edges,
    delta: Point<i32, Logical>,
    min: Size<i32, Logical>,
    max: Size<i32, Logical>,
) -> Size<i32, Logical> {
    let side =
        |length: i32, delta: i32, back: bool, front: bool, min: i32, max: i32, least: i32| {
            let wanted = if back {
                length.saturating_sub(delta)
            } else if front {
                length.saturating_add(delta)
            } else {
                return length;
            };
            let min = if min > 0 { min } else { least };
            let max = if max > 0 {
                max.max(min)
            } else {
                i32::from(u16::MAX)
            };
            wanted.clamp(min.min(max), max)
        };
    (
        side(
            size.w,
            delta.x,
            edges.left,
            edges.right,
            min.w,
            max.w,
            SMALLEST.0,
        ),
        side(
            size.h,
            delta.y,
            edges.top,
            edges.bottom,
            min.h,
            max.h,
            SMALLEST.1,
        ),
    )
        .into()
}

type PointerFocus = (
    <Compositor as SeatHandler>::PointerFocus,
    Point<f64, Logical>,
);
type Handle<'a> = PointerInnerHandle<'a, Compositor>;

impl PointerGrab<Compositor> for WindowGrab {
    fn motion(
        &mut self,
        state: &mut Compositor,
        handle: &mut Handle<'_>,
        _focus: Option<PointerFocus>,
        event: &MotionEvent,
    ) {
        handle.motion(state, None, event); // no client sees the pointer meanwhile
        if state.shell.get(self.window).is_none() {
            handle.unset_grab(self, state, event.serial, event.time, true);
            return;
        }
        state.drag_window(self, event.location);
    }

    fn relative_motion(
        &mut self,
        state: &mut Compositor,
        handle: &mut Handle<'_>,
        _focus: Option<PointerFocus>,
        event: &RelativeMotionEvent,
    ) {
        handle.relative_motion(state, None, event);
    }

    fn button(&mut self, state: &mut Compositor, handle: &mut Handle<'_>, event: &ButtonEvent) {
        handle.button(state, event);
        if !handle.current_pressed().contains(&self.start.button) {
            handle.unset_grab(self, state, event.serial, event.time, true);
        }
    }

    fn axis(&mut self, state: &mut Compositor, handle: &mut Handle<'_>, details: AxisFrame) {
        handle.axis(state, details);
    }

    fn frame(&mut self, state: &mut Compositor, handle: &mut Handle<'_>) {
        handle.frame(state);
    }

    fn gesture_swipe_begin(
        &mut self,
        state: &mut Compositor,
        handle: &mut Handle<'_>,
        event: &GestureSwipeBeginEvent,
    ) {
        handle.gesture_swipe_begin(state, event);
    }

    fn gesture_swipe_update(
        &mut self,
        state: &mut Compositor,
        handle: &mut Handle<'_>,
        event: &GestureSwipeUpdateEvent,
    ) {
        handle.gesture_swipe_update(state, event);
    }

    fn gesture_swipe_end(
        &mut self,
        state: &mut Compositor,
        handle: &mut Handle<'_>,
        event: &GestureSwipeEndEvent,
    ) {
        handle.gesture_swipe_end(state, event);
    }

    fn gesture_pinch_begin(
        &mut self,
        state: &mut Compositor,
        handle: &mut Handle<'_>,
        event: &GesturePinchBeginEvent,
    ) {
        handle.gesture_pinch_begin(state, event);
    }

    fn gesture_pinch_update(
        &mut self,
        state: &mut Compositor,
        handle: &mut Handle<'_>,
        event: &GesturePinchUpdateEvent,
    ) {
        handle.gesture_pinch_update(state, event);
    }

    fn gesture_pinch_end(
        &mut self,
        state: &mut Compositor,
        handle: &mut Handle<'_>,
        event: &GesturePinchEndEvent,
    ) {
        handle.gesture_pinch_end(state, event);
    }

    fn gesture_hold_begin(
        &mut self,
        state: &mut Compositor,
        handle: &mut Handle<'_>,
        event: &GestureHoldBeginEvent,
    ) {
        handle.gesture_hold_begin(state, event);
    }

    fn gesture_hold_end(
        &mut self,
        state: &mut Compositor,
        handle: &mut Handle<'_>,
        event: &GestureHoldEndEvent,
    ) {
        handle.gesture_hold_end(state, event);
    }

    fn start_data(&self) -> &GrabStartData<Compositor> {
        &self.start
    }

    fn unset(&mut self, state: &mut Compositor) {
        state.end_drag(self.window, self.drag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dragging_an_edge_changes_its_side_only() {
        let size = Size::from((300, 200));
        let none = Size::from((0, 0));
        let left_bottom = Edges {
            left: true,
            bottom: true,
            ..Edges::default()
        };
        assert_eq!(
            resized(size, left_bottom, (10, 20).into(), none, none),
            (290, 220).into()
        );
        let right = Edges {
            right: true,
            ..Edges::default()
        };
        assert_eq!(
            resized(size, right, (10, 20).into(), none, none),
            (310, 200).into()
        );
    }

    #[test]
    fn the_client_s_limits_hold() {
        let size = Size::from((300, 200));
        let all = Edges {
            right: true,
            bottom: true,
            ..Edges::default()
        };
        let (min, max) = (Size::from((280, 190)), Size::from((320, 0)));
        assert_eq!(
            resized(size, all, (-500, -500).into(), min, max),
            (280, 190).into()
        );
        assert_eq!(
            resized(size, all, (500, 0).into(), min, max),
            (320, 200).into()
        );
        let none = Size::from((0, 0));
        assert_eq!(
            resized(size, all, (i32::MIN, i32::MIN).into(), none, none),
            SMALLEST.into()
        );
    }
}
