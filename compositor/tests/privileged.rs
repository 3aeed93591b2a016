//! What watches or steers the desktop: virtual pointers, gamma, output configuration, captures; and
//! who may.

mod fixture;

use std::{
    fs::File,
    os::{fd::AsFd, unix::fs::FileExt, unix::net::UnixListener, unix::net::UnixStream},
};

use fixture::{Client, ClientSide, FRAME, Fixture};
use ochre_compositor::input::Action;
use rustix::fs::{MemfdFlags, memfd_create};
use wayland_client::{
    Connection, Dispatch, QueueHandle, delegate_noop, event_created_child,
    protocol::{
        wl_output::{Transform, WlOutput},
        wl_pointer,
        wl_seat::WlSeat,
    },
};
use wayland_protocols::{
    ext::{
        image_capture_source::v1::client::{
            ext_image_capture_source_v1::ExtImageCaptureSourceV1,
            ext_output_image_capture_source_manager_v1::ExtOutputImageCaptureSourceManagerV1,
        },
        image_copy_capture::v1::client::{
            ext_image_copy_capture_frame_v1::ExtImageCopyCaptureFrameV1,
            ext_image_copy_capture_manager_v1::{ExtImageCopyCaptureManagerV1, Options},
            ext_image_copy_capture_session_v1::ExtImageCopyCaptureSessionV1,
        },
    },
    wp::security_context::v1::client::{
        wp_security_context_manager_v1::WpSecurityContextManagerV1,
        wp_security_context_v1::WpSecurityContextV1,
    },
};
use wayland_protocols_wlr::{
    gamma_control::v1::client::{
        zwlr_gamma_control_manager_v1::ZwlrGammaControlManagerV1,
        zwlr_gamma_control_v1::ZwlrGammaControlV1,
    },
    output_management::v1::client::{
        zwlr_output_configuration_head_v1::ZwlrOutputConfigurationHeadV1,
        zwlr_output_configuration_v1::ZwlrOutputConfigurationV1,
        zwlr_output_head_v1::{self, AdaptiveSyncState, ZwlrOutputHeadV1},
        zwlr_output_manager_v1::{self, ZwlrOutputManagerV1},
        zwlr_output_mode_v1::ZwlrOutputModeV1,
    },
    virtual_pointer::v1::client::{
        zwlr_virtual_pointer_manager_v1::ZwlrVirtualPointerManagerV1,
        zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1,
    },
};

note_events!(
    ZwlrGammaControlV1,
    ZwlrOutputConfigurationV1,
    ZwlrOutputModeV1,
    ExtImageCopyCaptureFrameV1,
    ExtImageCopyCaptureSessionV1,
);
delegate_noop!(ClientSide: ignore WlOutput);
delegate_noop!(ClientSide: ignore ZwlrVirtualPointerManagerV1);
delegate_noop!(ClientSide: ignore ZwlrVirtualPointerV1);
delegate_noop!(ClientSide: ignore ZwlrGammaControlManagerV1);
delegate_noop!(ClientSide: ignore ZwlrOutputConfigurationHeadV1);
delegate_noop!(ClientSide: ignore ExtOutputImageCaptureSourceManagerV1);
delegate_noop!(ClientSide: ignore ExtImageCaptureSourceV1);
delegate_noop!(ClientSide: ignore ExtImageCopyCaptureManagerV1);
delegate_noop!(ClientSide: ignore WpSecurityContextManagerV1);
delegate_noop!(ClientSide: ignore WpSecurityContextV1);

impl Dispatch<ZwlrOutputManagerV1, ()> for ClientSide {
    fn event(
        state: &mut Self,
        _: &ZwlrOutputManagerV1,
        event: zwlr_output_manager_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            zwlr_output_manager_v1::Event::Head { head } => state.head = Some(head),
            zwlr_output_manager_v1::Event::Done { serial } => state.serial = serial,
            _ => {}
        }
    }

    event_created_child!(ClientSide, ZwlrOutputManagerV1, [
        zwlr_output_manager_v1::EVT_HEAD_OPCODE => (ZwlrOutputHeadV1, ())
    ]);
}

impl Dispatch<ZwlrOutputHeadV1, ()> for ClientSide {
    fn event(
        state: &mut Self,
        _: &ZwlrOutputHeadV1,
        event: zwlr_output_head_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let zwlr_output_head_v1::Event::Enabled { enabled } = event {
            state.notes.push(format!("enabled {enabled}"));
        }
        if let zwlr_output_head_v1::Event::Scale { scale } = event {
            state.notes.push(format!("scale {scale}"));
        }
    }

