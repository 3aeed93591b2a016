//! Displays, and when a frame is due on each.
//!
//! An output draws when something asked for it (`queue`) and no frame of its own is under way. What
//! it draws is shown at the next vblank, real or estimated; then clients get their frame callbacks.
//! Nothing asks: nothing is drawn, and no timer runs.

mod frame;
mod hold;
mod layout;
mod plug;
mod pointer;
mod power;
mod surfaces;
mod turn;

pub use plug::DisplayInfo;
pub use turn::TURNS;

use std::time::Duration;

use smithay::{
    desktop::utils::OutputPresentationFeedback,
    output::Output,
    reexports::wayland_server::{backend::GlobalId, protocol::wl_surface::WlSurface},
    utils::{Logical, Physical, Point, Rectangle, Size},
};

use crate::{
    render::{Tone, Tracker, Turned},
    shell::Layers,
};

/// An output's name for as long as the compositor runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputId(pub u32);

impl OutputId {
    /// No output has this id.
    pub const NONE: OutputId = OutputId(u32::MAX);
}

/// Where an output is between one frame and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pacing {
    /// Nothing to draw.
    Idle,
    /// A frame is due at the end of this turn.
    Queued,
    /// A frame (or only the callbacks of an unchanged one) waits for vblank.
    Waiting { again: bool },
}

/// One display.
#[derive(Debug)]
pub struct Screen {
    /// Its id.
    pub id: OutputId,
    /// Smithay's handle.
    pub output: Output,
    /// The layers on it.
    pub layers: Layers,
    global: GlobalId,
    damage: Tracker,
    pacing: Pacing,
    feedback: Option<OutputPresentationFeedback>,
    last_vblank: Duration,
    frames: u64,
    /// It shows something: its power is on.
    lit: bool,
    /// What it shows upright, while it is turned.
    turned: Option<Turned>,
    /// What its pixels go through before they are shown.
    tone: Option<Tone>,
    pointer: pointer::Pointed,
    /// How it came to its place.
    pub(crate) standing: layout::Standing,
    /// It waits for what is on it to be drawn for its size.
    hold: Option<hold::Hold>,
    /// The work area that windows were laid out for.
    laid_out: Rectangle<i32, Logical>,
}

impl Screen {
    /// Its rectangle among all outputs.
    pub fn rect(&self) -> Rectangle<i32, Logical> {
        let scale = self.output.current_scale().fractional_scale();
        let size = self.size();
        let size = (reaching(size.w, scale), reaching(size.h, scale));
        Rectangle::new(self.output.current_location(), size.into())
    }

    /// Its size in pixels, as it is turned.
    pub fn size(&self) -> Size<i32, Physical> {
        self.transform().transform_size(self.mode_size())
    }

    /// The size of its buffers, as if it were not turned.
    pub fn mode_size(&self) -> Size<i32, Physical> {
        self.output
            .current_mode()
            .map(|mode| mode.size)
            .unwrap_or_default()
    }

    /// What panels leave of it.
    pub fn work_area(&self) -> Rectangle<i32, Logical> {
        let mut zone = self.layers.free();
        zone.loc += self.output.current_location();
        zone
    }

    /// Places its layers; whether they leave another work area than before.
    pub fn arrange_layers(&mut self) -> bool {
        let size = self.rect().size;
        self.layers.arrange(size)
    }

    /// How long a frame lasts.
    pub fn refresh(&self) -> Duration {
        let millihertz = self
            .output
            .current_mode()
            .map_or(0, |mode| mode.refresh)
            .max(1000);
        Duration::from_nanos(1_000_000_000_000 / millihertz.unsigned_abs() as u64)
    }

    /// How many frames it has shown.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether it shows something, and is not dark while nobody looks.
    pub fn is_lit(&self) -> bool {
        self.lit
    }

    /// How often what it shows has changed: with the pointer, if that counts.
    pub(crate) fn changes(&self, with_pointer: bool) -> u64 {
        let moves = if with_pointer {
            self.pointer.moves()
        } else {
            0
        };
        self.frames + moves
    }

    fn queue(&mut self) {
        if !self.lit {
            return;
        }
        self.pacing = match self.pacing {
            Pacing::Idle | Pacing::Queued => Pacing::Queued,
            Pacing::Waiting { .. } => Pacing::Waiting { again: true },
        };
    }

    /// The first vblank after `now`, on the grid of those before.
    pub(crate) fn next_vblank(&self, now: Duration) -> Duration {
        let refresh = self.refresh();
        let since = now.saturating_sub(self.last_vblank).as_nanos();
        let passed = since / refresh.as_nanos().max(1) + 1;
        match u32::try_from(passed) {
            Ok(passed) => self.last_vblank + refresh * passed,
            Err(_) => now + refresh, // the grid is days old
        }
    }
}

/// The fewest logical pixels that reach the end of so many of a display, as they are rounded when
/// they are drawn: what fills them leaves no gap there, and hangs over as little as can be.
fn reaching(pixels: i32, scale: f64) -> i32 {
    let least = (f64::from(pixels) / scale).floor();
    let reaches = (least * scale).round() >= f64::from(pixels);
    least as i32 + i32::from(!reaches)
}

/// All displays, the primary first.
#[derive(Debug, Default)]
pub struct Outputs {
    screens: Vec<Screen>,
    /// Those that are plugged in and switched off.
    off: Vec<(OutputId, Output)>,
    /// Where those were that are gone or off.
    places: Vec<plug::Place>,
    /// Globals of displays that are gone, and until when clients that have not heard may bind them.
    retired: Vec<(Duration, GlobalId)>,
    /// Work areas whose windows have to find another.
    gone: Vec<Rectangle<i32, Logical>>,
    /// The surfaces that went with the pointer when its output was last told to them.
    carried: Vec<WlSurface>,
    next_id: u32,
    next_rank: u32,
    /// The tone of the night light, while it is on.
    pub(crate) night: Option<Tone>,
}

