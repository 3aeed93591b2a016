//! Numbers and structs of DRM's ioctls, and their table.

use bytemuck::{Pod, Zeroable};
use ochre_abi::ioctl::{Array, Command, DIR_IN, DIR_OUT};

macro_rules! structs {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $ty:ty,)* })*) => {
        $($(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
        pub struct $name { $(pub $field: $ty,)* })*
    };
}

structs! {
    Version {
        major: i32, minor: i32, patch: i32, _pad: i32,
        name_len: u64, name: u64, date_len: u64, date: u64, desc_len: u64, desc: u64,
    }
    GetCap { capability: u64, value: u64, }
    Unique { len: u64, unique: u64, }
    Auth { magic: u32, }
    GemClose { handle: u32, pad: u32, }
    PrimeHandle { handle: u32, flags: u32, fd: i32, }
    CardRes {
        fb_id_ptr: u64, crtc_id_ptr: u64, connector_id_ptr: u64, encoder_id_ptr: u64,
        count_fbs: u32, count_crtcs: u32, count_connectors: u32, count_encoders: u32,
        min_width: u32, max_width: u32, min_height: u32, max_height: u32,
    }
    /// `struct drm_mode_modeinfo`: timings in pixels and lines, clock in kHz.
    ModeInfo {
        clock: u32,
        hdisplay: u16, hsync_start: u16, hsync_end: u16, htotal: u16, hskew: u16,
        vdisplay: u16, vsync_start: u16, vsync_end: u16, vtotal: u16, vscan: u16,
        vrefresh: u32, flags: u32, kind: u32, name: [u8; 32],
    }
    CrtcArg {
        set_connectors_ptr: u64, count_connectors: u32, crtc_id: u32, fb_id: u32, x: u32, y: u32,
        gamma_size: u32, mode_valid: u32, mode: ModeInfo,
    }
    CursorArg {
        flags: u32, crtc_id: u32, x: i32, y: i32, width: u32, height: u32, handle: u32,
    }
    CursorArg2 {
        flags: u32, crtc_id: u32, x: i32, y: i32, width: u32, height: u32, handle: u32,
        hot_x: i32, hot_y: i32,
    }
    GetEncoder {
        encoder_id: u32, encoder_type: u32, crtc_id: u32, possible_crtcs: u32,
        possible_clones: u32,
    }
    GetConnector {
        encoders_ptr: u64, modes_ptr: u64, props_ptr: u64, prop_values_ptr: u64,
        count_modes: u32, count_props: u32, count_encoders: u32, encoder_id: u32,
        connector_id: u32, connector_type: u32, connector_type_id: u32, connection: u32,
        mm_width: u32, mm_height: u32, subpixel: u32, pad: u32,
    }
    GetProperty {
        values_ptr: u64, enum_blob_ptr: u64, prop_id: u32, flags: u32, name: [u8; 32],
        count_values: u32, count_enum_blobs: u32,
    }
    PropertyEnum { value: u64, name: [u8; 32], }
    SetProperty { value: u64, prop_id: u32, connector_id: u32, }
    GetBlob { blob_id: u32, length: u32, data: u64, }
    FbCmd { fb_id: u32, width: u32, height: u32, pitch: u32, bpp: u32, depth: u32, handle: u32, }
    FbCmd2 {
        fb_id: u32, width: u32, height: u32, pixel_format: u32, flags: u32,
        handles: [u32; 4], pitches: [u32; 4], offsets: [u32; 4], _pad: u32, modifier: [u64; 4],
    }
    DirtyCmd { fb_id: u32, flags: u32, color: u32, num_clips: u32, clips_ptr: u64, }
    /// `struct drm_clip_rect`.
    ClipRect { x1: u16, y1: u16, x2: u16, y2: u16, }
    PageFlip { crtc_id: u32, fb_id: u32, flags: u32, reserved: u32, user_data: u64, }
    CreateDumb { height: u32, width: u32, bpp: u32, flags: u32, handle: u32, pitch: u32, size: u64, }
    MapDumb { handle: u32, pad: u32, offset: u64, }
    DestroyDumb { handle: u32, }
    GetPlaneRes { plane_id_ptr: u64, count_planes: u32, _pad: u32, }
    GetPlane {
        plane_id: u32, crtc_id: u32, fb_id: u32, possible_crtcs: u32, gamma_size: u32,
        count_format_types: u32, format_type_ptr: u64,
    }
    ObjGetProperties {
        props_ptr: u64, prop_values_ptr: u64, count_props: u32, obj_id: u32, obj_type: u32,
        _pad: u32,
    }
    ObjSetProperty { value: u64, prop_id: u32, obj_id: u32, obj_type: u32, _pad: u32, }
    Atomic {
        flags: u32, count_objs: u32, objs_ptr: u64, count_props_ptr: u64, props_ptr: u64,
        prop_values_ptr: u64, reserved: u64, user_data: u64,
    }
    CreateBlob { data: u64, length: u32, blob_id: u32, }
    DestroyBlob { blob_id: u32, }
    CrtcGetSequence { crtc_id: u32, active: u32, sequence: u64, sequence_ns: i64, }
    /// `struct drm_event_vblank`.
    EventVblank {
        kind: u32, length: u32, user_data: u64, tv_sec: u32, tv_usec: u32, sequence: u32,
        crtc_id: u32,
    }
    /// `struct drm_mode_rect`, of FB_DAMAGE_CLIPS.
    ModeRect { x1: i32, y1: i32, x2: i32, y2: i32, }
    /// `struct drm_format_modifier_blob`, version 1.
    FormatBlob {
        version: u32, flags: u32, count_formats: u32, formats_offset: u32,
        count_modifiers: u32, modifiers_offset: u32,
    }
    /// `struct drm_format_modifier`.
    FormatModifier { formats: u64, offset: u32, pad: u32, modifier: u64, }
}

