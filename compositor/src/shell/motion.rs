//! What is on its way: windows that come, go or change their place, and workspaces that slide.
//!
//! Only what is seen moves. Where a window is, what has the keyboard and what a click hits is decided
//! at once; a window that is gone lives on as a picture for as long as it fades. Time is that at which
//! a frame will be on screen. When the last movement is over nothing is left, and no frame is asked for.

use std::time::Duration;

use ochre_theme::motion::{ease_in, ease_out};
use smithay::utils::{Physical, Point};

use super::{WORKSPACES, WindowId};
use crate::{output::OutputId, render::Picture, state::Compositor};

/// How far a window rises while it comes, and sinks while it goes or is put away, in logical pixels.
const RISE: f64 = 12.0;
const SINK: f64 = 6.0;
const AWAY: f64 = 40.0;
/// More pictures than this are of a program that is up to no good.
const MOST_GHOSTS: usize = 8;

/// A movement's beginning and length.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    start: Duration,
    length: Duration,
}

impl Span {
    /// How much of it has passed, 0 to 1.
    fn passed(&self, at: Duration) -> f32 {
        let passed = at.saturating_sub(self.start).as_secs_f32();
        (passed / self.length.as_secs_f32()).min(1.0)
    }

    fn is_over(&self, at: Duration) -> bool {
        at >= self.start + self.length
    }
}

/// How a picture goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Going {
    /// Its window was closed.
    Closed,
    /// Its window was put away.
    Minimized,
    /// Its window is there, with another size or place.
    Replaced,
}

/// The picture of what is no more.
#[derive(Debug)]
struct Ghost {
    window: WindowId,
    going: Going,
    picture: Picture,
    span: Span,
}

/// Workspaces that slide, as places in their row.
#[derive(Debug, Clone, Copy)]
struct Slide {
    from: f64,
    to: f64,
    span: Span,
}

impl Slide {
    fn place(&self, at: Duration) -> f64 {
        self.from + (self.to - self.from) * f64::from(ease_out(self.span.passed(at)))
    }
}

/// How something is to be drawn now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pose {
    /// How much further down, in logical pixels.
    pub(crate) down: f64,
    /// How much of it is seen, 0 to 1.
    pub(crate) alpha: f32,
}

/// Everything that is on its way.
#[derive(Debug, Default)]
pub struct Motions {
    coming: Vec<(WindowId, Span)>,
    ghosts: Vec<Ghost>,
    slide: Option<Slide>,
}

impl Motions {
    /// Whether something moves.
    pub fn any(&self) -> bool {
        !self.coming.is_empty() || !self.ghosts.is_empty() || self.slide.is_some()
    }

    /// Forgets what has arrived; whether anything did.
    pub(crate) fn settle(&mut self, at: Duration) -> bool {
        let before = (self.coming.len(), self.ghosts.len(), self.slide.is_some());
        self.coming.retain(|(_, span)| !span.is_over(at));
        self.ghosts.retain(|ghost| !ghost.span.is_over(at));
        self.slide = self.slide.filter(|slide| !slide.span.is_over(at));
        before != (self.coming.len(), self.ghosts.len(), self.slide.is_some())
    }

    /// How a window is to be drawn.
    pub(crate) fn pose(&self, window: WindowId, at: Duration) -> Pose {
        let coming = self.coming.iter().find(|(id, _)| *id == window);
        let share = coming.map_or(1.0, |(_, span)| ease_out(span.passed(at)));
        Pose {
            down: RISE * f64::from(1.0 - share),
            alpha: share,
        }
    }

    /// The pictures that are seen on an output above a window, or above all that are no more.
    pub(crate) fn ghosts(
        &self,
        output: OutputId,
        above: Option<WindowId>,
        at: Duration,
    ) -> impl Iterator<Item = (&Picture, Pose)> {
        let here = move |ghost: &&Ghost| {
            let over = (ghost.going == Going::Replaced).then_some(ghost.window);
            ghost.picture.output == output && over == above
        };
        self.ghosts.iter().rev().filter(here).map(move |ghost| {
            let share = ease_in(ghost.span.passed(at));
            let down = match ghost.going {
                Going::Closed => SINK,
                Going::Minimized => AWAY,
                Going::Replaced => 0.0,
            };
            let pose = Pose {
                down: down * f64::from(share),
                alpha: 1.0 - share,
            };
            (&ghost.picture, pose)
        })
    }

