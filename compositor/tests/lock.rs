//! The locked session: what its screen shows, who gets the keys, and who may unlock it.

mod fixture;

use std::time::Duration;

use fixture::{Client, ClientSide, FRAME, Fixture, LITTLE, SIZE};
use ochre_compositor::{
    backend::Backend,
    config::{Config, OutputChoice},
    input::{Action, InputEvent},
};
use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop, event_created_child,
    protocol::{
        wl_compositor::WlCompositor,
        wl_data_device::{self, WlDataDevice},
        wl_data_device_manager::{DndAction, WlDataDeviceManager},
        wl_data_offer::WlDataOffer,
        wl_data_source::WlDataSource,
        wl_output::WlOutput,
        wl_seat::WlSeat,
        wl_surface::WlSurface,
        wl_touch::{self, WlTouch},
    },
};
use wayland_protocols::ext::session_lock::v1::client::{
    ext_session_lock_manager_v1::ExtSessionLockManagerV1,
    ext_session_lock_surface_v1::{self, ExtSessionLockSurfaceV1},
    ext_session_lock_v1::{self, ExtSessionLockV1},
};

delegate_noop!(ClientSide: ignore ExtSessionLockManagerV1);
delegate_noop!(ClientSide: ignore WlOutput);
delegate_noop!(ClientSide: ignore WlDataDeviceManager);
delegate_noop!(ClientSide: ignore WlDataOffer);
note_events!(WlDataSource);

/// Takes whatever is dragged over it.
impl Dispatch<WlDataDevice, ()> for ClientSide {
    fn event(
        _: &mut Self,
        _: &WlDataDevice,
        event: wl_data_device::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_data_device::Event::Enter {
            serial,
            id: Some(offer),
            ..
        } = event
        {
            offer.accept(serial, Some("text/plain".into()));
            offer.set_actions(DndAction::Copy, DndAction::Copy);
        }
    }

    event_created_child!(ClientSide, WlDataDevice, [
        wl_data_device::EVT_DATA_OFFER_OPCODE => (WlDataOffer, ()),
    ]);
}

impl Dispatch<ExtSessionLockV1, ()> for ClientSide {
    fn event(
        state: &mut Self,
        _: &ExtSessionLockV1,
        event: ext_session_lock_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        state.notes.push(match event {
            ext_session_lock_v1::Event::Locked => "locked".into(),
            _ => "finished".into(),
        });
    }
}

impl Dispatch<ExtSessionLockSurfaceV1, ()> for ClientSide {
    fn event(
        state: &mut Self,
        surface: &ExtSessionLockSurfaceV1,
        event: ext_session_lock_surface_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let ext_session_lock_surface_v1::Event::Configure {
            serial,
            width,
            height,
        } = event
        {
            state.serial = serial;
            if !state.deaf {
                surface.ack_configure(serial);
            }
            state.notes.push(format!("{width}x{height}"));
        }
    }
}

impl Dispatch<WlTouch, ()> for ClientSide {
    fn event(
        state: &mut Self,
        _: &WlTouch,
        event: wl_touch::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_touch::Event::Down { serial, .. } => state.serial = serial,
            wl_touch::Event::Up { .. } => state.notes.push("up".into()),
            wl_touch::Event::Cancel => state.notes.push("touch cancelled".into()),
            _ => {}
        }
    }
}

const COLOUR: u32 = 0xff30_1060;

fn lock(client: &Client) -> ExtSessionLockV1 {
    client
        .bind::<ExtSessionLockManagerV1>(1)
        .lock(&client.handle, ())
}

/// Shows a lock surface on the one output.
fn cover(client: &mut Client, fixture: &mut Fixture, lock: &ExtSessionLockV1) -> WlSurface {
    covered(client, fixture, lock).0
}

/// The same, with its role.
fn covered(
    client: &mut Client,
    fixture: &mut Fixture,
    lock: &ExtSessionLockV1,
) -> (WlSurface, ExtSessionLockSurfaceV1) {
    let surface = client
        .bind::<WlCompositor>(6)
        .create_surface(&client.handle, ());
    let output = client.bind::<WlOutput>(4);
    let role = lock.get_lock_surface(&surface, &output, &client.handle, ());
    client.roundtrip(fixture);
    let (buffer, _file) = client.buffer((SIZE.0 as i32, SIZE.1 as i32), COLOUR);
    surface.attach(Some(&buffer), 0, 0);
    surface.commit();
    client.roundtrip(fixture);
    (surface, role)
}

