//! wlr-screencopy: screenshots and recordings.
//!
//! A copy is drawn apart from the screen, so that a capture costs nobody a frame; a copy "with
//! damage" waits until its output is not any more as it was last copied through the same manager.

use std::sync::{Arc, Mutex, PoisonError};

use smithay::{
    output::Output,
    reexports::{
        wayland_protocols_wlr::screencopy::v1::server::{
            zwlr_screencopy_frame_v1::{self as frame, Flags, ZwlrScreencopyFrameV1},
            zwlr_screencopy_manager_v1::{self as manager, ZwlrScreencopyManagerV1},
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource,
            backend::ClientId,
            protocol::{wl_buffer::WlBuffer, wl_shm},
        },
    },
    utils::{Physical, Rectangle},
    wayland::shm::with_buffer_contents,
};

use super::trusted;
use crate::{output::OutputId, render::in_buffer, state::Compositor};

/// How often outputs had changed when they were last copied through a manager, with the pointer or without it.
#[derive(Debug, Clone, Default)]
pub struct Copied(Arc<Mutex<Vec<(OutputId, bool, u64)>>>);

/// What a screencopy frame object captures.
#[derive(Debug)]
pub struct CaptureRequest {
    copied: Copied,
    output: OutputId,
    region: Rectangle<i32, Physical>,
    cursor: bool,
    used: Mutex<bool>,
}

/// Captures that wait for their output to change.
#[derive(Debug, Default)]
pub struct Captures {
    waiting: Vec<(ZwlrScreencopyFrameV1, WlBuffer)>,
}

impl Captures {
    /// Creates the global.
    pub fn new(display: &DisplayHandle) -> Self {
        display.create_global::<Compositor, ZwlrScreencopyManagerV1, ()>(3, ());
        Self::default()
    }
}

impl Compositor {
    /// Whether a capture waits for the pointer over an output to move.
    pub(crate) fn is_pointer_captured(&self, output: OutputId) -> bool {
        let captures = &self.protocols.captures.waiting;
        let requests = captures
            .iter()
            .filter_map(|(frame, _)| frame.data::<CaptureRequest>());
        let captured = |it: &CaptureRequest| it.cursor && it.output == output;
        requests.into_iter().any(captured) || self.protocols.image_copies.show_pointer_on(output)
    }

    /// Serves the captures that waited for `output` to change, or for the pointer over it.
    pub(crate) fn serve_captures(&mut self, output: OutputId, only_pointer: bool) {
        let waiting = std::mem::take(&mut self.protocols.captures.waiting);
        let (due, rest) = waiting.into_iter().partition(|(frame, _)| {
            frame
                .data::<CaptureRequest>()
                .filter(|request| request.cursor || !only_pointer)
                .is_some_and(|request| request.output == output)
        });
        self.protocols.captures.waiting = rest;
        let due: Vec<(ZwlrScreencopyFrameV1, WlBuffer)> = due;
        for (frame, buffer) in due {
            self.capture(&frame, &buffer, true);
        }
    }

    /// Draws what the frame asks for into the client's buffer.
    fn capture(&mut self, frame: &ZwlrScreencopyFrameV1, buffer: &WlBuffer, with_damage: bool) {
        let Some(request) = frame.data::<CaptureRequest>() else {
            return;
        };
        let region = request.region;
        let Ok(shot) = self.draw_apart_as_shown(request.output, request.cursor) else {
            frame.failed();
            return;
        };
        let Some(pixels) = crate::render::crop(&shot, region) else {
            frame.failed(); // the output shrank meanwhile
            return;
        };
        if crate::render::shm::write(buffer, &pixels).is_err() {
            frame.failed();
            return;
        }
        frame.flags(Flags::empty());
        if with_damage {
            frame.damage(0, 0, region.size.w as u32, region.size.h as u32);
        }
        self.note_copied(request);
        let now = self.clock.now();
        let seconds = now.as_secs();
        frame.ready((seconds >> 32) as u32, seconds as u32, now.subsec_nanos());
    }

