//! Buffers that clients share as dma-bufs. The memory is a memfd, as it is of Ochre's cards.

mod fixture;

use std::{
    fs::File,
    os::{
        fd::{AsFd, AsRawFd},
        unix::fs::FileExt,
    },
};

use fixture::{Client, ClientSide, FRAME, Fixture, TestWindow};
use rustix::fs::{MemfdFlags, memfd_create};
use wayland_client::{
    Connection, Dispatch, QueueHandle, event_created_child, protocol::wl_buffer::WlBuffer,
};
use wayland_protocols::wp::linux_dmabuf::zv1::client::{
    zwp_linux_buffer_params_v1::{self as params, Flags, ZwpLinuxBufferParamsV1},
    zwp_linux_dmabuf_v1::{self as dmabuf, ZwpLinuxDmabufV1},
};

impl Dispatch<ZwpLinuxDmabufV1, ()> for ClientSide {
    fn event(
        state: &mut Self,
        _: &ZwpLinuxDmabufV1,
        event: dmabuf::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let dmabuf::Event::Modifier {
            format,
            modifier_hi,
            modifier_lo,
        } = event
        {
            let name = String::from_utf8_lossy(&format.to_le_bytes()).into_owned();
            state
                .notes
                .push(format!("{name} {modifier_hi} {modifier_lo}"));
        }
    }
}

impl Dispatch<ZwpLinuxBufferParamsV1, ()> for ClientSide {
    fn event(
        state: &mut Self,
        _: &ZwpLinuxBufferParamsV1,
        event: params::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        state.notes.push(match event {
            params::Event::Created { .. } => "created".into(),
            _ => "failed".into(),
        });
    }

    event_created_child!(ClientSide, ZwpLinuxBufferParamsV1, [
        params::EVT_CREATED_OPCODE => (WlBuffer, ())
    ]);
}

const SIZE: (i32, i32) = (60, 40);
const STRIDE: u32 = 256;
const OFFSET: u32 = 4096;
const LENGTH: u64 = 4096 + 256 * 40;

const fn fourcc(name: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*name)
}

/// What a client says of a buffer.
#[derive(Clone, Copy)]
struct Said {
    size: (i32, i32),
    format: u32,
    offset: u32,
    stride: u32,
    modifier: u32,
    flags: Flags,
}

const TRUE: Said = Said {
    size: SIZE,
    format: fourcc(b"XR24"),
    offset: OFFSET,
    stride: STRIDE,
    modifier: 0,
    flags: Flags::empty(),
};

/// Memory of one colour.
fn memory(colour: u32) -> File {
    let file = File::from(memfd_create("dmabuf", MemfdFlags::CLOEXEC).unwrap());
    let bytes: Vec<u8> = (0..LENGTH / 4).flat_map(|_| colour.to_ne_bytes()).collect();
    file.write_all_at(&bytes, 0).unwrap();
    file
}

/// Parameters with one plane.
fn plane(client: &Client, file: &File, said: Said) -> ZwpLinuxBufferParamsV1 {
    let dmabuf = client.bind::<ZwpLinuxDmabufV1>(3);
    let params = dmabuf.create_params(&client.handle, ());
    params.add(file.as_fd(), 0, said.offset, said.stride, 0, said.modifier);
    params
}

/// What becomes of a buffer.
fn asked(fixture: &mut Fixture, client: &mut Client, file: &File, said: Said) -> Vec<String> {
    let params = plane(client, file, said);
    client.roundtrip(fixture);
    client.state.notes.clear();
    params.create(said.size.0, said.size.1, said.format, said.flags);
    client.roundtrip(fixture);
    std::mem::take(&mut client.state.notes)
}

#[test]
fn what_can_be_read_is_offered() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.bind::<ZwpLinuxDmabufV1>(3);
    client.roundtrip(&mut fixture);
    client.state.notes.sort();
    assert_eq!(client.state.notes, ["AR24 0 0", "XR24 0 0"]);
}

/// Shows a window of that memory; gives its first and last pixel, or none if that was its client's end.
fn shown(fixture: &mut Fixture, client: &mut Client, window: &Shared) -> Option<[u32; 2]> {
    window.window.surface.attach(Some(&window.buffer), 0, 0);
    window.window.surface.damage_buffer(0, 0, SIZE.0, SIZE.1);
    window.window.surface.commit();
    if !client.roundtrip(fixture) {
        return None;
    }
    fixture.point(0, 0);
    fixture.advance(FRAME);
    fixture.advance(FRAME);
    if !client.roundtrip(fixture) {
        return None;
    }
    let [x, y, w, h] = fixture.windows()[0].content;
    assert_eq!((w, h), SIZE);
    Some([fixture.pixel(x, y), fixture.pixel(x + w - 1, y + h - 1)])
}

