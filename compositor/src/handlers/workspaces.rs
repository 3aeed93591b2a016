//! ext-workspace: which workspaces there are, for panels, and going to one.

use smithay::reexports::{
    wayland_protocols::ext::workspace::v1::server::{
        ext_workspace_group_handle_v1::{
            self as group, ExtWorkspaceGroupHandleV1, GroupCapabilities,
        },
        ext_workspace_handle_v1::{
            self as workspace, ExtWorkspaceHandleV1, State, WorkspaceCapabilities,
        },
        ext_workspace_manager_v1::{self as manager, ExtWorkspaceManagerV1},
    },
    wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource,
        backend::ClientId, protocol::wl_output::WlOutput,
    },
};

use crate::{shell::WORKSPACES, state::Compositor};

/// Who is told about workspaces, and what each asked for since its last commit.
#[derive(Debug, Default)]
pub struct WorkspaceHandles {
    told: Vec<Told>,
}

#[derive(Debug)]
struct Told {
    manager: ExtWorkspaceManagerV1,
    group: ExtWorkspaceGroupHandleV1,
    handles: Vec<ExtWorkspaceHandleV1>,
    /// Where it wants to go.
    wish: Option<usize>,
}

impl WorkspaceHandles {
    /// Creates the global.
    pub fn new(display: &DisplayHandle) -> Self {
        display.create_global::<Compositor, ExtWorkspaceManagerV1, ()>(1, ());
        Self::default()
    }

    fn of(&mut self, manager: &ExtWorkspaceManagerV1) -> Option<&mut Told> {
        self.told.iter_mut().find(|told| told.manager == *manager)
    }
}

/// What a workspace's handle says of it.
fn state_of(workspace: usize, shown: usize) -> State {
    if workspace == shown {
        State::Active
    } else {
        State::empty()
    }
}

impl Compositor {
    /// Tells panels which workspace is shown now.
    pub(crate) fn tell_workspaces(&self) {
        for told in &self.protocols.workspaces.told {
            for handle in &told.handles {
                if let Some(workspace) = handle.data::<usize>() {
                    handle.state(state_of(*workspace, self.shell.workspace));
                }
            }
            told.manager.done();
        }
    }

    /// A panel bound a display: workspaces are on all of them.
    pub(crate) fn tell_workspaces_of_output(&self, output: &WlOutput) {
        for told in &self.protocols.workspaces.told {
            if told.group.id().same_client_as(&output.id()) {
                told.group.output_enter(output);
                told.manager.done();
            }
        }
    }

    /// Introduces the workspaces to a panel.
    fn introduce(&self, client: &Client, manager: &ExtWorkspaceManagerV1) -> Option<Told> {
        let display = &self.display;
        let group = client
            .create_resource::<ExtWorkspaceGroupHandleV1, (), Compositor>(display, 1, ())
            .ok()?;
        manager.workspace_group(&group);
        group.capabilities(GroupCapabilities::empty());
        for screen in self.outputs.iter() {
            for output in screen.output.client_outputs(client) {
                group.output_enter(&output);
            }
        }
        let mut handles = Vec::new();
        for workspace in 0..WORKSPACES {
            let handle = client
                .create_resource::<ExtWorkspaceHandleV1, usize, Compositor>(display, 1, workspace)
                .ok()?;
            manager.workspace(&handle);
            handle.id(format!("workspace-{}", workspace + 1));
            handle.name((workspace + 1).to_string());
            handle.coordinates((workspace as u32).to_ne_bytes().to_vec());
            handle.state(state_of(workspace, self.shell.workspace));
            handle.capabilities(WorkspaceCapabilities::Activate);
            group.workspace_enter(&handle);
            handles.push(handle);
        }
        manager.done();
        Some(Told {
            manager: manager.clone(),
            group,
            handles,
            wish: None,
        })
    }
}

impl GlobalDispatch<ExtWorkspaceManagerV1, ()> for Compositor {
    fn bind(
        state: &mut Self,
        _display: &DisplayHandle,
        client: &Client,
        resource: New<ExtWorkspaceManagerV1>,
        _data: &(),
        init: &mut DataInit<'_, Self>,
    ) {
        let manager = init.init(resource, ());
        if let Some(told) = state.introduce(client, &manager) {
            state.protocols.workspaces.told.push(told);
        }
    }

    fn can_view(client: Client, _data: &()) -> bool {
        super::trusted(&client)
    }
}

impl Dispatch<ExtWorkspaceManagerV1, ()> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        object: &ExtWorkspaceManagerV1,
        request: manager::Request,
        _data: &(),
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        let workspaces = &mut state.protocols.workspaces;
        match request {
            manager::Request::Commit => {
                let wish = workspaces.of(object).and_then(|told| told.wish.take());
                if let Some(workspace) = wish {
                    state.show_workspace(workspace);
                }
            }
            manager::Request::Stop => {
                object.finished();
                workspaces.told.retain(|told| told.manager != *object);
            }
            _ => {}
        }
    }

    fn destroyed(state: &mut Self, _client: ClientId, object: &ExtWorkspaceManagerV1, _data: &()) {
        let workspaces = &mut state.protocols.workspaces;
        workspaces.told.retain(|told| told.manager != *object);
    }
}

impl Dispatch<ExtWorkspaceGroupHandleV1, ()> for Compositor {
    fn request(
        _state: &mut Self,
        _client: &Client,
        _group: &ExtWorkspaceGroupHandleV1,
        _request: group::Request,
        _data: &(),
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        // Workspaces are not made by request, as its capabilities say.
    }
}

impl Dispatch<ExtWorkspaceHandleV1, usize> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        handle: &ExtWorkspaceHandleV1,
        request: workspace::Request,
        workspace: &usize,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        if let workspace::Request::Activate = request {
            let mut told = state.protocols.workspaces.told.iter_mut();
            if let Some(told) = told.find(|told| told.handles.contains(handle)) {
                told.wish = Some(*workspace);
            }
        }
    }

    fn destroyed(
        state: &mut Self,
        _client: ClientId,
        handle: &ExtWorkspaceHandleV1,
        _workspace: &usize,
    ) {
        for told in &mut state.protocols.workspaces.told {
            told.handles.retain(|other| other != handle);
        }
    }
}
