//! Commands and answers (virtio 1.2, 5.7.6).

use bytemuck::{Pod, Zeroable};

macro_rules! structs {
    ($($name:ident { $($field:ident: $ty:ty,)* })*) => {
        $(#[repr(C)]
        #[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
        pub struct $name { $(pub $field: $ty,)* })*
    };
}

structs! {
    Header { kind: u32, flags: u32, fence_id: u64, ctx_id: u32, ring_idx: u32, }
    Rect { x: u32, y: u32, width: u32, height: u32, }
    DisplayOne { rect: Rect, enabled: u32, flags: u32, }
    Create2d { header: Header, resource_id: u32, format: u32, width: u32, height: u32, }
    Resource { header: Header, resource_id: u32, padding: u32, }
    SetScanout { header: Header, rect: Rect, scanout_id: u32, resource_id: u32, }
    Flush { header: Header, rect: Rect, resource_id: u32, padding: u32, }
    Transfer { header: Header, rect: Rect, offset: u64, resource_id: u32, padding: u32, }
    AttachBacking { header: Header, resource_id: u32, nr_entries: u32, }
    MemEntry { addr: u64, length: u32, padding: u32, }
    GetEdid { header: Header, scanout: u32, padding: u32, }
    CursorPos { scanout_id: u32, x: u32, y: u32, padding: u32, }
    UpdateCursor {
        header: Header, pos: CursorPos, resource_id: u32, hot_x: u32, hot_y: u32, padding: u32,
    }
}

pub const GET_DISPLAY_INFO: u32 = 0x0100;
pub const RESOURCE_CREATE_2D: u32 = 0x0101;
pub const RESOURCE_UNREF: u32 = 0x0102;
pub const SET_SCANOUT: u32 = 0x0103;
pub const RESOURCE_FLUSH: u32 = 0x0104;
pub const TRANSFER_TO_HOST_2D: u32 = 0x0105;
pub const RESOURCE_ATTACH_BACKING: u32 = 0x0106;
pub const GET_EDID: u32 = 0x010a;
pub const UPDATE_CURSOR: u32 = 0x0300;
pub const MOVE_CURSOR: u32 = 0x0301;

pub const OK_NODATA: u32 = 0x1100;
pub const ERROR_BASE: u32 = 0x1200;

/// Scanouts at most.
pub const MAX_SCANOUTS: usize = 16;
/// An answer to GET_DISPLAY_INFO.
pub const DISPLAY_INFO_SIZE: usize = size_of::<Header>() + MAX_SCANOUTS * size_of::<DisplayOne>();
/// An answer to GET_EDID: header, size, padding, 1024 bytes.
pub const EDID_SIZE: usize = size_of::<Header>() + 8 + 1024;
/// 32 bits a pixel, blue in the lowest byte.
pub const FORMAT_B8G8R8X8: u32 = 2;

#[must_use]
pub fn header(kind: u32) -> Header {
    Header {
        kind,
        ..Header::default()
    }
}