    /// The workspaces that are seen on an output of this width, and how far each is to the right.
    pub(crate) fn workspaces(
        &self,
        shown: usize,
        width: i32,
        at: Duration,
    ) -> Vec<(usize, Point<i32, Physical>)> {
        let Some(slide) = &self.slide else {
            return vec![(shown, Point::default())];
        };
        let place = slide.place(at);
        let aside = |workspace: usize| (workspace as f64 - place) * f64::from(width);
        (0..WORKSPACES)
            .map(|workspace| (workspace, aside(workspace).round() as i32))
            .filter(|(_, x)| x.abs() < width)
            .map(|(workspace, x)| (workspace, (x, 0).into()))
            .collect()
    }
}

impl Compositor {
    /// A movement that begins now, unless nothing is to move.
    fn span(&self, length: Duration) -> Option<Span> {
        let moves = self.config.animations && !length.is_zero() && !self.is_locked();
        moves.then(|| Span {
            start: self.clock.now(),
            length,
        })
    }

    /// A window comes into view.
    pub(super) fn window_comes(&mut self, id: WindowId) {
        let Some(span) = self.span(self.look.theme.motion.window) else {
            return;
        };
        let motions = &mut self.shell.motions;
        motions.coming.retain(|(other, _)| *other != id);
        motions.coming.push((id, span));
        self.outputs.queue_all();
    }

    /// A window is about to go out of view, which it does at once; its picture takes its time.
    pub(super) fn window_goes(&mut self, id: WindowId, going: Going) {
        let seen = self.shell.visible().any(|window| window.id == id);
        if seen
            && self.span(self.look.theme.motion.window).is_some()
            && let Some(picture) = self.picture(id)
        {
            self.leave(id, going, picture);
        }
    }

    /// Lets a picture fade.
    pub(super) fn leave(&mut self, window: WindowId, going: Going, picture: Picture) {
        let Some(span) = self.span(self.look.theme.motion.window) else {
            return;
        };
        let motions = &mut self.shell.motions;
        motions.coming.retain(|(other, _)| *other != window);
        motions.ghosts.retain(|ghost| ghost.window != window);
        if motions.ghosts.len() == MOST_GHOSTS {
            motions.ghosts.remove(0);
        }
        motions.ghosts.push(Ghost {
            window,
            going,
            picture,
            span,
        });
        self.outputs.queue_all();
    }

    /// A window is about to be told another size or place: what it shows now fades when it is there.
    pub(super) fn remember_picture(&mut self, id: WindowId) {
        let seen = self.shell.visible().any(|window| window.id == id);
        let moves = self.span(self.look.theme.motion.window).is_some();
        let picture = (seen && moves).then(|| self.picture(id)).flatten();
        if let Some(window) = self.shell.get_mut(id) {
            window.before = picture;
        }
    }

    /// The workspaces slide to the one that is now shown.
    pub(super) fn slide_workspaces(&mut self, from: usize, to: usize) {
        let now = self.clock.now();
        let from = match &self.shell.motions.slide {
            Some(slide) => slide.place(now),
            None => from as f64,
        };
        let span = self.span(self.look.theme.motion.screen);
        let to = to as f64;
        self.shell.motions.slide = span.map(|span| Slide { from, to, span });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u64) -> Span {
        Span {
            start: Duration::from_millis(start),
            length: Duration::from_millis(100),
        }
    }

    #[test]
    fn a_window_rises_and_is_there() {
        let mut motions = Motions::default();
        let at = Duration::from_millis;
        motions.coming.push((WindowId(3), span(1000)));
        let first = motions.pose(WindowId(3), at(1000));
        let then = motions.pose(WindowId(3), at(1050));
        assert_eq!((first.down, first.alpha), (RISE, 0.0));
        assert!(then.down < RISE / 2.0 && then.alpha > 0.5);
        assert!(!motions.settle(at(1099)) && motions.any());
        assert!(motions.settle(at(1100)) && !motions.any());
        let rest = motions.pose(WindowId(3), at(1100));
        assert_eq!((rest.down, rest.alpha), (0.0, 1.0));
    }

    #[test]
    fn workspaces_slide_past_each_other() {
        let slide = Slide {
            from: 0.0,
            to: 2.0,
            span: span(0),
        };
        let mut motions = Motions::default();
        assert_eq!(motions.workspaces(1, 800, Duration::ZERO).len(), 1);
        motions.slide = Some(slide);
        for at in (0..100).map(Duration::from_millis) {
            let seen = motions.workspaces(2, 800, at);
            assert!((1..=2).contains(&seen.len()), "{seen:?}");
            // Together they fill the screen.
            if let [(_, left), (_, right)] = seen[..] {
                assert_eq!(right.x - left.x, 800);
            }
        }
    }
}
