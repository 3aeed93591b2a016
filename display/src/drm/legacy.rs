//! The ioctls from before atomic mode setting, as changes of the same state.

use crate::drm::abi::{
    ClipRect, CrtcArg, DirtyCmd, ObjSetProperty, PAGE_FLIP_EVENT, PageFlip, SetProperty,
};
use crate::drm::backend::{Backend, Rect};
use crate::drm::card::Shared;
use crate::drm::commit::{Change, How, set_property};
use crate::drm::events::Listener;
use crate::drm::objects::Object;
use crate::drm::properties::Property;
use crate::drm::state::PlaneState;
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
    /// An output as it is, to be changed.
    pub fn change(&self, output: usize) -> Change {
        let state = self.objects.borrow().outputs[output].clone();
        Change {
            output,
            state,
            damage: None,
            damage_blob: 0,
            presented: false,
        }
    }

    pub async fn set_crtc(self: &Rc<Self>, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let crtc: CrtcArg = argument.get()?;
        let connectors: Vec<u32> = argument.array(0)?;
        let request = || self.crtc_change(&crtc, &connectors);
        self.commit(file, request, NOW).await?;
        Ok(0)
    }

    fn crtc_change(&self, crtc: &CrtcArg, connectors: &[u32]) -> Result<Vec<Change>> {
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
        Ok(vec![change])
    }

    pub async fn page_flip(self: &Rc<Self>, file: u64, argument: &mut Argument<'_>) -> Result<u32> {
        let flip: PageFlip = argument.get()?;
        if flip.flags & !PAGE_FLIP_EVENT != 0 {
            return Err(Errno::INVAL);
        }
        let output = self.objects.borrow().crtc(flip.crtc_id)?;
        let request = || {
            let mut change = self.change(output);
            if !change.state.active || change.state.primary.fb == 0 {
                return Err(Errno::BUSY);
            }
            if self.objects.borrow().framebuffer(flip.fb_id).is_none() {
                return Err(Errno::NOENT);
            }
            change.state.primary.fb = flip.fb_id;
            change.presented = true;
            Ok(vec![change])
        };
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
        self.commit(file, request, how).await?;
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
            let request = || {
                let mut change = self.change(output);
                change.presented = true;
                change.damage = (!rects.is_empty()).then(|| rects.clone());
                // By then it may show another.
                let shown = change.state.primary.fb == dirty.fb_id;
                Ok(shown.then_some(change).into_iter().collect())
            };
            self.commit(file, request, NOW).await?;
        }
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
        let request = || {
            let mut change = self.change(object.output());
            set_property(&self.objects.borrow(), &mut change, object, property, value)?;
            Ok(vec![change])
        };
        self.commit(file, request, NOW).await?;
        Ok(0)
    }
}