struct Shared {
    window: TestWindow,
    buffer: WlBuffer,
}

/// A window whose buffer is that memory.
fn window(fixture: &mut Fixture, client: &mut Client, file: &File, said: Said) -> Shared {
    let window = client.window(fixture, "shared");
    window.xdg.ack_configure(client.told(&window).serial);
    let params = plane(client, file, said);
    let (width, height) = said.size;
    let buffer = params.create_immed(width, height, said.format, said.flags, &client.handle, ());
    client.roundtrip(fixture);
    Shared { window, buffer }
}

#[test]
fn a_buffer_is_shown_and_seen_to_change() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let file = memory(0x0012_3456);
    let window = window(&mut fixture, &mut client, &file, TRUE);
    let mut seen = |client: &mut Client| shown(&mut fixture, client, &window);
    assert_eq!(seen(&mut client), Some([0x12_3456; 2]));
    // From the second row on, as the client draws.
    let row: Vec<u8> = (0..64).flat_map(|_| 0x00ab_cdefu32.to_ne_bytes()).collect();
    for y in 1..40 {
        let at = u64::from(OFFSET + y * STRIDE);
        file.write_all_at(&row, at).unwrap();
    }
    assert_eq!(seen(&mut client), Some([0x12_3456, 0xab_cdef]));
    drop(file);
    assert_eq!(seen(&mut client), Some([0x12_3456, 0xab_cdef]));
    // Its name may go while it is shown, and so may the client.
    window.buffer.destroy();
    assert!(client.roundtrip(&mut fixture));
    fixture.resize(900, 700);
    fixture.advance(FRAME);
    let [x, y, ..] = fixture.windows()[0].content;
    assert_eq!(fixture.pixel(x, y), 0x12_3456);
    drop(client);
    fixture.turn();
    assert!(fixture.windows().is_empty());
}

#[test]
fn memory_that_is_taken_away_is_its_client_s_end_and_nobody_else_s() {
    let mut fixture = Fixture::new();
    let mut other = fixture.client();
    let kept = other.shown(&mut fixture, "kept", (100, 100), false);
    // Before and after the compositor's guard of shared pools was set up, and with it.
    for _ in 0..2 {
        let mut client = fixture.client();
        let file = memory(0x0012_3456);
        let window = window(&mut fixture, &mut client, &file, TRUE);
        file.set_len(u64::from(OFFSET)).unwrap();
        assert_eq!(shown(&mut fixture, &mut client, &window), None);
        let code = client.error.unwrap().code;
        assert_eq!(code, params::Error::InvalidWlBuffer as u32);
        fixture.turn();
        assert_eq!(fixture.windows().len(), 1);
        // Shared pools are guarded still.
        let mut client = fixture.client();
        let window = client.window(&mut fixture, "pool");
        window.xdg.ack_configure(client.told(&window).serial);
        let (buffer, file) = client.buffer((64, 64), 1);
        file.set_len(0).unwrap();
        window.surface.attach(Some(&buffer), 0, 0);
        window.surface.damage_buffer(0, 0, 64, 64);
        window.surface.commit();
        client.roundtrip(&mut fixture);
        fixture.advance(FRAME);
        fixture.advance(FRAME);
        assert!(!client.roundtrip(&mut fixture));
        fixture.turn();
    }
    other.show(&mut fixture, &kept, (120, 100), 0xff00_ff00);
    assert_eq!(fixture.windows()[0].content[2], 120);
}

