//! A tablet's reports: which tool is near, where it is and how it is held.
//!
//! What a tool does counts while it is near (BTN_TOOL_PEN and its like), as libinput has it. A tool
//! that takes the place of another one without leaving is told as one that left and one that came.

use std::collections::BTreeSet;

use evdev::{AbsoluteAxisCode, EventSummary, InputEvent as RawEvent, KeyCode, SynchronizationCode};

use super::hands::Axis;
use crate::input::{InputEvent, PenReport, TabletId, Tool};

/// How far a pen leans at the ends of an axis that does not say: what Wacom's do, in degrees.
const USUAL_TILT: f64 = 64.0;
/// The buttons of a pen, as Linux numbers them: BTN_STYLUS3, BTN_STYLUS, BTN_STYLUS2.
const STYLUS_BUTTONS: [u32; 3] = [0x149, 0x14b, 0x14c];

/// An axis and its last value: a report names only what changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Track {
    pub(super) axis: Axis,
    pub(super) value: i32,
}

impl Track {
    fn share(self) -> f64 {
        self.axis.share(self.value)
    }

    /// Degrees from upright: by the units a radian if the axis says them and is centred on 0.
    fn degrees(self) -> f64 {
        let Axis {
            low,
            high,
            resolution,
        } = self.axis;
        if resolution > 0 && low < 0 && high > 0 {
            (f64::from(self.value) / f64::from(resolution))
                .to_degrees()
                .clamp(-90.0, 90.0)
        } else {
            (self.share() * 2.0 - 1.0) * USUAL_TILT
        }
    }
}

/// What a tablet measures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axes {
    pub(super) x: Track,
    pub(super) y: Track,
    pub(super) pressure: Option<Track>,
    pub(super) distance: Option<Track>,
    pub(super) tilt: Option<(Track, Track)>,
}

impl Axes {
    /// The axes that a device has, if it has those of a tablet.
    pub(super) fn of(track: impl Fn(AbsoluteAxisCode) -> Option<Track>) -> Option<Self> {
        let lean = track(AbsoluteAxisCode::ABS_TILT_X);
        Some(Self {
            x: track(AbsoluteAxisCode::ABS_X)?,
            y: track(AbsoluteAxisCode::ABS_Y)?,
            pressure: track(AbsoluteAxisCode::ABS_PRESSURE),
            distance: track(AbsoluteAxisCode::ABS_DISTANCE),
            tilt: lean.zip(track(AbsoluteAxisCode::ABS_TILT_Y)),
        })
    }

    fn of_code(&mut self, code: AbsoluteAxisCode) -> Option<&mut Track> {
        match code {
            AbsoluteAxisCode::ABS_X => Some(&mut self.x),
            AbsoluteAxisCode::ABS_Y => Some(&mut self.y),
            AbsoluteAxisCode::ABS_PRESSURE => self.pressure.as_mut(),
            AbsoluteAxisCode::ABS_DISTANCE => self.distance.as_mut(),
            AbsoluteAxisCode::ABS_TILT_X => self.tilt.as_mut().map(|(x, _)| x),
            AbsoluteAxisCode::ABS_TILT_Y => self.tilt.as_mut().map(|(_, y)| y),
            _ => None,
        }
    }
}

/// A tablet, and the tool that is near it.
#[derive(Debug)]
pub(super) struct Pen {
    tablet: TabletId,
    axes: Axes,
    /// As the device says it.
    tool: Option<Tool>,
    touches: bool,
    /// As it was told.
    told: Option<Tool>,
    changed: bool,
    presses: Vec<(u32, bool)>,
    held: BTreeSet<u32>,
    lost: bool,
}

/// The tool that a key stands for.
fn tool_of(key: KeyCode) -> Option<Tool> {
    match key {
        KeyCode::BTN_TOOL_PEN => Some(Tool::Pen),
        KeyCode::BTN_TOOL_RUBBER => Some(Tool::Eraser),
        KeyCode::BTN_TOOL_BRUSH => Some(Tool::Brush),
        KeyCode::BTN_TOOL_PENCIL => Some(Tool::Pencil),
        KeyCode::BTN_TOOL_AIRBRUSH => Some(Tool::Airbrush),
        _ => None,
    }
}

impl Pen {
    pub(super) fn new(tablet: TabletId, axes: Axes) -> Self {
        Self {
            tablet,
            axes,
            tool: None,
            touches: false,
            told: None,
            changed: false,
            presses: Vec::new(),
            held: BTreeSet::new(),
            lost: false,
        }
    }

