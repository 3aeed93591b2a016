//! The desktop's workspaces, for the panel (ext-workspace).

use std::sync::Arc;

use smithay_client_toolkit::dispatch2::Dispatch2;
use smithay_client_toolkit::reexports::client::backend::ObjectData;
use smithay_client_toolkit::reexports::client::globals::GlobalList;
use smithay_client_toolkit::reexports::client::{Connection, Proxy, QueueHandle, WEnum};
use smithay_client_toolkit::reexports::protocols::ext::workspace::v1::client::ext_workspace_group_handle_v1::{
    self, ExtWorkspaceGroupHandleV1,
};
use smithay_client_toolkit::reexports::protocols::ext::workspace::v1::client::ext_workspace_handle_v1::{
    self, ExtWorkspaceHandleV1,
};
use smithay_client_toolkit::reexports::protocols::ext::workspace::v1::client::ext_workspace_manager_v1::{
    self, ExtWorkspaceManagerV1,
};

use crate::app::Workspace;
use crate::shell::state::Shell;

/// Marks this protocol's objects.
pub(super) struct WorkspaceObject;

struct Known {
    handle: ExtWorkspaceHandleV1,
    workspace: Workspace,
    hidden: bool,
}

pub(super) struct Workspaces {
    manager: ExtWorkspaceManagerV1,
    known: Vec<Known>,
    next: u64,
}

impl Workspaces {
    pub fn bind(globals: &GlobalList, queue: &QueueHandle<Shell>) -> Option<Workspaces> {
        let manager = globals.bind(queue, 1..=1, WorkspaceObject).ok()?;
        Some(Workspaces {
            manager,
            known: Vec::new(),
            next: 1,
        })
    }

    pub fn activate(&self, id: u64) {
        let known = self.known.iter().find(|known| known.workspace.id == id);
        if let Some(known) = known {
            known.handle.activate();
            self.manager.commit();
        }
    }

    fn list(&self) -> Vec<Workspace> {
        let shown = self.known.iter().filter(|known| !known.hidden);
        shown.map(|known| known.workspace.clone()).collect()
    }
}

impl Dispatch2<ExtWorkspaceManagerV1, Shell> for WorkspaceObject {
    fn event(
        &self,
        shell: &mut Shell,
        _: &ExtWorkspaceManagerV1,
        event: ext_workspace_manager_v1::Event,
        _: &Connection,
        _: &QueueHandle<Shell>,
    ) {
        let Some(workspaces) = &mut shell.workspaces else {
            return;
        };
        match event {
            ext_workspace_manager_v1::Event::Workspace { workspace: handle } => {
                let workspace = Workspace {
                    id: workspaces.next,
                    name: String::new(),
                    active: false,
                };
                workspaces.next += 1;
                workspaces.known.push(Known {
                    handle,
                    workspace,
                    hidden: false,
                });
            }
            ext_workspace_manager_v1::Event::Done => {
                let list = workspaces.list();
                shell.program.workspaces_changed(&list);
            }
            _ => {}
        }
    }

    fn event_created_child(opcode: u16, queue: &QueueHandle<Shell>) -> Arc<dyn ObjectData> {
        if opcode == ext_workspace_manager_v1::EVT_WORKSPACE_GROUP_OPCODE {
            queue.make_data::<ExtWorkspaceGroupHandleV1, _>(WorkspaceObject)
        } else {
            queue.make_data::<ExtWorkspaceHandleV1, _>(WorkspaceObject)
        }
    }
}

impl Dispatch2<ExtWorkspaceGroupHandleV1, Shell> for WorkspaceObject {
    fn event(
        &self,
        _: &mut Shell,
        group: &ExtWorkspaceGroupHandleV1,
        event: ext_workspace_group_handle_v1::Event,
        _: &Connection,
        _: &QueueHandle<Shell>,
    ) {
        // Which displays a group is on is nothing that one row of workspaces shows.
        if let ext_workspace_group_handle_v1::Event::Removed = event {
            group.destroy();
        }
    }
}

impl Dispatch2<ExtWorkspaceHandleV1, Shell> for WorkspaceObject {
    fn event(
        &self,
        shell: &mut Shell,
        handle: &ExtWorkspaceHandleV1,
        event: ext_workspace_handle_v1::Event,
        _: &Connection,
        _: &QueueHandle<Shell>,
    ) {
        use ext_workspace_handle_v1::{Event, State};
        let Some(workspaces) = &mut shell.workspaces else {
            return;
        };
        let mut known = workspaces.known.iter_mut();
        let Some(known) = known.find(|known| known.handle.id() == handle.id()) else {
            return;
        };
        match event {
            Event::Name { name } => known.workspace.name = name,
            Event::State {
                state: WEnum::Value(state),
            } => {
                known.workspace.active = state.contains(State::Active);
                known.hidden = state.contains(State::Hidden);
            }
            Event::Removed => {
                handle.destroy();
                workspaces
                    .known
                    .retain(|known| known.handle.id() != handle.id());
            }
            _ => {}
        }
    }
}
