//! Clients that are killed, whatever they are doing: the desktop's memory and descriptors are back
//! where they were, and whoever else is there goes on.

mod fixture;

use std::{io::Write, os::fd::AsFd, os::unix::net::UnixStream};

use fixture::{Client, ClientSide, FRAME, Fixture, FrameCallback, SIZE, TestWindow};
use ochre_compositor::input::{InputEvent, PenReport, TabletId, TabletInfo, Tool};
use peak_alloc::PeakAlloc;
use wayland_client::{
    Connection, Dispatch, QueueHandle, delegate_noop, event_created_child,
    protocol::{
        wl_compositor::WlCompositor,
        wl_data_device::{self, WlDataDevice},
        wl_data_device_manager::WlDataDeviceManager,
        wl_data_offer::WlDataOffer,
        wl_data_source::WlDataSource,
        wl_output::WlOutput,
        wl_pointer,
        wl_seat::WlSeat,
        wl_shm::{self, WlShm},
        wl_touch::WlTouch,
    },
};
use wayland_protocols::{
    ext::{
        data_control::v1::client::{
            ext_data_control_device_v1::{self, ExtDataControlDeviceV1},
            ext_data_control_manager_v1::ExtDataControlManagerV1,
            ext_data_control_offer_v1::ExtDataControlOfferV1,
        },
        image_capture_source::v1::client::{
            ext_image_capture_source_v1::ExtImageCaptureSourceV1,
            ext_output_image_capture_source_manager_v1::ExtOutputImageCaptureSourceManagerV1,
        },
        image_copy_capture::v1::client::{
            ext_image_copy_capture_frame_v1::ExtImageCopyCaptureFrameV1,
            ext_image_copy_capture_manager_v1::{ExtImageCopyCaptureManagerV1, Options},
            ext_image_copy_capture_session_v1::ExtImageCopyCaptureSessionV1,
        },
        session_lock::v1::client::{
            ext_session_lock_manager_v1::ExtSessionLockManagerV1,
            ext_session_lock_v1::ExtSessionLockV1,
        },
    },
    wp::{
        commit_timing::v1::client::{
            wp_commit_timer_v1::WpCommitTimerV1,
            wp_commit_timing_manager_v1::WpCommitTimingManagerV1,
        },
        fifo::v1::client::{wp_fifo_manager_v1::WpFifoManagerV1, wp_fifo_v1::WpFifoV1},
        idle_inhibit::zv1::client::{
            zwp_idle_inhibit_manager_v1::ZwpIdleInhibitManagerV1,
            zwp_idle_inhibitor_v1::ZwpIdleInhibitorV1,
        },
        pointer_constraints::zv1::client::{
            zwp_locked_pointer_v1::ZwpLockedPointerV1,
            zwp_pointer_constraints_v1::{Lifetime, ZwpPointerConstraintsV1},
        },
        primary_selection::zv1::client::{
            zwp_primary_selection_device_manager_v1::ZwpPrimarySelectionDeviceManagerV1,
            zwp_primary_selection_device_v1::{self, ZwpPrimarySelectionDeviceV1},
            zwp_primary_selection_offer_v1::ZwpPrimarySelectionOfferV1,
            zwp_primary_selection_source_v1::ZwpPrimarySelectionSourceV1,
        },
        tablet::zv2::client::zwp_tablet_manager_v2::ZwpTabletManagerV2,
        text_input::zv3::client::{
            zwp_text_input_manager_v3::ZwpTextInputManagerV3, zwp_text_input_v3::ZwpTextInputV3,
        },
    },
    xdg::dialog::v1::client::{xdg_dialog_v1::XdgDialogV1, xdg_wm_dialog_v1::XdgWmDialogV1},
};
use wayland_protocols_misc::zwp_input_method_v2::client::{
    zwp_input_method_keyboard_grab_v2::ZwpInputMethodKeyboardGrabV2,
    zwp_input_method_manager_v2::ZwpInputMethodManagerV2, zwp_input_method_v2::ZwpInputMethodV2,
};
use wayland_protocols_wlr::{
    data_control::v1::client::{
        zwlr_data_control_device_v1::{self, ZwlrDataControlDeviceV1},
        zwlr_data_control_manager_v1::ZwlrDataControlManagerV1,
        zwlr_data_control_offer_v1::ZwlrDataControlOfferV1,
    },
    gamma_control::v1::client::{
        zwlr_gamma_control_manager_v1::ZwlrGammaControlManagerV1,
        zwlr_gamma_control_v1::ZwlrGammaControlV1,
    },
    layer_shell::v1::client::{
        zwlr_layer_shell_v1::{Layer, ZwlrLayerShellV1},
        zwlr_layer_surface_v1::{Anchor, KeyboardInteractivity},
    },
    screencopy::v1::client::{
        zwlr_screencopy_frame_v1::ZwlrScreencopyFrameV1,
        zwlr_screencopy_manager_v1::ZwlrScreencopyManagerV1,
    },
    virtual_pointer::v1::client::{
        zwlr_virtual_pointer_manager_v1::ZwlrVirtualPointerManagerV1,
        zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1,
    },
};

