//! ext-image-capture-source and ext-image-copy-capture: outputs and windows, as pictures and streams.
//!
//! The first frame of a session is captured at once, each other when its source has changed since
//! (an output that drew a frame). While the session is locked, windows cannot be captured.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use ochre_raster::{Bitmap, Color};
use smithay::{
    output::Output,
    reexports::{
        wayland_protocols::ext::{
            image_capture_source::v1::server::{
                ext_foreign_toplevel_image_capture_source_manager_v1::{
                    self as toplevel_sources, ExtForeignToplevelImageCaptureSourceManagerV1,
                },
                ext_image_capture_source_v1::ExtImageCaptureSourceV1,
                ext_output_image_capture_source_manager_v1::{
                    self as output_sources, ExtOutputImageCaptureSourceManagerV1,
                },
            },
            image_copy_capture::v1::server::{
                ext_image_copy_capture_cursor_session_v1::ExtImageCopyCaptureCursorSessionV1,
                ext_image_copy_capture_frame_v1::{
                    self as frame, ExtImageCopyCaptureFrameV1, FailureReason,
                },
                ext_image_copy_capture_manager_v1::{
                    self as manager, ExtImageCopyCaptureManagerV1, Options,
                },
                ext_image_copy_capture_session_v1::{
                    self as session, ExtImageCopyCaptureSessionV1,
                },
            },
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, New, Resource, WEnum,
            backend::ClientId,
            protocol::{wl_buffer::WlBuffer, wl_output, wl_shm},
        },
    },
    wayland::foreign_toplevel_list::ForeignToplevelHandle,
};

use super::{pointer_copy::PointerSession, sandbox::trusted_globals};
use crate::{output::OutputId, shell::WindowId, state::Compositor};

/// What is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// All of an output.
    Output(OutputId),
    /// A window's content.
    Window(WindowId),
    /// Something that was gone before it could be captured.
    Gone,
}

/// What of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All but the pointer.
    Content,
    /// The pointer too.
    ContentWithPointer,
    /// The pointer alone.
    Pointer,
}

/// A session: what of, and what it has seen.
#[derive(Debug)]
pub struct CopySession {
    source: Source,
    part: Part,
    /// The size that its client was last told.
    size: Mutex<Option<(i32, i32)>>,
    /// How often its source had changed when it last captured it, and one more.
    seen: AtomicU64,
    /// There is a frame object.
    framed: AtomicBool,
}

/// A frame of a session.
#[derive(Debug)]
pub struct CopyFrame {
    session: ExtImageCopyCaptureSessionV1,
    buffer: Mutex<Option<WlBuffer>>,
    captured: AtomicBool,
}

/// Frames that wait for their source to change, and the sessions that there are.
#[derive(Debug, Default)]
pub struct ImageCopies {
    waiting: Vec<ExtImageCopyCaptureFrameV1>,
    sessions: Vec<ExtImageCopyCaptureSessionV1>,
    /// Those that are told of the pointer alone.
    pub(super) pointers: Vec<ExtImageCopyCaptureCursorSessionV1>,
    /// How often the pointer looked different to one of them.
    pub(super) looks: u64,
}

impl ImageCopies {
    /// Creates the globals.
    pub fn new(display: &DisplayHandle) -> Self {
        display.create_global::<Compositor, ExtOutputImageCaptureSourceManagerV1, ()>(1, ());
        display
            .create_global::<Compositor, ExtForeignToplevelImageCaptureSourceManagerV1, ()>(1, ());
        display.create_global::<Compositor, ExtImageCopyCaptureManagerV1, ()>(1, ());
        Self::default()
    }

    /// Whether a frame waits for the pointer over an output to move.
    pub(crate) fn show_pointer_on(&self, output: OutputId) -> bool {
        let frames = self.waiting.iter().filter_map(|it| it.data::<CopyFrame>());
        let sessions = frames.filter_map(|frame| frame.session.data::<CopySession>());
        let captured = |it: &CopySession| {
            it.part == Part::ContentWithPointer && it.source == Source::Output(output)
        };
        sessions.into_iter().any(captured)
    }
}

impl Compositor {
    /// Tells sessions about sizes that changed.
    pub(crate) fn size_image_copies(&mut self) {
        for session in self.protocols.image_copies.sessions.clone() {
            self.tell_constraints(&session);
        }
    }

    /// Captures what waited for a frame, and tells sessions about sizes that changed.
    pub(crate) fn serve_image_copies(&mut self) {
        self.size_image_copies();
        let waiting = std::mem::take(&mut self.protocols.image_copies.waiting);
        for frame in waiting {
            self.copy_frame(&frame);
        }
    }

