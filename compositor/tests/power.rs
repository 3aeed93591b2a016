//! Displays that programs let go dark.

mod fixture;

use fixture::{Client, ClientSide, FRAME, Fixture, FrameCallback};
use wayland_client::{
    Proxy,
    backend::protocol::{Argument, Message},
    delegate_noop,
    protocol::wl_output::WlOutput,
};
use wayland_protocols::ext::session_lock::v1::client::{
    ext_session_lock_manager_v1::ExtSessionLockManagerV1, ext_session_lock_v1::ExtSessionLockV1,
};
use wayland_protocols_wlr::output_power_management::v1::client::{
    zwlr_output_power_manager_v1::ZwlrOutputPowerManagerV1,
    zwlr_output_power_v1::{Mode, ZwlrOutputPowerV1},
};

note_events!(ZwlrOutputPowerV1, ExtSessionLockV1);
delegate_noop!(ClientSide: ignore ZwlrOutputPowerManagerV1);
delegate_noop!(ClientSide: ignore ExtSessionLockManagerV1);
delegate_noop!(ClientSide: ignore WlOutput);

const ON: &str = "Mode { mode: Value(On) }";
const OFF: &str = "Mode { mode: Value(Off) }";

fn told(fixture: &mut Fixture, client: &mut Client) -> Vec<String> {
    client.roundtrip(fixture);
    std::mem::take(&mut client.state.notes)
}

/// A program that steers the one display.
fn steering(fixture: &mut Fixture) -> (Client, ZwlrOutputPowerV1) {
    let mut client = fixture.client();
    let output = client.bind::<WlOutput>(4);
    let manager = client.bind::<ZwlrOutputPowerManagerV1>(1);
    let power = manager.get_output_power(&output, &client.handle, ());
    assert_eq!(told(fixture, &mut client), [ON]);
    (client, power)
}

#[test]
fn a_dark_display_draws_nothing_and_keeps_its_windows() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "one", (400, 300), true);
    let before = fixture.windows()[0].content;
    let (mut steering, power) = steering(&mut fixture);
    power.set_mode(Mode::Off);
    assert_eq!(told(&mut fixture, &mut steering), [OFF]);
    let frames = fixture.frames();
    window.surface.frame(&client.handle, FrameCallback);
    client.show(&mut fixture, &window, (400, 300), 0xff11_2233);
    // Input lights nothing.
    fixture.point(10, 10);
    fixture.tap(30);
    fixture.advance(FRAME);
    client.roundtrip(&mut fixture);
    assert_eq!(fixture.frames(), frames);
    assert_eq!(client.state.frames, 0);
    assert!(fixture.compositor.outputs.is_idle());
    assert_eq!(fixture.windows()[0].content, before);
    power.set_mode(Mode::On);
    assert_eq!(told(&mut fixture, &mut steering), [ON]);
    fixture.advance(FRAME);
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.frames, 1);
    let [x, y, ..] = before;
    assert_eq!(fixture.pixel(x + 50, y + 50), 0x11_2233);
}

#[test]
fn all_who_steer_a_display_are_told() {
    let mut fixture = Fixture::new();
    let (mut one, power) = steering(&mut fixture);
    let (mut other, other_s) = steering(&mut fixture);
    power.set_mode(Mode::Off);
    assert_eq!(told(&mut fixture, &mut one), [OFF]);
    assert_eq!(told(&mut fixture, &mut other), [OFF]);
    other_s.set_mode(Mode::Off);
    assert!(
        told(&mut fixture, &mut other).is_empty(),
        "it was dark before"
    );
    other_s.set_mode(Mode::On);
    assert_eq!(told(&mut fixture, &mut other), [ON]);
    assert_eq!(told(&mut fixture, &mut one), [ON]);
    let display = fixture.compositor.outputs.primary().unwrap().id;
    fixture.compositor.remove_output(display);
    assert_eq!(told(&mut fixture, &mut one), ["Failed"]);
    power.set_mode(Mode::Off);
    assert!(told(&mut fixture, &mut one).is_empty());
}

#[test]
fn a_display_that_is_switched_off_and_on_is_lit() {
    let mut fixture = Fixture::new();
    let (mut client, power) = steering(&mut fixture);
    power.set_mode(Mode::Off);
    told(&mut fixture, &mut client);
    let display = fixture.compositor.outputs.primary().unwrap().id;
    fixture.compositor.switch_output(display, false).unwrap();
    fixture.compositor.switch_output(display, true).unwrap();
    assert_eq!(told(&mut fixture, &mut client), ["Failed"]);
    assert!(fixture.compositor.outputs.primary().unwrap().is_lit());
    let frames = fixture.frames();
    fixture.compositor.outputs.damage_all();
    fixture.advance(FRAME);
    assert!(fixture.frames() > frames);
}

#[test]
fn a_dark_display_is_no_reason_to_wait_for_a_lock() {
    let mut fixture = Fixture::new();
    let (mut client, power) = steering(&mut fixture);
    power.set_mode(Mode::Off);
    told(&mut fixture, &mut client);
    let locks = client.bind::<ExtSessionLockManagerV1>(1);
    locks.lock(&client.handle, ());
    assert_eq!(told(&mut fixture, &mut client), ["Locked"]);
    power.set_mode(Mode::On);
    told(&mut fixture, &mut client);
    assert!(fixture.compositor.is_locked());
}

#[test]
fn a_mode_that_there_is_not_is_an_error() {
    let mut fixture = Fixture::new();
    let (mut client, power) = steering(&mut fixture);
    // As the library has no name for it, it is sent by hand.
    let message = Message {
        sender_id: power.id(),
        opcode: 0,
        args: [Argument::Uint(7)].into_iter().collect(),
    };
    let backend = client.connection.backend();
    backend.send_request(message, None, None).unwrap();
    assert!(!client.roundtrip(&mut fixture));
    assert_eq!(client.error.unwrap().code, 1);
}
