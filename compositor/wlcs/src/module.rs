//! The functions that WLCS calls, and the one symbol that it looks for.
//!
//! It is given pointers to the first field of what is really larger, and gives them back; each is
//! made by a function here, used by one thread at a time, and ended by the function for that.

#![allow(unsafe_code)] // it is called from C++, by pointers that only C++ keeps

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    os::fd::IntoRawFd,
};

use ochre_compositor::input::InputEvent;

use crate::{
    abi::{Descriptor, DisplayServer, Extension, Fixed, Pointer, ServerIntegration, Touch},
    desk::{Desk, Hands, SCREEN},
};

/// What WLCS looks for.
#[unsafe(export_name = "wlcs_server_integration")]
pub static INTEGRATION: ServerIntegration = ServerIntegration {
    version: 1,
    create_server,
    destroy_server,
};

// SAFETY: libwayland-client's, which WLCS is linked to; they read the object and nothing else.
unsafe extern "C" {
    fn wl_display_get_fd(display: *mut c_void) -> c_int;
    fn wl_proxy_get_id(proxy: *mut c_void) -> u32;
}

/// What the compositor offers of what WLCS tests; the tests of all else are skipped.
const EXTENSIONS: [Extension; 13] = [
    extension(c"wl_compositor", 6),
    extension(c"wl_subcompositor", 1),
    extension(c"wl_shm", 2),
    extension(c"wl_seat", 9),
    extension(c"wl_output", 4),
    extension(c"wl_data_device_manager", 3),
    extension(c"xdg_wm_base", 6),
    extension(c"zxdg_output_manager_v1", 3),
    extension(c"zwlr_layer_shell_v1", 4),
    extension(c"zwlr_foreign_toplevel_manager_v1", 3),
    extension(c"zwp_primary_selection_device_manager_v1", 1),
    extension(c"zwp_pointer_constraints_v1", 1),
    extension(c"zwp_relative_pointer_manager_v1", 1),
];

const fn extension(name: &'static CStr, version: u32) -> Extension {
    Extension {
        name: name.as_ptr(),
        version,
    }
}

/// Constants that hold pointers to other constants.
struct Table<T>(T);
// SAFETY: nothing in it is ever changed.
unsafe impl<T> Sync for Table<T> {}

static LIST: Table<[Extension; 13]> = Table(EXTENSIONS);
static DESCRIPTOR: Table<Descriptor> = Table(Descriptor {
    version: 1,
    count: EXTENSIONS.len(),
    extensions: LIST.0.as_ptr(),
});

/// A server as WLCS sees it, and what is behind.
#[repr(C)]
struct Server {
    seen: DisplayServer,
    desk: Option<Desk>,
}

extern "C" fn create_server(_: c_int, _: *const *const c_char) -> *mut DisplayServer {
    let seen = DisplayServer {
        version: 3,
        start,
        stop,
        create_client_socket,
        position_window_absolute,
        create_pointer,
        create_touch,
        get_descriptor,
        start_on_this_thread: None,
    };
    Box::into_raw(Box::new(Server { seen, desk: None })).cast()
}

unsafe extern "C" fn destroy_server(server: *mut DisplayServer) {
    // SAFETY: it is from `create_server`, and WLCS destroys it once.
    drop(unsafe { Box::from_raw(server.cast::<Server>()) });
}

/// # Safety
/// `server` is from `create_server` and not destroyed.
unsafe fn server<'a>(server: *mut DisplayServer) -> &'a mut Server {
    // SAFETY: as the caller says; WLCS makes one call at a time.
    unsafe { &mut *server.cast() }
}

unsafe extern "C" fn start(this: *mut DisplayServer) {
    // SAFETY: WLCS passes a living server.
    let server = unsafe { server(this) };
    match Desk::start() {
        Ok(desk) => server.desk = Some(desk),
        Err(err) => eprintln!("ochre-wlcs: {err:#}"),
    }
}

unsafe extern "C" fn stop(this: *mut DisplayServer) {
    // SAFETY: WLCS passes a living server.
    if let Some(desk) = unsafe { server(this) }.desk.take() {
        desk.stop();
    }
}

unsafe extern "C" fn create_client_socket(this: *mut DisplayServer) -> c_int {
    // SAFETY: WLCS passes a living server.
    let desk = unsafe { server(this) }.desk.as_ref();
    let end = desk.and_then(|desk| desk.connect().ok());
    end.map_or(-1, IntoRawFd::into_raw_fd) // WLCS closes it
}

unsafe extern "C" fn position_window_absolute(
    this: *mut DisplayServer,
    display: *mut c_void,
    surface: *mut c_void,
    x: c_int,
    y: c_int,
) {
    // SAFETY: WLCS passes a living connection of libwayland-client and a living surface of it.
    let (client, id) = unsafe { (wl_display_get_fd(display), wl_proxy_get_id(surface)) };
    // SAFETY: WLCS passes a living server.
    if let Some(desk) = &unsafe { server(this) }.desk {
        desk.place(client, id, (x, y));
    }
}

