//! Frames go into a window of another Wayland desktop, and what is done in that window is input.
//!
//! For developers: the desktop in a window of a Linux host (or of itself). Resizing the window is a
//! display changing its resolution; closing it ends the session. Nothing waits for the host: what it
//! says arrives as events, and a host that is gone ends the session too.

mod buffers;
mod host;

use ochre_raster::Bitmap;
use smithay::{
    reexports::calloop::{Interest, Mode, PostAction, generic::Generic},
    utils::{Physical, Rectangle},
};
use wayland_client::{Connection, EventQueue, backend::WaylandError};

use crate::{
    Error,
    output::{DisplayInfo, OutputId},
    render::{Extent, Target},
    state::Compositor,
};

use super::{Backend, Draw, Presented};
use buffers::Buffers;
use host::{Callback, Host, Said};

/// What the host shows faster than this is held to it.
const REFRESH: i32 = 60_000;

/// The window.
#[derive(Debug)]
pub struct Nested {
    connection: Connection,
    queue: EventQueue<Host>,
    host: Host,
    /// The size until the host names another.
    extent: Extent,
    /// The output that the window is, once it may be drawn to.
    output: Option<OutputId>,
    frame: Bitmap,
    drawn: bool,
    buffers: Buffers,
    /// The number of the frame that the host was given last.
    given: u64,
    /// A frame was due and the host had every buffer.
    starved: bool,
}

impl Nested {
    /// Opens a window of this size on the desktop that `connection` leads to.
    pub fn start(
        state: &mut Compositor,
        connection: Connection,
        extent: Extent,
    ) -> Result<(), Error> {
        let failed = |err: &dyn std::fmt::Display| Error::Display(format!("host desktop: {err}"));
        let queue = connection.new_event_queue();
        let handle = queue.handle();
        connection.display().get_registry(&handle, ());
        connection.display().sync(&handle, Callback::Globals);
        connection.flush().map_err(|err| failed(&err))?;
        let readable = connection
            .backend()
            .poll_fd()
            .try_clone_to_owned()
            .map_err(|err| failed(&err))?;
        state.backend = Backend::Nested(Box::new(Nested {
            connection,
            queue,
            host: Host::default(),
            extent,
            output: None,
            frame: extent.bitmap(),
            drawn: false,
            buffers: Buffers::new(extent),
            given: 0,
            starved: false,
        }));
        let source = Generic::new(readable, Interest::READ, Mode::Level);
        state.events.insert_source(source, |_, _, state| {
            if let Err(err) = state.hear_host() {
                eprintln!("ochre-compositor: {err}");
                state.end_session(1);
                return Ok(PostAction::Remove);
            }
            Ok(PostAction::Continue)
        })?;
        Ok(())
    }

    /// Takes what the host sent.
    fn read(&mut self) -> Result<Vec<Said>, Error> {
        let failed = |err: &dyn std::fmt::Display| Error::Display(format!("host desktop: {err}"));
        if let Some(guard) = self.queue.prepare_read() {
            match guard.read() {
                Ok(_) => {}
                Err(WaylandError::Io(err)) if err.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(err) => return Err(failed(&err)),
            }
        }
        self.queue
            .dispatch_pending(&mut self.host)
            .map_err(|err| failed(&err))?;
        Ok(std::mem::take(&mut self.host.said))
    }

    /// Sends what is pending; if the host does not read, the rest goes with the next.
    fn flush(&self) -> Result<(), Error> {
        match self.connection.flush() {
            Err(WaylandError::Io(err)) if err.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            result => result.map_err(|err| Error::Display(format!("host desktop: {err}"))),
        }
    }