    /// Whether what a frame captures is as it was when its manager's client last copied it.
    fn is_as_copied(&self, request: &CaptureRequest) -> bool {
        let Some(screen) = self.outputs.get(request.output) else {
            return false;
        };
        let now = (
            request.output,
            request.cursor,
            screen.changes(request.cursor),
        );
        let copied = request.copied.0.lock();
        copied
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&now)
    }

    fn note_copied(&self, request: &CaptureRequest) {
        let Some(screen) = self.outputs.get(request.output) else {
            return;
        };
        let copied = request.copied.0.lock();
        let mut copied = copied.unwrap_or_else(PoisonError::into_inner);
        let is_this = |output, cursor| (output, cursor) == (request.output, request.cursor);
        copied.retain(|(output, cursor, _)| {
            !is_this(*output, *cursor) && self.outputs.get(*output).is_some()
        });
        let changes = screen.changes(request.cursor);
        copied.push((request.output, request.cursor, changes));
    }

    /// Announces the buffer that a capture needs.
    fn new_capture(
        &mut self,
        frame: New<ZwlrScreencopyFrameV1>,
        copied: &Copied,
        cursor: bool,
        output: Option<Output>,
        region: Option<Rectangle<i32, smithay::utils::Logical>>,
        init: &mut DataInit<'_, Self>,
    ) {
        let screen =
            output.and_then(|output| self.outputs.iter().find(|screen| screen.output == output));
        let Some(screen) = screen else {
            let request = CaptureRequest {
                copied: copied.clone(),
                output: OutputId::NONE,
                region: Rectangle::default(),
                cursor,
                used: Mutex::new(true),
            };
            init.init(frame, request).failed();
            return;
        };
        let full = Rectangle::from_size(screen.size());
        let scale = screen.output.current_scale().fractional_scale();
        let region = match region {
            Some(region) => region
                .to_f64()
                .to_physical(scale)
                .to_i32_round()
                .intersection(full)
                .unwrap_or_default(),
            None => full,
        };
        // Programs turn the picture themselves, as the display's `wl_output` says that it is.
        let region = in_buffer(screen.transform(), region, screen.size().into());
        let request = CaptureRequest {
            copied: copied.clone(),
            output: screen.id,
            region,
            cursor,
            used: Mutex::new(false),
        };
        let frame = init.init(frame, request);
        if region.is_empty() {
            frame.failed();
            return;
        }
        let (width, height) = (region.size.w as u32, region.size.h as u32);
        frame.buffer(wl_shm::Format::Xrgb8888, width, height, width * 4);
        if frame.version() >= 3 {
            frame.buffer_done();
        }
    }
}

impl GlobalDispatch<ZwlrScreencopyManagerV1, ()> for Compositor {
    fn bind(
        _state: &mut Self,
        _display: &DisplayHandle,
        _client: &Client,
        resource: New<ZwlrScreencopyManagerV1>,
        _data: &(),
        init: &mut DataInit<'_, Self>,
    ) {
        init.init(resource, Copied::default());
    }

    fn can_view(client: Client, _data: &()) -> bool {
        trusted(&client)
    }
}

impl Dispatch<ZwlrScreencopyManagerV1, Copied> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        _manager: &ZwlrScreencopyManagerV1,
        request: manager::Request,
        copied: &Copied,
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        match request {
            manager::Request::CaptureOutput {
                frame,
                overlay_cursor,
                output,
            } => {
                let output = Output::from_resource(&output);
                state.new_capture(frame, copied, overlay_cursor != 0, output, None, init);
            }
            manager::Request::CaptureOutputRegion {
                frame,
                overlay_cursor,
                output,
                x,
                y,
                width,
                height,
            } => {
                let output = Output::from_resource(&output);
                let size = (width.max(0), height.max(0)).into();
                let region = Rectangle::new((x, y).into(), size);
                state.new_capture(
                    frame,
                    copied,
                    overlay_cursor != 0,
                    output,
                    Some(region),
                    init,
                );
            }
            _ => {}
        }
    }
}

impl Dispatch<ZwlrScreencopyFrameV1, CaptureRequest> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        frame: &ZwlrScreencopyFrameV1,
        request: frame::Request,
        data: &CaptureRequest,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        let (buffer, with_damage) = match request {
            frame::Request::Copy { buffer } => (buffer, false),
            frame::Request::CopyWithDamage { buffer } => (buffer, true),
            _ => return,
        };
        let already = data
            .used
            .lock()
            .map(|mut used| std::mem::replace(&mut *used, true));
        if already.unwrap_or(true) {
            frame.post_error(frame::Error::AlreadyUsed, "a frame is copied once");
            return;
        }
        let size = data.region.size;
        let fits = with_buffer_contents(&buffer, |_, _, shape| {
            shape.format == wl_shm::Format::Xrgb8888
                && (shape.width, shape.height) == (size.w, size.h)
                && shape.stride == size.w * 4
        });
        if !fits.unwrap_or(false) {
            frame.post_error(
                frame::Error::InvalidBuffer,
                "the buffer is not as announced",
            );
            return;
        }
        if with_damage && state.is_as_copied(data) {
            state
                .protocols
                .captures
                .waiting
                .push((frame.clone(), buffer));
        } else {
            state.capture(frame, &buffer, with_damage);
        }
    }

    fn destroyed(
        state: &mut Self,
        _client: ClientId,
        frame: &ZwlrScreencopyFrameV1,
        _data: &CaptureRequest,
    ) {
        state
            .protocols
            .captures
            .waiting
            .retain(|(other, _)| other != frame);
    }
}