/// Counts what this process has allocated.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

macro_rules! hear_nothing_of {
    ($($interface:ty),* $(,)?) => {$( delegate_noop!(ClientSide: ignore $interface); )*};
}

hear_nothing_of!(
    ExtDataControlManagerV1,
    ExtDataControlOfferV1,
    ZwlrDataControlManagerV1,
    ZwlrDataControlOfferV1,
    ZwpPrimarySelectionDeviceManagerV1,
    ZwpPrimarySelectionOfferV1,
    ZwpPrimarySelectionSourceV1,
    ExtImageCaptureSourceV1,
    ExtImageCopyCaptureFrameV1,
    ExtImageCopyCaptureManagerV1,
    ExtImageCopyCaptureSessionV1,
    ExtOutputImageCaptureSourceManagerV1,
    ExtSessionLockManagerV1,
    ExtSessionLockV1,
    WlDataDeviceManager,
    WlDataOffer,
    WlDataSource,
    WlOutput,
    WlTouch,
    WpCommitTimerV1,
    WpCommitTimingManagerV1,
    WpFifoManagerV1,
    WpFifoV1,
    XdgDialogV1,
    XdgWmDialogV1,
    ZwlrGammaControlManagerV1,
    ZwlrGammaControlV1,
    ZwlrScreencopyFrameV1,
    ZwlrScreencopyManagerV1,
    ZwlrVirtualPointerManagerV1,
    ZwlrVirtualPointerV1,
    ZwpIdleInhibitManagerV1,
    ZwpIdleInhibitorV1,
    ZwpInputMethodKeyboardGrabV2,
    ZwpInputMethodManagerV2,
    ZwpInputMethodV2,
    ZwpLockedPointerV1,
    ZwpPointerConstraintsV1,
    ZwpTextInputManagerV3,
    ZwpTextInputV3,
);

/// Makes the offers that devices of selections tell of, and hears no more of them.
macro_rules! take_offers {
    ($($device:ty: $event:path => $offer:ty),* $(,)?) => {$(
        impl Dispatch<$device, ()> for ClientSide {
            fn event(
                _: &mut Self,
                _: &$device,
                _: <$device as wayland_client::Proxy>::Event,
                (): &(),
                _: &Connection,
                _: &QueueHandle<Self>,
            ) {
            }

            event_created_child!(ClientSide, $device, [$event => ($offer, ())]);
        }
    )*};
}

take_offers!(
    ExtDataControlDeviceV1: ext_data_control_device_v1::EVT_DATA_OFFER_OPCODE
        => ExtDataControlOfferV1,
    WlDataDevice: wl_data_device::EVT_DATA_OFFER_OPCODE => WlDataOffer,
    ZwlrDataControlDeviceV1: zwlr_data_control_device_v1::EVT_DATA_OFFER_OPCODE
        => ZwlrDataControlOfferV1,
    ZwpPrimarySelectionDeviceV1: zwp_primary_selection_device_v1::EVT_DATA_OFFER_OPCODE
        => ZwpPrimarySelectionOfferV1,
);

/// Brings a client into a state.
type Deed = fn(&mut Fixture, &mut Client);

fn nothing(_: &mut Fixture, _: &mut Client) {}

