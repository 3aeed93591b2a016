//! The GUI toolkit for native apps.
