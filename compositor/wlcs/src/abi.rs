//! WLCS's structs, as `display_server.h`, `pointer.h` and `touch.h` of WLCS 1.5 declare them; they
//! have been the same since 1.1.

use std::ffi::{c_char, c_int, c_void};

/// `wl_fixed_t`: 256ths.
pub type Fixed = i32;

/// What the module exports.
#[repr(C)]
pub struct ServerIntegration {
    pub version: u32,
    pub create_server: extern "C" fn(c_int, *const *const c_char) -> *mut DisplayServer,
    pub destroy_server: unsafe extern "C" fn(*mut DisplayServer),
}

/// A compositor.
#[repr(C)]
pub struct DisplayServer {
    pub version: u32,
    pub start: unsafe extern "C" fn(*mut DisplayServer),
    pub stop: unsafe extern "C" fn(*mut DisplayServer),
    pub create_client_socket: unsafe extern "C" fn(*mut DisplayServer) -> c_int,
    pub position_window_absolute:
        unsafe extern "C" fn(*mut DisplayServer, *mut c_void, *mut c_void, c_int, c_int),
    pub create_pointer: unsafe extern "C" fn(*mut DisplayServer) -> *mut Pointer,
    pub create_touch: unsafe extern "C" fn(*mut DisplayServer) -> *mut Touch,
    pub get_descriptor: extern "C" fn(*const DisplayServer) -> *const Descriptor,
    /// Not offered: the compositor has a thread of its own.
    pub start_on_this_thread: Option<unsafe extern "C" fn(*mut DisplayServer, *mut c_void)>,
}

/// Which extensions are to be tested.
#[repr(C)]
pub struct Descriptor {
    pub version: u32,
    pub count: usize,
    pub extensions: *const Extension,
}

/// One of them: its name and highest version.
#[repr(C)]
pub struct Extension {
    pub name: *const c_char,
    pub version: u32,
}

/// A mouse.
#[repr(C)]
pub struct Pointer {
    pub version: u32,
    pub move_absolute: unsafe extern "C" fn(*mut Pointer, Fixed, Fixed),
    pub move_relative: unsafe extern "C" fn(*mut Pointer, Fixed, Fixed),
    pub button_up: unsafe extern "C" fn(*mut Pointer, c_int),
    pub button_down: unsafe extern "C" fn(*mut Pointer, c_int),
    pub destroy: unsafe extern "C" fn(*mut Pointer),
}

/// A touch screen, for one finger.
#[repr(C)]
pub struct Touch {
    pub version: u32,
    pub down: unsafe extern "C" fn(*mut Touch, c_int, c_int),
    pub motion: unsafe extern "C" fn(*mut Touch, c_int, c_int),
    pub up: unsafe extern "C" fn(*mut Touch),
    pub destroy: unsafe extern "C" fn(*mut Touch),
}