fn half_a_message(fixture: &mut Fixture, _: &mut Client) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    fixture.compositor.adopt(ours).unwrap();
    theirs.write_all(&[1, 0, 0, 0, 1, 0, 12]).unwrap();
    fixture.turn();
}

fn a_window_without_content(fixture: &mut Fixture, client: &mut Client) {
    client.window(fixture, "empty");
}

fn a_buffer_not_committed(fixture: &mut Fixture, client: &mut Client) {
    let window = client.window(fixture, "mapping");
    window.xdg.ack_configure(client.told(&window).serial);
    let (buffer, _file) = client.buffer((200, 100), 0xff00_0000);
    window.surface.attach(Some(&buffer), 0, 0);
    client.roundtrip(fixture);
}

fn shown(fixture: &mut Fixture, client: &mut Client) -> TestWindow {
    client.shown(fixture, "killed", (200, 100), true)
}

fn frames_awaited(fixture: &mut Fixture, client: &mut Client) {
    let window = shown(fixture, client);
    for _ in 0..10 {
        window.surface.frame(&client.handle, FrameCallback);
    }
    let (buffer, _file) = client.buffer((200, 100), 0xff00_00ff);
    window.surface.attach(Some(&buffer), 0, 0);
    window.surface.commit();
    client.roundtrip(fixture);
}

fn content_that_waits(fixture: &mut Fixture, client: &mut Client) {
    let (fifos, timing) = (
        client.bind::<WpFifoManagerV1>(1),
        client.bind::<WpCommitTimingManagerV1>(1),
    );
    let window = shown(fixture, client);
    let other = client
        .bind::<WlCompositor>(6)
        .create_surface(&client.handle, ());
    for surface in [&window.surface, &other] {
        let fifo = fifos.get_fifo(surface, &client.handle, ());
        let timer = timing.get_timer(surface, &client.handle, ());
        for _ in 0..5 {
            let (buffer, _file) = client.buffer((200, 100), 0xff00_00ff);
            surface.attach(Some(&buffer), 0, 0);
            fifo.set_barrier();
            fifo.wait_barrier();
            timer.set_timestamp(1, 0, 0);
            surface.commit();
        }
        client.roundtrip(fixture);
    }
    other.destroy();
    client.roundtrip(fixture);
}

fn a_size_not_answered(fixture: &mut Fixture, client: &mut Client) {
    let window = shown(fixture, client);
    window.toplevel.set_fullscreen(None);
    client.roundtrip(fixture);
}

/// The upper left corner of the frame of the client's window.
fn frame(fixture: &Fixture) -> (i32, i32) {
    let windows = fixture.windows();
    let killed = windows.iter().find(|window| window.title == "killed");
    let [x, y, ..] = killed.unwrap().frame;
    (x, y)
}

fn dragged(fixture: &mut Fixture, client: &mut Client) {
    shown(fixture, client);
    let (x, y) = frame(fixture);
    fixture.point(x + 60, y + 10);
    fixture.press(true);
    fixture.point(x + 90, y + 30);
}

fn resized(fixture: &mut Fixture, client: &mut Client) {
    shown(fixture, client);
    let (x, y) = frame(fixture);
    fixture.point(x - 3, y + 60);
    fixture.press(true);
    fixture.point(x - 30, y + 60);
}

fn a_menu(fixture: &mut Fixture, client: &mut Client) {
    let window = shown(fixture, client);
    client.menu(fixture, &window.xdg);
}

fn a_modal_dialog(fixture: &mut Fixture, client: &mut Client) {
    let window = shown(fixture, client);
    let dialog = client.window(fixture, "dialog");
    dialog.toplevel.set_parent(Some(&window.toplevel));
    let dialogs = client.bind::<XdgWmDialogV1>(1);
    let modal = dialogs.get_xdg_dialog(&dialog.toplevel, &client.handle, ());
    modal.set_modal();
    client.show(fixture, &dialog, (50, 50), 0xff00_00ff);
}

fn touched(fixture: &mut Fixture, client: &mut Client) {
    client.bind::<WlSeat>(7).get_touch(&client.handle, ());
    shown(fixture, client);
    let (x, y) = frame(fixture);
    let share = |at: i32, whole: u32| f64::from(at) / f64::from(whole);
    let (x, y) = (share(x + 20, SIZE.0), share(y + 80, SIZE.1));
    fixture.input(&[InputEvent::TouchDown { finger: 1, x, y }]);
}

