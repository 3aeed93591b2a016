//! The ioctls that describe the card: resources, properties, blobs; and those that make buffers.

use crate::drm::abi::{
    CardRes, CreateBlob, CreateDumb, CrtcArg, FORMAT_ARGB8888, FORMAT_XRGB8888, FbCmd, FbCmd2,
    GemClose, GetBlob, GetConnector, GetEncoder, GetPlane, GetPlaneRes, GetProperty,
    MODIFIER_LINEAR, MapDumb, ObjGetProperties, PrimeHandle,
};
use crate::drm::backend::{Backend, Buffer};
use crate::drm::card::Shared;
use crate::drm::objects::{Object, Objects};
use crate::drm::properties::Property;
use crate::drm::state::{Framebuffer, PlaneState};
use ochre_driver::ioctl::Argument;
use ochre_driver::{Errno, Result};
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// `DRM_MODE_CONNECTOR_VIRTUAL`, `DRM_MODE_ENCODER_VIRTUAL`.
const CONNECTOR_VIRTUAL: u32 = 15;
const ENCODER_VIRTUAL: u32 = 5;
const CONNECTED: u32 = 1;
const DISCONNECTED: u32 = 2;
/// `DRM_MODE_SUBPIXEL_UNKNOWN` as GETCONNECTOR reports it.
const SUBPIXEL_UNKNOWN: u32 = 1;

impl<B: Backend> Shared<B> {
    pub fn get_resources(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let objects = self.objects.borrow();
        let ids = |object: fn(usize) -> Object| -> Vec<u32> {
            (0..objects.outputs.len()).map(|n| object(n).id()).collect()
        };
        let mut resources: CardRes = argument.get()?;
        let lists = [
            objects.framebuffers_of(file).collect(),
            ids(Object::Crtc),
            ids(Object::Connector),
            ids(Object::Encoder),
        ];
        for (index, list) in lists.iter().enumerate() {
            argument.put_array(index, list)?;
        }
        let [fbs, crtcs, connectors, encoders] = lists.map(|l: Vec<u32>| l.len() as u32);
        resources.count_fbs = fbs;
        resources.count_crtcs = crtcs;
        resources.count_connectors = connectors;
        resources.count_encoders = encoders;
        resources.max_width = self.backend.max_size();
        resources.max_height = self.backend.max_size();
        argument.set(&resources)?;
        Ok(0)
    }

    pub fn get_crtc(&self, argument: &mut Argument<'_>) -> Result<u32> {
        let objects = self.objects.borrow();
        let mut crtc: CrtcArg = argument.get()?;
        let state = &objects.outputs[objects.crtc(crtc.crtc_id)?];
        crtc.fb_id = state.primary.fb;
        crtc.x = state.primary.src_x >> 16;
        crtc.y = state.primary.src_y >> 16;
        crtc.gamma_size = 0;
        crtc.mode_valid = u32::from(state.active && state.mode.is_some());
        crtc.mode = state.mode.unwrap_or_default();
        argument.set(&crtc)?;
        Ok(0)
    }

    pub fn get_encoder(&self, argument: &mut Argument<'_>) -> Result<u32> {
        let objects = self.objects.borrow();
        let mut encoder: GetEncoder = argument.get()?;
        let Object::Encoder(n) = objects.object(encoder.encoder_id)? else {
            return Err(Errno::NOENT);
        };
        encoder.encoder_type = ENCODER_VIRTUAL;
        encoder.crtc_id = if objects.outputs[n].routed {
            Object::Crtc(n).id()
        } else {
            0
        };
        encoder.possible_crtcs = 1 << n;
        encoder.possible_clones = 1 << n;
        argument.set(&encoder)?;
        Ok(0)
    }

    pub fn get_connector(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let mut connector: GetConnector = argument.get()?;
        if connector.count_modes == 0 {
            // Linux probes the output anew on this call.
            self.refresh();
        }
        let objects = self.objects.borrow();
        let Object::Connector(n) = objects.object(connector.connector_id)? else {
            return Err(Errno::NOENT);
        };
        let output = &objects.described[n];
        let properties =
            properties_of(&objects, Object::Connector(n), objects.client(file)?.atomic);
        let encoder = Object::Encoder(n).id();
        argument.put_array(0, &[encoder])?;
        argument.put_array(1, &output.modes)?;
        argument.put_array(2, &ids(&properties))?;
        argument.put_array(3, &values(&properties))?;
        connector.count_encoders = 1;
        connector.count_modes = output.modes.len() as u32;
        connector.count_props = properties.len() as u32;
        connector.encoder_id = if objects.outputs[n].routed {
            encoder
        } else {
            0
        };
        connector.connector_type = CONNECTOR_VIRTUAL;
        connector.connector_type_id = n as u32 + 1;
        connector.connection = if output.connected {
            CONNECTED
        } else {
            DISCONNECTED
        };
        connector.mm_width = output.mm_width;
        connector.mm_height = output.mm_height;
        connector.subpixel = SUBPIXEL_UNKNOWN;
        argument.set(&connector)?;
        Ok(0)
    }

