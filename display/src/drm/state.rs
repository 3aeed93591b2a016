//! What each output shows: edited as a copy, checked as a whole, then put in place.

use crate::drm::abi::ModeInfo;
use crate::drm::backend::{Buffer, Rect};
use ochre_driver::{Errno, Result};
use std::rc::Rc;

/// A framebuffer: a view of a buffer as pixels.
#[derive(Debug)]
pub struct Framebuffer<T> {
    pub buffer: Rc<Buffer<T>>,
    pub width: u32,
    pub height: u32,
    pub pitch: u32,
    pub offset: u32,
    pub format: u32,
}

impl<T> Framebuffer<T> {
    /// Whether it is a whole buffer of a cursor's size, as devices take it.
    pub fn is_cursor(&self) -> bool {
        let pitch = CURSOR_SIZE * 4;
        (self.width, self.height, self.offset) == (CURSOR_SIZE, CURSOR_SIZE, 0)
            && (self.pitch, self.buffer.pitch) == (pitch, pitch)
            && self.buffer.size == u64::from(pitch * CURSOR_SIZE)
    }
}

/// A plane's state. Source values are 16.16 fixed point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlaneState {
    pub fb: u32,
    pub crtc: u32,
    pub src_x: u32,
    pub src_y: u32,
    pub src_w: u32,
    pub src_h: u32,
    pub crtc_x: i32,
    pub crtc_y: i32,
    pub crtc_w: u32,
    pub crtc_h: u32,
    pub hot_x: i32,
    pub hot_y: i32,
}

/// An output's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutputState {
    pub active: bool,
    /// The blob that the mode came from; 0 if it was set without one.
    pub mode_blob: u32,
    pub mode: Option<ModeInfo>,
    /// The connector is routed to its CRTC.
    pub routed: bool,
    pub primary: PlaneState,
    pub cursor: PlaneState,
}

impl OutputState {
    /// Checks that what the state asks can be shown. `framebuffer` finds a plane's.
    pub fn check<T>(
        &self,
        framebuffer: impl Fn(u32) -> Option<Rc<Framebuffer<T>>>,
        has_cursor: bool,
    ) -> Result<()> {
        if self.active && (self.mode.is_none() || !self.routed) {
            return Err(Errno::INVAL);
        }
        for plane in [&self.primary, &self.cursor] {
            if (plane.fb == 0) != (plane.crtc == 0) {
                return Err(Errno::INVAL);
            }
        }
        if let (Some(mode), true) = (&self.mode, self.primary.fb != 0) {
            let plane = &self.primary;
            let fb = framebuffer(plane.fb).ok_or(Errno::NOENT)?;
            let full = plane.crtc_x == 0
                && plane.crtc_y == 0
                && plane.crtc_w == u32::from(mode.hdisplay)
                && plane.crtc_h == u32::from(mode.vdisplay);
            let unscaled = plane.src_w == plane.crtc_w << 16 && plane.src_h == plane.crtc_h << 16;
            if !full || !unscaled {
                return Err(Errno::INVAL);
            }
            let source = self.source();
            let inside = source
                .x
                .checked_add(source.width)
                .is_some_and(|r| r <= fb.width)
                && source
                    .y
                    .checked_add(source.height)
                    .is_some_and(|b| b <= fb.height);
            if !inside {
                return Err(Errno::NOSPC);
            }
        }
        if self.cursor.fb != 0 {
            let fb = framebuffer(self.cursor.fb).ok_or(Errno::NOENT)?;
            if !has_cursor || !fb.is_cursor() {
                return Err(Errno::INVAL);
            }
        }
        Ok(())
    }

    /// Whether a plane shows the framebuffer.
    pub fn shows(&self, fb: u32) -> bool {
        self.primary.fb == fb || self.cursor.fb == fb
    }

    /// Takes framebuffers off the planes; whether one of them showed any. An output without a
    /// primary plane is off.
    pub fn take_off(&mut self, gone: &[u32]) -> bool {
        let mut any = false;
        for plane in [&mut self.primary, &mut self.cursor] {
            if gone.contains(&plane.fb) {
                (plane.fb, plane.crtc) = (0, 0);
                any = true;
            }
        }
        self.active &= self.primary.fb != 0;
        any
    }

    /// What the device is to show of the cursor.
    pub fn visible_cursor(&self) -> PlaneState {
        if self.active && self.cursor.fb != 0 {
            self.cursor
        } else {
            PlaneState::default()
        }
    }

    /// The part of the primary framebuffer that is shown.
    pub fn source(&self) -> Rect {
        Rect {
            x: self.primary.src_x >> 16,
            y: self.primary.src_y >> 16,
            width: self.primary.src_w >> 16,
            height: self.primary.src_h >> 16,
        }
    }

    /// Whether going from `old` to this needs DRM_MODE_ATOMIC_ALLOW_MODESET.
    pub fn is_modeset(&self, old: &OutputState) -> bool {
        self.active != old.active || self.mode != old.mode || self.routed != old.routed
    }
}

/// Pixels of a cursor image, each way.
pub const CURSOR_SIZE: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drm::mode;

    fn framebuffer(width: u32, height: u32) -> Rc<Framebuffer<()>> {
        let (memory, _) = rustix::pipe::pipe().expect("a pipe");
        let pitch = width * 4;
        let buffer = Buffer {
            memory,
            size: u64::from(pitch * height),
            pitch,
            driver: (),
        };
        Rc::new(Framebuffer {
            buffer: Rc::new(buffer),
            width,
            height,
            pitch,
            offset: 0,
            format: 0,
        })
    }

    fn shown(width: u32, height: u32) -> OutputState {
        let primary = PlaneState {
            fb: 1,
            crtc: 1,
            src_w: width << 16,
            src_h: height << 16,
            crtc_w: width,
            crtc_h: height,
            ..PlaneState::default()
        };
        OutputState {
            active: true,
            mode: Some(mode::mode(width, height, true)),
            routed: true,
            primary,
            ..OutputState::default()
        }
    }

    #[test]
    fn a_full_screen_framebuffer_is_shown() {
        let fb = framebuffer(640, 480);
        assert_eq!(shown(640, 480).check(|_| Some(fb.clone()), false), Ok(()));
    }

    #[test]
    fn a_source_beyond_the_framebuffer_is_refused() {
        let fb = framebuffer(640, 480);
        let mut state = shown(640, 480);
        state.primary.src_x = 1 << 16;
        assert_eq!(state.check(|_| Some(fb.clone()), false), Err(Errno::NOSPC));
        state.primary.src_x = u32::MAX;
        assert_eq!(state.check(|_| Some(fb.clone()), false), Err(Errno::NOSPC));
    }

    #[test]
    fn an_active_output_needs_a_mode_and_a_connector() {
        let fb = framebuffer(640, 480);
        let mut state = shown(640, 480);
        state.routed = false;
        assert_eq!(state.check(|_| Some(fb.clone()), false), Err(Errno::INVAL));
    }
}
