//! The ioctls from before atomic mode setting, as changes of the same state.

use crate::drm::abi::{
    CURSOR_BO, CURSOR_MOVE, ClipRect, CrtcArg, CursorArg, CursorArg2, DirtyCmd, FORMAT_ARGB8888,
    ObjSetProperty, PAGE_FLIP_EVENT, PageFlip, SetProperty,
};
use crate::drm::backend::{Backend, Rect};
use crate::drm::card::Shared;
use crate::drm::commit::{Change, How, set_property};
use crate::drm::events::Listener;
use crate::drm::objects::Object;
use crate::drm::properties::Property;
use crate::drm::state::{CURSOR_SIZE, Framebuffer, PlaneState};
use ochre_driver::ioctl::Argument;
use ochre_driver::{Errno, Result};
use std::rc::Rc;

/// As a legacy call is carried out: at once, mode and all.
const NOW: How = How {
    test_only: false,
    nonblock: false,
    allow_modeset: true,
    listener: None,
};

impl<B: Backend> Shared<B> {
    fn change(&self, output: usize) -> Change {
        let state = self.objects.borrow().outputs[output].clone();
        Change {
            output,
            state,
            damage: None,
            presented: false,
        }
    }

    pub async fn set_crtc(self: &Rc<Self>, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let crtc: CrtcArg = argument.get()?;
        let connectors: Vec<u32> = argument.array(0)?;
        let output = self.objects.borrow().crtc(crtc.crtc_id)?;
        let mut change = self.change(output);
        if crtc.mode_valid == 0 {
            change.state.active = false;
            change.state.routed = false;
            change.state.mode = None;
            change.state.primary = PlaneState::default();
        } else {
            if connectors != [Object::Connector(output).id()] {
                return Err(Errno::INVAL);
            }
            // −1 keeps the framebuffer that is shown.
            let fb = if crtc.fb_id == u32::MAX {
                change.state.primary.fb
            } else {
                crtc.fb_id
            };
            let (width, height) = (u32::from(crtc.mode.hdisplay), u32::from(crtc.mode.vdisplay));
            change.state.active = true;
            change.state.routed = true;
            change.state.mode = Some(crtc.mode);
            change.state.primary = PlaneState {
                fb,
                crtc: crtc.crtc_id,
                src_x: crtc.x.checked_mul(1 << 16).ok_or(Errno::RANGE)?,
                src_y: crtc.y.checked_mul(1 << 16).ok_or(Errno::RANGE)?,
                src_w: width << 16,
                src_h: height << 16,
                crtc_w: width,
                crtc_h: height,
                ..PlaneState::default()
            };
            change.presented = true;
        }
        change.state.mode_blob = 0;
        self.commit(file, vec![change], NOW).await?;
        Ok(0)
    }

    pub async fn page_flip(self: &Rc<Self>, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let flip: PageFlip = argument.get()?;
        if flip.flags & !PAGE_FLIP_EVENT != 0 {
            return Err(Errno::INVAL);
        }
        let output = self.objects.borrow().crtc(flip.crtc_id)?;
        let mut change = self.change(output);
        if !change.state.active || change.state.primary.fb == 0 {
            return Err(Errno::BUSY);
        }
        if self.objects.borrow().framebuffer(flip.fb_id).is_none() {
            return Err(Errno::NOENT);
        }
        change.state.primary.fb = flip.fb_id;
        change.presented = true;
        let listener = Listener {
            file,
            user_data: flip.user_data,
        };
        let how = How {
            nonblock: true,
            allow_modeset: false,
            listener: (flip.flags & PAGE_FLIP_EVENT != 0).then_some(listener),
            ..NOW
        };
        self.commit(file, vec![change], how).await?;
        Ok(0)
    }

    /// DIRTYFB: parts of a framebuffer that is shown have changed.
    pub async fn dirty_fb(self: &Rc<Self>, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let dirty: DirtyCmd = argument.get()?;
        let clips: Vec<ClipRect> = argument.array(0)?;
        let outputs: Vec<usize> = {
            let objects = self.objects.borrow();
            objects.framebuffer(dirty.fb_id).ok_or(Errno::NOENT)?;
            let shows = |n: &usize| objects.outputs[*n].primary.fb == dirty.fb_id;
            (0..objects.outputs.len()).filter(shows).collect()
        };
        let rects: Vec<Rect> = clips
            .iter()
            .filter(|c| c.x2 > c.x1 && c.y2 > c.y1)
            .map(|c| Rect {
                x: c.x1.into(),
                y: c.y1.into(),
                width: (c.x2 - c.x1).into(),
                height: (c.y2 - c.y1).into(),
            })
            .collect();
        for output in outputs {
            let mut change = self.change(output);
            change.presented = true;
            change.damage = (!rects.is_empty()).then(|| rects.clone());
            self.commit(file, vec![change], NOW).await?;
        }
        Ok(0)
    }

