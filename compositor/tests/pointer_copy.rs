//! The pointer alone, as a stream.

mod fixture;

use std::os::unix::fs::FileExt;

use fixture::{Client, ClientSide, FRAME, Fixture};
use smithay::input::pointer::CursorImageStatus;
use wayland_client::{
    delegate_noop,
    protocol::{wl_output::WlOutput, wl_seat::WlSeat},
};
use wayland_protocols::ext::{
    image_capture_source::v1::client::{
        ext_image_capture_source_v1::ExtImageCaptureSourceV1,
        ext_output_image_capture_source_manager_v1::ExtOutputImageCaptureSourceManagerV1,
    },
    image_copy_capture::v1::client::{
        ext_image_copy_capture_cursor_session_v1::ExtImageCopyCaptureCursorSessionV1,
        ext_image_copy_capture_frame_v1::ExtImageCopyCaptureFrameV1,
        ext_image_copy_capture_manager_v1::ExtImageCopyCaptureManagerV1,
        ext_image_copy_capture_session_v1::ExtImageCopyCaptureSessionV1,
    },
};

note_events!(
    ExtImageCopyCaptureCursorSessionV1,
    ExtImageCopyCaptureFrameV1,
    ExtImageCopyCaptureSessionV1
);
delegate_noop!(ClientSide: ignore ExtImageCaptureSourceV1);
delegate_noop!(ClientSide: ignore ExtImageCopyCaptureManagerV1);
delegate_noop!(ClientSide: ignore ExtOutputImageCaptureSourceManagerV1);
delegate_noop!(ClientSide: ignore WlOutput);

/// What a client hears after a frame: each event's name, and numbers.
fn told(fixture: &mut Fixture, client: &mut Client) -> Vec<String> {
    fixture.advance(FRAME);
    client.roundtrip(fixture);
    client
        .state
        .notes
        .retain(|note| !note.starts_with("Format"));
    std::mem::take(&mut client.state.notes)
}

fn session(client: &Client) -> ExtImageCopyCaptureCursorSessionV1 {
    let pointer = client.bind::<WlSeat>(7).get_pointer(&client.handle, ());
    let output = client.bind::<WlOutput>(4);
    let source = client
        .bind::<ExtOutputImageCaptureSourceManagerV1>(1)
        .create_source(&output, &client.handle, ());
    client
        .bind::<ExtImageCopyCaptureManagerV1>(1)
        .create_pointer_cursor_session(&source, &pointer, &client.handle, ())
}

/// The numbers in a note.
fn numbers(note: &str) -> Vec<i32> {
    let words = note.split(|char: char| !char.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn the_pointer_is_told_of_and_captured_when_it_looks_different() {
    let mut fixture = Fixture::new();
    fixture.point(400, 300);
    let mut client = fixture.client();
    let pointer = session(&client);
    let pictures = pointer.get_capture_session(&client.handle, ());
    let notes = told(&mut fixture, &mut client);
    // A test points to the middle of a pixel.
    assert_eq!(notes[..2], ["Enter", "Position { x: 401, y: 301 }"]);
    assert!(notes[2].starts_with("Hotspot"), "{notes:?}");
    let hotspot = numbers(&notes[2]);
    let size = numbers(&notes[3]);
    assert!(notes[3].starts_with("BufferSize"), "{notes:?}");
    assert!(
        notes[4].contains("Argb8888") && notes[5] == "Done",
        "{notes:?}"
    );

    let (width, height) = (size[0], size[1]);
    let (buffer, file) = client.buffer((width, height), 0x0102_0304);
    let capture = |client: &Client| {
        let frame = pictures.create_frame(&client.handle, ());
        frame.attach_buffer(&buffer);
        frame.capture();
        frame
    };
    let frame = capture(&client);
    let notes = told(&mut fixture, &mut client);
    assert_eq!(notes.last().unwrap(), "Ready");
    let pixel = |x: i32, y: i32| {
        let mut bytes = [0; 4];
        let at = (y * width + x) * 4;
        file.read_exact_at(&mut bytes, at.unsigned_abs().into())
            .unwrap();
        u32::from_le_bytes(bytes)
    };
    assert_ne!(pixel(hotspot[0] + 1, hotspot[1] + 3) >> 24, 0, "its ink");
    assert_eq!(pixel(width - 1, 0), 0, "and nothing beside it");
    frame.destroy();

    // It only moves: that is told, and no picture is made.
    let frame = capture(&client);
    fixture.point(410, 300);
    assert_eq!(
        told(&mut fixture, &mut client),
        ["Position { x: 411, y: 301 }"]
    );
    fixture.compositor.cursor = CursorImageStatus::Hidden;
    assert_eq!(told(&mut fixture, &mut client), ["Leave"]);
    // Over the wall the pointer is itself again as it moves.
    fixture.point(420, 300);
    let notes = told(&mut fixture, &mut client);
    assert_eq!(notes[..2], ["Enter", "Position { x: 421, y: 301 }"]);
    assert_eq!(notes.last().unwrap(), "Ready", "{notes:?}");
    frame.destroy();
    pointer.destroy();
    fixture.point(0, 0);
    assert!(told(&mut fixture, &mut client).is_empty());
}

#[test]
fn there_is_one_session_of_its_pictures() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let pointer = session(&client);
    pointer.get_capture_session(&client.handle, ());
    assert!(client.roundtrip(&mut fixture));
    pointer.get_capture_session(&client.handle, ());
    assert!(!client.roundtrip(&mut fixture));
    let error = client.error.unwrap();
    assert_eq!(
        error.object_interface,
        "ext_image_copy_capture_cursor_session_v1"
    );
}