    pub fn get_plane_resources(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let objects = self.objects.borrow();
        let mut planes = Vec::new();
        // Without the capability, only overlay planes are listed, and there are none.
        let client = objects.client(file)?;
        if client.universal_planes {
            // Linux likewise: an atomic client that tells no hotspot would have it shown in wrong places.
            let cursor = self.backend.has_cursor() && (!client.atomic || client.tells_hotspot);
            for n in 0..objects.outputs.len() {
                planes.push(Object::Primary(n).id());
                if cursor {
                    planes.push(Object::Cursor(n).id());
                }
            }
        }
        let mut resources: GetPlaneRes = argument.get()?;
        argument.put_array(0, &planes)?;
        resources.count_planes = planes.len() as u32;
        argument.set(&resources)?;
        Ok(0)
    }

    pub fn get_plane(&self, argument: &mut Argument<'_>) -> Result<u32> {
        let objects = self.objects.borrow();
        let mut plane: GetPlane = argument.get()?;
        let (n, state, formats): (usize, &PlaneState, &[u32]) =
            match objects.object(plane.plane_id)? {
                Object::Primary(n) => (
                    n,
                    &objects.outputs[n].primary,
                    &[FORMAT_XRGB8888, FORMAT_ARGB8888],
                ),
                Object::Cursor(n) => (n, &objects.outputs[n].cursor, &[FORMAT_ARGB8888]),
                _ => return Err(Errno::NOENT),
            };
        plane.crtc_id = state.crtc;
        plane.fb_id = state.fb;
        plane.possible_crtcs = 1 << n;
        plane.gamma_size = 0;
        plane.count_format_types = formats.len() as u32;
        argument.put_array(0, formats)?;
        argument.set(&plane)?;
        Ok(0)
    }

    pub fn get_property(&self, argument: &mut Argument<'_>) -> Result<u32> {
        let mut answer: GetProperty = argument.get()?;
        let property = Property::from_id(answer.prop_id).ok_or(Errno::NOENT)?;
        let (values, enums) = (property.value_list(), property.enum_entries());
        argument.put_array(0, &values)?;
        argument.put_array(1, &enums)?;
        answer.flags = property.flags();
        answer.name = property.padded_name();
        answer.count_values = values.len() as u32;
        answer.count_enum_blobs = enums.len() as u32;
        argument.set(&answer)?;
        Ok(0)
    }

    pub fn obj_get_properties(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let objects = self.objects.borrow();
        let mut answer: ObjGetProperties = argument.get()?;
        let object = objects.object(answer.obj_id)?;
        if !object.is(answer.obj_type) {
            return Err(Errno::NOENT);
        }
        let properties = properties_of(&objects, object, objects.client(file)?.atomic);
        argument.put_array(0, &ids(&properties))?;
        argument.put_array(1, &values(&properties))?;
        answer.count_props = properties.len() as u32;
        argument.set(&answer)?;
        Ok(0)
    }

    pub fn get_blob(&self, argument: &mut Argument<'_>) -> Result<u32> {
        let objects = self.objects.borrow();
        let mut answer: GetBlob = argument.get()?;
        let data = &objects.blobs.get(&answer.blob_id).ok_or(Errno::NOENT)?.data;
        if answer.length as usize == data.len() {
            argument.put_array(0, data)?;
        }
        answer.length = data.len() as u32;
        argument.set(&answer)?;
        Ok(0)
    }

    pub fn create_blob(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let mut answer: CreateBlob = argument.get()?;
        let data: Vec<u8> = argument.array(0)?;
        answer.blob_id = self.objects.borrow_mut().create_blob(&data, file)?;
        argument.set(&answer)?;
        Ok(0)
    }

    pub fn destroy_blob(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let id: u32 = argument.get()?;
        self.objects.borrow_mut().give_up_blob(id, file)?;
        Ok(0)
    }

