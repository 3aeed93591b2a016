//! The graphics scheme: DRM/KMS and evdev server libraries.