    /// A source's size in pixels and how often it has changed, and one more.
    fn source_state(&mut self, source: Source, part: Part) -> Option<((i32, i32), u64)> {
        match source {
            _ if part == Part::Pointer => self.pointer_state(source),
            Source::Output(id) => {
                let screen = self.outputs.get(id)?;
                let size = screen.size();
                Some((
                    (size.w, size.h),
                    screen.changes(part == Part::ContentWithPointer) + 1,
                ))
            }
            Source::Window(id) => {
                let window = self.shell.get(id).filter(|window| window.mapped)?;
                let scale = self.outputs.preferred_scale();
                let size = window.window.geometry().size.to_f64().to_physical(scale);
                let size = size.to_i32_round::<i32>();
                let frames = self.outputs.iter().map(|screen| screen.frames());
                Some(((size.w, size.h), frames.sum::<u64>() + 1))
            }
            Source::Gone => None,
        }
    }

    /// Whether a source is there, if only for later.
    fn source_exists(&self, source: Source) -> bool {
        match source {
            Source::Output(id) => self.outputs.get(id).is_some(),
            Source::Window(id) => self.shell.get(id).is_some_and(|window| window.mapped),
            Source::Gone => false,
        }
    }

    fn source_picture(&mut self, source: Source, part: Part) -> Option<Bitmap> {
        match source {
            _ if part == Part::Pointer => self.pointer_copy(source),
            Source::Output(id) => {
                let pointer = part == Part::ContentWithPointer;
                self.draw_apart(id, pointer).ok()
            }
            Source::Window(_) if self.is_locked() => None,
            Source::Window(id) => {
                let scale = self.outputs.preferred_scale();
                let window = self.shell.get(id)?;
                crate::render::window_picture(window, &mut self.painter, scale, Color::TRANSPARENT)
            }
            Source::Gone => None,
        }
    }

    /// Tells a session the buffers that it needs, if that changed; or that it is over.
    fn tell_constraints(&mut self, session: &ExtImageCopyCaptureSessionV1) {
        let Some(data) = session.data::<CopySession>() else {
            return;
        };
        let state = self.source_state(data.source, data.part);
        let Some((size, _)) = state.filter(|((width, height), _)| *width > 0 && *height > 0) else {
            if data.part == Part::Pointer && self.source_exists(data.source) {
                return; // it is elsewhere now
            }
            session.stopped();
            self.protocols
                .image_copies
                .sessions
                .retain(|other| other != session);
            return;
        };
        let mut told = data.size.lock().unwrap_or_else(PoisonError::into_inner);
        if told.replace(size) == Some(size) {
            return;
        }
        // Of that size it has seen nothing.
        data.seen.store(0, Ordering::Relaxed);
        session.buffer_size(size.0.unsigned_abs(), size.1.unsigned_abs());
        session.shm_format(match (data.source, data.part) {
            (Source::Window(_), _) | (_, Part::Pointer) => wl_shm::Format::Argb8888,
            _ => wl_shm::Format::Xrgb8888,
        });
        session.done();
    }

    /// Captures a frame if its source has changed since the last one; else it waits.
    fn copy_frame(&mut self, object: &ExtImageCopyCaptureFrameV1) {
        let Some(data) = object.data::<CopyFrame>() else {
            return;
        };
        let Some(session) = data.session.data::<CopySession>() else {
            return;
        };
        let Some((size, frames)) = self.source_state(session.source, session.part) else {
            if session.part == Part::Pointer && self.source_exists(session.source) {
                self.protocols.image_copies.waiting.push(object.clone());
                return;
            }
            object.failed(FailureReason::Stopped);
            return;
        };
        if session.seen.load(Ordering::Relaxed) == frames {
            self.protocols.image_copies.waiting.push(object.clone());
            return;
        }
        let buffer = data
            .buffer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Some(picture) = self.source_picture(session.source, session.part) else {
            object.failed(FailureReason::Unknown);
            return;
        };
        let fits =
            buffer.is_some_and(|buffer| crate::render::shm::write(&buffer, &picture).is_ok());
        if !fits {
            object.failed(FailureReason::BufferConstraints);
            return;
        }
        session.seen.store(frames, Ordering::Relaxed);
        object.transform(wl_output::Transform::Normal);
        object.damage(0, 0, size.0, size.1);
        let now = self.clock.now();
        let seconds = now.as_secs();
        object.presentation_time((seconds >> 32) as u32, seconds as u32, now.subsec_nanos());
        object.ready();
    }

    pub(super) fn new_copy_session(
        &mut self,
        id: New<ExtImageCopyCaptureSessionV1>,
        source: Source,
        part: Part,
        init: &mut DataInit<'_, Self>,
    ) {
        let data = CopySession {
            source,
            part,
            size: Mutex::default(),
            seen: AtomicU64::new(0),
            framed: AtomicBool::new(false),
        };
        let session = init.init(id, data);
        self.protocols.image_copies.sessions.push(session.clone());
        self.tell_constraints(&session);
    }
}

trusted_globals!(
    ExtOutputImageCaptureSourceManagerV1,
    ExtForeignToplevelImageCaptureSourceManagerV1,
    ExtImageCopyCaptureManagerV1
);

