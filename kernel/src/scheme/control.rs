//! The supervisor's descriptor of a scheme. While one is open the scheme can be attached to.

use crate::file::{Events, File};
use crate::scheme::instance::Scheme;
use alloc::sync::Arc;
use core::any::Any;

/// See the module's header.
pub struct ControlFile(pub Arc<Scheme>);

impl File for ControlFile {
    fn poll(&self) -> Events {
        Events::empty()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
