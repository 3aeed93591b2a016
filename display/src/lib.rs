//! The graphics scheme: what Linux's DRM/KMS and evdev offer, as libraries that thin drivers build
//! on. [`drm`] is the object model and the ioctls of `/dev/dri/cardN`; a driver supplies a
//! [`drm::Backend`]. [`evdev`] is `/dev/input/eventN`; a driver supplies events.
#![forbid(unsafe_code)]

pub mod drm;
pub mod evdev;
pub mod uevent;