/// A window with the keyboard, and a locker that has locked.
fn locked() -> (Fixture, Client, Client, ExtSessionLockV1) {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    client.shown(&mut fixture, "secret", (400, 300), false);
    let mut locker = fixture.client();
    locker.bind::<WlSeat>(7).get_keyboard(&locker.handle, ());
    let lock = lock(&locker);
    locker.roundtrip(&mut fixture);
    assert!(
        locker.state.notes.is_empty(),
        "the window is still on screen"
    );
    for _ in 0..3 {
        fixture.advance(FRAME);
    }
    locker.roundtrip(&mut fixture);
    assert_eq!(locker.state.notes, ["locked"]);
    (fixture, client, locker, lock)
}

#[test]
fn a_locked_session_shows_and_hears_its_locker_only() {
    let (mut fixture, mut client, mut locker, lock) = locked();
    assert_ne!(
        fixture.pixel(380, 280),
        0x20_8040,
        "windows are gone at once"
    );
    let surface = cover(&mut locker, &mut fixture, &lock);
    fixture.advance(FRAME);
    assert_eq!(locker.state.notes, ["locked", "800x600"]);
    assert_eq!(fixture.pixel(380, 280), COLOUR & 0x00ff_ffff);
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.keyboard_focus, None);
    assert_eq!(
        locker.state.keyboard_focus,
        Some(surface.id().protocol_id())
    );
    fixture.point(300, 300);
    fixture.press(true);
    fixture.press(false);
    fixture.tap(30);
    fixture.compositor.act(Action::Close);
    client.roundtrip(&mut fixture);
    locker.roundtrip(&mut fixture);
    assert!(client.state.keys.is_empty());
    assert_eq!(locker.state.keys, [(30, true), (30, false)]);
    assert!(!client.state.toplevels.values().any(|told| told.closed));

    lock.unlock_and_destroy();
    locker.roundtrip(&mut fixture);
    fixture.advance(FRAME);
    client.roundtrip(&mut fixture);
    assert!(client.state.keyboard_focus.is_some(), "it is back");
    assert_eq!(fixture.pixel(380, 280), 0x20_8040);
}

/// The card says that a frame is on screen.
fn flip(fixture: &mut Fixture) {
    fixture.advance(FRAME);
    fixture.compositor.flip_headless();
    fixture.turn();
}

#[test]
fn a_session_is_locked_when_its_card_says_that_the_desktop_is_gone() {
    for patient in [true, false] {
        let mut fixture = Fixture::new();
        let mut client = fixture.client();
        let Backend::Headless(headless) = &mut fixture.compositor.backend else {
            panic!("not headless")
        };
        headless.await_flips();
        let window = client.window(&mut fixture, "secret");
        client.show(&mut fixture, &window, (400, 300), 0xff20_8040);
        for _ in 0..3 {
            flip(&mut fixture);
        }
        let (buffer, _file) = client.buffer((400, 300), 0xff80_2040);
        window.surface.attach(Some(&buffer), 0, 0);
        window.surface.damage_buffer(0, 0, 400, 300);
        window.surface.commit();
        client.roundtrip(&mut fixture);
        assert!(!fixture.compositor.outputs.is_idle(), "it is on its way");
        let mut locker = fixture.client();
        lock(&locker);
        locker.roundtrip(&mut fixture);
        if patient {
            fixture.compositor.outputs.damage_all(); // another theme, say
            fixture.turn();
        } else {
            // The card takes longer than anybody waits.
            for _ in 0..5 {
                fixture.advance(Duration::from_secs(1));
            }
            locker.roundtrip(&mut fixture);
            assert!(locker.state.notes.is_empty(), "it has said nothing");
        }
        flip(&mut fixture);
        locker.roundtrip(&mut fixture);
        assert!(locker.state.notes.is_empty(), "that was the desktop");
        flip(&mut fixture);
        locker.roundtrip(&mut fixture);
        assert_eq!(locker.state.notes, ["locked"]);
    }
}

