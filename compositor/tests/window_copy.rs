//! A window alone, as a stream: in which scale, where displays have several.

mod fixture;

use std::{fs::File, os::unix::fs::FileExt};

use fixture::{Client, ClientSide, FRAME, Fixture, TestWindow};
use wayland_client::{Connection, Dispatch, QueueHandle, delegate_noop, event_created_child};
use wayland_protocols::{
    ext::{
        foreign_toplevel_list::v1::client::{
            ext_foreign_toplevel_handle_v1::ExtForeignToplevelHandleV1,
            ext_foreign_toplevel_list_v1::{self, ExtForeignToplevelListV1},
        },
        image_capture_source::v1::client::{
            ext_foreign_toplevel_image_capture_source_manager_v1::ExtForeignToplevelImageCaptureSourceManagerV1,
            ext_image_capture_source_v1::ExtImageCaptureSourceV1,
        },
        image_copy_capture::v1::client::{
            ext_image_copy_capture_frame_v1::ExtImageCopyCaptureFrameV1,
            ext_image_copy_capture_manager_v1::{ExtImageCopyCaptureManagerV1, Options},
            ext_image_copy_capture_session_v1::ExtImageCopyCaptureSessionV1,
        },
    },
    wp::fractional_scale::v1::client::{
        wp_fractional_scale_manager_v1::WpFractionalScaleManagerV1,
        wp_fractional_scale_v1::WpFractionalScaleV1,
    },
};

note_events!(
    ExtImageCopyCaptureFrameV1,
    ExtImageCopyCaptureSessionV1,
    WpFractionalScaleV1
);
delegate_noop!(ClientSide: ignore ExtForeignToplevelHandleV1);
delegate_noop!(ClientSide: ignore ExtForeignToplevelImageCaptureSourceManagerV1);
delegate_noop!(ClientSide: ignore ExtImageCaptureSourceV1);
delegate_noop!(ClientSide: ignore ExtImageCopyCaptureManagerV1);
delegate_noop!(ClientSide: ignore WpFractionalScaleManagerV1);

impl Dispatch<ExtForeignToplevelListV1, ()> for ClientSide {
    fn event(
        state: &mut Self,
        _: &ExtForeignToplevelListV1,
        event: ext_foreign_toplevel_list_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let ext_foreign_toplevel_list_v1::Event::Toplevel { toplevel } = event {
            state.listed = Some(toplevel);
        }
    }

    event_created_child!(ClientSide, ExtForeignToplevelListV1, [
        ext_foreign_toplevel_list_v1::EVT_TOPLEVEL_OPCODE => (ExtForeignToplevelHandleV1, ()),
    ]);
}

/// What a client hears after a frame of each display, but the formats.
fn told(fixture: &mut Fixture, client: &mut Client) -> Vec<String> {
    for _ in 0..2 {
        fixture.advance(FRAME);
        assert!(client.roundtrip(fixture), "{:?}", client.error);
    }
    let mut notes = std::mem::take(&mut client.state.notes);
    notes.retain(|note| !note.starts_with("ShmFormat"));
    notes
}

/// A window of 300 by 200, and a session that captures it.
fn captured(
    fixture: &mut Fixture,
    client: &mut Client,
) -> (TestWindow, ExtImageCopyCaptureSessionV1) {
    let window = client.shown(fixture, "one", (300, 200), false);
    client
        .bind::<WpFractionalScaleManagerV1>(1)
        .get_fractional_scale(&window.surface, &client.handle, ());
    client.bind::<ExtForeignToplevelListV1>(1);
    client.roundtrip(fixture);
    let toplevel = client.state.listed.take().unwrap();
    let source = client
        .bind::<ExtForeignToplevelImageCaptureSourceManagerV1>(1)
        .create_source(&toplevel, &client.handle, ());
    let session = client
        .bind::<ExtImageCopyCaptureManagerV1>(1)
        .create_session(&source, Options::empty(), &client.handle, ());
    (window, session)
}

fn size(width: i32, height: i32) -> String {
    format!("BufferSize {{ width: {width}, height: {height} }}")
}

fn scale(of_120: u32) -> String {
    format!("PreferredScale {{ scale: {of_120} }}")
}

#[test]
fn it_has_the_scale_that_the_window_is_told_to_draw_at() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let (_window, session) = captured(&mut fixture, &mut client);
    let notes = told(&mut fixture, &mut client);
    assert_eq!(notes, [scale(120), size(300, 200), "Done".into()]);

    let second = fixture.plug("DP-1");
    assert!(told(&mut fixture, &mut client).is_empty());
    let compositor = &mut fixture.compositor;
    compositor.place_output(second, None, Some(2.0), None);
    let denser = [scale(240), size(600, 400), "Done".into()];
    assert_eq!(told(&mut fixture, &mut client), denser);
    fixture
        .compositor
        .place_output(second, None, Some(1.5), None);
    let notes = told(&mut fixture, &mut client);
    assert_eq!(notes, [scale(180), size(450, 300), "Done".into()]);
    fixture
        .compositor
        .place_output(second, None, Some(2.0), None);
    assert_eq!(told(&mut fixture, &mut client), denser);

    // The dense one goes, and comes back.
    fixture.compositor.remove_output(second);
    let notes = told(&mut fixture, &mut client);
    assert_eq!(notes, [scale(120), size(300, 200), "Done".into()]);
    let capture = |fixture: &mut Fixture, client: &mut Client, (width, height)| {
        let (buffer, file): (_, File) = client.buffer((width, height), 0);
        let frame = session.create_frame(&client.handle, ());
        frame.attach_buffer(&buffer);
        frame.capture();
        let last = told(fixture, client).pop().unwrap();
        frame.destroy();
        let mut corner = [0; 4];
        let at = width * height * 4 - 4;
        file.read_exact_at(&mut corner, at.unsigned_abs().into())
            .unwrap();
        (last, u32::from_ne_bytes(corner))
    };
    let (last, corner) = capture(&mut fixture, &mut client, (600, 400));
    assert_eq!(last, "Failed { reason: Value(BufferConstraints) }");
    assert_eq!(corner, 0);
    let (last, corner) = capture(&mut fixture, &mut client, (300, 200));
    assert_eq!((last.as_str(), corner), ("Ready", 0xff20_8040));
    fixture.plug("DP-1");
    assert_eq!(told(&mut fixture, &mut client), denser);
    let (last, corner) = capture(&mut fixture, &mut client, (600, 400));
    assert_eq!((last.as_str(), corner), ("Ready", 0xff20_8040));
}
