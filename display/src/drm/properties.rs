//! The properties of KMS objects. Each kind has one fixed number, the same on every object.

use crate::drm::abi::{OBJECT_CRTC, OBJECT_FB, PropertyEnum};

const RANGE: u32 = 1 << 1;
const IMMUTABLE: u32 = 1 << 2;
const ENUM: u32 = 1 << 3;
const BLOB: u32 = 1 << 4;
const OBJECT: u32 = 1 << 6;
const SIGNED_RANGE: u32 = 2 << 6;
const ATOMIC: u32 = 0x8000_0000;

macro_rules! properties {
    ($($variant:ident = $number:literal, $name:literal, $flags:expr, $values:expr, $enums:expr;)*) => {
        /// A property.
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Property { $($variant = $number,)* }

        impl Property {
            pub fn from_id(id: u32) -> Option<Property> {
                match id {
                    $($number => Some(Property::$variant),)*
                    _ => None,
                }
            }

            pub fn name(self) -> &'static str {
                match self { $(Property::$variant => $name,)* }
            }

            /// `DRM_MODE_PROP_*`.
            pub fn flags(self) -> u32 {
                match self { $(Property::$variant => $flags,)* }
            }

            /// The bounds of a range, or the kind of an object.
            pub fn values(self) -> &'static [u64] {
                match self { $(Property::$variant => &$values,)* }
            }

            pub fn enums(self) -> &'static [(u64, &'static str)] {
                match self { $(Property::$variant => &$enums,)* }
            }
        }
    };
}

const U32: [u64; 2] = [0, u32::MAX as u64];
const I32: [u64; 2] = [i32::MIN as i64 as u64, i32::MAX as u64];
const NO: [u64; 0] = [];
const NONE: [(u64, &str); 0] = [];

properties! {
    // Connectors.
    Edid = 0x61, "EDID", BLOB | IMMUTABLE, NO, NONE;
    Dpms = 0x62, "DPMS", ENUM, NO, [(0, "On"), (1, "Standby"), (2, "Suspend"), (3, "Off")];
    LinkStatus = 0x63, "link-status", ENUM, NO, [(0, "Good"), (1, "Bad")];
    NonDesktop = 0x64, "non-desktop", RANGE | IMMUTABLE, [0, 1], NONE;
    // Connectors and planes.
    CrtcId = 0x65, "CRTC_ID", OBJECT | ATOMIC, [OBJECT_CRTC as u64], NONE;
    // CRTCs.
    Active = 0x66, "ACTIVE", RANGE | ATOMIC, [0, 1], NONE;
    ModeId = 0x67, "MODE_ID", BLOB | ATOMIC, NO, NONE;
    // Planes.
    Kind = 0x68, "type", ENUM | IMMUTABLE, NO, [(0, "Overlay"), (1, "Primary"), (2, "Cursor")];
    FbId = 0x69, "FB_ID", OBJECT | ATOMIC, [OBJECT_FB as u64], NONE;
    SrcX = 0x6a, "SRC_X", RANGE | ATOMIC, U32, NONE;
    SrcY = 0x6b, "SRC_Y", RANGE | ATOMIC, U32, NONE;
    SrcW = 0x6c, "SRC_W", RANGE | ATOMIC, U32, NONE;
    SrcH = 0x6d, "SRC_H", RANGE | ATOMIC, U32, NONE;
    CrtcX = 0x6e, "CRTC_X", SIGNED_RANGE | ATOMIC, I32, NONE;
    CrtcY = 0x6f, "CRTC_Y", SIGNED_RANGE | ATOMIC, I32, NONE;
    CrtcW = 0x70, "CRTC_W", RANGE | ATOMIC, [0, i32::MAX as u64], NONE;
    CrtcH = 0x71, "CRTC_H", RANGE | ATOMIC, [0, i32::MAX as u64], NONE;
    InFormats = 0x72, "IN_FORMATS", BLOB | IMMUTABLE, NO, NONE;
    FbDamageClips = 0x73, "FB_DAMAGE_CLIPS", BLOB | ATOMIC, NO, NONE;
    HotspotX = 0x74, "HOTSPOT_X", SIGNED_RANGE | ATOMIC, I32, NONE;
    HotspotY = 0x75, "HOTSPOT_Y", SIGNED_RANGE | ATOMIC, I32, NONE;
}

impl Property {
    pub fn is_immutable(self) -> bool {
        self.flags() & IMMUTABLE != 0
    }

    /// Shown only to clients that asked for atomic mode setting.
    pub fn is_atomic(self) -> bool {
        self.flags() & ATOMIC != 0
    }

    /// What GETPROPERTY lists behind `enum_blob_ptr`.
    pub fn enum_entries(self) -> Vec<PropertyEnum> {
        self.enums()
            .iter()
            .map(|(value, name)| PropertyEnum {
                value: *value,
                name: padded(name),
            })
            .collect()
    }

    /// What GETPROPERTY lists behind `values_ptr`: an enum's are its entries' values.
    pub fn value_list(self) -> Vec<u64> {
        if self.enums().is_empty() {
            self.values().to_vec()
        } else {
            self.enums().iter().map(|(value, _)| *value).collect()
        }
    }

    pub fn padded_name(self) -> [u8; 32] {
        padded(self.name())
    }
}

fn padded(name: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes
}
