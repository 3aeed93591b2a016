//! One window: where it is, in which mode, and what it is called.

use serde::{Deserialize, Serialize};
use smithay::{
    desktop::Window,
    reexports::wayland_server::protocol::wl_surface::WlSurface,
    utils::{Logical, Point, Rectangle, Serial, Size},
    wayland::{
        compositor::with_states,
        seat::WaylandFocus,
        shell::xdg::{SurfaceCachedState, XdgToplevelSurfaceData},
    },
};

use super::{Edges, home::Home};
use crate::{
    output::OutputId,
    render::{Look, Picture},
};

/// A window's name for as long as the compositor runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WindowId(pub u32);

/// How a window fills its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Where and as large as its user wants.
    Floating,
    /// All of the work area.
    Maximized,
    /// The left half of the work area.
    SnappedLeft,
    /// The right half of the work area.
    SnappedRight,
    /// All of the output, above panels.
    Fullscreen,
}

impl Mode {
    /// Its name for scripts.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Floating => "floating",
            Mode::Maximized => "maximized",
            Mode::SnappedLeft => "snapped-left",
            Mode::SnappedRight => "snapped-right",
            Mode::Fullscreen => "fullscreen",
        }
    }
}

/// What panels and scripts are told of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowInfo {
    /// Its id.
    pub id: WindowId,
    /// Its title.
    pub title: String,
    /// Its application's id.
    pub app_id: String,
    /// Whether it has the keyboard.
    pub active: bool,
    /// Whether it is maximized.
    pub maximized: bool,
    /// Whether it is minimized.
    pub minimized: bool,
    /// Whether it is fullscreen.
    pub fullscreen: bool,
}

/// A resize under way, or ended but not yet answered by the client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resizing {
    pub edges: Edges,
    /// Content rectangle when it began: the edges not dragged stay there.
    pub start: Rectangle<i32, Logical>,
    /// The configure after which the client's commits are no longer part of it.
    pub last: Option<Serial>,
}

/// A window and its state.
#[derive(Debug)]
pub struct ManagedWindow {
    /// Its id.
    pub id: WindowId,
    /// Smithay's handle.
    pub window: Window,
    /// Where its content (xdg geometry) starts.
    pub position: Point<i32, Logical>,
    /// How it fills its output.
    pub mode: Mode,
    /// The output that it fills while it is fullscreen, if its client names one.
    pub(super) fills: Option<OutputId>,
    /// What it goes back to from fullscreen.
    pub(super) beneath: Mode,
    /// Hidden by its user.
    pub minimized: bool,
    /// The workspace that it is on.
    pub workspace: usize,
    /// Has a buffer to show.
    pub mapped: bool,
    /// Has been shown, and so has its place, also while it is not.
    pub(super) placed: bool,
    /// Has the keyboard.
    pub active: bool,
    /// When it was chosen last, beside the others.
    pub(super) used: u64,
    /// Its client has said that it is a dialog, and may say of which kind.
    pub(crate) dialog: bool,
    /// The window that it is a dialog of waits for it.
    pub(crate) modal: bool,
    /// Whether the compositor draws its frame.
    pub decorated: bool,
    /// Its title.
    pub title: String,
    /// Its application's id.
    pub app_id: String,
    /// Content rectangle to come back to from another mode.
    pub(super) restore: Option<Rectangle<i32, Logical>>,
    /// Where it goes once the client has answered that configure.
    pub(super) arrival: Option<(Serial, Point<i32, Logical>)>,
    pub(super) resizing: Option<Resizing>,
    /// Content rectangle as its user left it, if the screen has become too small for that.
    pub(super) wanted: Option<Rectangle<i32, Logical>>,
    /// Where it was before its display went.
    pub(super) home: Option<Home>,
    /// What it showed before it was told another size or place.
    pub(super) before: Option<Picture>,
    /// A display has waited for it in vain.
    late: bool,
    moved: bool,
    /// The outputs that it was on when it last drew.
    pub(crate) drawn_on: Vec<OutputId>,
}

impl ManagedWindow {
    pub(super) fn new(id: WindowId, window: Window) -> Self {
        Self {
            id,
            window,
            position: Point::default(),
            mode: Mode::Floating,
            fills: None,
            beneath: Mode::Floating,
            minimized: false,
            workspace: 0,
            mapped: false,
            placed: false,
            active: false,
            used: 0,
            dialog: false,
            modal: false,
            decorated: false,
            title: String::new(),
            app_id: String::new(),
            restore: None,
            arrival: None,
            resizing: None,
            wanted: None,
            home: None,
            before: None,
            late: false,
            moved: false,
            drawn_on: Vec::new(),
        }
    }

