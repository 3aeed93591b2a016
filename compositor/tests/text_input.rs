//! text-input-v1: fields know whether they are typed into.

mod fixture;

use fixture::{Client, ClientSide, Fixture};
use wayland_client::{delegate_noop, protocol::wl_seat::WlSeat};
use wayland_protocols::wp::text_input::zv1::client::{
    zwp_text_input_manager_v1::ZwpTextInputManagerV1, zwp_text_input_v1::ZwpTextInputV1,
};

note_events!(ZwpTextInputV1);
delegate_noop!(ClientSide: ignore ZwpTextInputManagerV1);

fn told(fixture: &mut Fixture, client: &mut Client) -> Vec<String> {
    client.roundtrip(fixture);
    let notes = std::mem::take(&mut client.state.notes);
    let word = |note: String| note.split(' ').next().unwrap_or_default().to_owned();
    notes.into_iter().map(word).collect()
}

#[test]
fn a_field_is_entered_and_left_with_its_window() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let seat = client.bind::<WlSeat>(7);
    let manager = client.bind::<ZwpTextInputManagerV1>(1);
    let other = client.shown(&mut fixture, "other", (200, 100), false);
    let window = client.shown(&mut fixture, "one", (200, 100), false);
    let field = manager.create_text_input(&client.handle, ());
    field.activate(&seat, &other.surface);
    assert!(
        told(&mut fixture, &mut client).is_empty(),
        "it is not typed into"
    );
    field.activate(&seat, &window.surface);
    assert_eq!(told(&mut fixture, &mut client), ["Enter"]);
    let second = manager.create_text_input(&client.handle, ());
    second.activate(&seat, &window.surface);
    assert_eq!(told(&mut fixture, &mut client), ["Enter", "Leave"]);
    client.shown(&mut fixture, "three", (200, 100), false);
    assert_eq!(told(&mut fixture, &mut client), ["Leave"]);
    second.deactivate(&seat);
    assert!(told(&mut fixture, &mut client).is_empty());
}
