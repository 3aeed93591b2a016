//! Text inputs: fields know whether they are typed into, and what a field says is heard.

mod fixture;

use fixture::{Client, ClientSide, Fixture};
use wayland_client::{Proxy, WEnum, delegate_noop, protocol::wl_seat::WlSeat};
use wayland_protocols::wp::text_input::{
    zv1::client::{
        zwp_text_input_manager_v1::ZwpTextInputManagerV1, zwp_text_input_v1::ZwpTextInputV1,
    },
    zv3::client::{
        zwp_text_input_manager_v3::ZwpTextInputManagerV3,
        zwp_text_input_v3::{Request, ZwpTextInputV3},
    },
};
use wayland_protocols_misc::zwp_input_method_v2::client::{
    zwp_input_method_manager_v2::ZwpInputMethodManagerV2, zwp_input_method_v2::ZwpInputMethodV2,
};

note_events!(ZwpTextInputV1, ZwpTextInputV3, ZwpInputMethodV2);
delegate_noop!(ClientSide: ignore ZwpTextInputManagerV1);
delegate_noop!(ClientSide: ignore ZwpTextInputManagerV3);
delegate_noop!(ClientSide: ignore ZwpInputMethodManagerV2);

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

#[test]
fn a_field_of_an_unknown_kind_is_like_any_other() {
    let mut fixture = Fixture::new();
    let mut method = fixture.client();
    let methods = method.bind::<ZwpInputMethodManagerV2>(1);
    methods.get_input_method(&method.bind::<WlSeat>(7), &method.handle, ());
    method.roundtrip(&mut fixture);
    let mut client = fixture.client();
    let fields = client.bind::<ZwpTextInputManagerV3>(1);
    let field = fields.get_text_input(&client.bind::<WlSeat>(7), &client.handle, ());
    client.shown(&mut fixture, "one", (200, 100), false);
    field.enable();
    let unknown = [
        Request::SetTextChangeCause {
            cause: WEnum::Unknown(77),
        },
        Request::SetContentType {
            hint: WEnum::Unknown(1 << 30),
            purpose: WEnum::Unknown(77),
        },
    ];
    for request in unknown {
        field.send_request(request).unwrap();
    }
    field.commit();
    assert_eq!(told(&mut fixture, &mut client), ["Enter"]);
    let heard = ["Activate", "TextChangeCause", "ContentType", "Done"];
    assert!(told(&mut fixture, &mut method).ends_with(&heard.map(String::from)));
}