    event_created_child!(ClientSide, ZwlrOutputHeadV1, [
        zwlr_output_head_v1::EVT_MODE_OPCODE => (ZwlrOutputModeV1, ())
    ]);
}

fn notes(client: &mut Client, fixture: &mut Fixture) -> Vec<String> {
    client.roundtrip(fixture);
    std::mem::take(&mut client.state.notes)
}

/// What its pointer heard.
fn heard(client: &mut Client, fixture: &mut Fixture) -> String {
    client.roundtrip(fixture);
    std::mem::take(&mut client.state.pointer).join("\n")
}

#[test]
fn a_virtual_pointer_s_input_is_a_hand_s() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.bind::<WlSeat>(8).get_pointer(&client.handle, ());
    client.shown(&mut fixture, "one", (400, 300), false);
    let pointer = client
        .bind::<ZwlrVirtualPointerManagerV1>(2)
        .create_virtual_pointer(None, &client.handle, ());
    heard(&mut client, &mut fixture);
    pointer.motion_absolute(0, 300, 200, 800, 600);
    pointer.button(0, 0x111, wl_pointer::ButtonState::Pressed);
    pointer.axis(0, wl_pointer::Axis::VerticalScroll, 7.0);
    pointer.frame();
    let words = heard(&mut client, &mut fixture);
    assert!(
        words.contains("Motion { time: 1017, surface_x: 100.0, surface_y: 50.0 }"),
        "{words}"
    );
    assert!(
        words.contains("button: 273, state: Value(Pressed)"),
        "{words}"
    );
    assert!(words.contains("value: 7.0"), "{words}");
    // What is scrolled is told on as it was said.
    pointer.axis_discrete(0, wl_pointer::Axis::VerticalScroll, 5.0, 4);
    pointer.axis_source(wl_pointer::AxisSource::Continuous);
    pointer.frame();
    let words = heard(&mut client, &mut fixture);
    for part in [
        "axis_source: Value(Continuous)",
        "value120: 480",
        "value: 5.0",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    pointer.destroy();
    let words = heard(&mut client, &mut fixture);
    assert!(
        words.contains("button: 273, state: Value(Released)"),
        "its hold ends with it"
    );
}

#[test]
fn gamma_tables_tone_what_is_shown_and_not_what_is_captured() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.shown(&mut fixture, "one", (400, 300), false);
    let output = client.bind::<WlOutput>(4);
    let manager = client.bind::<ZwlrGammaControlManagerV1>(1);
    let control = manager.get_gamma_control(&output, &client.handle, ());
    assert_eq!(
        notes(&mut client, &mut fixture),
        ["GammaSize { size: 256 }"]
    );
    manager.get_gamma_control(&output, &client.handle, ());
    assert_eq!(
        notes(&mut client, &mut fixture),
        ["Failed"],
        "one at a time"
    );

    let table: Vec<u8> = (0..3)
        .flat_map(|_| {
            (0..256u16)
                .rev()
                .flat_map(|value| (value << 8).to_ne_bytes())
        })
        .collect();
    let file = File::from(memfd_create("gamma", MemfdFlags::CLOEXEC).unwrap());
    file.write_all_at(&table, 0).unwrap();
    control.set_gamma(file.as_fd());
    client.roundtrip(&mut fixture);
    fixture.advance(FRAME);
    assert_eq!(fixture.pixel(250, 200), 0x00ff_ffff - 0x20_8040);
    let id = fixture.compositor.outputs.primary().unwrap().id;
    let shot = fixture.compositor.draw_apart(id, false).unwrap();
    assert_eq!(
        shot.image().pixel(250, 200).unwrap() & 0x00ff_ffff,
        0x20_8040
    );
    control.destroy();
    client.roundtrip(&mut fixture);
    fixture.advance(FRAME);
    fixture.advance(FRAME);
    assert_eq!(fixture.pixel(250, 200), 0x20_8040);
}

