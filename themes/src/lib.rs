//! Themes: from a file of a few seeds to every colour and size on the screen.
//!
//! A theme file names seeds (mode, base, accent, …). [`Seeds::parse`] reads them and points at the line
//! that is wrong; [`Theme::compile`] grows twelve-step OKLCH ramps from them, picks about forty
//! [`Tokens`] and proves that every text token has its contrast on every surface it may sit on, moving
//! its lightness where it must. What can't be proven is no theme: the last good one stays.
//!
//! [`Store`] knows where themes and the user's choice live; [`ThemeWatcher`] tells when the choice
//! changes, by a file descriptor to poll. [`wallpaper`] paints the desktop in the theme's colours.

#![forbid(unsafe_code)]

mod compile;
mod error;
mod metrics;
pub mod motion;
mod oklch;
mod preferences;
mod proof;
mod ramp;
mod seeds;
mod store;
mod terminal;
mod tokens;
pub mod wallpaper;
mod watch;

pub use compile::Theme;
pub use error::ThemeError;
pub use metrics::{Elevation, Metrics};
pub use motion::Motion;
pub use ochre_raster::Color;
pub use oklch::{Oklch, contrast};
pub use preferences::Preferences;
pub use proof::Pair;
pub use ramp::Ramp;
pub use seeds::{
    Accent, Buttons, Contrast, Density, Fonts, Mode, Seeds, Shape, WindowButton, nearest,
};
pub use store::{Entry, Store, StoreError, counterpart};
pub use terminal::Terminal;
pub use tokens::Tokens;
pub use watch::ThemeWatcher;