    pub(super) fn present(
        &mut self,
        output: OutputId,
        draw: &mut Draw<'_>,
    ) -> Result<Presented, Error> {
        let (Some(window), Some(shm)) = (&self.host.window, &self.host.shm) else {
            return Ok(Presented::Nothing);
        };
        if self.output != Some(output) {
            return Ok(Presented::Nothing);
        }
        if !self.buffers.has_free() {
            self.starved = true;
            return Ok(Presented::NotYet);
        }
        let age = usize::from(self.drawn);
        let Some(damage) = draw(Target::of(&mut self.frame), age)? else {
            return Ok(Presented::Nothing);
        };
        self.drawn = true;
        let whole: Rectangle<i32, Physical> = Rectangle::from_size(self.extent.signed().into());
        let damage: Vec<_> = damage
            .iter()
            .filter_map(|part| part.intersection(whole))
            .collect();
        for part in &damage {
            self.buffers.changed((part.loc.y, part.loc.y + part.size.h));
        }
        let handle = self.queue.handle();
        let buffer = self.buffers.fill(&self.frame, shm, &handle)?;
        window.surface.attach(Some(&buffer), 0, 0);
        for part in &damage {
            window
                .surface
                .damage_buffer(part.loc.x, part.loc.y, part.size.w, part.size.h);
        }
        self.given += 1;
        window.surface.frame(&handle, Callback::Frame(self.given));
        window.surface.commit();
        self.flush()?;
        Ok(Presented::AtFlip)
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        if let Some(window) = self.host.window.take() {
            window.toplevel.destroy();
            window.xdg.destroy();
            window.surface.destroy();
            // The host sees the connection end anyway.
            let _ = self.connection.flush();
        }
    }
}

impl Compositor {
    fn nested(&mut self) -> Option<&mut Nested> {
        match &mut self.backend {
            Backend::Nested(nested) => Some(nested),
            _ => None,
        }
    }

    /// Acts on what the host sent.
    fn hear_host(&mut self) -> Result<(), Error> {
        let said = match self.nested() {
            Some(nested) => nested.read()?,
            None => return Ok(()),
        };
        let time = self.clock.millis();
        for said in said {
            match said {
                Said::Globals => {
                    if let Some(nested) = self.nested() {
                        let handle = nested.queue.handle();
                        nested.host.open(&handle).map_err(|missing| {
                            Error::Display(format!("the host desktop has no {missing}"))
                        })?;
                    }
                }
                Said::Configured(size) => self.host_window_sized(size),
                Said::Shown(number) => {
                    // Of an earlier one nobody waited for so long.
                    let last = self.nested().filter(|nested| nested.given == number);
                    if let Some(output) = last.and_then(|nested| nested.output) {
                        self.flip_done(output);
                    }
                }
                Said::Released => {
                    let starved = self
                        .nested()
                        .is_some_and(|nested| std::mem::take(&mut nested.starved));
                    let output = self.nested().and_then(|nested| nested.output);
                    if let Some(output) = output.filter(|_| starved) {
                        self.flip_done(output);
                    }
                }
                Said::Input(mut event) => {
                    self.upright(&mut event);
                    self.input(event, time);
                }
                Said::KeyboardLeft => self.release_all(),
                Said::Close => self.end_session(0),
            }
        }
        match self.nested() {
            Some(nested) => nested.flush(),
            None => Ok(()),
        }
    }

    /// The window has its size: it becomes an output, or the output changes its resolution.
    fn host_window_sized(&mut self, size: Option<(i32, i32)>) {
        let Some(nested) = self.nested() else { return };
        let asked = size.and_then(|(width, height)| Extent::from_signed(width, height));
        let extent = asked.unwrap_or(nested.extent);
        if extent != nested.extent {
            nested.extent = extent;
            nested.frame = extent.bitmap();
            nested.drawn = false;
            nested.buffers = Buffers::new(extent);
        }
        nested.host.size = extent.signed();
        match nested.output {
            Some(output) => {
                self.resize_output(output, extent.signed(), REFRESH);
                self.outputs.queue(output);
            }
            None => {
                let output = self.add_output(&DisplayInfo {
                    name: "NESTED-1".into(),
                    make: "Ochre".into(),
                    model: "Window".into(),
                    millimetres: (0, 0),
                    size: extent.signed(),
                    refresh: REFRESH,
                });
                if let Some(nested) = self.nested() {
                    nested.output = Some(output);
                }
                self.configure_output(output);
            }
        }
    }
}