    pub async fn cursor(self: &Rc<Self>, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let c: CursorArg = argument.get()?;
        let cursor = CursorArg2 {
            flags: c.flags,
            crtc_id: c.crtc_id,
            x: c.x,
            y: c.y,
            width: c.width,
            height: c.height,
            handle: c.handle,
            hot_x: 0,
            hot_y: 0,
        };
        self.set_cursor(file, &cursor)
    }

    pub async fn cursor2(self: &Rc<Self>, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let cursor: CursorArg2 = argument.get()?;
        self.set_cursor(file, &cursor)
    }

    /// The legacy cursor calls take a buffer and wait for no blank: the cursor is moved at once.
    fn set_cursor(self: &Rc<Self>, file: u64, cursor: &CursorArg2) -> Result<u32> {
        if !self.backend.has_cursor() {
            return Err(Errno::NXIO);
        }
        let mut objects = self.objects.borrow_mut();
        if objects.master != Some(file) {
            return Err(Errno::ACCESS);
        }
        let output = objects.crtc(cursor.crtc_id)?;
        let mut plane = objects.outputs[output].cursor;
        if cursor.flags & CURSOR_BO != 0 {
            plane.fb = 0;
            plane.crtc = 0;
            if cursor.handle != 0 {
                if (cursor.width, cursor.height) != (CURSOR_SIZE, CURSOR_SIZE) {
                    return Err(Errno::INVAL);
                }
                let buffer = objects.client(file)?.buffer(cursor.handle)?;
                let pitch = buffer.pitch;
                if buffer.size < u64::from(pitch) * u64::from(CURSOR_SIZE) {
                    return Err(Errno::INVAL);
                }
                let framebuffer = Framebuffer {
                    buffer,
                    width: CURSOR_SIZE,
                    height: CURSOR_SIZE,
                    pitch,
                    offset: 0,
                    format: FORMAT_ARGB8888,
                };
                let old = objects.outputs[output].cursor.fb;
                objects.framebuffers.remove(&old);
                plane.fb = objects.add_framebuffer(framebuffer, file)?;
                plane.crtc = cursor.crtc_id;
            }
            plane.hot_x = cursor.hot_x;
            plane.hot_y = cursor.hot_y;
        }
        if cursor.flags & CURSOR_MOVE != 0 {
            plane.crtc_x = cursor.x;
            plane.crtc_y = cursor.y;
        }
        let old = std::mem::replace(&mut objects.outputs[output].cursor, plane);
        drop(objects);
        let commit = self.cursor_commit(output, &old, &plane);
        let shared = self.clone();
        self.executor.spawn(async move {
            if let Err(error) = shared.backend.cursor(commit).await {
                eprintln!("display: cursor of output {output}: {error}");
            }
        });
        Ok(0)
    }

    pub async fn set_connector_property(
        self: &Rc<Self>,
        file: u64,
        argument: &mut Argument<'_>,
    ) -> Result<u32> {
        let set: SetProperty = argument.get()?;
        self.set_object_property(file, set.connector_id, set.prop_id, set.value)
            .await
    }

    pub async fn obj_set_property(
        self: &Rc<Self>,
        file: u64,
        argument: &mut Argument<'_>,
    ) -> Result<u32> {
        let set: ObjSetProperty = argument.get()?;
        self.set_object_property(file, set.obj_id, set.prop_id, set.value)
            .await
    }

    async fn set_object_property(
        self: &Rc<Self>,
        file: u64,
        object: u32,
        property: u32,
        value: u64,
    ) -> Result<u32> {
        let property = Property::from_id(property).ok_or(Errno::NOENT)?;
        if property.is_immutable() {
            return Err(Errno::INVAL);
        }
        let object = self.objects.borrow().object(object)?;
        let mut change = self.change(object.output());
        set_property(&self.objects.borrow(), &mut change, object, property, value)?;
        self.commit(file, vec![change], NOW).await?;
        Ok(0)
    }
}
