//! A scene: what is done on the desktop, and on what kind of desktop.

use crate::compare::Tolerance;
use crate::desk::Desk;
use crate::error::Error;

type Play = Box<dyn Fn(&mut Desk<'_>) -> Result<(), Error> + Send + Sync>;

/// One test: a name, a desktop's set-up, and what a person does on it.
pub struct Scene {
    pub(crate) name: &'static str,
    pub(crate) size: (u32, u32),
    pub(crate) theme: &'static str,
    pub(crate) scale: f64,
    pub(crate) wallpaper: bool,
    pub(crate) panel: bool,
    pub(crate) tolerance: Tolerance,
    pub(crate) from_outside: bool,
    pub(crate) play: Play,
}

impl Scene {
    /// A scene on a screen of 1024×700 in the light theme, with no panel, no picture on the wall,
    /// and exact to the pixel.
    pub fn new(
        name: &'static str,
        play: impl Fn(&mut Desk<'_>) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Scene {
        Scene {
            name,
            size: (1024, 700),
            theme: "ochre-light",
            scale: 1.0,
            wallpaper: false,
            panel: false,
            tolerance: Tolerance::EXACT,
            from_outside: false,
            play: Box::new(play),
        }
    }

    /// Sets the size of the screen.
    #[must_use]
    pub fn size(mut self, width: u32, height: u32) -> Scene {
        self.size = (width, height);
        self
    }

    /// Sets the theme that the user has chosen.
    #[must_use]
    pub fn theme(mut self, id: &'static str) -> Scene {
        self.theme = id;
        self
    }

    /// Sets how many of the screen's pixels a logical one has.
    #[must_use]
    pub fn scale(mut self, scale: f64) -> Scene {
        self.scale = scale;
        self
    }

    /// Shows the theme's wallpaper, whose approved pictures are large.
    #[must_use]
    pub fn with_wallpaper(mut self) -> Scene {
        self.wallpaper = true;
        self
    }

    /// Runs the panel, which the launcher belongs to.
    #[must_use]
    pub fn with_panel(mut self) -> Scene {
        self.panel = true;
        self
    }

    /// Lets pictures differ by this much.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Tolerance) -> Scene {
        self.tolerance = tolerance;
        self
    }

    /// Says that the scene needs keyboard, mouse and screen only, so that it can be played in a
    /// virtual machine too.
    #[must_use]
    pub fn from_outside(mut self) -> Scene {
        self.from_outside = true;
        self
    }

    pub fn name(&self) -> &str {
        self.name
    }
}
