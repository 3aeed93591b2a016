//! Text inputs: fields know whether they are typed into, and what a field says is heard.

mod fixture;

use fixture::{Client, ClientSide, FRAME, Fixture, TestWindow};
use wayland_client::{
    Proxy, WEnum, delegate_noop,
    protocol::{wl_compositor::WlCompositor, wl_seat::WlSeat},
};
use wayland_protocols::wp::text_input::{
    zv1::client::{
        zwp_text_input_manager_v1::ZwpTextInputManagerV1, zwp_text_input_v1::ZwpTextInputV1,
    },
    zv3::client::{
        zwp_text_input_manager_v3::ZwpTextInputManagerV3,
        zwp_text_input_v3::{ContentHint, ContentPurpose, Request, ZwpTextInputV3},
    },
};
use wayland_protocols_misc::zwp_input_method_v2::client::{
    zwp_input_method_keyboard_grab_v2::ZwpInputMethodKeyboardGrabV2,
    zwp_input_method_manager_v2::ZwpInputMethodManagerV2, zwp_input_method_v2::ZwpInputMethodV2,
    zwp_input_popup_surface_v2::ZwpInputPopupSurfaceV2,
};

note_events!(
    ZwpTextInputV1,
    ZwpTextInputV3,
    ZwpInputMethodV2,
    ZwpInputMethodKeyboardGrabV2
);
delegate_noop!(ClientSide: ignore ZwpTextInputManagerV1);
delegate_noop!(ClientSide: ignore ZwpTextInputManagerV3);
delegate_noop!(ClientSide: ignore ZwpInputMethodManagerV2);
delegate_noop!(ClientSide: ignore ZwpInputPopupSurfaceV2);

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
    field.activate(&seat, &window.surface);
    assert!(
        told(&mut fixture, &mut client).is_empty(),
        "it is entered already"
    );
    let second = manager.create_text_input(&client.handle, ());
    second.activate(&seat, &window.surface);
    assert_eq!(told(&mut fixture, &mut client), ["Leave", "Enter"]);
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

/// A client that is an input method, not yet one.
fn typist(fixture: &mut Fixture) -> (Client, ZwpInputMethodManagerV2, WlSeat) {
    let client = fixture.client();
    let methods = client.bind::<ZwpInputMethodManagerV2>(1);
    let seat = client.bind::<WlSeat>(7);
    (client, methods, seat)
}

/// A window with a field, which is enabled.
fn field(fixture: &mut Fixture) -> (Client, TestWindow, ZwpTextInputV3) {
    let mut client = fixture.client();
    let fields = client.bind::<ZwpTextInputManagerV3>(1);
    let field = fields.get_text_input(&client.bind::<WlSeat>(7), &client.handle, ());
    let window = client.shown(fixture, "one", (200, 100), false);
    assert_eq!(told(fixture, &mut client), ["Enter"]);
    field.enable();
    field.set_surrounding_text("so far".into(), 6, -1);
    field.commit();
    client.roundtrip(fixture);
    (client, window, field)
}

#[test]
fn an_input_method_that_comes_later_is_told_what_was_said() {
    let mut fixture = Fixture::new();
    let (mut client, window, field) = field(&mut fixture);
    field.set_content_type(ContentHint::Lowercase, ContentPurpose::Name);
    field.commit();
    client.roundtrip(&mut fixture);
    let (mut other, methods, seat) = typist(&mut fixture);
    let method = methods.get_input_method(&seat, &other.handle, ());
    other.roundtrip(&mut fixture);
    let notes = std::mem::take(&mut other.state.notes);
    assert_eq!(notes[0], "Activate");
    assert!(
        notes[1].contains("\"so far\", cursor: 6, anchor: 0"),
        "{notes:?}"
    );
    assert!(notes[2].starts_with("ContentType"), "{notes:?}");
    assert_eq!(notes[3..], ["Done"]);
    // What it types comes with the number of the field's commits, whatever number it says itself.
    method.commit_string("text".into());
    method.commit(77);
    other.roundtrip(&mut fixture);
    client.roundtrip(&mut fixture);
    let typed = r#"CommitString { text: Some("text") }"#;
    assert_eq!(client.state.notes, [typed, "Done { serial: 2 }"]);
    client.state.notes.clear();
    // The next method finds it as it is.
    drop(other);
    fixture.turn();
    let (mut third, methods, seat) = typist(&mut fixture);
    methods.get_input_method(&seat, &third.handle, ());
    let told_then = told(&mut fixture, &mut third);
    assert_eq!(
        told_then,
        ["Activate", "SurroundingText", "ContentType", "Done"]
    );
    // What has left is not typed into.
    window.toplevel.destroy();
    window.xdg.destroy();
    window.surface.destroy();
    assert_eq!(told(&mut fixture, &mut client), ["Leave"]);
    let told_then = told(&mut fixture, &mut third);
    assert_eq!(told_then[..2], ["Deactivate", "Done"]);
}

