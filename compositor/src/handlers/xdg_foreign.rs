//! xdg-foreign: a window of one client becomes the parent of another's.
//!
//! Smithay looks up the parent while it holds the child, and so waits for ever for a window that is to be its
//! own. Which window a handle is of it alone knows: one that was exported gets no parent this way.

use smithay::{
    reexports::{
        wayland_protocols::xdg::foreign::zv2::server::{
            zxdg_exported_v2::ZxdgExportedV2,
            zxdg_exporter_v2::{self as exporter, ZxdgExporterV2},
            zxdg_imported_v2::{self as imported, ZxdgImportedV2},
            zxdg_importer_v2::ZxdgImporterV2,
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, backend::ClientId, delegate_dispatch,
            delegate_global_dispatch,
        },
    },
    wayland::{
        compositor::with_states,
        xdg_foreign::{
            XdgExportedUserData, XdgForeignHandler, XdgForeignState, XdgImportedUserData,
        },
    },
};

use crate::state::Compositor;

/// Says of a surface that it was exported.
#[derive(Debug, Default)]
struct Exported;

impl XdgForeignHandler for Compositor {
    fn xdg_foreign_state(&mut self) -> &mut XdgForeignState {
        &mut self.protocols.xdg_foreign
    }
}

impl Dispatch<ZxdgExporterV2, ()> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        object: &ZxdgExporterV2,
        request: exporter::Request,
        data: &(),
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let exporter::Request::ExportToplevel { surface, .. } = &request {
            with_states(surface, |states| {
                states
                    .data_map
                    .insert_if_missing_threadsafe(Exported::default)
            });
        }
        <XdgForeignState as Dispatch<_, _, Self>>::request(
            state, client, object, request, data, display, init,
        );
    }
}

impl Dispatch<ZxdgImportedV2, XdgImportedUserData> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        object: &ZxdgImportedV2,
        request: imported::Request,
        data: &XdgImportedUserData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let imported::Request::SetParentOf { surface } = &request
            && with_states(surface, |states| {
                states.data_map.get::<Exported>().is_some()
            })
        {
            return;
        }
        <XdgForeignState as Dispatch<_, _, Self>>::request(
            state, client, object, request, data, display, init,
        );
    }

    fn destroyed(
        state: &mut Self,
        client: ClientId,
        object: &ZxdgImportedV2,
        data: &XdgImportedUserData,
    ) {
        <XdgForeignState as Dispatch<_, _, Self>>::destroyed(state, client, object, data);
    }
}

delegate_global_dispatch!(Compositor: [ZxdgExporterV2: ()] => XdgForeignState);
delegate_global_dispatch!(Compositor: [ZxdgImporterV2: ()] => XdgForeignState);
delegate_dispatch!(Compositor: [ZxdgImporterV2: ()] => XdgForeignState);
delegate_dispatch!(Compositor: [ZxdgExportedV2: XdgExportedUserData] => XdgForeignState);