#[test]
fn what_cannot_be_read_is_not_taken() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let file = memory(1);
    let taken = [
        TRUE,
        Said { offset: 4, ..TRUE },
        Said {
            size: (64, 40),
            ..TRUE
        },
    ];
    for said in taken {
        assert_eq!(asked(&mut fixture, &mut client, &file, said), ["created"]);
    }
    let failing = [
        Said {
            modifier: 1,
            ..TRUE
        },
        Said {
            flags: Flags::YInvert,
            ..TRUE
        },
        Said {
            flags: Flags::Interlaced,
            ..TRUE
        },
        Said { offset: 2, ..TRUE },
        Said {
            stride: 236,
            ..TRUE
        },
        Said {
            stride: 241,
            ..TRUE
        },
        Said {
            size: (20_000, 1),
            stride: 64,
            ..TRUE
        },
    ];
    for (n, said) in failing.into_iter().enumerate() {
        assert_eq!(
            asked(&mut fixture, &mut client, &file, said),
            ["failed"],
            "{n}"
        );
    }
    // What has no length.
    let (pipe, _end) = std::io::pipe().unwrap();
    let pipe = File::from(std::os::fd::OwnedFd::from(pipe));
    assert_eq!(asked(&mut fixture, &mut client, &pipe, TRUE), ["failed"]);
    // Nobody may read it.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let unread = File::options().write(true).open(path).unwrap();
    assert_eq!(asked(&mut fixture, &mut client, &unread, TRUE), ["failed"]);
}

#[test]
fn planes_are_one_and_said_once() {
    use params::Error;
    let mut fixture = Fixture::new();
    let file = memory(1);
    let mut ends = |error: Error, say: &dyn Fn(&ZwpLinuxBufferParamsV1)| {
        let mut client = fixture.client();
        let params = client
            .bind::<ZwpLinuxDmabufV1>(3)
            .create_params(&client.handle, ());
        say(&params);
        assert!(!client.roundtrip(&mut fixture), "{error:?}");
        assert_eq!(client.error.unwrap().code, error as u32, "{error:?}");
    };
    let add = |params: &ZwpLinuxBufferParamsV1, at: u32| {
        params.add(file.as_fd(), at, OFFSET, STRIDE, 0, 0);
    };
    let create = |params: &ZwpLinuxBufferParamsV1| {
        params.create(SIZE.0, SIZE.1, TRUE.format, TRUE.flags);
    };
    ends(Error::Incomplete, &create);
    ends(Error::Incomplete, &|params| {
        add(params, 0);
        add(params, 1);
        create(params);
    });
    ends(Error::PlaneIdx, &|params| add(params, 4));
    ends(Error::PlaneSet, &|params| {
        add(params, 0);
        add(params, 0);
    });
    ends(Error::AlreadyUsed, &|params| {
        add(params, 0);
        create(params);
        create(params);
    });
}

#[test]
fn numbers_that_lie_are_errors() {
    use params::Error;
    let wrong = [
        (
            Error::OutOfBounds,
            Said {
                stride: 260,
                ..TRUE
            },
        ),
        (
            Error::OutOfBounds,
            Said {
                offset: 8192,
                ..TRUE
            },
        ),
        (
            Error::OutOfBounds,
            Said {
                offset: u32::MAX,
                ..TRUE
            },
        ),
        (
            Error::OutOfBounds,
            Said {
                stride: u32::MAX,
                ..TRUE
            },
        ),
        (
            Error::OutOfBounds,
            Said {
                size: (60, i32::MAX),
                ..TRUE
            },
        ),
        (
            Error::InvalidDimensions,
            Said {
                size: (60, 0),
                offset: u32::MAX,
                ..TRUE
            },
        ),
        (
            Error::InvalidDimensions,
            Said {
                size: (-1, 40),
                ..TRUE
            },
        ),
        (
            Error::InvalidFormat,
            Said {
                format: fourcc(b"NV12"),
                ..TRUE
            },
        ),
        // The bit that says that a format's bytes are the other way round, and nothing else.
        (
            Error::InvalidFormat,
            Said {
                format: 1 << 31,
                ..TRUE
            },
        ),
    ];
    let mut fixture = Fixture::new();
    let file = memory(1);
    for (error, said) in wrong {
        let mut client = fixture.client();
        asked(&mut fixture, &mut client, &file, said);
        assert_eq!(client.error.unwrap().code, error as u32, "{error:?}");
    }
    let mut client = fixture.client();
    let said = Said {
        modifier: 1,
        ..TRUE
    };
    let params = plane(&client, &file, said);
    let (width, height) = SIZE;
    params.create_immed(width, height, TRUE.format, TRUE.flags, &client.handle, ());
    assert!(!client.roundtrip(&mut fixture), "there is no buffer");
    let code = client.error.unwrap().code;
    assert_eq!(code, Error::InvalidWlBuffer as u32);
}