const fn iowr(number: u32, size: usize) -> u32 {
    3 << 30 | (size as u32) << 16 | 0x64 << 8 | number
}

const fn iow(number: u32, size: usize) -> u32 {
    1 << 30 | (size as u32) << 16 | 0x64 << 8 | number
}

const fn io(number: u32) -> u32 {
    0x64 << 8 | number
}

pub const VERSION: u32 = iowr(0x00, size_of::<Version>());
pub const GET_UNIQUE: u32 = iowr(0x01, size_of::<Unique>());
pub const GET_MAGIC: u32 = 2 << 30 | 4 << 16 | 0x64 << 8 | 0x02;
pub const SET_CLIENT_CAP: u32 = iow(0x0d, size_of::<GetCap>());
pub const GET_CAP: u32 = iowr(0x0c, size_of::<GetCap>());
pub const AUTH_MAGIC: u32 = iow(0x11, 4);
pub const GEM_CLOSE: u32 = iow(0x09, size_of::<GemClose>());
pub const SET_MASTER: u32 = io(0x1e);
pub const DROP_MASTER: u32 = io(0x1f);
pub const PRIME_HANDLE_TO_FD: u32 = iowr(0x2d, size_of::<PrimeHandle>());
pub const PRIME_FD_TO_HANDLE: u32 = iowr(0x2e, size_of::<PrimeHandle>());
pub const CRTC_GET_SEQUENCE: u32 = iowr(0x3b, size_of::<CrtcGetSequence>());
pub const GETRESOURCES: u32 = iowr(0xa0, size_of::<CardRes>());
pub const GETCRTC: u32 = iowr(0xa1, size_of::<CrtcArg>());
pub const SETCRTC: u32 = iowr(0xa2, size_of::<CrtcArg>());
pub const CURSOR: u32 = iowr(0xa3, size_of::<CursorArg>());
pub const GETENCODER: u32 = iowr(0xa6, size_of::<GetEncoder>());
pub const GETCONNECTOR: u32 = iowr(0xa7, size_of::<GetConnector>());
pub const GETPROPERTY: u32 = iowr(0xaa, size_of::<GetProperty>());
pub const SETPROPERTY: u32 = iowr(0xab, size_of::<SetProperty>());
pub const GETPROPBLOB: u32 = iowr(0xac, size_of::<GetBlob>());
pub const GETFB: u32 = iowr(0xad, size_of::<FbCmd>());
pub const ADDFB: u32 = iowr(0xae, size_of::<FbCmd>());
pub const RMFB: u32 = iowr(0xaf, 4);
pub const PAGE_FLIP: u32 = iowr(0xb0, size_of::<PageFlip>());
pub const DIRTYFB: u32 = iowr(0xb1, size_of::<DirtyCmd>());
pub const CREATE_DUMB: u32 = iowr(0xb2, size_of::<CreateDumb>());
pub const MAP_DUMB: u32 = iowr(0xb3, size_of::<MapDumb>());
pub const DESTROY_DUMB: u32 = iowr(0xb4, size_of::<DestroyDumb>());
pub const GETPLANERESOURCES: u32 = iowr(0xb5, size_of::<GetPlaneRes>());
pub const GETPLANE: u32 = iowr(0xb6, size_of::<GetPlane>());
pub const ADDFB2: u32 = iowr(0xb8, size_of::<FbCmd2>());
pub const OBJ_GETPROPERTIES: u32 = iowr(0xb9, size_of::<ObjGetProperties>());
pub const OBJ_SETPROPERTY: u32 = iowr(0xba, size_of::<ObjSetProperty>());
pub const CURSOR2: u32 = iowr(0xbb, size_of::<CursorArg2>());
pub const ATOMIC: u32 = iowr(0xbc, size_of::<Atomic>());
pub const CREATEPROPBLOB: u32 = iowr(0xbd, size_of::<CreateBlob>());
pub const DESTROYPROPBLOB: u32 = iowr(0xbe, 4);
pub const CLOSEFB: u32 = iowr(0xd0, 8);