#[test]
fn a_window_that_opens_under_the_lock_stays_unseen() {
    let (mut fixture, mut client, ..) = locked();
    client.shown(&mut fixture, "late", (800, 600), false);
    assert_ne!(fixture.pixel(380, 280), 0x20_8040);
    assert_eq!(client.state.keyboard_focus, None);
}

#[test]
fn a_menu_that_opens_under_the_lock_hears_no_key() {
    let (mut fixture, mut client, mut locker, lock) = locked();
    let window = client.shown(&mut fixture, "behind", (400, 300), false);
    client.menu(&mut fixture, &window.xdg);
    assert!(client.was_dismissed());
    cover(&mut locker, &mut fixture, &lock);
    fixture.tap(30);
    client.roundtrip(&mut fixture);
    locker.roundtrip(&mut fixture);
    assert!(client.state.keys.is_empty());
    assert_eq!(locker.state.keys, [(30, true), (30, false)]);
}

#[test]
fn a_dead_locker_leaves_the_session_locked_for_the_next_one() {
    let (mut fixture, mut client, mut locker, lock_object) = locked();
    cover(&mut locker, &mut fixture, &lock_object);
    drop((locker, lock_object));
    for _ in 0..3 {
        fixture.advance(FRAME);
    }
    assert!(fixture.compositor.is_locked());
    assert_ne!(fixture.pixel(380, 280), 0x20_8040, "not the window");
    assert_ne!(fixture.pixel(380, 280), COLOUR & 0x00ff_ffff);
    fixture.tap(30);
    client.roundtrip(&mut fixture);
    assert!(client.state.keys.is_empty());

    let mut next = fixture.client();
    let held = lock(&next);
    next.roundtrip(&mut fixture);
    for _ in 0..3 {
        fixture.advance(FRAME);
    }
    next.roundtrip(&mut fixture);
    assert_eq!(next.state.notes, ["locked"]);
    held.unlock_and_destroy();
    next.roundtrip(&mut fixture);
    assert!(!fixture.compositor.is_locked());
}

#[test]
fn a_lock_surface_is_told_its_size_as_often_as_it_answers() {
    let (mut fixture, _client, mut locker, lock) = locked();
    let (_surface, role) = covered(&mut locker, &mut fixture, &lock);
    locker.state.deaf = true;
    locker.state.notes.clear();
    for width in 801..1100 {
        fixture.resize(width, 600);
        locker.roundtrip(&mut fixture);
    }
    assert!(
        locker.state.notes.len() < LITTLE,
        "{:?}",
        locker.state.notes
    );
    let mut answer = |locker: &mut Client| {
        locker.state.notes.clear();
        role.ack_configure(locker.state.serial);
        locker.roundtrip(&mut fixture);
        std::mem::take(&mut locker.state.notes)
    };
    // Who answers hears the rest, as one.
    assert_eq!(answer(&mut locker), ["1099x600"]);
    assert!(answer(&mut locker).is_empty());
    fixture.resize(900, 500);
    locker.roundtrip(&mut fixture);
    assert_eq!(locker.state.notes, ["900x500"], "and is told at once again");
}

#[test]
fn a_screen_of_another_size_waits_for_its_lock_surface() {
    let (mut fixture, _client, mut locker, lock) = locked();
    let (surface, _role) = covered(&mut locker, &mut fixture, &lock);
    fixture.advance(FRAME);
    fixture.resize(900, 700);
    locker.roundtrip(&mut fixture);
    fixture.advance(FRAME);
    assert_eq!(fixture.screen(), (800, 600));
    assert_eq!(fixture.pixel(799, 599), COLOUR & 0x00ff_ffff);
    let (buffer, _file) = locker.buffer((900, 700), COLOUR);
    surface.attach(Some(&buffer), 0, 0);
    surface.commit();
    locker.roundtrip(&mut fixture);
    fixture.advance(FRAME);
    assert_eq!(fixture.screen(), (900, 700));
    assert_eq!(fixture.pixel(899, 699), COLOUR & 0x00ff_ffff);
}