/// The tablet that is plugged in.
const TABLET: TabletId = TabletId(0);

fn under_a_pen(fixture: &mut Fixture, client: &mut Client) {
    let tablets = client.bind::<ZwpTabletManagerV2>(1);
    tablets.get_tablet_seat(&client.bind::<WlSeat>(7), &client.handle, ());
    shown(fixture, client);
    let (x, y) = frame(fixture);
    let share = |at: i32, whole: u32| f64::from(at) / f64::from(whole);
    let pen = PenReport {
        tablet: TABLET,
        tool: Tool::Pen,
        x: share(x + 20, SIZE.0),
        y: share(y + 80, SIZE.1),
        touches: true,
        pressure: 0.5,
        distance: 0.0,
        tilt: (0.0, 0.0),
    };
    fixture.input(&[InputEvent::Pen(pen)]);
    client.roundtrip(fixture);
}

fn a_layer_with_the_keyboard(fixture: &mut Fixture, client: &mut Client) {
    let shell = client.bind::<ZwlrLayerShellV1>(4);
    let compositor = client.bind::<WlCompositor>(6);
    let surface = compositor.create_surface(&client.handle, ());
    let name = "panel".to_owned();
    let top = Layer::Top;
    let layer = shell.get_layer_surface(&surface, None, top, name, &client.handle, ());
    layer.set_anchor(Anchor::Top);
    layer.set_size(60, 20);
    layer.set_exclusive_zone(20);
    layer.set_keyboard_interactivity(KeyboardInteractivity::Exclusive);
    surface.commit();
    client.roundtrip(fixture);
    let (buffer, _file) = client.buffer((60, 20), 0xff10_1010);
    surface.attach(Some(&buffer), 0, 0);
    surface.commit();
    client.roundtrip(fixture);
}

fn a_locker(fixture: &mut Fixture, client: &mut Client) {
    let locks = client.bind::<ExtSessionLockManagerV1>(1);
    locks.lock(&client.handle, ());
    client.roundtrip(fixture);
}

/// A press on the client's window, of which it knows the serial.
fn pressed(fixture: &mut Fixture, client: &mut Client) -> TestWindow {
    client.bind::<WlSeat>(7).get_pointer(&client.handle, ());
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    let window = shown(fixture, client);
    let (x, y) = frame(fixture);
    fixture.point(x + 20, y + 80);
    fixture.press(true);
    client.roundtrip(fixture);
    window
}

fn a_selection(fixture: &mut Fixture, client: &mut Client) {
    pressed(fixture, client);
    let manager = client.bind::<WlDataDeviceManager>(3);
    let device = manager.get_data_device(&client.bind(7), &client.handle, ());
    let source = manager.create_data_source(&client.handle, ());
    source.offer("text/plain".into());
    device.set_selection(Some(&source), client.state.serial);
    client.roundtrip(fixture);
}

fn every_kind_of_selection_device(fixture: &mut Fixture, client: &mut Client) {
    pressed(fixture, client);
    let seat = client.bind::<WlSeat>(7);
    let manager = client.bind::<ZwpPrimarySelectionDeviceManagerV1>(1);
    let device = manager.get_device(&seat, &client.handle, ());
    let source = manager.create_source(&client.handle, ());
    source.offer("text/plain".into());
    device.set_selection(Some(&source), client.state.serial);
    let manager = client.bind::<ZwlrDataControlManagerV1>(2);
    manager.get_data_device(&seat, &client.handle, ());
    let manager = client.bind::<ExtDataControlManagerV1>(1);
    manager.get_data_device(&seat, &client.handle, ());
    client.roundtrip(fixture);
}