#[test]
fn a_second_field_is_entered_and_waits_for_the_first() {
    let mut fixture = Fixture::new();
    let (mut other, methods, seat) = typist(&mut fixture);
    methods.get_input_method(&seat, &other.handle, ());
    other.roundtrip(&mut fixture);
    let (mut client, _window, first) = field(&mut fixture);
    other.roundtrip(&mut fixture);
    other.state.notes.clear();
    let fields = client.bind::<ZwpTextInputManagerV3>(1);
    let second = fields.get_text_input(&client.bind::<WlSeat>(7), &client.handle, ());
    second.enable();
    second.commit();
    assert_eq!(told(&mut fixture, &mut client), ["Enter"]);
    assert!(told(&mut fixture, &mut other).is_empty());
    first.destroy();
    client.roundtrip(&mut fixture);
    assert_eq!(told(&mut fixture, &mut other), ["Deactivate", "Done"]);
    second.enable();
    second.commit();
    client.roundtrip(&mut fixture);
    assert_eq!(told(&mut fixture, &mut other), ["Activate", "Done"]);
    second.disable();
    second.commit();
    client.roundtrip(&mut fixture);
    assert_eq!(told(&mut fixture, &mut other), ["Deactivate", "Done"]);
}

#[test]
fn only_the_second_of_two_input_methods_is_unavailable() {
    let mut fixture = Fixture::new();
    let (mut one, methods, seat) = typist(&mut fixture);
    methods.get_input_method(&seat, &one.handle, ());
    one.roundtrip(&mut fixture);
    let (mut two, methods, seat) = typist(&mut fixture);
    let second = methods.get_input_method(&seat, &two.handle, ());
    assert_eq!(told(&mut fixture, &mut two), ["Unavailable"]);
    let surface = two.bind::<WlCompositor>(6).create_surface(&two.handle, ());
    second.get_input_popup_surface(&surface, &two.handle, ());
    second.grab_keyboard(&two.handle, ());
    second.destroy();
    assert!(two.roundtrip(&mut fixture));
    assert!(told(&mut fixture, &mut one).is_empty());
    let (_client, _window, _field) = field(&mut fixture);
    assert!(told(&mut fixture, &mut one).contains(&"Activate".to_owned()));
    assert!(told(&mut fixture, &mut two).is_empty());
}

#[test]
fn a_popup_is_at_the_cursor_of_what_is_typed_into() {
    let mut fixture = Fixture::new();
    let (mut other, methods, seat) = typist(&mut fixture);
    let method = methods.get_input_method(&seat, &other.handle, ());
    // Nothing has the keyboard when it is made.
    let surface = other
        .bind::<WlCompositor>(6)
        .create_surface(&other.handle, ());
    method.get_input_popup_surface(&surface, &other.handle, ());
    let (buffer, _file) = other.buffer((20, 20), 0xff12_3456);
    surface.attach(Some(&buffer), 0, 0);
    surface.commit();
    other.roundtrip(&mut fixture);
    let (mut client, _window, field) = field(&mut fixture);
    field.set_cursor_rectangle(30, 10, 2, 16);
    field.commit();
    client.roundtrip(&mut fixture);
    let [x, y, ..] = fixture.windows()[0].content;
    let mut seen = |client: &mut Client| {
        client.roundtrip(&mut fixture);
        fixture.advance(FRAME);
        [25, 26].map(|down| fixture.pixel(x + 30, y + down))
    };
    let window = 0x20_8040;
    assert_eq!(seen(&mut client), [window, 0x12_3456], "below the line");
    field.disable();
    field.commit();
    assert_eq!(seen(&mut client), [window; 2]);
}

/// Whether a key goes to the input method.
fn types_through(fixture: &mut Fixture, method: &mut Client) -> bool {
    method.roundtrip(fixture);
    method.state.notes.clear();
    fixture.tap(30);
    told(fixture, method).contains(&"Key".to_owned())
}

#[test]
fn windows_and_menus_are_used_as_ever_while_a_method_has_the_keys() {
    let mut fixture = Fixture::new();
    let (mut other, methods, seat) = typist(&mut fixture);
    let method = methods.get_input_method(&seat, &other.handle, ());
    let mut client = fixture.client();
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    let first = client.shown(&mut fixture, "first", (200, 100), true);
    let second = client.shown(&mut fixture, "second", (200, 100), true);
    method.grab_keyboard(&other.handle, ());
    assert!(types_through(&mut fixture, &mut other));
    assert!(client.has_keyboard(&second));
    // A click gives a window the keyboard.
    let windows = fixture.windows();
    let below = windows.iter().find(|window| window.title == "first");
    let [x, y, ..] = below.unwrap().frame;
    fixture.point(x + 60, y + 10);
    fixture.press(true);
    fixture.press(false);
    client.roundtrip(&mut fixture);
    assert!(client.has_keyboard(&first));
    // A menu opens and has it, too, and gives it back.
    let menu = client.menu(&mut fixture, &first.xdg);
    assert!(!client.was_dismissed());
    assert!(client.types_into(&menu));
    assert!(types_through(&mut fixture, &mut other));
    menu.close();
    client.roundtrip(&mut fixture);
    assert!(client.has_keyboard(&first));
    assert!(
        types_through(&mut fixture, &mut other),
        "it has the keys again"
    );
    // One that is closed by the desktop likewise.
    client.menu(&mut fixture, &first.xdg);
    fixture.point(790, 590);
    fixture.press(true);
    fixture.press(false);
    client.roundtrip(&mut fixture);
    assert!(client.was_dismissed());
    assert!(client.has_keyboard(&first));
    assert!(
        types_through(&mut fixture, &mut other),
        "it has the keys again"
    );
}