extern "C" fn get_descriptor(_: *const DisplayServer) -> *const Descriptor {
    &DESCRIPTOR.0
}

/// A device as WLCS sees it, and what is behind.
#[repr(C)]
struct Device<T> {
    seen: T,
    hands: Option<Hands>,
}

impl<T> Device<T> {
    /// # Safety
    /// `server` is from `create_server` and not destroyed.
    unsafe fn create(on: *mut DisplayServer, seen: T) -> *mut T {
        // SAFETY: as the caller says.
        let hands = unsafe { server(on) }.desk.as_ref().map(Desk::hands);
        Box::into_raw(Box::new(Self { seen, hands })).cast()
    }

    /// # Safety
    /// `device` is from `create` and not destroyed.
    unsafe fn input(device: *mut T, event: InputEvent) {
        // SAFETY: as the caller says; it is only read.
        if let Some(hands) = unsafe { &(*device.cast::<Self>()).hands } {
            hands.input(event);
        }
    }
}

unsafe extern "C" fn destroy<T>(device: *mut T) {
    // SAFETY: it is from `Device::<T>::create`, and WLCS destroys it once.
    drop(unsafe { Box::from_raw(device.cast::<Device<T>>()) });
}

/// A length in pixels.
fn pixels(length: Fixed) -> f64 {
    f64::from(length) / 256.0
}

/// A place as a share of the screen's side: the one that leads back to just that place.
fn share(place: f64, side: u32) -> f64 {
    let side = f64::from(side);
    let near = place / side;
    let all = [near, near.next_up(), near.next_down()];
    let exact = all.into_iter().find(|share| share * side == place);
    exact.unwrap_or(near)
}

unsafe extern "C" fn create_pointer(on: *mut DisplayServer) -> *mut Pointer {
    let seen = Pointer {
        version: 1,
        move_absolute,
        move_relative,
        button_up,
        button_down,
        destroy: destroy::<Pointer>,
    };
    // SAFETY: WLCS passes a living server.
    unsafe { Device::create(on, seen) }
}

unsafe extern "C" fn move_absolute(pointer: *mut Pointer, x: Fixed, y: Fixed) {
    let event = InputEvent::MotionAbsolute {
        x: share(pixels(x), SCREEN.0),
        y: share(pixels(y), SCREEN.1),
    };
    // SAFETY: WLCS passes a living pointer.
    unsafe { Device::input(pointer, event) };
}

unsafe extern "C" fn move_relative(pointer: *mut Pointer, dx: Fixed, dy: Fixed) {
    let event = InputEvent::Motion {
        dx: pixels(dx),
        dy: pixels(dy),
    };
    // SAFETY: WLCS passes a living pointer.
    unsafe { Device::input(pointer, event) };
}

/// # Safety
/// `pointer` is from `create_pointer` and not destroyed.
unsafe fn button(pointer: *mut Pointer, button: c_int, pressed: bool) {
    let button = button.unsigned_abs();
    // SAFETY: as the caller says.
    unsafe { Device::input(pointer, InputEvent::Button { button, pressed }) };
}

unsafe extern "C" fn button_up(pointer: *mut Pointer, which: c_int) {
    // SAFETY: WLCS passes a living pointer.
    unsafe { button(pointer, which, false) };
}

unsafe extern "C" fn button_down(pointer: *mut Pointer, which: c_int) {
    // SAFETY: WLCS passes a living pointer.
    unsafe { button(pointer, which, true) };
}

/// Where a finger is, as shares of the screen's sides. The header says `wl_fixed_t`, but whole pixels
/// are what WLCS passes.
fn touched(x: c_int, y: c_int) -> (f64, f64) {
    (share(f64::from(x), SCREEN.0), share(f64::from(y), SCREEN.1))
}

unsafe extern "C" fn create_touch(on: *mut DisplayServer) -> *mut Touch {
    let seen = Touch {
        version: 1,
        down,
        motion,
        up,
        destroy: destroy::<Touch>,
    };
    // SAFETY: WLCS passes a living server.
    unsafe { Device::create(on, seen) }
}

unsafe extern "C" fn down(touch: *mut Touch, x: c_int, y: c_int) {
    let (finger, (x, y)) = (0, touched(x, y));
    // SAFETY: WLCS passes a living touch screen.
    unsafe { Device::input(touch, InputEvent::TouchDown { finger, x, y }) };
}

unsafe extern "C" fn motion(touch: *mut Touch, x: c_int, y: c_int) {
    let (finger, (x, y)) = (0, touched(x, y));
    // SAFETY: WLCS passes a living touch screen.
    unsafe { Device::input(touch, InputEvent::TouchMotion { finger, x, y }) };
}

unsafe extern "C" fn up(touch: *mut Touch) {
    let finger = 0;
    // SAFETY: WLCS passes a living touch screen.
    unsafe { Device::input(touch, InputEvent::TouchUp { finger }) };
}