fn something_dragged(fixture: &mut Fixture, client: &mut Client) {
    let window = pressed(fixture, client);
    let manager = client.bind::<WlDataDeviceManager>(3);
    let device = manager.get_data_device(&client.bind(7), &client.handle, ());
    let source = manager.create_data_source(&client.handle, ());
    source.offer("text/plain".into());
    let icon = client
        .bind::<WlCompositor>(6)
        .create_surface(&client.handle, ());
    let serial = client.state.serial;
    device.start_drag(Some(&source), &window.surface, Some(&icon), serial);
    let (buffer, _file) = client.buffer((20, 20), 0xff10_1010);
    icon.attach(Some(&buffer), 0, 0);
    icon.commit();
    client.roundtrip(fixture);
    fixture.point(100, 100);
    client.roundtrip(fixture);
}

fn a_locked_pointer(fixture: &mut Fixture, client: &mut Client) {
    let pointer = client.bind::<WlSeat>(7).get_pointer(&client.handle, ());
    let window = shown(fixture, client);
    let (x, y) = frame(fixture);
    fixture.point(x + 20, y + 80);
    let constraints = client.bind::<ZwpPointerConstraintsV1>(1);
    let life = Lifetime::Persistent;
    constraints.lock_pointer(&window.surface, &pointer, None, life, &client.handle, ());
    client.roundtrip(fixture);
}

fn captures_under_way(fixture: &mut Fixture, client: &mut Client) {
    let output = client.bind::<WlOutput>(4);
    let (buffer, file) = client.buffer((800, 600), 0);
    let shm = client.bind::<WlShm>(1);
    let pool = shm.create_pool(file.as_fd(), 800 * 600 * 4, &client.handle, ());
    let plain = wl_shm::Format::Xrgb8888;
    let plain = pool.create_buffer(0, 800, 600, 800 * 4, plain, &client.handle, ());
    let screencopy = client.bind::<ZwlrScreencopyManagerV1>(3);
    // The first is copied at once, and the second when something changes.
    for _ in 0..2 {
        let shot = screencopy.capture_output(1, &output, &client.handle, ());
        client.roundtrip(fixture);
        shot.copy_with_damage(&plain);
    }
    let source = client
        .bind::<ExtOutputImageCaptureSourceManagerV1>(1)
        .create_source(&output, &client.handle, ());
    let session = client
        .bind::<ExtImageCopyCaptureManagerV1>(1)
        .create_session(&source, Options::empty(), &client.handle, ());
    client.roundtrip(fixture);
    for _ in 0..2 {
        let frame = session.create_frame(&client.handle, ());
        frame.attach_buffer(&buffer);
        frame.capture();
        client.roundtrip(fixture);
        frame.destroy();
    }
    let frame = session.create_frame(&client.handle, ());
    frame.attach_buffer(&buffer);
    frame.capture();
    client.roundtrip(fixture);
}

fn an_input_method_and_its_field(fixture: &mut Fixture, client: &mut Client) {
    let seat = client.bind::<WlSeat>(7);
    let methods = client.bind::<ZwpInputMethodManagerV2>(1);
    let method = methods.get_input_method(&seat, &client.handle, ());
    method.grab_keyboard(&client.handle, ());
    let fields = client.bind::<ZwpTextInputManagerV3>(1);
    let field = fields.get_text_input(&seat, &client.handle, ());
    client.roundtrip(fixture);
    shown(fixture, client);
    field.enable();
    field.commit();
    client.roundtrip(fixture);
    fixture.tap(30);
}

fn a_button_of_a_virtual_pointer(fixture: &mut Fixture, client: &mut Client) {
    shown(fixture, client);
    let pointers = client.bind::<ZwlrVirtualPointerManagerV1>(2);
    let pointer = pointers.create_virtual_pointer(None, &client.handle, ());
    pointer.button(0, 0x110, wl_pointer::ButtonState::Pressed);
    pointer.frame();
    client.roundtrip(fixture);
}

fn a_tone_and_a_wish_to_stay_awake(fixture: &mut Fixture, client: &mut Client) {
    let window = shown(fixture, client);
    let output = client.bind::<WlOutput>(4);
    let gammas = client.bind::<ZwlrGammaControlManagerV1>(1);
    gammas.get_gamma_control(&output, &client.handle, ());
    let inhibitors = client.bind::<ZwpIdleInhibitManagerV1>(1);
    inhibitors.create_inhibitor(&window.surface, &client.handle, ());
    client.roundtrip(fixture);
}

