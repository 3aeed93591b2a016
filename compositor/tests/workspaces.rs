//! Workspaces, as their user and as a panel sees them.

mod fixture;

use fixture::{Client, ClientSide, FRAME, Fixture};
use ochre_compositor::input::{Action, InputEvent};
use wayland_client::{
    Connection, Dispatch, QueueHandle, event_created_child, protocol::wl_seat::WlSeat,
};
use wayland_protocols::ext::workspace::v1::client::{
    ext_workspace_group_handle_v1::ExtWorkspaceGroupHandleV1,
    ext_workspace_handle_v1::{self, ExtWorkspaceHandleV1},
    ext_workspace_manager_v1::{self, ExtWorkspaceManagerV1},
};

note_events!(ExtWorkspaceGroupHandleV1);

impl Dispatch<ExtWorkspaceManagerV1, ()> for ClientSide {
    fn event(
        state: &mut Self,
        _: &ExtWorkspaceManagerV1,
        event: ext_workspace_manager_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let ext_workspace_manager_v1::Event::Workspace { workspace } = event {
            state.workspaces.push(workspace);
        }
    }

    event_created_child!(ClientSide, ExtWorkspaceManagerV1, [
        ext_workspace_manager_v1::EVT_WORKSPACE_GROUP_OPCODE => (ExtWorkspaceGroupHandleV1, ()),
        ext_workspace_manager_v1::EVT_WORKSPACE_OPCODE => (ExtWorkspaceHandleV1, ())
    ]);
}

impl Dispatch<ExtWorkspaceHandleV1, ()> for ClientSide {
    fn event(
        state: &mut Self,
        handle: &ExtWorkspaceHandleV1,
        event: ext_workspace_handle_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let ext_workspace_handle_v1::Event::State { state: now } = event {
            let active = now.into_result().unwrap() == ext_workspace_handle_v1::State::Active;
            let which = state.workspaces.iter().position(|other| other == handle);
            state.notes.push(format!("{} {active}", which.unwrap() + 1));
        }
    }
}

/// Two windows, and whether the pixel in the middle of each is its own.
fn two() -> (Fixture, Client) {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    client.shown(&mut fixture, "one", (400, 300), false);
    (fixture, client)
}

fn shows_window(fixture: &mut Fixture) -> bool {
    fixture.advance(FRAME);
    fixture.advance(FRAME);
    fixture.pixel(250, 200) == 0x20_8040
}

#[test]
fn a_window_is_on_its_own_workspace_only() {
    let (mut fixture, mut client) = two();
    assert!(shows_window(&mut fixture));
    fixture.compositor.act(Action::Workspace(1));
    assert!(!shows_window(&mut fixture));
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.keyboard_focus, None);
    fixture.compositor.act(Action::PreviousWorkspace);
    assert!(shows_window(&mut fixture));
    client.roundtrip(&mut fixture);
    assert!(client.state.keyboard_focus.is_some());
}

#[test]
fn keys_go_to_workspaces_and_take_windows_along() {
    let (mut fixture, mut client) = two();
    let held = |fixture: &mut Fixture, codes: &[u32], pressed| {
        for code in codes {
            fixture.input(&[InputEvent::Key {
                code: *code,
                pressed,
            }]);
        }
    };
    // Super+Shift+3
    held(&mut fixture, &[125, 42], true);
    fixture.tap(4);
    held(&mut fixture, &[42, 125], false);
    assert_eq!(fixture.compositor.shell.workspace, 2);
    assert!(shows_window(&mut fixture), "it came along");
    held(&mut fixture, &[125], true);
    fixture.tap(2);
    held(&mut fixture, &[125], false);
    assert_eq!(fixture.compositor.shell.workspace, 0);
    assert!(!shows_window(&mut fixture));
    client.roundtrip(&mut fixture);
    assert!(
        client
            .state
            .keys
            .iter()
            .all(|(code, _)| [125, 42].contains(code))
    );
}

#[test]
fn who_activates_a_window_goes_to_its_workspace() {
    let (mut fixture, _client) = two();
    let id = fixture.compositor.shell.iter().next().unwrap().id;
    fixture.compositor.act(Action::Workspace(3));
    fixture.compositor.activate(id);
    assert_eq!(fixture.compositor.shell.workspace, 0);
    assert!(shows_window(&mut fixture));
}

#[test]
fn a_panel_is_told_and_may_switch() {
    let (mut fixture, mut client) = two();
    let manager = client.bind::<ExtWorkspaceManagerV1>(1);
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.workspaces.len(), 4);
    assert!(client.state.notes.contains(&"1 true".into()));
    client.state.notes.clear();
    client.state.workspaces[2].activate();
    client.roundtrip(&mut fixture);
    assert!(client.state.notes.is_empty(), "not before it commits");
    manager.commit();
    client.roundtrip(&mut fixture);
    client.roundtrip(&mut fixture);
    assert_eq!(
        client.state.notes,
        ["1 false", "2 false", "3 true", "4 false"]
    );
    assert!(!shows_window(&mut fixture));
}
