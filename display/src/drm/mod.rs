//! DRM/KMS as Linux defines it (`include/uapi/drm/drm.h`, `drm_mode.h`): connectors, encoders,
//! CRTCs, planes, framebuffers, dumb buffers, properties, atomic and legacy commits, flip events.
//!
//! The model: each output of the device is one connector, one encoder, one CRTC, a primary plane
//! and a cursor plane, wired one to one. State is the set of [`state::OutputState`]s; both the
//! atomic and the legacy ioctls edit a copy of it, which is checked as a whole and then replaces
//! the old one. A driver sees only finished commits.

pub mod abi;
pub mod backend;
pub mod card;
mod clients;
mod commit;
mod cursor;
mod edid;
mod events;
#[cfg(test)]
mod fixture;
mod legacy;
pub mod linear;
pub mod mode;
mod objects;
mod properties;
mod resources;
mod state;

pub use backend::{Backend, Buffer, Commit, Cursor, Output, Rect};
pub use card::Card;