#[test]
fn a_lock_surface_is_told_a_size_that_fits_at_a_scale() {
    let (mut fixture, _client, mut locker, lock) = locked();
    let (_surface, _role) = covered(&mut locker, &mut fixture, &lock);
    fixture.resize(1280, 800);
    let chosen = OutputChoice {
        scale: Some(1.5),
        ..OutputChoice::default()
    };
    fixture.compositor.apply_config(Config {
        outputs: vec![("HEADLESS-1".into(), chosen)],
        ..Config::default()
    });
    locker.roundtrip(&mut fixture);
    // 1279.5 pixels by 799.5: its middle is the display's.
    assert_eq!(locker.state.notes.last().unwrap(), "853x533");
}

#[test]
fn who_holds_no_lock_unlocks_nothing() {
    let (mut fixture, _client, _locker, _lock) = locked();
    let mut thief = fixture.client();
    let refused = lock(&thief);
    thief.roundtrip(&mut fixture);
    assert_eq!(thief.state.notes, ["finished"]);
    refused.unlock_and_destroy();
    assert!(!thief.roundtrip(&mut fixture));
    assert_eq!(thief.error.unwrap().object_interface, "ext_session_lock_v1");
    assert!(fixture.compositor.is_locked());
}

/// Drags something of the window's, with what its client was told last.
fn drag(client: &mut Client, fixture: &mut Fixture, seat: &WlSeat, window: &WlSurface) {
    let manager = client.bind::<WlDataDeviceManager>(3);
    let device = manager.get_data_device(seat, &client.handle, ());
    let source = manager.create_data_source(&client.handle, ());
    source.offer("text/plain".into());
    source.set_actions(DndAction::Copy);
    device.start_drag(Some(&source), window, None, client.state.serial);
    client.roundtrip(fixture);
}

/// Locks the session while the client drags what would be taken.
fn lock_while_dragging(client: &mut Client, fixture: &mut Fixture) {
    client.roundtrip(fixture);
    client.roundtrip(fixture);
    let copies = |note: &String| note.starts_with("Action") && note.contains("Copy");
    assert!(client.state.notes.iter().any(copies), "it would be taken");
    let mut locker = fixture.client();
    lock(&locker);
    locker.roundtrip(fixture);
    client.roundtrip(fixture);
    let notes = &client.state.notes;
    assert!(notes.contains(&"Cancelled".to_owned()), "{notes:?}");
    assert!(!notes.contains(&"DndDropPerformed".to_owned()), "{notes:?}");
}

#[test]
fn what_is_dragged_while_the_session_is_locked_is_not_dropped() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let seat = client.bind::<WlSeat>(7);
    seat.get_pointer(&client.handle, ());
    let window = client.shown(&mut fixture, "one", (400, 300), false);
    fixture.point(400, 300);
    fixture.press(true);
    client.roundtrip(&mut fixture);
    drag(&mut client, &mut fixture, &seat, &window.surface);
    fixture.point(410, 310);
    lock_while_dragging(&mut client, &mut fixture);
}

/// A client whose window a finger is on.
fn touching() -> (Fixture, Client, WlSeat, WlSurface) {
    let mut fixture = Fixture::new();
    fixture.compositor.add_touch();
    let mut client = fixture.client();
    let seat = client.bind::<WlSeat>(7);
    seat.get_touch(&client.handle, ());
    let window = client.shown(&mut fixture, "one", (400, 300), false);
    let (x, y) = (0.5, 0.5);
    fixture.input(&[InputEvent::TouchDown { finger: 0, x, y }]);
    client.roundtrip(&mut fixture);
    (fixture, client, seat, window.surface)
}

#[test]
fn what_a_finger_drags_while_the_session_is_locked_is_not_dropped() {
    let (mut fixture, mut client, seat, window) = touching();
    drag(&mut client, &mut fixture, &seat, &window);
    let (x, y) = (0.52, 0.52);
    fixture.input(&[InputEvent::TouchMotion { finger: 0, x, y }]);
    lock_while_dragging(&mut client, &mut fixture);
    fixture.input(&[InputEvent::TouchUp { finger: 0 }]);
    client.roundtrip(&mut fixture);
    assert!(client.error.is_none());
}

#[test]
fn touches_end_where_the_session_is_locked() {
    let (mut fixture, mut client, ..) = touching();
    let mut locker = fixture.client();
    lock(&locker);
    locker.roundtrip(&mut fixture);
    fixture.input(&[InputEvent::TouchUp { finger: 0 }]);
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.notes, ["touch cancelled"]);
}