    pub(super) fn take(&mut self, event: RawEvent, out: &mut Vec<InputEvent>) {
        match event.destructure() {
            EventSummary::Synchronization(_, SynchronizationCode::SYN_DROPPED, _) => {
                // Whether it is still near is lost: it is not, until it comes again.
                out.extend(self.let_go());
                self.lost = true;
            }
            EventSummary::Synchronization(_, SynchronizationCode::SYN_REPORT, _) => {
                let complete = !std::mem::take(&mut self.lost);
                if complete {
                    self.report(out);
                }
            }
            _ if self.lost => {}
            EventSummary::Key(_, key, value @ (0 | 1)) => self.press(key, value == 1),
            EventSummary::AbsoluteAxis(_, code, value) => {
                if let Some(track) = self.axes.of_code(code) {
                    self.changed |= std::mem::replace(&mut track.value, value) != value;
                }
            }
            _ => {}
        }
    }

    fn press(&mut self, key: KeyCode, pressed: bool) {
        let code = u32::from(key.code());
        if let Some(tool) = tool_of(key) {
            match pressed {
                true => self.tool = Some(tool),
                false if self.tool == Some(tool) => self.tool = None,
                false => {}
            }
        } else if key == KeyCode::BTN_TOUCH {
            self.changed |= std::mem::replace(&mut self.touches, pressed) != pressed;
        } else if STYLUS_BUTTONS.contains(&code) {
            self.presses.push((code, pressed));
        }
    }

    fn report(&mut self, out: &mut Vec<InputEvent>) {
        if self.told.is_some() && self.told != self.tool {
            self.leave(out);
        }
        let presses = std::mem::take(&mut self.presses);
        let Some(tool) = self.tool else {
            return;
        };
        if self.told.replace(tool).is_none() || std::mem::take(&mut self.changed) {
            self.changed = false;
            let axes = &self.axes;
            out.push(InputEvent::Pen(PenReport {
                tablet: self.tablet,
                tool,
                x: axes.x.share(),
                y: axes.y.share(),
                touches: self.touches,
                pressure: axes.pressure.map_or(0.0, Track::share),
                distance: axes.distance.map_or(0.0, Track::share),
                tilt: axes
                    .tilt
                    .map_or((0.0, 0.0), |(x, y)| (x.degrees(), y.degrees())),
            }));
        }
        for (button, pressed) in presses {
            let news = if pressed {
                self.held.insert(button)
            } else {
                self.held.remove(&button)
            };
            if news {
                out.push(self.button(button, pressed));
            }
        }
    }

    fn button(&self, button: u32, pressed: bool) -> InputEvent {
        InputEvent::PenButton {
            tablet: self.tablet,
            button,
            pressed,
        }
    }

    /// The tool leaves, and lets go of its buttons before.
    fn leave(&mut self, out: &mut Vec<InputEvent>) {
        let held = std::mem::take(&mut self.held);
        out.extend(held.into_iter().map(|button| self.button(button, false)));
        if self.told.take().is_some() {
            let tablet = self.tablet;
            out.push(InputEvent::PenAway { tablet });
        }
    }

