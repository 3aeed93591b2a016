//! Taskbars: what they are told about windows.

mod fixture;

use fixture::{ClientSide, Fixture, LITTLE};
use wayland_client::{Connection, Dispatch, QueueHandle, event_created_child};
use wayland_protocols::ext::foreign_toplevel_list::v1::client::{
    ext_foreign_toplevel_handle_v1::ExtForeignToplevelHandleV1,
    ext_foreign_toplevel_list_v1::{self, ExtForeignToplevelListV1},
};
use wayland_protocols_wlr::foreign_toplevel::v1::client::{
    zwlr_foreign_toplevel_handle_v1::ZwlrForeignToplevelHandleV1,
    zwlr_foreign_toplevel_manager_v1::{self, ZwlrForeignToplevelManagerV1},
};

note_events!(ZwlrForeignToplevelHandleV1, ExtForeignToplevelHandleV1);

impl Dispatch<ZwlrForeignToplevelManagerV1, ()> for ClientSide {
    fn event(
        _: &mut Self,
        _: &ZwlrForeignToplevelManagerV1,
        _: zwlr_foreign_toplevel_manager_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }

    event_created_child!(ClientSide, ZwlrForeignToplevelManagerV1, [
        zwlr_foreign_toplevel_manager_v1::EVT_TOPLEVEL_OPCODE => (ZwlrForeignToplevelHandleV1, ()),
    ]);
}

impl Dispatch<ExtForeignToplevelListV1, ()> for ClientSide {
    fn event(
        _: &mut Self,
        _: &ExtForeignToplevelListV1,
        _: ext_foreign_toplevel_list_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }

    event_created_child!(ClientSide, ExtForeignToplevelListV1, [
        ext_foreign_toplevel_list_v1::EVT_TOPLEVEL_OPCODE => (ExtForeignToplevelHandleV1, ()),
    ]);
}

#[test]
fn of_a_burst_of_titles_only_the_last_one_is_told() {
    let mut fixture = Fixture::new();
    let mut taskbar = fixture.client();
    taskbar.bind::<ZwlrForeignToplevelManagerV1>(3);
    taskbar.bind::<ExtForeignToplevelListV1>(1);
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "page", (200, 100), true);
    taskbar.roundtrip(&mut fixture);
    taskbar.state.notes.clear();
    for at in 0..LITTLE {
        window
            .toplevel
            .set_title(format!("{at}{}", "x".repeat(3000)));
    }
    window.toplevel.set_title("last".into());
    assert!(client.roundtrip(&mut fixture));
    assert!(taskbar.roundtrip(&mut fixture));
    let notes = &taskbar.state.notes;
    assert!(notes.len() < LITTLE, "{}", notes.len());
    let last = notes.iter().filter(|note| note.contains("\"last\""));
    assert_eq!(last.count(), 2);
}
