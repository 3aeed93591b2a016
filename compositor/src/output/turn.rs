//! Displays that are turned or mirrored, as `wl_output.transform` says it: counter-clockwise, after
//! a flip around the vertical axis.

use smithay::utils::Transform;

use super::Screen;
use crate::{input::InputEvent, state::Compositor};

/// The turns by name.
pub const TURNS: [(&str, Transform); 8] = [
    ("normal", Transform::Normal),
    ("90", Transform::_90),
    ("180", Transform::_180),
    ("270", Transform::_270),
    ("flipped", Transform::Flipped),
    ("flipped-90", Transform::Flipped90),
    ("flipped-180", Transform::Flipped180),
    ("flipped-270", Transform::Flipped270),
];

/// The way that something goes on a display which is turned so, as seen upright.
fn upright((x, y): (f64, f64), transform: Transform) -> (f64, f64) {
    match transform {
        Transform::Normal => (x, y),
        Transform::_90 => (-y, x),
        Transform::_180 => (-x, -y),
        Transform::_270 => (y, -x),
        Transform::Flipped => (-x, y),
        Transform::Flipped90 => (y, x),
        Transform::Flipped180 => (x, -y),
        Transform::Flipped270 => (-y, -x),
    }
}

impl Screen {
    /// How it is turned.
    pub fn transform(&self) -> Transform {
        self.output.current_transform()
    }
}

impl Compositor {
    /// What something that is fixed to the primary display says, turned as that is.
    pub(crate) fn upright(&self, event: &mut InputEvent) {
        let Some(transform) = self.outputs.primary().map(Screen::transform) else {
            return;
        };
        let turn = |x: &mut f64, y: &mut f64| {
            let (from_x, from_y) = upright((*x - 0.5, *y - 0.5), transform);
            (*x, *y) = (from_x + 0.5, from_y + 0.5);
        };
        match event {
            InputEvent::MotionAbsolute { x, y }
            | InputEvent::TouchDown { x, y, .. }
            | InputEvent::TouchMotion { x, y, .. } => turn(x, y),
            InputEvent::Pen(pen) => {
                turn(&mut pen.x, &mut pen.y);
                pen.tilt = upright(pen.tilt, transform);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_touched_is_what_is_seen_there() {
        // The upper left corner of what is upright, by where a display turned so shows it.
        let corners = [
            (-0.5, -0.5),
            (-0.5, 0.5),
            (0.5, 0.5),
            (0.5, -0.5),
            (0.5, -0.5),
            (-0.5, -0.5),
            (-0.5, 0.5),
            (0.5, 0.5),
        ];
        for ((name, transform), corner) in TURNS.into_iter().zip(corners) {
            assert_eq!(upright(corner, transform), (-0.5, -0.5), "{name}");
        }
    }
}