    /// The tool counts as gone until it comes again.
    pub(super) fn let_go(&mut self) -> Vec<InputEvent> {
        let mut out = Vec::new();
        self.leave(&mut out);
        self.presses.clear();
        (self.tool, self.touches) = (None, false);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evdev::EventType;

    const KEY: EventType = EventType::KEY;
    const ABS: EventType = EventType::ABSOLUTE;
    const TABLET: TabletId = TabletId(3);

    fn track(low: i32, high: i32, resolution: i32) -> Track {
        let axis = Axis {
            low,
            high,
            resolution,
        };
        Track { axis, value: 0 }
    }

    fn pen() -> Pen {
        let axes = Axes::of(|code| match code {
            AbsoluteAxisCode::ABS_X => Some(track(0, 20_000, 100)),
            AbsoluteAxisCode::ABS_Y => Some(track(0, 10_000, 100)),
            AbsoluteAxisCode::ABS_PRESSURE => Some(track(0, 2_000, 0)),
            AbsoluteAxisCode::ABS_DISTANCE => Some(track(0, 50, 0)),
            AbsoluteAxisCode::ABS_TILT_X => Some(track(-60, 60, 57)),
            AbsoluteAxisCode::ABS_TILT_Y => Some(track(0, 127, 0)),
            _ => None,
        });
        Pen::new(TABLET, axes.unwrap())
    }

    /// Plays reports; what they amount to, a line each.
    fn play(pen: &mut Pen, reports: &[&[(EventType, u16, i32)]]) -> Vec<String> {
        let mut out = Vec::new();
        for report in reports {
            for (kind, code, value) in *report {
                pen.take(RawEvent::new(kind.0, *code, *value), &mut out);
            }
            pen.take(RawEvent::new(0, 0, 0), &mut out);
        }
        out.iter().map(told).collect()
    }

    fn told(event: &InputEvent) -> String {
        match *event {
            InputEvent::Pen(pen) => format!(
                "{:?} at {:.2} {:.2}{} pressure {:.2} distance {:.2} tilt {:.0} {:.0}",
                pen.tool,
                pen.x,
                pen.y,
                if pen.touches { " down" } else { "" },
                pen.pressure,
                pen.distance,
                pen.tilt.0,
                pen.tilt.1
            ),
            InputEvent::PenAway { tablet: TABLET } => "away".into(),
            InputEvent::PenButton {
                button, pressed, ..
            } => format!("{button:#x} {pressed}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_stroke() {
        // As an Intuos reports it: near, lower, on, along, off, away.
        let out = play(
            &mut pen(),
            &[
                &[
                    (ABS, 0x00, 5_000),
                    (ABS, 0x01, 5_000),
                    (ABS, 0x19, 25),
                    (ABS, 0x1a, -57),
                    (ABS, 0x1b, 127),
                    (KEY, 0x140, 1),
                ],
                &[(ABS, 0x19, 0), (ABS, 0x18, 500), (KEY, 0x14a, 1)],
                &[(ABS, 0x00, 10_000), (ABS, 0x18, 2_000)],
                &[],
                &[(ABS, 0x18, 0), (KEY, 0x14a, 0)],
                &[(KEY, 0x140, 0), (ABS, 0x00, 0)],
            ],
        );
        assert_eq!(
            out,
            [
                "Pen at 0.25 0.50 pressure 0.00 distance 0.50 tilt -57 64",
                "Pen at 0.25 0.50 down pressure 0.25 distance 0.00 tilt -57 64",
                "Pen at 0.50 0.50 down pressure 1.00 distance 0.00 tilt -57 64",
                "Pen at 0.50 0.50 pressure 0.00 distance 0.00 tilt -57 64",
                "away",
            ]
        );
    }

    #[test]
    fn buttons_are_let_go_before_the_pen_leaves_and_none_counts_while_it_is_away() {
        let out = play(
            &mut pen(),
            &[
                &[(KEY, 0x14b, 1)],
                &[(KEY, 0x140, 1), (KEY, 0x14c, 1)],
                &[(KEY, 0x140, 0)],
            ],
        );
        assert_eq!(out[1..], ["0x14c true", "0x14c false", "away"]);
    }

    #[test]
    fn a_pen_that_is_turned_over_leaves_and_the_eraser_comes() {
        let mut pen = pen();
        play(&mut pen, &[&[(KEY, 0x140, 1)]]);
        let out = play(&mut pen, &[&[(KEY, 0x140, 0), (KEY, 0x141, 1)]]);
        assert_eq!(out[0], "away");
        assert!(out[1].starts_with("Eraser at"), "{out:?}");
        assert_eq!(out.len(), 2);
    }

    #[test]
    fn a_pen_whose_events_were_lost_is_away_until_it_comes_again() {
        let mut pen = pen();
        play(&mut pen, &[&[(KEY, 0x140, 1), (KEY, 0x14b, 1)]]);
        let dropped = (EventType::SYNCHRONIZATION, 3, 0);
        let lost = [dropped, (ABS, 0x00, 9_000)];
        assert_eq!(play(&mut pen, &[&lost]), ["0x14b false", "away"]);
        assert!(play(&mut pen, &[&[(ABS, 0x00, 9_500)]]).is_empty());
        assert_eq!(play(&mut pen, &[&[(KEY, 0x140, 1)]]).len(), 1);
        assert_eq!(pen.let_go().len(), 1);
        assert!(pen.let_go().is_empty());
    }

    #[test]
    fn values_beyond_an_axis_stay_on_it() {
        let mut pen = pen();
        let out = play(
            &mut pen,
            &[&[
                (ABS, 0x00, i32::MAX),
                (ABS, 0x01, i32::MIN),
                (ABS, 0x1a, i32::MIN),
                (KEY, 0x140, 1),
            ]],
        );
        assert_eq!(
            out,
            ["Pen at 1.00 0.00 pressure 0.00 distance 0.00 tilt -90 -64"]
        );
    }
}