    pub async fn create_dumb(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let mut dumb: CreateDumb = argument.get()?;
        let max = self.backend.max_size();
        if dumb.bpp != 32 || dumb.flags != 0 {
            return Err(Errno::INVAL);
        }
        if dumb.width == 0 || dumb.height == 0 || dumb.width > max || dumb.height > max {
            return Err(Errno::INVAL);
        }
        let pitch = (dumb.width * 4).next_multiple_of(64);
        let (handle, buffer) = self.make_buffer(file, pitch, dumb.height).await?;
        dumb.pitch = buffer.pitch;
        dumb.size = buffer.size;
        dumb.handle = handle;
        argument.set(&dumb)?;
        Ok(0)
    }

    /// A new buffer of an open file, if that has room for one more.
    pub async fn make_buffer(
        &self,
        file: u64,
        pitch: u32,
        height: u32,
    ) -> Result<(u32, Rc<Buffer<B::Driver>>)> {
        let bytes = u64::from(pitch) * u64::from(height);
        self.objects.borrow_mut().promise(file, bytes)?;
        let made = self.backend.create_buffer(pitch, height).await;
        let mut objects = self.objects.borrow_mut();
        objects.made(file, bytes, made.map(Rc::new))
    }

    pub fn map_dumb(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let mut map: MapDumb = argument.get()?;
        self.objects.borrow().client(file)?.buffer(map.handle)?;
        map.offset = u64::from(map.handle) << 32;
        argument.set(&map)?;
        Ok(0)
    }

    pub fn gem_close(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let close: GemClose = argument.get()?;
        self.close_handle(file, close.handle)
            .map_err(|_| Errno::INVAL)
    }

    pub fn destroy_dumb(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let handle: u32 = argument.get()?;
        self.close_handle(file, handle)
    }

    fn close_handle(&self, file: u64, handle: u32) -> Result<u32> {
        let mut objects = self.objects.borrow_mut();
        let buffer = objects
            .client_mut(file)?
            .handles
            .remove(&handle)
            .ok_or(Errno::NOENT)?;
        drop(objects);
        drop(buffer);
        Ok(0)
    }

    /// Anyone may know a framebuffer's shape; its contents are for the master.
    pub fn get_fb(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let mut fb: FbCmd = argument.get()?;
        let mut objects = self.objects.borrow_mut();
        let framebuffer = objects.framebuffer(fb.fb_id).ok_or(Errno::NOENT)?;
        (fb.width, fb.height) = (framebuffer.width, framebuffer.height);
        (fb.pitch, fb.bpp) = (framebuffer.pitch, 32);
        fb.depth = if framebuffer.format == FORMAT_ARGB8888 {
            32
        } else {
            24
        };
        fb.handle = if objects.master == Some(file) {
            objects.handle(file, &framebuffer.buffer)?
        } else {
            0
        };
        argument.set(&fb)?;
        Ok(0)
    }

    pub fn add_fb(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let mut fb: FbCmd = argument.get()?;
        let format = match (fb.bpp, fb.depth) {
            (32, 24) => FORMAT_XRGB8888,
            (32, 32) => FORMAT_ARGB8888,
            _ => return Err(Errno::INVAL),
        };
        fb.fb_id = self.framebuffer(file, (fb.width, fb.height), format, fb.handle, fb.pitch, 0)?;
        argument.set(&fb)?;
        Ok(0)
    }

    pub fn add_fb2(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let mut fb: FbCmd2 = argument.get()?;
        let known = [FORMAT_XRGB8888, FORMAT_ARGB8888].contains(&fb.pixel_format);
        let modifiers = fb.flags & crate::drm::abi::FB_MODIFIERS != 0;
        if !known || modifiers && fb.modifier[0] != MODIFIER_LINEAR || fb.handles[1..] != [0; 3] {
            return Err(Errno::INVAL);
        }
        let size = (fb.width, fb.height);
        let (handle, pitch, offset) = (fb.handles[0], fb.pitches[0], fb.offsets[0]);
        fb.fb_id = self.framebuffer(file, size, fb.pixel_format, handle, pitch, offset)?;
        argument.set(&fb)?;
        Ok(0)
    }