/// What the kernel copies for each command that has pointers or descriptors.
pub const IOCTLS: [Command; 15] = [
    Command::new(
        VERSION,
        &[
            Array::counted_u64(24, 16, DIR_OUT, 1),
            Array::counted_u64(40, 32, DIR_OUT, 1),
            Array::counted_u64(56, 48, DIR_OUT, 1),
        ],
    ),
    Command::new(GET_UNIQUE, &[Array::counted_u64(8, 0, DIR_OUT, 1)]),
    Command::new(
        GETRESOURCES,
        &[
            Array::new(0, 32, DIR_OUT, 4),
            Array::new(8, 36, DIR_OUT, 4),
            Array::new(16, 40, DIR_OUT, 4),
            Array::new(24, 44, DIR_OUT, 4),
        ],
    ),
    Command::new(SETCRTC, &[Array::new(0, 8, DIR_IN, 4)]),
    Command::new(
        GETCONNECTOR,
        &[
            Array::new(0, 40, DIR_OUT, 4),
            Array::new(8, 32, DIR_OUT, size_of::<ModeInfo>() as u16),
            Array::new(16, 36, DIR_OUT, 4),
            Array::new(24, 36, DIR_OUT, 8),
        ],
    ),
    Command::new(
        GETPROPERTY,
        &[
            Array::new(0, 56, DIR_OUT, 8),
            Array::new(8, 60, DIR_OUT, size_of::<PropertyEnum>() as u16),
        ],
    ),
    Command::new(GETPROPBLOB, &[Array::new(8, 4, DIR_OUT, 1)]),
    Command::new(
        DIRTYFB,
        &[Array::new(16, 12, DIR_IN, size_of::<ClipRect>() as u16)],
    ),
    Command::new(GETPLANERESOURCES, &[Array::new(0, 8, DIR_OUT, 4)]),
    Command::new(GETPLANE, &[Array::new(24, 20, DIR_OUT, 4)]),
    Command::new(
        OBJ_GETPROPERTIES,
        &[Array::new(0, 16, DIR_OUT, 4), Array::new(8, 16, DIR_OUT, 8)],
    ),
    Command::new(
        ATOMIC,
        &[
            Array::new(8, 4, DIR_IN, 4),
            Array::new(16, 4, DIR_IN, 4),
            Array::sum_of(24, 1, DIR_IN, 4),
            Array::sum_of(32, 1, DIR_IN, 8),
        ],
    ),
    Command::new(CREATEPROPBLOB, &[Array::new(0, 8, DIR_IN, 1)]),
    Command::new(PRIME_HANDLE_TO_FD, &[]).fd_out(8),
    Command::new(PRIME_FD_TO_HANDLE, &[]).fd_in(8),
];