impl Dispatch<ExtOutputImageCaptureSourceManagerV1, ()> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        _manager: &ExtOutputImageCaptureSourceManagerV1,
        request: output_sources::Request,
        _data: &(),
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let output_sources::Request::CreateSource { source, output } = request {
            let output = Output::from_resource(&output);
            let screen = output
                .and_then(|output| state.outputs.iter().find(|screen| screen.output == output));
            init.init(
                source,
                screen.map_or(Source::Gone, |s| Source::Output(s.id)),
            );
        }
    }
}

impl Dispatch<ExtForeignToplevelImageCaptureSourceManagerV1, ()> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        _manager: &ExtForeignToplevelImageCaptureSourceManagerV1,
        request: toplevel_sources::Request,
        _data: &(),
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let toplevel_sources::Request::CreateSource {
            source,
            toplevel_handle,
        } = request
        {
            let handle = ForeignToplevelHandle::from_resource(&toplevel_handle);
            let window = handle.and_then(|handle| state.window_of_handle(&handle));
            init.init(source, window.map_or(Source::Gone, Source::Window));
        }
    }
}

impl Dispatch<ExtImageCaptureSourceV1, Source> for Compositor {
    fn request(
        _state: &mut Self,
        _client: &Client,
        _source: &ExtImageCaptureSourceV1,
        _request: <ExtImageCaptureSourceV1 as Resource>::Request,
        _data: &Source,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        // Its only request is its destruction.
    }
}

impl Dispatch<ExtImageCopyCaptureManagerV1, ()> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        object: &ExtImageCopyCaptureManagerV1,
        request: manager::Request,
        _data: &(),
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let source_of = |source: &ExtImageCaptureSourceV1| {
            source.data::<Source>().copied().unwrap_or(Source::Gone)
        };
        match request {
            manager::Request::CreateSession {
                session,
                source,
                options,
            } => {
                let WEnum::Value(options) = options else {
                    object.post_error(manager::Error::InvalidOption, "there is no such option");
                    return;
                };
                let part = if options.contains(Options::PaintCursors) {
                    Part::ContentWithPointer
                } else {
                    Part::Content
                };
                state.new_copy_session(session, source_of(&source), part, init);
            }
            // There is one pointer.
            manager::Request::CreatePointerCursorSession {
                session, source, ..
            } => {
                let session = init.init(session, PointerSession::new(source_of(&source)));
                state.protocols.image_copies.pointers.push(session);
                state.tell_pointer_sessions();
            }
            _ => {}
        }
    }
}

impl Dispatch<ExtImageCopyCaptureSessionV1, CopySession> for Compositor {
    fn request(
        _state: &mut Self,
        _client: &Client,
        object: &ExtImageCopyCaptureSessionV1,
        request: session::Request,
        data: &CopySession,
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let session::Request::CreateFrame { frame } = request {
            if data.framed.swap(true, Ordering::Relaxed) {
                object.post_error(session::Error::DuplicateFrame, "one frame at a time");
            }
            let data = CopyFrame {
                session: object.clone(),
                buffer: Mutex::default(),
                captured: AtomicBool::new(false),
            };
            init.init(frame, data);
        }
    }

    fn destroyed(
        state: &mut Self,
        _client: ClientId,
        object: &ExtImageCopyCaptureSessionV1,
        _data: &CopySession,
    ) {
        state
            .protocols
            .image_copies
            .sessions
            .retain(|other| other != object);
    }
}

impl Dispatch<ExtImageCopyCaptureFrameV1, CopyFrame> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        object: &ExtImageCopyCaptureFrameV1,
        request: frame::Request,
        data: &CopyFrame,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        if matches!(request, frame::Request::Destroy) {
            return;
        }
        if data.captured.load(Ordering::Relaxed) {
            object.post_error(frame::Error::AlreadyCaptured, "a frame is captured once");
            return;
        }
        let mut attached = data.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        match request {
            frame::Request::AttachBuffer { buffer } => *attached = Some(buffer),
            frame::Request::DamageBuffer {
                x,
                y,
                width,
                height,
            } if x < 0 || y < 0 || width <= 0 || height <= 0 => {
                object.post_error(
                    frame::Error::InvalidBufferDamage,
                    "such damage there is not",
                );
            }
            frame::Request::Capture => {
                if attached.is_none() {
                    object.post_error(frame::Error::NoBuffer, "there is nothing to capture into");
                    return;
                }
                drop(attached);
                data.captured.store(true, Ordering::Relaxed);
                state.copy_frame(object);
            }
            _ => {} // frames are drawn whole: where the buffer is stale does not matter
        }
    }

    fn destroyed(
        state: &mut Self,
        _client: ClientId,
        object: &ExtImageCopyCaptureFrameV1,
        data: &CopyFrame,
    ) {
        if let Some(session) = data.session.data::<CopySession>() {
            session.framed.store(false, Ordering::Relaxed);
        }
        state
            .protocols
            .image_copies
            .waiting
            .retain(|other| other != object);
    }
}
