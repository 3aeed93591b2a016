//! Scrolling as `wl_pointer` tells it, axis by axis until a frame ends: for the host of a nested
//! desktop, and for virtual pointers, whose programs say how it is to be told on.

use smithay::backend::input::AxisSource;

use super::InputEvent;

/// Scrolling as a program tells it: horizontally, vertically.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScrollAs {
    /// In logical pixels.
    pub pixels: (f64, f64),
    /// In 120ths of a wheel's notch.
    pub steps: (i32, i32),
    /// It is over.
    pub stopped: bool,
    /// What is said to have been moved.
    pub source: AxisSource,
}

/// What a pointer frame scrolls.
#[derive(Debug, Default)]
pub(crate) struct ScrollFrame {
    /// In logical pixels, to the right and downwards.
    pub(crate) pixels: (f64, f64),
    /// In 120ths of a wheel's notch.
    pub(crate) steps: (i32, i32),
    /// Fingers let go.
    pub(crate) stopped: bool,
}

impl ScrollFrame {
    /// The same, for clients to be told as it was said.
    pub(crate) fn take_as(&mut self, source: Option<AxisSource>) -> Option<InputEvent> {
        let Self {
            pixels,
            steps,
            stopped,
        } = std::mem::take(self);
        let usual = match steps {
            (0, 0) => AxisSource::Finger,
            _ => AxisSource::Wheel,
        };
        let scrolls = pixels != (0.0, 0.0) || steps != (0, 0) || stopped;
        scrolls.then(|| {
            InputEvent::ScrollAs(ScrollAs {
                pixels,
                steps,
                stopped,
                source: source.unwrap_or(usual),
            })
        })
    }

    /// The frame is complete: what it amounts to.
    pub(crate) fn take(&mut self) -> Option<InputEvent> {
        let Self {
            pixels,
            steps,
            stopped,
        } = std::mem::take(self);
        if steps != (0, 0) {
            return Some(InputEvent::Wheel {
                horizontal: steps.0,
                vertical: steps.1,
            });
        }
        (pixels != (0.0, 0.0) || stopped).then_some(InputEvent::Scroll {
            horizontal: pixels.0,
            vertical: pixels.1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_s_notches_count_and_not_its_pixels() {
        let mut frame = ScrollFrame {
            pixels: (0.0, 15.0),
            steps: (0, 120),
            stopped: false,
        };
        assert_eq!(
            frame.take(),
            Some(InputEvent::Wheel {
                horizontal: 0,
                vertical: 120
            })
        );
        assert_eq!(frame.take(), None);
    }

    #[test]
    fn the_end_of_scrolling_is_told() {
        let mut frame = ScrollFrame {
            stopped: true,
            ..ScrollFrame::default()
        };
        assert_eq!(
            frame.take(),
            Some(InputEvent::Scroll {
                horizontal: 0.0,
                vertical: 0.0
            })
        );
    }
}