pub const CAP_DUMB_BUFFER: u64 = 0x1;
pub const CAP_VBLANK_HIGH_CRTC: u64 = 0x2;
pub const CAP_DUMB_PREFERRED_DEPTH: u64 = 0x3;
pub const CAP_DUMB_PREFER_SHADOW: u64 = 0x4;
pub const CAP_PRIME: u64 = 0x5;
pub const CAP_TIMESTAMP_MONOTONIC: u64 = 0x6;
pub const CAP_ASYNC_PAGE_FLIP: u64 = 0x7;
pub const CAP_CURSOR_WIDTH: u64 = 0x8;
pub const CAP_CURSOR_HEIGHT: u64 = 0x9;
pub const CAP_ADDFB2_MODIFIERS: u64 = 0x10;
pub const CAP_PAGE_FLIP_TARGET: u64 = 0x11;
pub const CAP_CRTC_IN_VBLANK_EVENT: u64 = 0x12;
pub const CAP_SYNCOBJ: u64 = 0x13;
pub const CAP_SYNCOBJ_TIMELINE: u64 = 0x14;
pub const CAP_ATOMIC_ASYNC_PAGE_FLIP: u64 = 0x15;

pub const CLIENT_CAP_STEREO_3D: u64 = 1;
pub const CLIENT_CAP_UNIVERSAL_PLANES: u64 = 2;
pub const CLIENT_CAP_ATOMIC: u64 = 3;
pub const CLIENT_CAP_ASPECT_RATIO: u64 = 4;
pub const CLIENT_CAP_WRITEBACK: u64 = 5;
pub const CLIENT_CAP_CURSOR_HOTSPOT: u64 = 6;

pub const PAGE_FLIP_EVENT: u32 = 0x01;
pub const PAGE_FLIP_ASYNC: u32 = 0x02;
pub const ATOMIC_TEST_ONLY: u32 = 0x0100;
pub const ATOMIC_NONBLOCK: u32 = 0x0200;
pub const ATOMIC_ALLOW_MODESET: u32 = 0x0400;
pub const EVENT_FLIP_COMPLETE: u32 = 0x02;
pub const FB_MODIFIERS: u32 = 1 << 1;
pub const CURSOR_BO: u32 = 1;
pub const CURSOR_MOVE: u32 = 2;

pub const OBJECT_CRTC: u32 = 0xcccc_cccc;
pub const OBJECT_CONNECTOR: u32 = 0xc0c0_c0c0;
pub const OBJECT_ENCODER: u32 = 0xe0e0_e0e0;
pub const OBJECT_PLANE: u32 = 0xeeee_eeee;
pub const OBJECT_FB: u32 = 0xfbfb_fbfb;
pub const OBJECT_ANY: u32 = 0;

/// `fourcc_code('X', 'R', '2', '4')`.
pub const FORMAT_XRGB8888: u32 = u32::from_le_bytes(*b"XR24");
/// `fourcc_code('A', 'R', '2', '4')`.
pub const FORMAT_ARGB8888: u32 = u32::from_le_bytes(*b"AR24");
/// `DRM_FORMAT_MOD_LINEAR`.
pub const MODIFIER_LINEAR: u64 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_have_linux_sizes() {
        let sizes = [
            (VERSION, 64),
            (GETRESOURCES, 64),
            (GETCRTC, 104),
            (GETCONNECTOR, 80),
            (GETPROPERTY, 64),
            (ADDFB2, 104),
            (ATOMIC, 56),
            (GETPLANE, 32),
            (OBJ_GETPROPERTIES, 32),
            (PAGE_FLIP, 24),
            (CREATE_DUMB, 32),
        ];
        for (number, size) in sizes {
            assert_eq!(number >> 16 & 0x3fff, size, "ioctl {number:#x}");
        }
        assert_eq!(size_of::<ModeInfo>(), 68);
        assert_eq!(size_of::<EventVblank>(), 32);
    }
}