    /// Its root surface.
    pub fn surface(&self) -> Option<WlSurface> {
        self.window.wl_surface().map(|surface| surface.into_owned())
    }

    /// The root surface of the window that it is a dialog of.
    pub fn parent(&self) -> Option<WlSurface> {
        self.window
            .toplevel()
            .and_then(|toplevel| toplevel.parent())
    }

    /// Whether it is on screen.
    pub fn is_visible(&self) -> bool {
        self.mapped && !self.minimized
    }

    /// Whether a frame is drawn around it now.
    pub fn has_frame(&self) -> bool {
        self.decorated && self.mode != Mode::Fullscreen
    }

    /// Its content's rectangle.
    pub fn rect(&self) -> Rectangle<i32, Logical> {
        Rectangle::new(self.position, self.window.geometry().size)
    }

    /// Its content with the title bar.
    pub fn frame_rect(&self, look: &Look) -> Rectangle<i32, Logical> {
        let mut rect = self.rect();
        if self.has_frame() {
            rect.loc.y -= look.title_height;
            rect.size.h += look.title_height;
        }
        rect
    }

    /// The least and the most that its client lets its content be; 0 where it does not say.
    pub(super) fn limits(&self) -> (Size<i32, Logical>, Size<i32, Logical>) {
        let Some(surface) = self.surface() else {
            return Default::default();
        };
        with_states(&surface, |states| {
            let mut cached = states.cached_state.get::<SurfaceCachedState>();
            let cached = cached.current();
            (cached.min_size, cached.max_size)
        })
    }

    /// Where its root surface's own origin is.
    pub fn surface_origin(&self) -> Point<i32, Logical> {
        self.position - self.window.geometry().loc
    }

    /// What panels and scripts are told.
    pub fn info(&self) -> WindowInfo {
        WindowInfo {
            id: self.id,
            title: self.title.clone(),
            app_id: self.app_id.clone(),
            active: self.active,
            maximized: self.mode == Mode::Maximized,
            minimized: self.minimized,
            fullscreen: self.mode == Mode::Fullscreen,
        }
    }

    /// Reads title and app id as the client set them.
    pub(super) fn read_names(&mut self) {
        let Some(toplevel) = self.window.toplevel() else {
            return;
        };
        let names = with_states(toplevel.wl_surface(), |states| {
            let data = states
                .data_map
                .get::<XdgToplevelSurfaceData>()?
                .lock()
                .ok()?;
            Some((data.title.clone(), data.app_id.clone()))
        });
        let (title, app_id) = names.unwrap_or_default();
        self.title = title.unwrap_or_default();
        self.app_id = app_id.unwrap_or_default();
    }

    /// Takes note of what its client committed. Where the client does not say which part is the
    /// window, all is, with its subsurfaces; should one of them reach further than before to the left or
    /// upwards, the rest stays where it is.
    pub(super) fn commit(&mut self) {
        let before = self.window.geometry().loc;
        self.window.on_commit();
        let grown = self.window.geometry().loc - before;
        if grown == Point::default() || !self.mapped {
            return;
        }
        let says = self.surface().is_some_and(|surface| {
            with_states(&surface, |states| {
                let mut cached = states.cached_state.get::<SurfaceCachedState>();
                cached.current().geometry.is_some()
            })
        });
        if !says {
            self.move_to(self.position + grown);
        }
    }

    pub(super) fn move_to(&mut self, position: Point<i32, Logical>) {
        self.moved |= self.position != position;
        self.position = position;
    }

    /// Whether it has been told a size or place for which it has not drawn yet, as it will soon.
    pub(crate) fn awaits_answer(&self) -> bool {
        self.arrival.is_some() && !self.late
    }

    pub(super) fn give_up(&mut self) {
        self.late = self.arrival.is_some();
    }

    pub(super) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Moves with the client's answer: an arrival in a mode, or the fixed edges of a resize.
    pub(super) fn follow_commit(&mut self, acked: Option<Serial>) {
        let answered = |serial: Serial| acked.is_some_and(|acked| acked.is_no_older_than(&serial));
        if let Some((serial, position)) = self.arrival
            && answered(serial)
        {
            self.arrival = None;
            self.late = false;
            self.move_to(position);
        }
        if let Some(resizing) = self.resizing {
            let size = self.window.geometry().size;
            let mut position = self.position;
            if resizing.edges.left {
                position.x = resizing.start.loc.x + resizing.start.size.w - size.w;
            }
            if resizing.edges.top {
                position.y = resizing.start.loc.y + resizing.start.size.h - size.h;
            }
            self.move_to(position);
            if resizing.last.is_some_and(answered) {
                self.resizing = None;
            }
        }
    }
}
