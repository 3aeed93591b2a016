//! Screencopy: what is copied when.

mod fixture;

use std::os::fd::AsFd;

use fixture::{Client, ClientSide, FRAME, Fixture, SIZE};
use wayland_client::{
    delegate_noop,
    protocol::{
        wl_output::WlOutput,
        wl_shm::{self, WlShm},
    },
};
use wayland_protocols_wlr::screencopy::v1::client::{
    zwlr_screencopy_frame_v1::ZwlrScreencopyFrameV1,
    zwlr_screencopy_manager_v1::ZwlrScreencopyManagerV1,
};

note_events!(ZwlrScreencopyFrameV1);
delegate_noop!(ClientSide: ignore WlOutput);
delegate_noop!(ClientSide: ignore ZwlrScreencopyManagerV1);

fn rest(fixture: &mut Fixture) {
    for _ in 0..3 {
        fixture.advance(FRAME);
    }
    assert!(fixture.compositor.outputs.is_idle());
}

#[test]
fn a_copy_with_damage_waits_for_what_is_not_copied() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "one", (300, 200), false);
    let output = client.bind::<WlOutput>(4);
    let (width, height) = (SIZE.0 as i32, SIZE.1 as i32);
    let (_, file) = client.buffer((width, height), 0);
    let shm = client.bind::<WlShm>(1);
    let pool = shm.create_pool(file.as_fd(), width * height * 4, &client.handle, ());
    let plain = wl_shm::Format::Xrgb8888;
    let handle = client.handle.clone();
    let buffer = pool.create_buffer(0, width, height, width * 4, plain, &handle, ());
    rest(&mut fixture);
    let managers = [3, 3].map(|version| client.bind::<ZwlrScreencopyManagerV1>(version));
    let copied = |client: &mut Client, fixture: &mut Fixture, which: usize| {
        client.state.notes.clear();
        let shot = managers[which].capture_output(0, &output, &client.handle, ());
        client.roundtrip(fixture);
        shot.copy_with_damage(&buffer);
        client.roundtrip(fixture);
        let ready = client.state.notes.iter().any(|it| it.starts_with("Ready"));
        shot.destroy();
        ready
    };
    assert!(copied(&mut client, &mut fixture, 0), "all is new to it");
    assert!(!copied(&mut client, &mut fixture, 0));
    let (other, _file) = client.buffer((300, 200), 0xff00_00ff);
    window.surface.attach(Some(&other), 0, 0);
    window.surface.damage_buffer(0, 0, 300, 200);
    window.surface.commit();
    client.roundtrip(&mut fixture);
    rest(&mut fixture);
    assert!(copied(&mut client, &mut fixture, 0), "it changed meanwhile");
    assert!(!copied(&mut client, &mut fixture, 0));
    assert!(copied(&mut client, &mut fixture, 1), "this one has none");
}