/// Every state that a client is killed in.
const STATES: [(&str, Deed); 24] = [
    ("silent", nothing),
    ("in the middle of a message", half_a_message),
    ("with a window without content", a_window_without_content),
    ("with a buffer not committed", a_buffer_not_committed),
    ("shown", |fixture, client| _ = shown(fixture, client)),
    ("waiting for frames", frames_awaited),
    ("with content that waits", content_that_waits),
    ("with a size not answered", a_size_not_answered),
    ("dragged", dragged),
    ("resized", resized),
    ("with a menu", a_menu),
    ("with a modal dialog", a_modal_dialog),
    ("touched", touched),
    ("under a pen", under_a_pen),
    ("a layer with the keyboard", a_layer_with_the_keyboard),
    ("locking the session", a_locker),
    ("with a selection", a_selection),
    (
        "with every kind of selection device",
        every_kind_of_selection_device,
    ),
    ("dragging something", something_dragged),
    ("holding the pointer", a_locked_pointer),
    ("capturing", captures_under_way),
    ("an input method", an_input_method_and_its_field),
    ("holding a virtual button", a_button_of_a_virtual_pointer),
    ("toning the screen", a_tone_and_a_wish_to_stay_awake),
];

/// Someone whose window stays, and who answers.
struct Honest {
    client: Client,
    window: TestWindow,
    answered: u32,
}

impl Honest {
    fn answer(&mut self, fixture: &mut Fixture) -> bool {
        let served = self.client.roundtrip(fixture);
        let told = self.client.told(&self.window).serial;
        if told != std::mem::replace(&mut self.answered, told) {
            self.window.xdg.ack_configure(told);
            self.window.surface.commit();
        }
        served && self.client.roundtrip(fixture)
    }
}

/// One client comes, does something and is killed.
fn killed(fixture: &mut Fixture, honest: &mut Honest, deed: Deed) -> bool {
    let mut client = fixture.client();
    deed(fixture, &mut client);
    assert!(client.error.is_none());
    drop(client);
    for _ in 0..3 {
        fixture.turn();
    }
    // What hands hold they let go, and a session that lost its locker is opened again.
    fixture.press(false);
    fixture.input(&[
        InputEvent::TouchUp { finger: 1 },
        InputEvent::PenAway { tablet: TABLET },
    ]);
    fixture.compositor.shell.lock = None;
    fixture.point(1, 1);
    for _ in 0..3 {
        fixture.advance(FRAME);
    }
    honest.answer(fixture)
}

/// So often is a client killed before it is measured: caches fill up once.
const WARM: usize = 2;
/// So often from one measurement to the next.
const ROUNDS: usize = 3;
/// Tables grow now and then, by doubling; what is kept of each grows every time.
const MEASUREMENTS: usize = 12;

#[test]
fn nothing_is_kept_of_a_killed_client() {
    let mut fixture = Fixture::new();
    fixture.compositor.add_touch();
    fixture.compositor.add_tablet(TabletInfo {
        name: "tablet".into(),
        vendor: 1,
        product: 2,
        pressure: true,
        distance: true,
        tilt: true,
    });
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "honest", (200, 100), true);
    let answered = client.told(&window).serial;
    let mut honest = Honest {
        client,
        window,
        answered,
    };
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let mut wrong = Vec::new();
    for (name, deed) in STATES {
        for _ in 0..WARM {
            assert!(killed(&mut fixture, &mut honest, deed), "{name}");
        }
        let grows = (0..MEASUREMENTS).all(|_| {
            let before = MEMORY.current_usage();
            for _ in 0..ROUNDS {
                assert!(killed(&mut fixture, &mut honest, deed), "{name}");
            }
            MEMORY.current_usage() > before
        });
        if grows {
            wrong.push(name);
        }
        assert_eq!(fixture.windows().len(), 1, "{name}");
        assert_eq!(fixture.compositor.outputs.work_area(None).size.h, 600);
        assert!(!fixture.compositor.is_kept_awake(), "{name}");
    }
    assert!(wrong.is_empty(), "memory is kept of who was {wrong:?}");
    // Smithay unmaps memory on a thread of its own, which may be at it.
    while open() > before {
        std::thread::yield_now();
    }
}