impl Outputs {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Screen> {
        self.screens.iter()
    }

    /// All of them, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Screen> {
        self.screens.iter_mut()
    }

    /// The one where things appear by default.
    pub fn primary(&self) -> Option<&Screen> {
        self.screens.first()
    }

    /// The one with this id.
    pub fn get(&self, id: OutputId) -> Option<&Screen> {
        self.screens.iter().find(|screen| screen.id == id)
    }

    /// Smithay's handle of one, whether it is on or off.
    pub fn handle(&self, id: OutputId) -> Option<&Output> {
        let off = self.off.iter().find(|(other, _)| *other == id);
        let on = self.get(id).map(|screen| &screen.output);
        on.or(off.map(|(_, output)| output))
    }

    /// Those that are plugged in and switched off.
    pub fn off(&self) -> impl Iterator<Item = (OutputId, &Output)> {
        self.off.iter().map(|(id, output)| (*id, output))
    }

    pub(crate) fn get_mut(&mut self, id: OutputId) -> Option<&mut Screen> {
        self.screens.iter_mut().find(|screen| screen.id == id)
    }

    /// The one that a point is on.
    pub fn at(&self, point: Point<f64, Logical>) -> Option<&Screen> {
        self.screens
            .iter()
            .find(|screen| screen.rect().to_f64().contains(point))
    }

    /// The rectangle of the output that `rect` is most on.
    pub fn rect_at(&self, rect: Rectangle<i32, Logical>) -> Option<Rectangle<i32, Logical>> {
        self.most_on(rect).map(Screen::rect)
    }

    pub(crate) fn most_on(&self, rect: Rectangle<i32, Logical>) -> Option<&Screen> {
        let shared = |screen: &&Screen| {
            let common = screen.rect().intersection(rect).unwrap_or_default();
            i64::from(common.size.w) * i64::from(common.size.h)
        };
        self.screens.iter().rev().max_by_key(shared)
    }

    /// What panels leave of the output that `near` is on (the primary without it).
    pub fn work_area(&self, near: Option<Rectangle<i32, Logical>>) -> Rectangle<i32, Logical> {
        let screen = match near {
            Some(rect) => self.most_on(rect),
            None => self.primary(),
        };
        // Without a display windows are laid out for a plain one, and again when there is one.
        screen.map_or(Rectangle::from_size((1280, 800).into()), Screen::work_area)
    }

    /// Whether a rectangle was wholly in view when windows were last laid out.
    pub fn was_in_view(&self, rect: Rectangle<i32, Logical>) -> bool {
        let there = self.screens.iter().map(|screen| &screen.laid_out);
        there.chain(&self.gone).any(|area| area.contains_rect(rect))
    }

    /// Windows are laid out for the work areas that there are now.
    pub fn note_work_areas(&mut self) {
        for screen in &mut self.screens {
            screen.laid_out = screen.work_area();
        }
        self.gone.clear();
    }

    /// The scale that clients should draw at.
    pub fn preferred_scale(&self) -> f64 {
        let scales = self
            .screens
            .iter()
            .map(|s| s.output.current_scale().fractional_scale());
        scales.fold(1.0, f64::max)
    }

    /// The nearest point that is on an output.
    pub fn clamp(&self, point: Point<f64, Logical>) -> Point<f64, Logical> {
        if self.at(point).is_some() {
            return point;
        }
        let nearest = |screen: &Screen| {
            let rect = screen.rect().to_f64();
            let x = point
                .x
                .clamp(rect.loc.x, rect.loc.x + (rect.size.w - 1.0).max(0.0));
            let y = point
                .y
                .clamp(rect.loc.y, rect.loc.y + (rect.size.h - 1.0).max(0.0));
            Point::<f64, Logical>::from((x, y))
        };
        let distance = |at: &Point<f64, Logical>| (at.x - point.x).hypot(at.y - point.y);
        self.screens
            .iter()
            .map(nearest)
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
            .unwrap_or_default()
    }

    /// Asks for a frame on one output.
    pub fn queue(&mut self, id: OutputId) {
        if let Some(screen) = self.get_mut(id) {
            screen.queue();
        }
    }

    /// Asks for a frame on every output.
    pub fn queue_all(&mut self) {
        self.screens.iter_mut().for_each(Screen::queue);
    }

    /// Whether nothing is being drawn or waited for.
    pub fn is_idle(&self) -> bool {
        self.screens
            .iter()
            .all(|screen| screen.pacing == Pacing::Idle)
    }

    /// Changes what an output's pixels go through.
    pub(crate) fn set_tone(&mut self, id: OutputId, tone: Option<Tone>) {
        if let Some(screen) = self.get_mut(id)
            && screen.tone != tone
        {
            screen.tone = tone;
            screen.damage = Tracker::default();
            screen.pointer.forget();
            screen.queue();
        }
    }

    /// Forgets what is on screen, so that the next frame draws all of it.
    pub fn damage_all(&mut self) {
        for screen in &mut self.screens {
            screen.damage = Tracker::default();
            screen.pointer.forget();
            screen.queue();
        }
    }

    /// An output is driven anew: no frame of its own is under way.
    pub(crate) fn restart(&mut self, id: OutputId) {
        if let Some(screen) = self.get_mut(id).filter(|screen| screen.lit) {
            screen.damage = Tracker::default();
            screen.pointer.forget();
            screen.pacing = Pacing::Queued;
        }
    }
}