#[test]
fn a_gamma_table_that_is_too_short_is_an_error() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let output = client.bind::<WlOutput>(4);
    let manager = client.bind::<ZwlrGammaControlManagerV1>(1);
    let control = manager.get_gamma_control(&output, &client.handle, ());
    let (reader, _writer) = rustix::pipe::pipe().unwrap();
    control.set_gamma(reader.as_fd()); // a pipe nobody writes to: must not be waited for
    assert!(!client.roundtrip(&mut fixture));
    assert_eq!(
        client.error.unwrap().object_interface,
        "zwlr_gamma_control_v1"
    );
}

#[test]
fn the_night_light_takes_blue_from_every_frame() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.shown(&mut fixture, "one", (400, 300), false);
    fixture.compositor.set_night_light(Some(3000));
    fixture.advance(FRAME);
    fixture.advance(FRAME);
    let [blue, green, red, _] = fixture.pixel(250, 200).to_le_bytes();
    assert_eq!(red, 0x20);
    assert!(green < 0x80 && blue < 0x30, "{green:x} {blue:x}");
    fixture.compositor.set_night_light(None);
    fixture.advance(FRAME);
    fixture.advance(FRAME);
    assert_eq!(fixture.pixel(250, 200), 0x20_8040);
}

#[test]
fn displays_are_configured_whole_or_not_at_all() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let manager = client.bind::<ZwlrOutputManagerV1>(4);
    let told = notes(&mut client, &mut fixture);
    assert!(told.contains(&"scale 1".to_owned()), "{told:?}");
    let head = client.state.head.clone().unwrap();
    let configuration = manager.create_configuration(client.state.serial, &client.handle, ());
    let wish = configuration.enable_head(&head, &client.handle, ());
    wish.set_scale(2.0);
    wish.set_custom_mode(1000, 700, 0);
    configuration.apply();
    let told = notes(&mut client, &mut fixture);
    assert!(told.contains(&"Succeeded".to_owned()), "{told:?}");
    assert!(told.contains(&"scale 2".to_owned()), "{told:?}");
    let screen = fixture.compositor.outputs.primary().unwrap();
    assert_eq!(screen.rect().size, (500, 350).into());

    let old = client.state.serial - 1;
    let configuration = manager.create_configuration(old, &client.handle, ());
    configuration.enable_head(&head, &client.handle, ());
    configuration.apply();
    assert_eq!(notes(&mut client, &mut fixture), ["Cancelled"]);

    let configuration = manager.create_configuration(client.state.serial, &client.handle, ());
    let wish = configuration.enable_head(&head, &client.handle, ());
    wish.set_transform(Transform::_90);
    configuration.apply();
    let told = notes(&mut client, &mut fixture);
    assert!(told.contains(&"Succeeded".to_owned()), "{told:?}");
    let screen = fixture.compositor.outputs.primary().unwrap();
    assert_eq!(screen.rect().size, (350, 500).into());

    let configuration = manager.create_configuration(client.state.serial, &client.handle, ());
    let wish = configuration.enable_head(&head, &client.handle, ());
    wish.set_adaptive_sync(AdaptiveSyncState::Enabled);
    configuration.apply();
    assert_eq!(notes(&mut client, &mut fixture), ["Failed"]);
}

#[test]
fn a_display_is_switched_off_and_on() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "one", (400, 300), true);
    fixture.compositor.act(Action::SnapRight);
    client.roundtrip(&mut fixture);
    let size = client.told(&window).size;
    client.show(&mut fixture, &window, size, 0xff20_8040);
    let before = fixture.windows()[0].content;
    let manager = client.bind::<ZwlrOutputManagerV1>(4);
    notes(&mut client, &mut fixture);
    let head = client.state.head.clone().unwrap();
    let apply = |fixture: &mut Fixture, client: &mut Client, on: bool| {
        let configuration = manager.create_configuration(client.state.serial, &client.handle, ());
        if on {
            configuration.enable_head(&head, &client.handle, ());
        } else {
            configuration.disable_head(&head);
        }
        configuration.apply();
        notes(client, fixture)
    };
    let told = apply(&mut fixture, &mut client, false);
    assert!(told.contains(&"Succeeded".to_owned()), "{told:?}");
    assert!(told.contains(&"enabled 0".to_owned()), "{told:?}");
    assert!(fixture.compositor.outputs.primary().is_none());
    let told = apply(&mut fixture, &mut client, true);
    assert!(told.contains(&"Succeeded".to_owned()), "{told:?}");
    assert!(told.contains(&"enabled 1".to_owned()), "{told:?}");
    assert!(told.contains(&"scale 1".to_owned()), "{told:?}");
    let size = client.told(&window).size;
    client.show(&mut fixture, &window, size, 0xff20_8040);
    assert_eq!(fixture.windows()[0].content, before);
    assert_eq!(fixture.pixel(600, 300), 0x20_8040);
}

