//! Frames go into memory: for tests, screenshots and benchmarks. Input comes by the control socket.

use ochre_raster::Bitmap;
use smithay::{
    output::Mode,
    utils::{Physical, Point, Rectangle},
};

use crate::{
    Error,
    output::{DisplayInfo, OutputId},
    render::{Extent, Target},
    state::Compositor,
};

use super::{Backend, Damage, Draw, Pointer, Presented};

/// The frame that a screen would show.
#[derive(Debug)]
pub struct Headless {
    output: OutputId,
    frame: Bitmap,
    /// The size of the next one, if it is another.
    resized: Option<Extent>,
    drawn: bool,
    damage: Damage,
    plane: Option<Plane>,
    flips: Option<Flips>,
}

/// A plane that shows the pointer over the frame, as some cards have one.
#[derive(Debug)]
pub struct Plane {
    extent: Extent,
    /// What it shows, and from where on.
    pub shown: Option<(Bitmap, Point<i32, Physical>)>,
    /// What of that the pointer points with.
    pub hotspot: Point<i32, Physical>,
    /// Whether it refuses to show anything more.
    pub refuses: bool,
}

/// A card that says when a frame is on screen.
#[derive(Debug, Default)]
struct Flips {
    /// One is not yet.
    pending: bool,
}

impl Headless {
    /// Gives the compositor one output of this size.
    pub fn start(state: &mut Compositor, extent: Extent, refresh: i32) -> OutputId {
        let output = state.add_output(&DisplayInfo {
            name: "HEADLESS-1".into(),
            make: "Ochre".into(),
            model: "Memory".into(),
            millimetres: (0, 0),
            size: extent.signed(),
            refresh,
        });
        let frame = extent.bitmap();
        state.backend = Backend::Headless(Headless {
            output,
            frame,
            resized: None,
            drawn: false,
            damage: Damage::new(),
            plane: None,
            flips: None,
        });
        state.configure_output(output);
        output
    }

    /// What is on screen.
    pub fn frame(&self) -> &Bitmap {
        &self.frame
    }

    /// What of it was drawn last.
    pub fn damage(&self) -> &[Rectangle<i32, Physical>] {
        &self.damage
    }

    /// Lays a plane for the pointer over the frame, of pictures of this size.
    pub fn lay_plane(&mut self, extent: Extent) -> &mut Plane {
        self.plane.insert(Plane {
            extent,
            shown: None,
            hotspot: Point::default(),
            refuses: false,
        })
    }

    /// The plane, if there is one.
    pub fn plane(&mut self) -> Option<&mut Plane> {
        self.plane.as_mut()
    }

    /// From now on a frame is on screen when [`Compositor::flip_headless`] says so.
    pub fn await_flips(&mut self) {
        self.flips = Some(Flips::default());
    }

    pub(super) fn pointer_plane(&self, output: OutputId) -> Option<Extent> {
        let plane = self.plane.as_ref().filter(|plane| !plane.refuses);
        plane
            .filter(|_| output == self.output)
            .map(|plane| plane.extent)
    }

    pub(super) fn show_pointer(
        &mut self,
        output: OutputId,
        pointer: &Pointer<'_>,
    ) -> Result<(), Error> {
        let none = || Error::Display("no plane".into());
        let plane = self.plane.as_mut().filter(|_| output == self.output);
        let plane = plane.ok_or_else(none)?;
        match *pointer {
            Pointer::Hidden => plane.shown = None,
            _ if plane.refuses => return Err(none()),
            Pointer::At(to) => {
                let (_, at) = plane.shown.as_mut().ok_or_else(none)?;
                *at = to;
            }
            Pointer::Picture {
                picture,
                hotspot,
                at,
            } => {
                plane.shown = Some((picture.clone(), at));
                plane.hotspot = hotspot;
            }
        }
        Ok(())
    }

    pub(super) fn present(
        &mut self,
        output: OutputId,
        draw: &mut Draw<'_>,
    ) -> Result<Presented, Error> {
        if output != self.output {
            return Ok(Presented::Nothing);
        }
        if self.flips.as_ref().is_some_and(|flips| flips.pending) {
            return Ok(Presented::NotYet);
        }
        if let Some(extent) = self.resized.take() {
            self.frame = extent.bitmap();
            self.drawn = false;
        }
        let age = usize::from(self.drawn);
        self.drawn = true;
        let Some(damage) = draw(Target::of(&mut self.frame), age)? else {
            return Ok(Presented::Nothing);
        };
        self.damage = damage;
        Ok(match &mut self.flips {
            Some(flips) => {
                flips.pending = true;
                Presented::AtFlip
            }
            None => Presented::AtTimer,
        })
    }
}

impl Compositor {
    /// The frame that the headless output drew last is on screen.
    pub fn flip_headless(&mut self) {
        if let Backend::Headless(headless) = &mut self.backend
            && let Some(flips) = &mut headless.flips
            && std::mem::take(&mut flips.pending)
        {
            let output = headless.output;
            self.flip_done(output);
        }
    }

    /// Drives the headless output in another mode.
    pub(crate) fn resize_headless_to(&mut self, output: OutputId, mode: Mode) -> Result<(), Error> {
        let none = || Error::Display("no such mode".into());
        let extent = Extent::from_signed(mode.size.w, mode.size.h).ok_or_else(none)?;
        self.resize_headless(extent)?;
        self.resize_output(output, extent.signed(), mode.refresh);
        Ok(())
    }

    /// Changes the size of the headless output, as a monitor's change of mode would.
    pub fn resize_headless(&mut self, extent: Extent) -> Result<(), Error> {
        let Backend::Headless(headless) = &mut self.backend else {
            return Err(Error::Display(
                "only the headless output can be resized so".into(),
            ));
        };
        headless.resized = Some(extent);
        let output = headless.output;
        let refresh = self
            .outputs
            .get(output)
            .and_then(|screen| screen.output.current_mode());
        self.resize_output(
            output,
            extent.signed(),
            refresh.map_or(60_000, |mode| mode.refresh),
        );
        self.outputs.queue(output);
        Ok(())
    }
}