    fn framebuffer(
        &self,
        file: u64,
        (width, height): (u32, u32),
        format: u32,
        handle: u32,
        pitch: u32,
        offset: u32,
    ) -> Result<u32> {
        let mut objects = self.objects.borrow_mut();
        let buffer = objects.client(file)?.buffer(handle)?;
        let max = self.backend.max_size();
        if width == 0 || height == 0 || width > max || height > max {
            return Err(Errno::INVAL);
        }
        let row = u64::from(width) * 4;
        let last = u64::from(offset) + u64::from(pitch) * u64::from(height - 1) + row;
        if u64::from(pitch) < row
            || !pitch.is_multiple_of(4)
            || !offset.is_multiple_of(4)
            || last > buffer.size
        {
            return Err(Errno::INVAL);
        }
        objects.add_framebuffer(
            Framebuffer {
                buffer,
                width,
                height,
                pitch,
                offset,
                format,
            },
            file,
        )
    }

    pub fn handle_to_fd(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let prime: PrimeHandle = argument.get()?;
        let mut objects = self.objects.borrow_mut();
        let buffer = objects.client_mut(file)?.export(prime.handle)?;
        argument.reply_fd(rustix::io::fcntl_dupfd_cloexec(&buffer.memory, 0)?);
        Ok(0)
    }

    /// Imports a buffer of this card; memory of others cannot be scanned out.
    pub fn fd_to_handle(&self, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let mut prime: PrimeHandle = argument.get()?;
        prime.handle = self.import(file, &argument.take_fd()?)?;
        argument.set(&prime)?;
        Ok(0)
    }

    /// The open file's handle of the buffer whose memory `passed` is.
    pub fn import(&self, file: u64, passed: &OwnedFd) -> Result<u32> {
        let passed = rustix::fs::fstat(passed)?;
        let mut objects = self.objects.borrow_mut();
        let found = objects.buffers().find(|buffer| {
            rustix::fs::fstat(&buffer.memory)
                .is_ok_and(|own| (own.st_dev, own.st_ino) == (passed.st_dev, passed.st_ino))
        });
        let buffer = found.cloned().ok_or(Errno::INVAL)?;
        objects.handle(file, &buffer)
    }
}

fn ids(properties: &[(Property, u64)]) -> Vec<u32> {
    properties
        .iter()
        .map(|(property, _)| *property as u32)
        .collect()
}

fn values(properties: &[(Property, u64)]) -> Vec<u64> {
    properties.iter().map(|(_, value)| *value).collect()
}

/// An object's properties with their values; atomic ones only for clients that know them.
fn properties_of<D>(objects: &Objects<D>, object: Object, atomic: bool) -> Vec<(Property, u64)> {
    use Property as P;
    let state = &objects.outputs[object.output()];
    let all = match object {
        Object::Crtc(_) => {
            vec![
                (P::Active, u64::from(state.active)),
                (P::ModeId, u64::from(state.mode_blob)),
            ]
        }
        Object::Connector(n) => vec![
            (P::Edid, u64::from(objects.edid[n])),
            (P::Dpms, if state.active { 0 } else { 3 }),
            (P::LinkStatus, 0),
            (P::NonDesktop, 0),
            (
                P::CrtcId,
                if state.routed {
                    u64::from(Object::Crtc(n).id())
                } else {
                    0
                },
            ),
        ],
        Object::Encoder(_) => Vec::new(),
        Object::Primary(_) => {
            let mut list = vec![(P::Kind, 1), (P::InFormats, u64::from(objects.in_formats))];
            list.extend(plane_values(&state.primary));
            list.push((P::FbDamageClips, 0));
            list
        }
        Object::Cursor(_) => {
            let mut list = vec![(P::Kind, 2)];
            list.extend(plane_values(&state.cursor));
            list.push((P::HotspotX, i64::from(state.cursor.hot_x) as u64));
            list.push((P::HotspotY, i64::from(state.cursor.hot_y) as u64));
            list
        }
    };
    all.into_iter()
        .filter(|(property, _)| atomic || !property.is_atomic())
        .collect()
}

fn plane_values(plane: &PlaneState) -> [(Property, u64); 10] {
    use Property as P;
    [
        (P::FbId, u64::from(plane.fb)),
        (P::CrtcId, u64::from(plane.crtc)),
        (P::SrcX, u64::from(plane.src_x)),
        (P::SrcY, u64::from(plane.src_y)),
        (P::SrcW, u64::from(plane.src_w)),
        (P::SrcH, u64::from(plane.src_h)),
        (P::CrtcX, i64::from(plane.crtc_x) as u64),
        (P::CrtcY, i64::from(plane.crtc_y) as u64),
        (P::CrtcW, u64::from(plane.crtc_w)),
        (P::CrtcH, u64::from(plane.crtc_h)),
    ]
}