#[test]
fn a_capture_session_waits_for_changes_after_its_first_frame() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "one", (400, 300), false);
    let output = client.bind::<WlOutput>(4);
    let source = client
        .bind::<ExtOutputImageCaptureSourceManagerV1>(1)
        .create_source(&output, &client.handle, ());
    let session = client
        .bind::<ExtImageCopyCaptureManagerV1>(1)
        .create_session(&source, Options::empty(), &client.handle, ());
    let told = notes(&mut client, &mut fixture);
    assert_eq!(told[0], "BufferSize { width: 800, height: 600 }");
    assert_eq!(told.last().unwrap(), "Done");

    let (small, _file) = client.buffer((10, 10), 0);
    let frame = session.create_frame(&client.handle, ());
    frame.attach_buffer(&small);
    frame.capture();
    let told = notes(&mut client, &mut fixture);
    assert_eq!(told, ["Failed { reason: Value(BufferConstraints) }"]);
    frame.destroy();

    let (buffer, file) = client.buffer((800, 600), 0);
    let pixel = |file: &File| {
        let mut word = [0; 4];
        file.read_exact_at(&mut word, (200 * 800 + 250) * 4)
            .unwrap();
        u32::from_ne_bytes(word) & 0x00ff_ffff
    };
    let frame = session.create_frame(&client.handle, ());
    frame.attach_buffer(&buffer);
    frame.capture();
    assert_eq!(notes(&mut client, &mut fixture).last().unwrap(), "Ready");
    assert_eq!(pixel(&file), 0x20_8040);
    frame.destroy();

    let frame = session.create_frame(&client.handle, ());
    frame.attach_buffer(&buffer);
    frame.capture();
    assert!(
        notes(&mut client, &mut fixture).is_empty(),
        "nothing changed"
    );
    let (red, _file) = client.buffer((400, 300), 0xffff_0000);
    window.surface.attach(Some(&red), 0, 0);
    window.surface.damage_buffer(0, 0, 400, 300);
    window.surface.commit();
    client.roundtrip(&mut fixture);
    fixture.advance(FRAME);
    assert_eq!(notes(&mut client, &mut fixture).last().unwrap(), "Ready");
    assert_eq!(pixel(&file), 0xff_0000);
}

#[test]
fn who_runs_in_a_sandbox_sees_none_of_this() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let path = std::env::temp_dir().join(format!("ochre-sandbox-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let (_close, close_fd) = UnixStream::pair().unwrap();
    let context = client
        .bind::<WpSecurityContextManagerV1>(1)
        .create_listener(listener.as_fd(), close_fd.as_fd(), &client.handle, ());
    context.set_sandbox_engine("test".into());
    context.commit();
    client.roundtrip(&mut fixture);
    let stream = UnixStream::connect(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    fixture.turn();
    let sandboxed = fixture.client_on(stream);
    for kept in [
        "zwlr_screencopy_manager_v1",
        "ext_image_copy_capture_manager_v1",
        "zwlr_virtual_pointer_manager_v1",
        "zwp_virtual_keyboard_manager_v1",
        "zwlr_data_control_manager_v1",
        "ext_data_control_manager_v1",
        "zwlr_gamma_control_manager_v1",
        "zwlr_output_manager_v1",
        "ext_session_lock_manager_v1",
        "zwlr_layer_shell_v1",
        "zwlr_foreign_toplevel_manager_v1",
        "ext_foreign_toplevel_list_v1",
        "zwp_input_method_manager_v2",
        "wp_security_context_manager_v1",
    ] {
        assert!(client.offers(kept), "{kept} is offered");
        assert!(!sandboxed.offers(kept), "{kept} is kept from sandboxes");
    }
    assert!(sandboxed.offers("xdg_wm_base"));
}

#[test]
fn scripts_may_ask_for_the_night_light() {
    let asked = serde_json::from_str(r#"{"cmd":"night-light","kelvin":3400}"#).unwrap();
    assert!(matches!(
        asked,
        ochre_compositor::control::Request::NightLight { kelvin: Some(3400) }
    ));
}
