//! The pointer alone, as ext-image-copy-capture streams it: its place over a source, its hotspot, and its
//! picture in a session of its own, which is captured anew when it looks different.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use ochre_raster::Bitmap;
use smithay::{
    reexports::{
        wayland_protocols::ext::image_copy_capture::v1::server::ext_image_copy_capture_cursor_session_v1::{
            self as cursor_session, ExtImageCopyCaptureCursorSessionV1,
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, Resource, backend::ClientId,
        },
    },
    utils::{Physical, Point, Rectangle},
};

use super::image_copy::{Part, Source};
use crate::{
    output::OutputId,
    render::{Extent, Sight},
    state::Compositor,
};

/// A session of the pointer over a source.
#[derive(Debug)]
pub struct PointerSession {
    source: Source,
    /// There is a session of its pictures.
    asked: AtomicBool,
    /// What its client knows of it; nothing while it is elsewhere.
    told: Mutex<Option<Over>>,
}

/// The pointer over a source.
#[derive(Debug)]
pub(super) struct Over {
    output: OutputId,
    sight: Sight,
    /// What it points to, from the source's corner.
    at: Point<i32, Physical>,
}

impl PointerSession {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            asked: AtomicBool::new(false),
            told: Mutex::default(),
        }
    }
}

impl Compositor {
    /// The pointer over a source, if some of it is there.
    fn pointer_over(&mut self, source: Source) -> Option<Over> {
        match source {
            Source::Output(output) => {
                let sight = self.pointer_on(output).filter(|sight| !sight.is_empty())?;
                let at = sight.corner + sight.hotspot;
                Some(Over { output, sight, at })
            }
            Source::Window(_) if self.is_locked() => None,
            Source::Window(id) => {
                let at = self.seat.get_pointer()?.current_location();
                let output = self.outputs.at(at)?.id;
                let sight = self.pointer_on(output).filter(|sight| !sight.is_empty())?;
                let scale = self.outputs.preferred_scale();
                let window = self.shell.get(id).filter(|window| window.mapped)?.rect();
                let at = (at - window.loc.to_f64()).to_physical(scale).to_i32_round();
                let size = window.size.to_f64().to_physical(scale).to_i32_round();
                let image = Rectangle::new(at - sight.hotspot, sight.size().into());
                image
                    .overlaps(Rectangle::from_size(size))
                    .then_some(Over { output, sight, at })
            }
            Source::Gone => None,
        }
    }

    /// The size of its picture over a source, and how often that changed, and one more.
    pub(super) fn pointer_state(&mut self, source: Source) -> Option<((i32, i32), u64)> {
        let over = self.pointer_over(source)?;
        Some((over.sight.size(), self.protocols.image_copies.looks + 1))
    }

    pub(super) fn pointer_copy(&mut self, source: Source) -> Option<Bitmap> {
        let over = self.pointer_over(source)?;
        let (width, height) = over.sight.size();
        let extent = Extent::from_signed(width, height)?;
        self.pointer_picture(over.output, &over.sight, extent, None)
    }

    /// Tells where the pointer is now, and captures what waited for it to look different.
    pub(crate) fn tell_pointer_sessions(&mut self) {
        let mut changed = false;
        for object in self.protocols.image_copies.pointers.clone() {
            changed |= self.tell_pointer_session(&object);
        }
        if changed {
            self.protocols.image_copies.looks += 1;
            self.serve_image_copies();
        }
    }

    /// Whether it looks different to this one.
    fn tell_pointer_session(&mut self, object: &ExtImageCopyCaptureCursorSessionV1) -> bool {
        let Some(data) = object.data::<PointerSession>() else {
            return false;
        };
        let now = self.pointer_over(data.source);
        let mut told = data.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *told, now);
        match (&before, &*told) {
            (None, Some(_)) => object.enter(),
            (Some(_), None) => object.leave(),
            _ => {}
        }
        let Some(now) = &*told else {
            return false;
        };
        let same = |same: fn(&Over, &Over) -> bool| {
            let before = before.as_ref();
            before.is_some_and(|before| same(before, now))
        };
        if !same(|before, now| before.at == now.at) {
            object.position(now.at.x, now.at.y);
        }
        if !same(|before, now| before.sight.hotspot == now.sight.hotspot) {
            object.hotspot(now.sight.hotspot.x, now.sight.hotspot.y);
        }
        !same(|before, now| before.sight.looks_like(&now.sight))
    }
}

impl Dispatch<ExtImageCopyCaptureCursorSessionV1, PointerSession> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        object: &ExtImageCopyCaptureCursorSessionV1,
        request: cursor_session::Request,
        data: &PointerSession,
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let cursor_session::Request::GetCaptureSession { session } = request {
            if data.asked.swap(true, Ordering::Relaxed) {
                object.post_error(cursor_session::Error::DuplicateSession, "it has a session");
            }
            state.new_copy_session(session, data.source, Part::Pointer, init);
        }
    }

    fn destroyed(
        state: &mut Self,
        _client: ClientId,
        object: &ExtImageCopyCaptureCursorSessionV1,
        _data: &PointerSession,
    ) {
        let pointers = &mut state.protocols.image_copies.pointers;
        pointers.retain(|other| other != object);
    }
}
